# SPDX-License-Identifier: GPL-2.0
"""Mutants as patch files: what is broken, which test has to fail, and the change itself.

The change is a unified diff, so that `git apply` takes it, too. Line numbers do not count here: the
lines that a hunk shows must be in the file exactly once.
"""
import re
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
FOLDER = TOP / "qemu/mutants"
TESTS = TOP / "igt-tests"

# A driver's own sources, each of which has a patch, and what its patches may change besides.
SOURCES = {"c": "drm/", "rust": "rust/virtgpu/"}
PATCHED = {"c": "drm/", "rust": "rust/"}

# The program whose tests load another module than the driver's.
KUNIT = "virtgpu_kunit@"

HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@")


class Misfit(Exception):
    """A patch that is wrong, or that does not fit the sources any more."""


@dataclass(frozen=True)
class Hunk:
    """Lines of a file, and what they become."""
    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """A driver that is broken in one place."""
    name: str
    driver: str
    what: str
    # PROGRAM@SUBTEST, tried in this order until one fails.
    tests: tuple[str, ...]
    # The program whose kind of guest they run in.
    guest: str
    hunks: tuple[Hunk, ...]

    @property
    def is_for_kunit(self) -> bool:
        """Whether the tests are KUnit's, which are in a module of their own with all of the driver."""
        return self.tests[0].startswith(KUNIT)

    @property
    def files(self) -> list[str]:
        return sorted({hunk.path for hunk in self.hunks})


def parse_hunks(text: str) -> tuple[Hunk, ...]:
    """The hunks of a unified diff."""
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
            # Editors strip the blank of an empty line.
            old.append(line)
            new.append(line)
        elif inside:
            raise Misfit(f"not a line of a hunk: {line!r}")
    close()
    return tuple(hunks)


def parse(name: str, text: str) -> Mutant:
    """A patch file: one sentence, `Test:`, perhaps `Guest:`, and the diff."""
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
        raise Misfit("nothing says what is broken")
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
    """The changed files, by path; read(path) gives what is in one now."""
    texts: dict[str, str] = {}
    for hunk in hunks:
        text = texts[hunk.path] if hunk.path in texts else read(hunk.path)
        count = text.count(hunk.old)
        if count != 1:
            raise Misfit(f"{hunk.path} has {count} times:\n{hunk.old.rstrip()}")
        texts[hunk.path] = text.replace(hunk.old, hunk.new)
    return texts


def read_source(path: str) -> str:
    """A file of the working tree."""
    try:
        return (TOP / path).read_text()
    except OSError as error:
        raise Misfit(f"{path}: {error.strerror}") from None


def has_test(test: str) -> bool:
    """Whether one of our programs has a subtest."""
    program, _, subtest = test.partition("@")
    name = program.removeprefix("virtgpu_")
    for path in (TESTS / f"{program}.c", TESTS / f"{name}.py"):
        if path.exists():
            text = path.read_text()
            if f"X({subtest})" in text:
                return True
            return f'"{subtest}"' in text or f"test_{subtest.replace('-', '_')}(" in text
    # The panic ends the guest, so that the host judges it.
    return test == "virtgpu_panic@panic-screen"


def load(path: Path) -> Mutant:
    """A patch file, checked against the working tree."""
    mutant = parse(f"{path.parent.name}/{path.stem}", path.read_text())
    for test in mutant.tests:
        if not has_test(test):
            raise Misfit(f"there is no {test}")
    apply(mutant.hunks, read_source)
    return mutant


def paths() -> list[Path]:
    return [path for driver in SOURCES for path in sorted((FOLDER / driver).glob("*.patch"))]


def load_all() -> tuple[list[Mutant], list[str]]:
    """All mutants that fit, and what is wrong with the others."""
    good, bad = [], []
    for path in paths():
        try:
            good.append(load(path))
        except Misfit as misfit:
            bad.append(f"{path.relative_to(TOP)}: {misfit}")
    return good, bad
