#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Fuzzes the ioctls of a driver, guided by what its module reaches: see docs/testing.md.

    fuzz.py [--plain] [--only 2d|gl] [--replay FILE...]

FUZZ_SECONDS= (default 600) is the time of all guests together, VIRTGPU_SEED= the seed.
"""
import argparse
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import build
import choice
import coverage_build
import debugkernel
import guest
import report
import seed
import setup
from fuzzbuild import gather
from fuzzfinding import LONGEST, inputs_of, ioctls_of, title, warnings_of
from machine import Options
from report import say
from seriallog import SerialLog

CORPUS = build.TOP / "igt-tests/fuzz/corpus-ioctl"
OUT = build.TOP / "out/fuzz"

# So many programs before a finding are kept: what one of them began another may have hit.
KEPT_INPUTS = 32
# What a guest may take beside fuzzing, to boot and to merge the corpus, and on the debug kernel.
OVERHEAD, DEBUG_OVERHEAD = 300, 900

# Each with a device: without a renderer, and with one that is ours and so takes any stream.
GUESTS = {
    "2d": Options(driver="none", heads=2),
    "gl": Options(driver="none", heads=1, fake={"render": True, "blob": True}),
}

JOB = """
export VIRTGPU_DRIVER={driver} VIRTGPU_MODULE={module}
{environment}
cd /host/tests
modprobe udmabuf 2>/dev/null
insmod virtgpu_coverage.ko || exit 1
modprobe -a $(modinfo -F depends {module} | tr , '\\n' | grep -v virtgpu_coverage)
insmod {module} || exit 1
udevadm settle --timeout=30
# The console and its cursor are no programs of ours.
echo 0 >/sys/class/graphics/fbcon/cursor_blink
echo clear >/sys/kernel/debug/kmemleak 2>/dev/null
echo >/dev/virtgpu-coverage
mkdir -p /tmp/new /tmp/merged
{command}
"""

FUZZ = """
./ioctl-fuzzer -seed={seed} -max_total_time={seconds} -max_len={longest} -len_control=0 \\
    -rss_limit_mb=0 -timeout=300 -report_slow_units=300 -print_final_stats=1 -verbosity=1 \\
    -artifact_prefix=/host/results/ /tmp/new corpus 2>&1
status=$?
[ $status = 0 ] || exit $status
# Blocks only, not how often: what is kept is small.
./ioctl-fuzzer -merge=1 -use_counters=0 -rss_limit_mb=0 -timeout=300 -max_len={longest} /tmp/merged corpus /tmp/new \\
    >/tmp/merge.log 2>&1 || tail -n 5 /tmp/merge.log
