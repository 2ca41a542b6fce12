# SPDX-License-Identifier: GPL-2.0
"""Prints a line "NAME RESULT" for each test in JUnit files of the report, for LAVA's lava-test-case.

    lavacases.py out/report/junit-DRIVER.xml...
"""
import re
import sys
from pathlib import Path

import junitparser

from qemu.base import report
from qemu.base.report import Failure

# What LAVA accepts in the name of a test case.
FOREIGN = re.compile(r"[^A-Za-z0-9_.-]")


def cases(path: Path) -> list[str]:
    """Returns the lines of one file. As in the table, an expected failure counts as skipped."""
    if not path.exists():
        raise Failure(f"{path} does not exist: the tests did not run to the end")
    found = []
    for suite in junitparser.JUnitXml.fromfile(str(path)):
        for case in suite:
            kinds = {type(result) for result in case.result}
            result = ("fail" if junitparser.Failure in kinds else
                      "skip" if junitparser.Skipped in kinds else "pass")
            program = case.classname.partition(".")[2]
            name = program if program == case.name else f"{program}.{case.name}"
            found.append(f"{FOREIGN.sub('.', name)} {result}")
    return found


def main() -> int:
    for path in sys.argv[1:]:
        print("\n".join(cases(Path(path))))
    return 0


if __name__ == "__main__":
    report.main(main)
