# SPDX-License-Identifier: GPL-2.0
"""Reads the expected result of each test and gives the verdict on its result.

The files in igt-tests/expectations/ have the format of drm-ci, with a reason above each group:

    DRIVER-fails.txt       tests that fail; one that passes is an unexpected pass and fails the run
    DRIVER-flakes.txt      tests whose result varies; neither a pass nor a failure counts
    DRIVER-skips.txt       tests that are not run
    DRIVER-may-skip.txt    tests that may skip; a test that skips and is not listed fails the run

A line is the name of a program, of a test or of a part of one, or a regular expression for it.
Every driver reads the files of "any". Both of our drivers read the files of c, because the same is
expected of them; rust may have additional ones. A file with a trait (DRIVER-TRAIT-fails.txt) applies
to runs with this trait only: an accelerator (tcg, kvm), a series of kernels (6.12), or "debug" for the
debug kernel.
"""
import re
from dataclasses import dataclass, field
from pathlib import Path

from qemu.base import kernels
from qemu.base.paths import IGT_TESTS
from qemu.base.report import Failure

FOLDER = IGT_TESTS / "expectations"
KINDS = ("fails", "flakes", "skips", "may-skip")
PASS, SKIP, KNOWN, FAIL = "pass", "skip", "known", "FAIL"
# Verdicts that fail a run although the test itself passed or skipped.
BETTER, UNEXPECTED_SKIP = "unexpected pass", "unexpected skip"
BAD_VERDICTS = (FAIL, BETTER, UNEXPECTED_SKIP)


def parse(text: str, path: str) -> list[str]:
    """Returns the lines of an expectation file; a line without a reason above it is an error."""
    reason, found = "", []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line.startswith("#"):
            reason = line
        elif not line:
            reason = ""
        elif not reason:
            raise Failure(f"{path}:{number}: no reason is given above this line")
        else:
            found.append(line.removesuffix(",Fail"))
    return found


def files(driver: str, kind: str, traits=()) -> list[Path]:
    """Returns the files for a driver in a run with these traits; they need not exist."""
    drivers = ("any", *(("c", "rust") if driver == "rust" else (driver,)))
    return [FOLDER / f"{'-'.join((name, *trait, kind))}.txt"
            for name in drivers for trait in ((), *((one,) for one in traits))]


def matches(entry: str, name: str) -> bool:
    """Returns whether an entry names this test, or the program or test that it belongs to."""
    return bool(re.fullmatch(f"({entry})(@.*)?", name))


@dataclass
class Expectations:
    """The expectations of one driver in one kind of run."""
    fails: list[str] = field(default_factory=list)
    flakes: list[str] = field(default_factory=list)
    skips: list[str] = field(default_factory=list)
    may_skip: list[str] = field(default_factory=list)

    @classmethod
    def of_run(cls, driver: str, accelerator: str, kernel: str, is_debugged: bool) -> "Expectations":
        """Reads the expectations of a driver on a kernel of this version."""
        return cls.read(driver, (accelerator, kernels.series_of(kernel),
                                 *(("debug",) if is_debugged else ())))

    @classmethod
    def read(cls, driver: str, traits=()) -> "Expectations":
        found = {}
        for kind in KINDS:
            found[kind.replace("-", "_")] = [
                entry for path in files(driver, kind, traits) if path.exists()
                for entry in parse(path.read_text(), str(path))]
        return cls(**found)

    def is_run(self, name: str) -> bool:
        return not any(matches(entry, name) for entry in self.skips)

    def is_excused(self, name: str) -> bool:
        """Returns whether this test may fail, may have varying results, or is not run."""
        return any(matches(entry, name) for entry in (*self.flakes, *self.fails, *self.skips))

    def verdict(self, name: str, result: str) -> str:
        """Returns pass, skip, known (an expected failure), unexpected pass or skip, or FAIL."""
        def listed(entries):
            return any(matches(entry, name) for entry in entries)

        if result == "pass":
            return BETTER if listed(self.fails) and not listed(self.flakes) else PASS
        if result == "skip":
            return SKIP if listed(self.may_skip) else UNEXPECTED_SKIP
        if listed(self.fails):
            return KNOWN
        # A kernel warning is never accepted as a flake.
        return KNOWN if result == "fail" and listed(self.flakes) else FAIL

    def verdicts(self, results: dict[str, str]) -> dict[str, str]:
        return {name: self.verdict(name, result) for name, result in results.items()}
