# SPDX-License-Identifier: GPL-2.0
"""Measures which lines and branches of the C driver the suites of `make check` run.

    coverage.py [--only SUITE]... [--add]

The page is out/coverage/index.html. UNREACHED names the lines that no test can reach, with the
reasons. A run of all suites fails if fewer than BAR percent of all lines ran, or if UNREACHED names
a line that did run or is no longer there.
"""
import argparse
import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from qemu.base import cache, choice, outfolder, report, sandbox
from qemu.base.paths import TOP
from qemu.base.report import Failure, say
from qemu.build import build
from qemu.harness import check, suites
from qemu.harness.expectations import FAIL
from qemu.harness.suites import Kind
from qemu.host import jobs
from qemu.images import environment, packagedkernel, smallkernel

DRIVER = TOP / "drm"
UNREACHED = TOP / "igt-tests/expectations/c-unreached.txt"
BAR = 95
GCOVR = ("gcovr", "--gcov-executable", "llvm-cov-19 gcov", "--root", DRIVER,
         "--exclude", ".*/tests/.*")

# Suites of check that give no counts, because their guests crash or run another kernel.
WITHOUT_COUNTS = (Kind.PANIC, Kind.README, Kind.SHELL)


@dataclass
class File:
    """How often the lines of one source file ran, and how many of its branches were taken."""
    name: str
    text: list[str]
    counts: dict[int, int] = field(default_factory=dict)
    branches: int = 0
    taken: int = 0

    @property
    def unreached(self) -> list[int]:
        return [number for number, count in sorted(self.counts.items()) if not count]

    def line(self, number: int) -> str:
        return self.text[number - 1].strip()


def read_files(data: dict, folder: Path) -> list[File]:
    """Returns the files of gcovr's JSON data, with their source from a folder."""
    files = []
    for entry in data["files"]:
        text = (folder / entry["file"]).read_text().splitlines()
        file = File(entry["file"], text)
        for line in entry["lines"]:
            number = line["line_number"]
            file.counts[number] = file.counts.get(number, 0) + line["count"]
            file.branches += len(line["branches"])
            file.taken += sum(branch["count"] > 0 for branch in line["branches"])
        files.append(file)
    return sorted(files, key=lambda file: file.name)


@dataclass
class Reason:
    """Consecutive lines of a file that no test can reach, and where UNREACHED lists them."""
    where: str
    file: str
    lines: list[str]


def read_reasons(path: Path) -> list[Reason]:
    """Reads lines that no test can reach: in groups with a reason above, as `FILE: LINE | LINE ...`."""
    explained, found = False, []
    text = path.read_text() if path.exists() else ""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        where = f"{path.name}:{number}"
        if not line or line.startswith("#"):
            explained = bool(line)
            continue
        name, colon, lines = line.partition(": ")
        if not explained or not colon:
            raise Failure(f"{where}: give a reason (# ...) and below it FILE: LINE | LINE ...")
        found.append(Reason(where, name, [part.strip() for part in lines.split(" | ")]))
    return found


def explain(files: list[File], reasons: list[Reason]) -> tuple[set[tuple[str, int]], list[str]]:
    """Returns the unreached lines that have a reason, and messages about stale reasons."""
    by_name = {file.name: file for file in files}
    named: set[tuple[str, int]] = set()
    wrong = []
    for reason in reasons:
        file = by_name.get(reason.file, File(reason.file, []))
        text = [line.strip() for line in file.text]
        length = len(reason.lines)
        starts = [at for at in range(len(text)) if text[at:at + length] == reason.lines]
        if not starts:
            wrong.append(f"{reason.where}: {reason.file} has no such lines")
        for start in starts:
            missed = set(file.unreached) & set(range(start + 1, start + length + 1))
            if not missed:
                wrong.append(f"{reason.where}: {reason.file}:{start + 1} did run")
            named |= {(file.name, number) for number in missed}
    return named, wrong


def percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 100


def table(files: list[File], named: set[tuple[str, int]]) -> str:
    """Formats a table with a row per file, and their sum."""
    rows = []
    for file in files:
        unreached = file.unreached
        rows.append((file.name, [len(file.counts), len(unreached),
                                 sum((file.name, number) in named for number in unreached),
                                 file.branches, file.taken]))
    rows.append(("all", [sum(column) for column in zip(*(numbers for _, numbers in rows))]))
    lines = [f"{'':<26}{'lines':>7}{'run':>8}{'missed':>8}{'named':>7}{'branches':>10}{'taken':>8}"]
    for name, (count, missed, reasons, branches, taken) in rows:
        lines.append(f"{name:<26}{count:>7}{percent(count - missed, count):>7.1f}%{missed or '.':>8}"
                     f"{reasons or '.':>7}{branches:>10}{percent(taken, branches):>7.1f}%")
    return "\n".join(lines)


def listing(files: list[File], named: set[tuple[str, int]]) -> str:
    """Formats the lines that did not run and have no reason."""
    return "\n".join(f"{file.name}:{number}: {file.line(number)}"
                     for file in files for number in file.unreached
                     if (file.name, number) not in named)


