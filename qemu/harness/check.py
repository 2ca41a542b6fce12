# SPDX-License-Identifier: GPL-2.0
"""Runs the tests in guests, compares the results with the expectations and prints one table.

    check.py [check|full|debug|desktops|endurance] [--driver c|rust|stock] [--only SUITE]

CONTINUE=1 continues an interrupted run: it keeps the suites that finished with the same sources.
TURNS= says how often `endurance` repeats each step. SHARD=2/4 runs the second of four parts;
merge.py merges the results of all parts.
"""
import argparse
import dataclasses
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from qemu.base import choice, outfolder, report, seed
from qemu.base.report import Failure, say
from qemu.build import build, client
from qemu.harness import conclusion, guide, readme, shards, shelltest, suites
from qemu.harness.expectations import Expectations
from qemu.harness.results import LOST, Header, Outcome, Progress, Record, SuiteResults, parse
from qemu.harness.suites import Kind, Suite
from qemu.host import accel, hostgl, jobs, panicscreen, quiet
from qemu.host.machine import Options
from qemu.images import environment, smallkernel
from qemu.images.target import Environment

# Time limits are this many times longer on the debug kernel.
PATIENCE = 6
# Time limits in seconds for one subtest of ours and of IGT: in `check`, and in the longer scopes.
OURS_SECONDS, OURS_LONG = 400, 1200
IGT_SECONDS, IGT_LONG = 300, 900
# Seconds that a turn of a subtest of virtgpu_endurance may take, and the number of its subtests.
TURN_SECONDS = 30
ENDURANCE_TESTS = 4

# Matches functions of a GPU driver in kmemleak's backtraces.
LEAK = re.compile(rf"\[(virtgpu|virtgpu_rs|virtio_gpu|{'|'.join(jobs.DRM_NAMES.values())})\]")


def as_list(names) -> str:
    """Formats names of tests as igt_runner reads them."""
    return "".join(f"igt@{name}\n" for name in names)


def leaks(folder: Path) -> str:
    """Returns the first object that the driver leaked, as kmemleak reports it."""
    path = folder / "results/kmemleak.txt"
    text = path.read_text(errors="replace") if path.exists() else ""
    found = [part for part in text.split("unreferenced object")[1:] if LEAK.search(part)]
    return f"{len(found)} leaks, the first: {found[0]}" if found else ""


