# SPDX-License-Identifier: GPL-2.0
"""Fuzzes the ioctls of a driver, guided by the coverage of its module: see docs/testing.md.

    fuzz.py [--plain] [--only 2d|gl] [--replay FILE...]

FUZZ_SECONDS= (default 600) is the total time of all guests, VIRTGPU_SEED= the seed.
"""
import argparse
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from qemu.base import choice, report, seed
from qemu.base.paths import TOP
from qemu.base.report import say
from qemu.fuzz import instrumented
from qemu.fuzz.engine import gather
from qemu.fuzz.finding import LONGEST, inputs_of, ioctls_of, title, warnings_of
from qemu.host import jobs
from qemu.host.machine import Options
from qemu.host.seriallog import SerialLog
from qemu.images import environment, smallkernel
from qemu.images.target import Environment

CORPUS = TOP / "igt-tests/fuzz/corpus-ioctl"
OUT = TOP / "out/fuzz"

# This many programs before a finding are kept, because an earlier one may have caused it.
KEPT_INPUTS = 32
# Seconds that a guest may take in addition: to boot and merge the corpus; the same on the debug kernel.
OVERHEAD, DEBUG_OVERHEAD = 300, 900

# The guests: one without a renderer, and one with our own renderer, which accepts any stream.
GUESTS = {
    "2d": Options(driver="none", heads=2),
    "gl": Options(driver="none", heads=1, fake={"render": True, "blob": True}),
}

FIGURES = re.compile(r"FIGURES: (\d+) ioctls in (\d+) s, \d+/s, (?:(\d+) blocks)?")


@dataclass
class Tally:
    """The results of fuzzing in one kind of guest."""
    ioctls: int = 0
    seconds: int = 0
    blocks: int = 0
    all_blocks: int = 0
    findings: list = field(default_factory=list)


class Screen:
    """Collects the output of the fuzzer; FUZZ_VERBOSE= also prints it."""

    def __init__(self):
        self.text = ""

    def __call__(self, data: bytes) -> None:
        self.text += data.decode(errors="replace")
        if os.environ.get("FUZZ_VERBOSE"):
            report.pass_on(data)

    def figures(self):
        """Returns ioctls, seconds and blocks of the last report; None if there was none."""
        found = FIGURES.findall(self.text)
        return [int(number or 0) for number in found[-1]] if found else None

    def finding(self) -> str:
        found = re.search(r"FINDING: .*|ERROR: libFuzzer: .*|SUMMARY: .*", self.text)
        return found[0] if found else ""