tar -C /tmp/merged -cf /host/results/corpus.tar .
{leaks}
"""

REPLAY = """
FUZZ_DESCRIBE=1 ./ioctl-fuzzer -rss_limit_mb=0 -timeout=300 -runs={runs} replay/* 2>&1
"""

LEAKS = """
if [ -e /sys/kernel/debug/kmemleak ]; then
    for _ in 1 2; do echo scan >/sys/kernel/debug/kmemleak; sleep 6; done
    cat /sys/kernel/debug/kmemleak >/host/results/kmemleak.txt
    ! grep -q -e '\\[virtgpu' -e '\\[virtio_gpu\\]' /host/results/kmemleak.txt || {
        echo "FINDING: memory is lost"
        exit 1
    }
fi
"""

FIGURES = re.compile(r"FIGURES: (\d+) ioctls in (\d+) s, \d+/s, (?:(\d+) blocks)?")


@dataclass
class Tally:
    """What came of fuzzing in one kind of guest."""
    ioctls: int = 0
    seconds: int = 0
    blocks: int = 0
    all_blocks: int = 0
    findings: list = field(default_factory=list)


class Screen:
    """What the fuzzer prints: its figures, and its lines for people who watch."""

    def __init__(self):
        self.text = ""

    def __call__(self, data: bytes) -> None:
        self.text += data.decode(errors="replace")
        if os.environ.get("FUZZ_VERBOSE"):
            report.pass_on(data)

    def figures(self):
        """Ioctls, seconds, blocks of the last report; None when there was none."""
        found = FIGURES.findall(self.text)
        return [int(number or 0) for number in found[-1]] if found else None

    def finding(self) -> str:
        found = re.search(r"FINDING: .*|ERROR: libFuzzer: .*|SUMMARY: .*", self.text)
        return found[0] if found else ""


class Campaign:
    """Fuzzing one driver in one kind of guest, again after each finding, until the time is up."""

    def __init__(self, found, driver: str, name: str, corpus: Path):
        self.found, self.driver, self.name = found, driver, name
        self.folder = OUT / f"{driver}-{name}"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.corpus = self.folder / "corpus"
        shutil.copytree(corpus, self.corpus)
        self.tally = Tally()
        self._is_debug = "debug" in found["version"]
        self._overhead = DEBUG_OVERHEAD if self._is_debug else OVERHEAD
        # A warning of ours is the end; mainline has some that would keep us from all else.
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
        """Runs programs of files, and shows what they do."""
        tests, module = gather(self.found, self.driver, self.corpus)
        (tests / "replay").mkdir()
        for number, path in enumerate(files):
            shutil.copy(path, tests / f"replay/{number:04}")
        result, screen = self._guest(tests, module, REPLAY.format(runs=runs),
                                     self._overhead)
        print(screen.text)
        self._judge(result, screen)
        return self.tally

    def _round(self, seconds: int, number: int) -> None:
        tests, module = gather(self.found, self.driver, self.corpus)
        self.tally.all_blocks = coverage_build.blocks(self.found, module)
        job = FUZZ.format(seed=number, seconds=seconds, longest=LONGEST, leaks=LEAKS)
        start = time.monotonic()
        result, screen = self._guest(tests, module, job, seconds + self._overhead)
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

    def _guest(self, tests: Path, module: Path, command: str, limit: float):
        folder = self.folder / "guest"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        base = GUESTS[self.name]
        inputs = folder / "inputs"
        options = Options(
            driver="none", heads=base.heads, fake=base.fake,
            append="loglevel=5 oops=panic" + (" panic_on_warn=1" if self._is_ours else "")
                   + (debugkernel.APPEND if self._is_debug else ""),
            extra=["-chardev", f"file,id=inputs-end,path={inputs}", "-device",
                   "virtserialport,bus=out.0,chardev=inputs-end,name=virtgpu.inputs"])
        screen = Screen()
        job = JOB.format(driver=self.driver, module=module.name, command=command,
                         environment="" if self._is_ours else "export FUZZ_KEEP_GOING=1")
        result = guest.run(self.found, options, job, folder, limit, tests=tests, sink=screen)
        return result, screen

    def _judge(self, result, screen) -> None:
        """Keeps what a finding needs to be looked at and replayed."""
        log = SerialLog(self.folder / "guest/serial.log")
        # Where a warning is a panic, the warning, which comes before it.
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
            f"what the guest did last: {place}/input-*; again: "
            f"make fuzz DRIVER={self.driver} REPLAY='{place}/input-*'")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plain", action="store_true",
                        help="the distribution's kernel, not the one that finds bugs")
    parser.add_argument("--only", choices=GUESTS)
    parser.add_argument("--runs", type=int, default=20, help="how often a file is replayed")
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
    found = setup.prepare(choice.kernel())
    if not args.plain:
        found = debugkernel.prepare(found)

    findings, corpus = [], CORPUS
    for name in names:
        campaign = Campaign(found, driver, name, corpus)
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
              f"{CORPUS.relative_to(build.TOP)}/")
    return 1 if findings else 0


if __name__ == "__main__":
    report.main(main)
