# SPDX-License-Identifier: GPL-2.0
"""What each test is expected to do, and the verdict on what it did.

The files in igt-tests/expectations/ have the format of drm-ci, with a reason above each group:

    DRIVER-fails.txt       tests that fail; one that passes is an unexpected pass and fails the run
    DRIVER-flakes.txt      tests whose own failure counts neither way
    DRIVER-skips.txt       tests that are not run at all
    DRIVER-may-skip.txt    tests that skip; one that skips and is not listed fails the run

A line is the name of a program, of a test or of a part of one, or a regular expression for that.
Every driver reads the files of "any". Both of our drivers read the files of c, because the same is
expected of them; rust has more of its own. With a trait (DRIVER-TRAIT-fails.txt) a file counts for
runs with this trait only: an accelerator (tcg, kvm) or "debug" for the debug kernel.
"""
import re
from dataclasses import dataclass, field
from pathlib import Path

from report import Failure

FOLDER = Path(__file__).resolve().parent.parent / "igt-tests/expectations"
KINDS = ("fails", "flakes", "skips", "may-skip")
PASS, SKIP, KNOWN, FAIL = "pass", "skip", "known", "FAIL"
# Verdicts that fail a run although the test itself did not fail.
BETTER, UNEXPECTED_SKIP = "unexpected pass", "unexpected skip"
BAD_VERDICTS = (FAIL, BETTER, UNEXPECTED_SKIP)


def parse(text: str, path: str) -> list[str]:
    """The lines of an expectation file; a line with no reason above it is an error."""
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
    """The files that count for a driver in a run with these traits, whether they exist or not."""
    drivers = ("any", *(("c", "rust") if driver == "rust" else (driver,)))
    return [FOLDER / f"{'-'.join((name, *trait, kind))}.txt"
            for name in drivers for trait in ((), *((one,) for one in traits))]


def matches(entry: str, name: str) -> bool:
    """Does an entry name this test, or the program or test that this is a part of?"""
    return bool(re.fullmatch(f"({entry})(@.*)?", name))


@dataclass
class Expectations:
    """What is expected of one driver in one kind of run."""
    fails: list[str] = field(default_factory=list)
    flakes: list[str] = field(default_factory=list)
    skips: list[str] = field(default_factory=list)
    may_skip: list[str] = field(default_factory=list)

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
        """Is this test expected to fail, is its result expected to vary, or is it not run?"""
        return any(matches(entry, name) for entry in (*self.flakes, *self.fails, *self.skips))

    def verdict(self, name: str, result: str) -> str:
        """pass, skip, known (an expected failure), unexpected pass, unexpected skip or FAIL."""
        def listed(entries):
            return any(matches(entry, name) for entry in entries)

        if result == "pass":
            return BETTER if listed(self.fails) and not listed(self.flakes) else PASS
        if result == "skip":
            return SKIP if listed(self.may_skip) else UNEXPECTED_SKIP
        if listed(self.fails):
            return KNOWN
        # A complaint of the kernel is no flake.
        return KNOWN if result == "fail" and listed(self.flakes) else FAIL

    def verdicts(self, results: dict[str, str]) -> dict[str, str]:
        return {name: self.verdict(name, result) for name, result in results.items()}
