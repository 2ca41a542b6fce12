# SPDX-License-Identifier: GPL-2.0
"""Parses mutants from patch files: what is broken, which test must fail, and the change.

The change is a unified diff, so `git apply` accepts it, too. Line numbers are ignored here: the lines
of a hunk must occur in the file exactly once.
"""
import re
from dataclasses import dataclass
from pathlib import Path

from qemu.base import choice
from qemu.base.paths import TOP

FOLDER = TOP / "qemu/mutants"
TESTS = TOP / "igt-tests"

# A driver's own sources, and the folders that its patches may change.
SOURCES = {"c": "drm/", "rust": "rust/virtgpu/"}
PATCHED = {"c": "drm/", "rust": "rust/"}

# The program whose tests load another module than the driver.
KUNIT = "virtgpu_kunit@"

HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@")


class Misfit(Exception):
    """A patch is malformed, or does not apply to the sources."""


@dataclass(frozen=True)
class Hunk:
    """Lines of a file, and their replacement."""
    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """A driver with one defect."""
    name: str
    driver: str
    what: str
    # PROGRAM@SUBTEST, tried in this order until one fails.
    tests: tuple[str, ...]
    # The program that decides the kind of guest.
    guest: str
    hunks: tuple[Hunk, ...]

    @property
    def is_for_kunit(self) -> bool:
        """Whether the tests are KUnit's; these are in their own module, which contains the driver."""
        return self.tests[0].startswith(KUNIT)

    @property
    def module(self) -> str:
        """The driver whose module is broken, a key of build.MODULES; the guest may name a sample."""
        return self.guest if self.guest in choice.SAMPLES else self.driver

    @property
    def files(self) -> list[str]:
        return sorted({hunk.path for hunk in self.hunks})


def parse_hunks(text: str) -> tuple[Hunk, ...]:
    """Returns the hunks of a unified diff."""
    hunks: list[Hunk] = []
    path = ""
    old: list[str] = []
    new: list[str] = []
    inside = False

    def close() -> None:
        if inside:
            hunks.append(Hunk(path, "".join(old), "".join(new)))
        old.clear()
        new.clear()

    for line in text.splitlines(keepends=True):
        if line.startswith("--- "):
            close()
            inside = False
        elif line.startswith("+++ b/"):
            path = line[len("+++ b/"):].strip()
        elif HUNK.match(line):
            close()
            if not path:
                raise Misfit("a hunk without a file")
            inside = True
        elif inside and line[0] in " -+":
            if line[0] != "+":
                old.append(line[1:])
            if line[0] != "-":
                new.append(line[1:])
        elif inside and line == "\n":
            # Editors remove the space of an empty line.
            old.append(line)
            new.append(line)
        elif inside:
            raise Misfit(f"not a line of a hunk: {line!r}")
    close()
    return tuple(hunks)


def parse(name: str, text: str) -> Mutant:
    """Parses a patch file: one sentence, `Test:`, optionally `Guest:`, and the diff."""
    head, mark, diff = text.partition("\n--- a/")
    if not mark:
        raise Misfit("no diff")
    fields: dict[str, str] = {}
    words: list[str] = []
    for line in head.splitlines():
        if match := re.match(r"(SPDX-License-Identifier|Test|Guest): (\S.*)", line):
            fields[match[1]] = match[2].strip()
        elif line.strip():
            words.append(line.strip())
    if not words:
        raise Misfit("the description is missing")
    if not re.fullmatch(r"\w+@[\w-]+", fields.get("Test", "")):
        raise Misfit("no line `Test: PROGRAM@SUBTEST`")
    hunks = parse_hunks(mark[1:] + diff)
    if not hunks:
        raise Misfit("no hunk")
    driver = name.split("/")[0]
    for hunk in hunks:
        if not hunk.path.startswith(PATCHED[driver]):
            raise Misfit(f"changes {hunk.path}, which is not in {PATCHED[driver]}")
        if hunk.old == hunk.new:
            raise Misfit(f"changes nothing in {hunk.path}")
    test = fields["Test"]
    return Mutant(name, driver, " ".join(words), (test,),
                  fields.get("Guest", test.split("@")[0]), hunks)


def apply(hunks, read) -> dict[str, str]:
    """Returns the changed files by path; read(path) returns the current content of one."""
    texts: dict[str, str] = {}
    for hunk in hunks:
        text = texts[hunk.path] if hunk.path in texts else read(hunk.path)
        count = text.count(hunk.old)
        if count != 1:
            raise Misfit(f"{hunk.path} contains this {count} times:\n{hunk.old.rstrip()}")
        texts[hunk.path] = text.replace(hunk.old, hunk.new)
    return texts


def read_source(path: str) -> str:
    """Reads a file of the working tree."""
    try:
        return (TOP / path).read_text()
    except OSError as error:
        raise Misfit(f"{path}: {error.strerror}") from None


def has_test(test: str) -> bool:
    """Returns whether one of our programs has this subtest."""
    program, _, subtest = test.partition("@")
    name = program.removeprefix("virtgpu_")
    for path in (TESTS / f"{program}.c", TESTS / f"{name}.py"):
        if path.exists():
            text = path.read_text()
            if f"X({subtest})" in text:
                return True
            return f'"{subtest}"' in text or f"test_{subtest.replace('-', '_')}(" in text
    # The panic ends the guest, so the host runs this test.
    return test == "virtgpu_panic@panic-screen"


def load(path: Path) -> Mutant:
    """Loads a patch file and checks it against the working tree."""
    mutant = parse(f"{path.parent.name}/{path.stem}", path.read_text())
    for test in mutant.tests:
        if not has_test(test):
            raise Misfit(f"the test {test} does not exist")
    apply(mutant.hunks, read_source)
    return mutant


def paths() -> list[Path]:
    return [path for driver in SOURCES for path in sorted((FOLDER / driver).glob("*.patch"))]


def load_all() -> tuple[list[Mutant], list[str]]:
    """Returns all mutants that apply, and messages about the others."""
    good, bad = [], []
    for path in paths():
        try:
            good.append(load(path))
        except Misfit as misfit:
            bad.append(f"{path.relative_to(TOP)}: {misfit}")
    return good, bad