class Run:
    """The suites of one driver on one kernel."""

    def __init__(self, driver: str, target: Environment, folder: Path, *, modules=None, tests=None,
                 scope: str = "check"):
        self.driver = driver
        self.scope = scope
        self.target = target
        self.folder = folder
        self.modules = modules or build.modules_of(target, driver)
        self.tests = tests or build.tests(target, driver)
        self.seed = seed.choose()
        self.accelerator = accel.name(target)
        self.expected = Expectations.of_run(driver, self.accelerator, target.version,
                                            scope in suites.DEBUGGED)
        # Shell commands that end the job of each guest.
        self.job_end = ""

    def _adapt(self, options: Options) -> Options:
        """Adapts a guest's options to the kernel and the seed of this run."""
        options.seed = self.seed
        if self.scope in suites.DEBUGGED:
            options.append += smallkernel.DEBUG.append
            options.patience = PATIENCE
        return options

    def _guest(self, suite: Suite, job: str, options: Options, files: dict) -> SuiteResults:
        folder = self.folder / suite.name
        say(f"==> {suite.name} on {self.driver}")
        progress = Progress(suite.name)
        tests = (self.tests, client.programs()) if suite.needs_client else self.tests
        self._adapt(options)
        ended = jobs.run(self.target, options, job + self.job_end, folder,
                         suite.seconds * options.patience, modules=self.modules,
                         tests=tests, files=files, sink=progress)
        results, known = parse(folder)
        results = results or progress.results or {"run": Outcome(LOST)}
        trouble = [f"{suite.name}: {text}" for text in
                   filter(None, (jobs.ended_badly(ended, known), leaks(folder)))]
        say(f"    {suite.name}: {ended.seconds:.0f} s, {ended.judged} pictures judged")
        return SuiteResults({suite.prefix + name: result for name, result in results.items()},
                            trouble, round(ended.seconds, 1))

    def programs(self, suite: Suite, names=()) -> SuiteResults:
        """Runs our programs, or some of IGT's next to ours: all their tests, or those in `names`."""
        if suite.guest.get("gpu"):
            say(f"    {hostgl.describe(suite.guest['gpu'])}")
        long = self.scope != "check"
        skipped = [name for name in suites.SLOW if self.scope != "full"] + self.expected.skips
        names = [name for name in suite.listed or names
                 if suite.prefix + name not in skipped]
        programs = suite.programs or tuple(sorted({name.split("@")[0] for name in names}))
        files = {"skip.txt": as_list(skipped) or "\n"}
        if names:
            files["list.txt"] = as_list(names)
        seconds, job = OURS_LONG if long else OURS_SECONDS, ""
        if self.scope == suites.ENDURANCE:
            turns = choice.turns()
            seconds += turns * TURN_SECONDS
            suite = dataclasses.replace(suite, seconds=ENDURANCE_TESTS * seconds)
            job = f"export VIRTGPU_TURNS={turns}\n"
        job += f"/host/runner {seconds} {' '.join(programs)}\n"
        return self._guest(suite, job, suite.options(self.driver), files)

    def igt(self, suite: Suite) -> SuiteResults:
        """Runs the IGT tests of a list."""
        job = f"/host/runner {IGT_LONG if self.scope == 'debug' else IGT_SECONDS}\n"
        names = [name for name in suite.listed if self.expected.is_run(name)]
        if not names:
            return SuiteResults({}, [], 0)
        return self._guest(suite, job, suite.options(self.driver), {"list.txt": as_list(names)})

    def panic(self, suite: Suite) -> SuiteResults:
        """Panics the kernel while a test pattern is shown; the panic screen must appear."""
        if not self.expected.is_run(suite.prefix + PANIC):
            return SuiteResults({}, [], 0)
        folder = self.folder / suite.name
        job = jobs.script("panic")
        options = self._adapt(suite.options(self.driver))
        for name in "panic.png", "job.log":
            (folder / name).unlink(missing_ok=True)
        start = time.monotonic()
        say(f"==> {suite.name} on {self.driver}")
        said = bytearray()
        with jobs.Guest(self.target, options, job, folder, modules=self.modules,
                        tests=self.tests, sink=said.extend) as vm:
            # The panic screen is drawn before the kernel prints this, its last line.
            while not any(PANIC_END in line for line in vm.log.lines()):
                seconds = time.monotonic() - start
                ended = vm.machine.process.poll() is not None
                if ended or seconds > suite.seconds * options.patience:
                    why = (f"the guest {'ended' if ended else 'was still busy'} after "
                           f"{seconds:.0f} s without a panic, see job.log and serial.log in {folder}")
                    if not ended:
                        why += "; " + vm.machine.log_tasks()
                    (folder / "job.log").write_bytes(said)
                    return SuiteResults({suite.prefix + PANIC: Outcome("fail", seconds, why)})
                time.sleep(0.5)
            picture = vm.machine.screendump(0)
            picture.write_png(folder / "panic.png")
            complaint = vm.log.bad(but="Kernel panic")
        good = panicscreen.is_panic_screen(picture)
        result = Outcome("pass" if good else "fail", time.monotonic() - start,
                         "" if good else f"{folder / 'panic.png'} is no panic screen",
                         ["panic.png"])
        return SuiteResults({suite.prefix + PANIC: result},
                            [f"{suite.name}: {complaint}"] if complaint else [], result.seconds)

    def first_steps(self, suite: Suite) -> SuiteResults:
        """Does what a new user does after cloning the repository, or what a guide says."""
        say(f"==> {suite.name}")
        folder = self.folder / suite.name
        folder.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        if suite.kind is Kind.README:
            found = readme.own_guest(self.target, folder)
        elif suite.kind is Kind.SHELL:
            found = shelltest.run(folder)
        else:
            found = guide.run(guide.GUIDE.read_text(encoding="utf-8"), folder)
        return SuiteResults({name: Outcome(result, 0, f"see {folder}") for name, result
                             in found.items()}, [], round(time.monotonic() - start, 1))

    def suite(self, suite: Suite) -> SuiteResults:
        """Runs a suite by its kind."""
        kinds: dict[Kind, Callable[[Suite], SuiteResults]] = {
            Kind.PROGRAMS: self.programs, Kind.IGT: self.igt, Kind.PANIC: self.panic,
            Kind.README: self.first_steps, Kind.SHELL: self.first_steps,
            Kind.GUIDE: self.first_steps}
        return kinds[suite.kind](suite)