class Counts:
    """Collects the counts of several guests and merges them into one page."""

    def __init__(self, builds: tuple[Path, ...], folder: Path, binds=(), is_kept: bool = False):
        """Takes the folders of the builds, with their objects and notes, and a folder to write to.

        `binds` is as in sandbox.command(); gcov reads all headers. `is_kept` also counts what an
        earlier run of the same build left in the folder."""
        self._builds, self._folder, self._binds = builds, folder, binds
        build_key = cache.key(*(notes for one in builds for notes in sorted(one.rglob("*.gcno"))))
        mark = folder / "build"
        if not is_kept or not mark.exists() or mark.read_text() != build_key:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            mark.write_text(build_key)

    @property
    def job(self) -> str:
        """Shell commands that end the job of a guest."""
        return "status=$?\n" + jobs.script("gcov", FOLDERS=" ".join(map(str, self._builds)))

    def add(self, name: str, results: Path) -> bool:
        """Reads the counts from a guest's results; returns False if a guest left none."""
        archive = results / "gcov.tar"
        if not archive.exists():
            return False
        work = self._folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        subprocess.run(["tar", "-C", work, "-xf", archive], check=True)
        counted = list(work.rglob("*.gcda"))
        for path in counted:
            notes = Path("/") / path.relative_to(work).with_suffix(".gcno")
            shutil.copy(notes, path.parent)
        if not counted:
            return False
        self._gcovr("--json", self._folder / f"{name}.json", work)
        shutil.rmtree(work)
        return True

    def merge(self) -> list[File]:
        """Writes the page, and returns the sums over all guests."""
        traces = sorted(self._folder.glob("*.json"))
        if not traces:
            raise Failure("no guest left any counts")
        merged = self._folder / "merged"
        self._gcovr(*(word for trace in traces for word in ("-a", trace)), "--json", merged,
                    "--html-details", self._folder / "index.html",
                    "--html-title", "Coverage of virtgpu in C")
        return read_files(json.loads(merged.read_text()), DRIVER)

    def _gcovr(self, *argv) -> None:
        sandbox.run(smallkernel.root(), [*GCOVR, *argv], read=[DRIVER], write=[self._folder],
                    binds=self._binds, cwd=self._folder)


def measure(only, counts: Counts, run: check.Run) -> list[str]:
    """Runs the suites and returns notes. A failed test is a note, because check-debug reports it."""
    lines = []
    run.job_end = counts.job
    chosen = [suite for suite in suites.choose("check", run.driver, only)
              if suite.kind not in WITHOUT_COUNTS]
    for suite in chosen:
        ended = run.suite(suite)
        if not ended.results:
            continue
        missed = [name for name, one in ended.results.items()
                  if run.expected.verdict(name, one.result) == FAIL]
        if missed:
            lines.append(f"{suite.name}: {len(missed)} tests did not pass, e.g. {missed[0]}")
        if not counts.add(suite.name, run.folder / suite.name / "results"):
            lines.append(f"{suite.name}: the guest ended without leaving its counts")
    return lines


def conclude(files: list[File], is_whole: bool, folder: Path) -> int:
    """Prints the table and what is missing; returns an exit status."""
    named, wrong = explain(files, read_reasons(UNREACHED))
    print(table(files, named))
    missed = listing(files, named)
    (folder / "unreached.txt").write_text(missed + "\n")
    print(f"The {len(missed.splitlines())} lines that neither ran nor have a reason: "
          f"{folder / 'unreached.txt'}\nEvery line: {folder / 'index.html'}")
    if not is_whole:
        return 0
    for text in wrong:
        print(f"WRONG: {text}")
    lines = sum(len(file.counts) for file in files)
    ran = lines - sum(len(file.unreached) for file in files)
    if percent(ran, lines) < BAR:
        print(f"MISSED: {percent(ran, lines):.1f} % of the lines ran, fewer than {BAR} %")
        return 1
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", help="a suite, see suites.py")
    parser.add_argument("--add", action="store_true",
                        help="keep the counts of earlier runs, if the driver is still the same")
    args = parser.parse_args()

    target = smallkernel.prepare(environment.prepare(choice.kernel()), smallkernel.COVERAGE)
    folder = outfolder.claim("coverage")
    modules = build.modules_of(target, "c", cover="gcov")
    tests = build.tests(target, "c", cover="gcov")
    builds = (modules / "drm", build.kunit_folder(target, "c", cover="gcov") / "drm")
    binds = packagedkernel.kernel_binds(smallkernel.root(), target.version, target.kernel)
    counts = Counts(builds, folder / "counts", binds, is_kept=args.add)
    run = check.Run("c", target, folder / "runs", modules=modules, tests=tests)
    for line in measure(args.only, counts, run):
        say(line)
    return conclude(counts.merge(), not args.only, folder / "counts")


if __name__ == "__main__":
    report.main(main)
