# SPDX-License-Identifier: GPL-2.0
"""Runs many mutants in one guest, with control runs on the unbroken driver in between.

A test must pass on the unbroken driver in the same guest before it runs on a mutant. A failure counts
if no mutant was noticed between these two runs, or if the test passes on the unbroken driver again
afterwards. A guest is given up if that control run fails, if a module cannot be unloaded, or if the
guest is lost; the remaining mutants run in a new guest. The result of a mutant that ran after others
in such a guest does not count: this mutant runs first in the next guest.
"""
import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from qemu.base import report
from qemu.build import build
from qemu.harness import check, suites
from qemu.host import jobs, kernelmessages
from qemu.images.target import Environment
from qemu.mutants.patch import Mutant

# Exit statuses of our tests (IGT's), and of timeout(1).
PASSED, SKIPPED, INVALID, TIMED_OUT, KILLED = 0, 77, 79, 124, 137
# Exit statuses of the shell: the program does not exist.
NOT_RUN = (126, 127)
# Messages of a test that failed because of the host.
HOST_FAILED = re.compile(r"the judge (does not|is gone)|no judge port")

# Seconds that a test may take on the unbroken driver.
CONTROL_SECONDS = 600
# Seconds that it may take to change the driver, and that a test may exceed its limit.
SLACK_SECONDS = 90
# Seconds that a guest may take to boot.
BOOT_SECONDS = 180

# This test ends its guest.
PANIC = check.PANIC

def job(is_for_kunit: bool) -> str:
    """Returns the script of a guest."""
    return jobs.script("mutants", IS_FOR_KUNIT="1" if is_for_kunit else "",
                       CONTROL_SECONDS=CONTROL_SECONDS)


@dataclass
class Outcome:
    """The result of a mutant: noticed, survived, unusable (no test ran on it), or error (of the
    harness, so the test proves nothing)."""
    verdict: str
    how: str
    test: str = ""
    seconds: int = 0


def verdict(status: int, warned: bool, said: str = "") -> tuple[str, str]:
    """Returns the verdict for the exit status of a test on a mutant, after a good control run."""
    if warned:
        return "noticed", "the kernel warned"
    if status == PASSED:
        return "survived", ""
    if status == SKIPPED:
        return "unusable", "the test was skipped"
    if status == INVALID or status in NOT_RUN:
        return "error", "the test does not exist"
    if HOST_FAILED.search(said):
        return "error", "the test failed on the host's side"
    if status in (TIMED_OUT, KILLED):
        return "noticed", "the test timed out"
    return "noticed", f"exit status {status}"


def control_error(status: int, warned: bool) -> str:
    """Returns why a control run failed; empty if it passed."""
    if warned:
        return "the kernel warned with the unbroken driver"
    if status == PASSED:
        return ""
    kind = {SKIPPED: "is skipped", INVALID: "does not exist", TIMED_OUT: "times out"}
    return f"the test {kind.get(status, f'fails with status {status}')} on the unbroken driver"


@dataclass
class Course:
    """What a guest has reported so far about its mutants."""
    mutants: list[Mutant]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    # What the guest is doing: NAME TEST LIMIT, or only NAME while a module is loaded.
    now: list[str] = field(default_factory=list)
    # The first and the last mutant that was loaded.
    first: str = ""
    last: str = ""
    # The result of the last mutant, until a control run has confirmed it.
    pending: Outcome | None = None
    said: str = ""
    since: float = field(default_factory=time.monotonic)
    limit: float = BOOT_SECONDS
    finished: bool = False
    _rest: bytes = b""

    def __call__(self, data: bytes) -> None:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self.feed(line.decode(errors="replace").strip())

    def feed(self, line: str) -> None:
        if not line.startswith("mutants: "):
            return
        _, kind, *words = line.split()
        self.since = time.monotonic()
        getattr(self, f"_{kind}")(words)

    def _said(self, words: list[str]) -> None:
        self.said = " ".join(words)

    def _load(self, words: list[str]) -> None:
        self.now, self.limit = words, SLACK_SECONDS
        if words[0] != "unbroken":
            self.first = self.first or words[0]
            self.last, self.pending = words[0], None

    def _begin(self, words: list[str]) -> None:
        self.now, self.limit = words, int(words[2]) + SLACK_SECONDS

    def _end(self, words: list[str]) -> None:
        name, test, status, warned, seconds = words
        self.limit = SLACK_SECONDS
        if name == "unbroken":
            why = control_error(int(status), warned != "0")
            if why and not self.first:
                self._fail_all_of(test, why)
            self.now = [name, test, "failed"] if why else []
            return
        self.now = [name]
        what, how = verdict(int(status), warned != "0", self.said)
        self.pending = Outcome(what, f"{how}: {self.said}" if how and self.said else how, test,
                               int(seconds))

    def _fail_all_of(self, test: str, why: str) -> None:
        for mutant in self.mutants:
            if test in mutant.tests:
                self.outcomes.setdefault(mutant.name, Outcome("error", why, test))

    def _refused(self, words: list[str]) -> None:
        self.outcomes[words[0]] = Outcome("unusable", "the module cannot be loaded")
        self.now = []

    def _stuck(self, _: list[str]) -> None:
        self.now = []

    def _over(self, words: list[str]) -> None:
        self.now = []
        if words[0] == "everything":
            self.finished = True
        elif self.pending:
            self.outcomes[words[0]] = self.pending
            self.pending = None

    def late(self) -> bool:
        """Returns whether the guest hangs."""
        return time.monotonic() - self.since > self.limit

    def settle(self, lost: str) -> list[Mutant]:
        """Ends the course of a guest (`lost`: why) and returns the mutants that must run again."""
        alone = bool(self.last) and self.last == self.first
        if self.last and self.last not in self.outcomes:
            if self.pending and (alone or self.pending.verdict == "survived"):
                self.outcomes[self.last] = self.pending
            elif self.now[:1] == [self.last] and alone and lost:
                in_test = len(self.now) == 3
                self.outcomes[self.last] = Outcome(
                    "noticed" if in_test else "unusable",
                    "the guest was lost" + ("" if in_test else " before the test") + f": {lost}",
                    self.now[1] if in_test else "")
        left = [mutant for mutant in self.mutants if mutant.name not in self.outcomes]
        if left and not self.outcomes:
            # Give one up, because otherwise the next guest would stop in the same way.
            self.outcomes[left[0].name] = Outcome("error", f"no test was run on it: {lost}")
            left = left[1:]
        # The mutant whose result is unclear runs first.
        return sorted(left, key=lambda mutant: mutant.name != self.last)


