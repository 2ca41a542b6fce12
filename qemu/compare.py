# SPDX-License-Identifier: GPL-2.0
"""Drivers side by side: only results of the same sources, kernel and accelerator are compared."""
from pathlib import Path

import choice
import outfolder
from results import Record
from suites import ALL

# Our two drivers, which have to agree.
OURS = ("c", "rust")
# Suites that only one of our two drivers has, and KUnit's, which are of a driver's own functions:
# there is nothing to compare.
ALONE = ("virtgpu_kunit@",
         *(f"{suite.name}@" for suite in ALL if len(set(suite.drivers) & set(OURS)) == 1))


def others(record: Record, out: Path) -> list[Record]:
    """The complete results of other drivers that may be compared with these."""
    found = []
    for driver in choice.DRIVERS:
        folder = outfolder.of_run(record.header.scope, driver, choice.kernel())
        other = Record.load(out / folder / "results.json")
        if (driver != record.driver and other and other.complete
                and other.header.comparable(record.header)):
            found.append(other)
    return found


def rows(records: list[Record]) -> list[tuple[str, list[str]]]:
    """The tests in which drivers differ, and the result of each driver."""
    words = [record.words() for record in records]
    names = sorted({name for results in words for name in results if not name.startswith(ALONE)})
    found = ((name, [results.get(name, "-") for results in words]) for name in names)
    return [(name, results) for name, results in found if len(set(results)) > 1]


def side_by_side(records: list[Record]) -> str:
    """Counts of results by driver, and where drivers differ."""
    records = sorted(records, key=lambda record: choice.DRIVERS.index(record.driver))
    words = [list(record.words().values()) for record in records]
    lines = [f"{'':<12}" + "".join(f"{record.driver:>8}" for record in records)]
    for kind in sorted({result for results in words for result in results}):
        lines.append(f"{kind:<12}" + "".join(f"{results.count(kind):>8}" for results in words))
    lines += ["", "Where they differ:"]
    lines += [f"  {name:<72}" + "".join(f"{result:>12}" for result in results)
              for name, results in rows(records)]
    return "\n".join(lines)


def differences(record: Record, found: list[Record], known: list[str], excused) -> list[str]:
    """Where our two drivers differ, which is an error; less the tests in `known`, which failed
    anyway, and those that `excused` accepts, whose results differ from run to run."""
    other = next((one for one in found if {one.driver, record.driver} == set(OURS)), None)
    if not other:
        return []
    return [f"{name}: {results[0]} in {record.driver}, {results[1]} in {other.driver}"
            for name, results in rows([record, other])
            if name not in known and not excused(name)]