class Campaign:
    """Fuzzes one driver in one kind of guest, again after each finding, until the time is up."""

    def __init__(self, target: Environment, driver: str, name: str, corpus: Path):
        self.target, self.driver, self.name = target, driver, name
        self.folder = OUT / f"{driver}-{name}"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.corpus = self.folder / "corpus"
        shutil.copytree(corpus, self.corpus)
        self.tally = Tally()
        self._is_debug = "debug" in target.version
        self._overhead = DEBUG_OVERHEAD if self._is_debug else OVERHEAD
        # Warnings end a guest for our drivers only, because mainline's known warnings would hide others.
        self._is_ours = driver != "stock"

    def run(self, seconds: int, number: int) -> Tally:
        until = time.monotonic() + seconds
        while (left := int(until - time.monotonic())) > 10 or not self.tally.seconds:
            self._round(max(left, 10), number)
            number += 1
            if not self.tally.findings:
                break
        return self.tally

    def replay(self, files, runs: int) -> Tally:
        """Runs programs from files and prints what they do."""
        tests, module = gather(self.target, self.driver, self.corpus)
        (tests / "replay").mkdir()
        for number, path in enumerate(files):
            shutil.copy(path, tests / f"replay/{number:04}")
        result, screen = self._guest(tests, module, self._overhead, RUNS=runs)
        print(screen.text)
        self._judge(result, screen)
        return self.tally

    def _round(self, seconds: int, number: int) -> None:
        tests, module = gather(self.target, self.driver, self.corpus)
        self.tally.all_blocks = instrumented.blocks(self.target, module)
        start = time.monotonic()
        result, screen = self._guest(tests, module, seconds + self._overhead, SEED=number,
                                     TIME=seconds, LONGEST=LONGEST)
        if figures := screen.figures():
            ioctls, took, blocks = figures
        else:
            ioctls, took, blocks = (ioctls_of(inputs_of(self.folder / "guest/inputs")),
                                    int(time.monotonic() - start), 0)
        self.tally.ioctls += ioctls
        self.tally.seconds += took
        self.tally.blocks = max(self.tally.blocks, blocks)
        archive = self.folder / "guest/results/corpus.tar"
        if archive.exists():
            shutil.rmtree(self.corpus)
            self.corpus.mkdir()
            subprocess.run(["tar", "-C", self.corpus, "-xf", archive], check=True)
        self._judge(result, screen)

    def _guest(self, tests: Path, module: Path, limit: float, **variables):
        """Runs qemu/guest/fuzz with its variables."""
        folder = self.folder / "guest"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        base = GUESTS[self.name]
        inputs = folder / "inputs"
        options = Options(
            driver="none", heads=base.heads, fake=base.fake,
            append="loglevel=5 oops=panic" + (" panic_on_warn=1" if self._is_ours else "")
                   + (smallkernel.DEBUG.append if self._is_debug else ""),
            extra=["-chardev", f"file,id=inputs-end,path={inputs}", "-device",
                   "virtserialport,bus=out.0,chardev=inputs-end,name=virtgpu.inputs"])
        screen = Screen()
        job = jobs.script("fuzz", DRIVER=self.driver, MODULE=module.name,
                          KEEP_GOING="" if self._is_ours else 1, **variables)
        result = jobs.run(self.target, options, job, folder, limit, tests=tests, sink=screen)
        return result, screen

    def _judge(self, result, screen) -> None:
        """Keeps what is needed to analyse and replay a finding."""
        log = SerialLog(self.folder / "guest/serial.log")
        # If a warning is a panic, report the warning, which comes first.
        trouble = log.bad() or result.trouble
        if not trouble and not result.status:
            return
        trouble = trouble or screen.finding() or f"status {result.status}"
        place = self.folder / f"finding-{len(self.tally.findings) + 1}"
        place.mkdir()
        for number, data in enumerate(
                inputs_of(self.folder / "guest/inputs")[-KEPT_INPUTS:]):
            (place / f"input-{number:02}").write_bytes(data)
        for name in ("serial.log", "results/kmemleak.txt"):
            path = self.folder / "guest" / name
            if path.exists():
                shutil.copy(path, place)
        (place / "fuzzer.log").write_text(screen.text)
        warnings = [] if self._is_ours else warnings_of(log)
        self.tally.findings += warnings or [title(trouble)]
        say(f"FINDING ({self.driver}, {self.name}): {title(trouble)}\n{trouble}\n"
            f"the guest's last programs: {place}/input-*; to replay: "
            f"make fuzz DRIVER={self.driver} REPLAY='{place}/input-*'")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plain", action="store_true",
                        help="use the distribution's kernel instead of the debug kernel")
    parser.add_argument("--only", choices=GUESTS)
    parser.add_argument("--runs", type=int, default=20, help="how many times each file is replayed")
    parser.add_argument("--replay", nargs="+", type=Path, default=[])
    return parser.parse_args()


def main() -> int:
    args = arguments()
    driver = choice.driver()
    seconds = int(os.environ.get("FUZZ_SECONDS") or 600)
    number = seed.choose()
    names = [args.only] if args.only else list(GUESTS)
    if args.replay and not args.only:
        names = ["gl"] if "-gl/" in str(args.replay[0].resolve()) else ["2d"]
    target = environment.prepare(choice.kernel())
    if not args.plain:
        target = smallkernel.prepare(target, smallkernel.DEBUG)

    findings, corpus = [], CORPUS
    for name in names:
        campaign = Campaign(target, driver, name, corpus)
        if args.replay:
            tally = campaign.replay(args.replay, args.runs)
        else:
            say(f"fuzzing {driver}, guest {name}, {seconds // len(names)} s, {seed.replay(number)}")
            tally = campaign.run(seconds // len(names), number)
            size = len(list(campaign.corpus.iterdir()))
            print(f"{driver} {name}: {tally.ioctls} ioctls, "
                  f"{tally.ioctls / max(tally.seconds, 1):.0f}/s, {tally.blocks} of "
                  f"{tally.all_blocks} blocks, "
                  f"{len(tally.findings)} findings, corpus of {size} in {campaign.corpus}")
        findings += tally.findings
    for finding in sorted(set(findings)):
        print(f"{findings.count(finding)} x {finding}")
    if not args.replay:
        print(f"to keep a corpus: cp out/fuzz/{driver}-*/corpus/* "
              f"{CORPUS.relative_to(TOP)}/")
    return 1 if findings else 0


if __name__ == "__main__":
    report.main(main)