def reason(lost: str) -> str:
    """Returns the line that says why a guest was lost, without the lines around it."""
    lines = lost.splitlines() or [""]
    return next((line for line in lines if kernelmessages.FATAL.search(line)), lines[0])


def fill(folder: Path, tests: Path, modules: Path, mutants: list[Mutant]) -> None:
    """Fills a folder with our tests, the modules and the list of mutants."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(tests, folder, ignore=shutil.ignore_patterns("*.o", "*.d", "lib"))
    inner = folder / "mutants"
    for mutant in mutants:
        target = inner / f"{mutant.name}.ko"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(modules / f"{mutant.name}.ko", target)
    shutil.copy(modules / "unbroken.ko", inner)
    (inner / "list").write_text("".join(f"{mutant.name} {' '.join(mutant.tests)}\n"
                                        for mutant in mutants))


def group(mutants: list[Mutant], driver: str) -> list[list[Mutant]]:
    """Groups mutants by the kind of guest; within a group they are ordered by test."""
    groups: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        key = PANIC if mutant.tests == (PANIC,) else repr(suites.options_for(mutant.guest, driver))
        groups.setdefault(key, []).append(mutant)
    return [sorted(members, key=lambda mutant: (mutant.tests, mutant.name))
            for members in groups.values()]


class Runner:
    """Runs mutants whose modules are in a folder, as NAME.ko, together with unbroken.ko.

    Either all of them are for KUnit, or none."""

    def __init__(self, target: Environment, driver: str, modules: Path, tests: Path, folder: Path, tell):
        self.target, self.driver, self.modules = target, driver, modules
        self.tests, self.folder, self.tell = tests, folder, tell

    def run(self, mutants: list[Mutant]) -> None:
        """Runs all mutants; calls tell(mutant, outcome) for each when it ends."""
        for members in group(mutants, self.driver):
            if members[0].tests == (PANIC,):
                self._panics(members)
                continue
            while members:
                members = self._guest(members)

    def _guest(self, mutants: list[Mutant]) -> list[Mutant]:
        """Runs mutants in one guest; returns those that must run in another one."""
        options = suites.options_for(mutants[0].guest, self.driver)
        report.say(f"==> a guest for {len(mutants)} mutants "
                   f"({', '.join(sorted({test for each in mutants for test in each.tests}))})")
        self.folder.mkdir(parents=True, exist_ok=True)
        tests = self.folder / "tests"
        fill(tests, self.tests, self.modules, mutants)
        start = self._start(mutants[0])
        course = Course(mutants)
        told: set[str] = set()
        lost = ""
        script = job(mutants[0].is_for_kunit)
        with jobs.Guest(self.target, options, script, self.folder / "guest", modules=start,
                        tests=tests, sink=course) as vm:
            while vm.machine.process.poll() is None:
                lost = vm.log.fatal() or ("the guest hangs" if course.late() else "")
                self._tell(mutants, course, told)
                if lost or course.finished:
                    break
                time.sleep(0.5)
            else:
                # The last output may arrive after the guest has ended.
                time.sleep(1)
        left = course.settle(reason(lost) or "the guest ended")
        self._tell(mutants, course, told)
        return left

    def _start(self, mutant: Mutant) -> Path:
        """Returns the folder with the driver that the guest boots with."""
        if mutant.is_for_kunit:
            return build.modules_of(self.target, self.driver)
        folder = self.folder / "start"
        folder.mkdir(exist_ok=True)
        shutil.copy(self.modules / "unbroken.ko", folder / Path(build.MODULES[mutant.module]).name)
        return folder

    def _tell(self, mutants: list[Mutant], course: Course, told: set[str]) -> None:
        for mutant in mutants:
            if mutant.name in course.outcomes and mutant.name not in told:
                told.add(mutant.name)
                self.tell(mutant, course.outcomes[mutant.name])

    def _panics(self, mutants: list[Mutant]) -> None:
        """Runs each mutant in its own guest, after one with the unbroken driver."""
        control = self._panic("unbroken")
        for mutant in mutants:
            if control != "pass":
                outcome = Outcome("error", "the test fails on the unbroken driver", PANIC)
            elif self._panic(mutant.name) == "pass":
                outcome = Outcome("survived", "", PANIC)
            else:
                outcome = Outcome("noticed", "no panic screen", PANIC)
            self.tell(mutant, outcome)

    def _panic(self, name: str) -> str:
        folder = self.folder / "start"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.modules / f"{name}.ko", folder / Path(build.MODULES[self.driver]).name)
        run = check.Run(self.driver, self.target, self.folder, modules=folder)
        suite, = suites.choose("check", self.driver, [suites.PANIC])
        return run.panic(suite).results[PANIC].result