PANIC = "virtgpu_panic@panic-screen"
PANIC_END = "---[ end Kernel panic"


def run_all(run: Run, chosen: list[Suite], record: Record, path: Path) -> None:
    """Runs the suites that the record does not have yet; saves the record after each."""
    for suite in chosen:
        if suite.name in record.suites and record.suites[suite.name].finished:
            say(f"==> {suite.name} on {run.driver}: kept from the interrupted run")
            continue
        with quiet.turn(suite.is_alone):
            record.suites[suite.name] = run.suite(suite)
        record.save(path)
    record.complete = True
    record.save(path)


def begin(run: Run, path: Path, shard: str) -> Record:
    """Returns the record to fill: an interrupted one of the same sources, or a new one."""
    header = Header.now(run.target.version, run.accelerator, run.scope, run.seed)
    old = Record.load(path)
    if os.environ.get("CONTINUE"):
        if not old or old.complete and all(one.finished for one in old.suites.values()):
            raise Failure(f"no interrupted run of {run.driver} to continue: run without CONTINUE=")
        if not header.comparable(old.header):
            raise Failure("the interrupted run was of other sources or another kernel: run without "
                          "CONTINUE= to start again")
        run.seed = old.header.seed
        return old
    return Record(run.driver, header, shard=shard)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scope", nargs="?", default="check", choices=list(conclusion.TARGETS))
    parser.add_argument("--driver", default=choice.driver(), choices=choice.DRIVERS)
    parser.add_argument("--only", action="append", help="run only this suite, see suites.py")
    args = parser.parse_args()

    shard = choice.shard()
    chosen = suites.choose(args.scope, args.driver, args.only)
    if shard:
        whole, chosen = chosen, shards.part(chosen, shard)
        say(f"==> shard {shard}: "
            f"{', '.join(shards.describe(suite, whole) for suite in chosen)}")
    target = environment.prepare(choice.kernel())
    if args.scope in suites.DEBUGGED:
        target = smallkernel.prepare(target, smallkernel.DEBUG)
    folder = outfolder.claim(outfolder.of_run(args.scope, args.driver, choice.kernel(), shard))
    run = Run(args.driver, target, folder, scope=args.scope)
    # Later runs are compared with complete runs only, so a partial run has another name.
    path = folder / ("part.json" if args.only else "results.json")
    record = begin(run, path, str(shard or ""))
    say(f"==> {args.driver} on kernel {target.version}, {run.accelerator}; "
        f"{seed.replay(run.seed)}")
    try:
        run_all(run, chosen, record, path)
    except KeyboardInterrupt:
        say(f"interrupted; {len(record.suites)} of {len(chosen)} suites are kept. To continue: "
            f"{conclusion.again(record)}")
        return 130
    return conclusion.conclude(record, folder, bool(args.only or shard), outfolder.OUT)


if __name__ == "__main__":
    report.main(main)
