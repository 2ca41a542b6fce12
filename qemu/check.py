#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs the tests in guests, holds the results against what is expected, prints one table.

    check.py [check|full|debug] [--driver c|rust|stock]
             [--only igt|own|power|pair|hostile|panic|sample|gl|blob]
"""
import argparse
import json
import os
import re
import sys
import time
from pathlib import Path

import build
import debugkernel
import guest
import hostgl
import report
import setup
from machine import Options
from report import Failure, say

TOP = setup.HERE.parent
TESTS = TOP / "igt-tests"
OUT = TOP / "out"

# Our programs, those that disturb the guest most at the end.
OWN = ("virtgpu_display", "virtgpu_vblank", "virtgpu_damage", "virtgpu_random", "virtgpu_cursor",
       "virtgpu_host", "virtgpu_debug", "virtgpu_prime", "virtgpu_ioctl", "virtgpu_clients",
       "virtgpu_nomem", "virtgpu_lifecycle")

# What falls asleep has a guest of its own with one CPU: now and then QEMU's emulated second one
# stays in the firmware on the way out of S3 ("CPU1 failed to report alive state").
POWER = ("virtgpu_power",)

# What takes minutes and is left to the full run.
SLOW = ("virtgpu_random@many", "virtgpu_nomem@load-each", "virtgpu_glclients@glmark2")

# How many times as long as usual everything takes on the debug kernel.
PATIENCE = 6

# The driver in rust/samples.
SAMPLE = "bochs"

# With a renderer: IGT's own test of the uapi, and ours, and clients.
GL = "gl"
RENDER = ("drm_virtgpu", "virtgpu_render", "virtgpu_stream", "virtgpu_glclients")

# On a device that shows the guest's memory as it is.
BLOB = "blob"
ZERO_COPY = ("virtgpu_zerocopy", "virtgpu_damage", "virtgpu_display", "virtgpu_random",
             "virtgpu_prime")

# With a second GPU of the same kind.
PAIR = "pair"
PRIME = ("virtgpu_prime",)

# Against a device of our own, which does wrong when they tell it to; and one with a renderer.
HOSTILE = ("virtgpu_hostile",)
HOSTILE_GL = "hostile-gl"
HOSTILE_RENDER = ("virtgpu_badrender",)

# What only one of our drivers has, so that there is nothing to compare.
ALONE = (f"{SAMPLE}@", f"{GL}@", f"{BLOB}@", f"{HOSTILE_GL}@")

IGT_ROOT = "/usr/libexec/igt-gpu-tools"
RUNNER = """
cat {list}
igt_runner -s -o -l verbose --per-test-timeout={timeout} --disk-usage-limit=0 --test-list {list} \
    {root} /var/tmp/results 2>&1
igt_results /var/tmp/results >/dev/null 2>&1
cp {list} /host/results/list.txt
cp /var/tmp/results/results.json /host/results/
if [ -e /sys/kernel/debug/kmemleak ]; then
    # What was freed a moment ago may still be in a register.
    for _ in 1 2; do
        echo scan >/sys/kernel/debug/kmemleak
        sleep 6
    done
    cat /sys/kernel/debug/kmemleak >/host/results/kmemleak.txt
fi
cat /sys/kernel/debug/dri/0/virtgpu-* 2>/dev/null >/host/results/debugfs.txt
true
"""

# What a line of kmemleak's backtraces says of ours.
LEAK = re.compile(r"\[virtgpu\]|\[virtio_gpu\]")

GOOD, SKIPPED = ("pass",), ("skip", "notrun")


# What igt_runner and the tests say as they run.
WANTED = re.compile(r"igt@(\S+)$")
STARTED = re.compile(r"\[(\d+)/(\d+)\] (?:\([^)]*\) )?(\w+)(?: \(([^)]*)\))?")
ENDED = re.compile(r"(Subtest|Dynamic subtest) (\S+): (SUCCESS|FAIL|SKIP|CRASH|TIMEOUT)\b")
RESULTS = {"SUCCESS": "pass"}


class Progress:
    """A run as it goes: a line of progress for people, and the results of a guest that breaks."""

    def __init__(self, what: str):
        self._what, self._last, self._rest = what, 0.0, b""
        self._test = ""
        self.results = {}

    def __call__(self, data: bytes) -> None:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._line(line.decode(errors="replace"))

    def _line(self, line: str) -> None:
        if match := WANTED.match(line):
            self.results[match[1]] = "lost"
        elif match := STARTED.search(line):
            number, total, name, sub = match.groups("")
            self._test = f"{name}@{sub}" if sub else name
            self.results[self._test] = "crash"
            if time.monotonic() - self._last > 10:
                self._last = time.monotonic()
                say(f"    {self._what} {number}/{total}: {name} {sub}")
        elif match := ENDED.search(line):
            kind, name, result = match.groups()
            if kind.startswith("Dynamic"):
                # The parts count in the whole's place.
                self.results.pop(self._test, None)
                self.results[f"{self._test}@{name}"] = RESULTS.get(result, result.lower())
            elif self._test in self.results:
                self.results[self._test] = RESULTS.get(result, result.lower())


def read_list(name: str) -> list:
    lines = (TESTS / "lists" / name).read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def expectations(driver: str, kind: str) -> Path:
    """Of the two drivers of ours the same is expected: where they differ is an error."""
    return TESTS / "expectations" / f"{'c' if driver == 'rust' else driver}-{kind}.txt"


def read_expectations(driver: str, kind: str) -> list:
    """A file of drm-ci's format: what to expect to fail, or patterns of what not to run."""
    path = expectations(driver, kind)
    if not path.exists():
        return []
    reason, found = "", []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.strip()
        if line.startswith("#"):
            reason = line
        elif not line:
            reason = ""
        elif not reason:
            raise Failure(f"{path}:{number}: no reason given above this line")
        else:
            found.append(line.removesuffix(",Fail"))
    return found


def parse_results(folder: Path) -> dict:
    """Results by name; what was to be run and is not in them was lost."""
    results = {}
    data, wanted = folder / "results/results.json", folder / "results/list.txt"
    if data.exists():
        for name, result in json.loads(data.read_text())["tests"].items():
            results[name.removeprefix("igt@")] = result["result"]
    if wanted.exists():
        for line in wanted.read_text().splitlines():
            name = line.removeprefix("igt@")
            if not any(found == name or found.startswith(name + "@") for found in results):
                results[name] = "lost"
    return results


def options_for(program: str, driver: str) -> Options:
    """The guest a program of ours needs."""
    if program in RENDER:
        kind, params = {"heads": 1, "gpu": "venus"}, "fence_timeout=3"
    elif program in HOSTILE_RENDER:
        kind = {"fake": {"render": True, "blob": True}, "memory": 1024}
        params = "command_timeout=1 fence_timeout=3"
    elif program in HOSTILE or program == ZERO_COPY[0]:
        kind = {"fake": {"blob": program not in HOSTILE}, "memory": 1024}
        params = "command_timeout=1"
    else:
        kind = {"connected": 2 if program in OWN + POWER else 1,
                "cpus": 1 if program in POWER else 2}
        params = ""
    # Mainline has no such parameters.
    return Options(driver=driver, module_params="" if driver == "stock" else params, **kind)


def leaks(folder: Path) -> str:
    """The first object of the driver's that nobody knows any more, as kmemleak tells."""
    path = folder / "results/kmemleak.txt"
    text = path.read_text(errors="replace") if path.exists() else ""
    found = [part for part in text.split("unreferenced object")[1:] if LEAK.search(part)]
    return f"{len(found)} leaks, the first: {found[0]}" if found else ""


class Run:
    """One driver's results, suite by suite."""

    def __init__(self, driver: str, found, modules=None, scope="check"):
        self.driver = driver
        self.slow = scope == "full"
        self.debug = scope == "debug"
        self.found = found
        self.tests = build.tests(found)
        self.modules = modules or build.modules_of(found, driver)
        self.results = {}
        self.trouble = []
        self.seconds = {}

    def _adapt(self, options: Options) -> int:
        """Fits a guest to its kernel; how many times as long as usual it may take."""
        if self.debug:
            options.append += debugkernel.APPEND
            options.patience = PATIENCE
        return options.patience

    def _guest(self, name: str, job: str, options: Options, limit: float, files=None):
        folder = OUT / f"{name}-{self.driver}"
        say(f"==> {name} on {self.driver}")
        progress = Progress(name)
        limit *= self._adapt(options)
        result = guest.run(self.found, options, job, folder, limit, modules=self.modules,
                           tests=self.tests, files=files, sink=progress)
        self.seconds[name] = result.seconds
        text = guest.describe(result, folder / "serial.log")
        say(f"    {name}: {result.seconds:.0f} s, {result.judged} pictures judged")
        for text in filter(None, (text, leaks(folder))):
            self.trouble.append(f"{name}: {text}")
        return parse_results(folder) or progress.results or {f"{name}@run": "crash"}

    def _prefixed(self, name: str, *args) -> None:
        """A guest of its own kind, whose results are not to be taken for another's."""
        results = self._guest(name, *args)
        self.results.update({f"{name}@{test}": result for test, result in results.items()})

    def igt(self, names: list, limit: float) -> None:
        skips = [re.compile(pattern) for pattern in read_expectations(self.driver, "skips")]
        names = [name for name in names if not any(skip.match(name) for skip in skips)]
        asleep = [name for name in names if "suspend" in name]
        self._igt("igt", [name for name in names if name not in asleep], limit, 2)
        if asleep:
            self._igt("igt-suspend", asleep, limit, 1)

    def _igt(self, name: str, names: list, limit: float, cpus: int) -> None:
        text = "".join(f"igt@{name}\n" for name in names)
        job = "modprobe vgem\n" + RUNNER.format(timeout=900 if self.debug else 300,
                                                list="/host/list.txt", root=IGT_ROOT)
        # IGT moves cursors millions of times, and nobody asks where to.
        options = Options(driver=self.driver, trace=(), cpus=cpus)
        self.results.update(self._guest(name, job, options, limit, {"list.txt": text}))

    def _job(self, programs) -> str:
        """Runs programs of ours; those that find /tmp/list.txt made run what is in it."""
        without = "" if self.slow else "".join(f" | grep -vx igt@{name}" for name in SLOW)
        return ("modprobe vgem\ncd /host/tests\n"
                "[ -e /tmp/list.txt ] || for test in " + " ".join(programs) + "; do\n"
                f"./$test --list-subtests | sed \"s/^/igt@$test@/\"{without}\ndone >/tmp/list.txt\n"
                f"printf 'TESTLIST\\n{' '.join(programs)}\\nEND TESTLIST\\n' >test-list.txt\n"
                + RUNNER.format(timeout=1200 if self.slow or self.debug else 400,
                                list="/tmp/list.txt", root="/host/tests"))

    def _ours(self, name: str, programs) -> None:
        options = options_for(programs[0], self.driver)
        self.results.update(self._guest(name, self._job(programs), options,
                                        1800 if self.slow else 900))

    def sample(self) -> None:
        """The sample driver on its device, by the same tests."""
        names = read_list("sample.list")
        text = "".join(f"igt@{name}\n" for name in names)
        programs = sorted({name.split("@")[0] for name in names})
        options = Options(driver=SAMPLE)
        self._prefixed(SAMPLE, "cp /host/list.txt /tmp\n" + self._job(programs), options, 400,
                       {"list.txt": text})

    def gl(self) -> None:
        """On a device with a renderer, which our own driver in C has and mainline's."""
        report.say(f"    {hostgl.describe('venus')}")
        job = f"ln -s {IGT_ROOT}/{RENDER[0]} /host/tests\n" + self._job(RENDER)
        self._prefixed(GL, job, options_for(RENDER[0], self.driver), 1800 if self.slow else 900)

    def zero_copy(self) -> None:
        """The same tests and more, on a device with blobs and without a renderer."""
        self._prefixed(BLOB, self._job(ZERO_COPY), options_for(ZERO_COPY[0], self.driver), 600)

    def pair(self) -> None:
        options = Options(driver=self.driver, extra=["-device", "virtio-gpu-pci,id=other"])
        self._prefixed(PAIR, self._job(PRIME), options, 300)

    def own(self) -> None:
        self._ours("own", OWN)

    def power(self) -> None:
        self._ours("power", POWER)

    def hostile(self) -> None:
        self._ours("hostile", HOSTILE)
        if self.driver != "rust":
            self._prefixed(HOSTILE_GL, self._job(HOSTILE_RENDER),
                           options_for(HOSTILE_RENDER[0], self.driver), 600)

    def panic(self) -> None:
        """A real panic, under a test pattern: the screen must turn into the panic screen."""
        name = "virtgpu_panic@panic-screen"
        folder = OUT / f"panic-{self.driver}"
        job = ("virtgpu_clients --run-subtest modetest\n"
               "modetest -M virtio_gpu -s \"$(modetest -M virtio_gpu -c | "
               "awk '$3 == \"connected\" { print $1; exit }')\":1024x768 >/dev/null &\n"
               "sleep 3\necho c >/proc/sysrq-trigger\n")
        options = Options(driver=self.driver, append="panic=0 drm.panic_screen=user")
        limit = 90 * self._adapt(options)
        say(f"==> panic on {self.driver}")
        with guest.Guest(self.found, options, job, folder, modules=self.modules,
                         tests=self.tests) as vm:
            deadline = time.monotonic() + limit
            while "Kernel panic" not in vm.log.fatal():
                if time.monotonic() > deadline or vm.machine.process.poll() is not None:
                    self.results[name] = "fail"
                    self.trouble.append("panic: the guest did not panic")
                    return
                time.sleep(0.5)
            time.sleep(3)
            picture = vm.machine.screendump(0)
            picture.write_png(folder / "panic.png")
            complaint = vm.log.bad(but="Kernel panic")
            if complaint:
                self.trouble.append(f"panic: {complaint}")
        self.results[name] = "pass" if is_panic_screen(picture) else "fail"


def is_panic_screen(picture) -> bool:
    """The kernel's panic screen is text in one colour on another; the pattern has many."""
    if picture.colours(3) != 2:
        return False
    pixels = len(picture.rgb) // 3
    first = picture.rgb[:3]
    background = sum(picture.rgb[at:at + 3] == first for at in range(0, len(picture.rgb), 3))
    return 0.6 < background / pixels < 0.9995


def verdicts(results: dict, expected: list, flakes=()) -> dict:
    """pass, skip, known (an expected failure), better (expected to fail, passes) or FAIL.

    flakes are patterns of tests whose own verdict, and only that, may be a failure."""
    judged = {}
    for name, result in results.items():
        known = any(name == entry or name.startswith(entry + "@") for entry in expected)
        if result == "fail" and any(re.match(pattern, name) for pattern in flakes):
            judged[name] = "known"
            continue
        if result in GOOD:
            judged[name] = "better" if known else "pass"
        elif result in SKIPPED:
            judged[name] = "skip"
        else:
            judged[name] = "known" if known else "FAIL"
    return judged


def table(judged: dict) -> str:
    """A row per program."""
    kinds = ("pass", "known", "FAIL", "skip")
    rows = {}
    for name, verdict in judged.items():
        row = rows.setdefault(name.split("@")[0], dict.fromkeys(kinds, 0))
        row["pass" if verdict == "better" else verdict] += 1
    lines = [f"{'':<28}{'pass':>6}{'known':>7}{'FAIL':>6}{'skip':>6}"]
    for name, row in sorted(rows.items()):
        cells = "".join(f"{row[kind] or '.':>{width}}" for kind, width in
                        zip(kinds, (6, 7, 6, 6)))
        lines.append(f"{name:<28}{cells}")
    return "\n".join(lines)


def side_by_side(scope: str) -> str:
    """The last results of every driver in one table, and where they differ."""
    found = {}
    for driver in ("stock", "c", "rust"):
        path = OUT / f"results-{scope}-{driver}.json"
        if path.exists():
            found[driver] = json.loads(path.read_text())["results"]
    if len(found) < 2:
        return ""
    drivers = list(found)
    lines = [f"{'':<12}" + "".join(f"{driver:>8}" for driver in drivers)]
    kinds = sorted({result for results in found.values() for result in results.values()})
    for kind in kinds:
        counts = [sum(result == kind for result in found[driver].values()) for driver in drivers]
        lines.append(f"{kind:<12}" + "".join(f"{count:>8}" for count in counts))
    names = sorted({name for results in found.values() for name in results
                    if not name.startswith(ALONE)})
    lines += ["", "Where they differ:"]
    for name in names:
        results = [found[driver].get(name, "-") for driver in drivers]
        if len(set(results)) > 1:
            lines.append(f"  {name:<72}" + "".join(f"{result:>12}" for result in results))
    return "\n".join(lines)


def apart(scope: str, driver: str, only) -> dict:
    """Where our two drivers differ, which is an error; told with the results of the second."""
    paths = [OUT / f"results-{scope}-{name}.json" for name in ("c", "rust")]
    if driver == "stock" or only or not all(path.exists() for path in paths):
        return {}
    c, rust = (json.loads(path.read_text())["results"] for path in paths)
    # Of what is expected to fail, some does so only in most runs.
    known = [name for name, verdict in verdicts(c | rust, read_expectations("c", "fails")).items()
             if verdict in ("known", "better")]
    return {name: f"{name}: {c.get(name, 'not run')} in C, {rust.get(name, 'not run')} in Rust"
            for name in sorted((c.keys() | rust.keys()) - set(known))
            if c.get(name) != rust.get(name) and not name.startswith(ALONE)}


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("scope", nargs="?", default="check", choices=["check", "full", "debug"])
    args.add_argument("--driver", default=os.environ.get("DRIVER") or "c",
                      choices=["c", "rust", "stock"])
    args.add_argument("--only", choices=["igt", "own", "power", PAIR, "hostile", "panic", "sample",
                                         GL, BLOB])
    args = args.parse_args()

    found = setup.prepare(os.environ.get("KVER", ""))
    if args.scope == "debug":
        if args.driver == "rust":
            raise Failure("the debug kernel has no Rust: DRIVER=c or stock")
        found = debugkernel.prepare(found)
    OUT.mkdir(exist_ok=True)
    run = Run(args.driver, found, scope=args.scope)
    if args.only in (None, "own"):
        run.own()
    if args.only in (None, "power"):
        run.power()
    if args.only in (None, PAIR):
        run.pair()
    if args.only in (None, "hostile"):
        run.hostile()
    if args.only in (None, "panic"):
        run.panic()
    if args.only == "sample" or not args.only and args.driver == "rust":
        run.sample()
    if args.only == BLOB or not args.only and args.driver != "rust":
        run.zero_copy()
    if args.only == GL or not args.only and args.driver != "rust":
        run.gl()
    if args.only in (None, "igt"):
        full = args.scope == "full"
        run.igt(read_list("full.list" if full else "check.list"), 4 * 3600 if full else 1200)

    saved = OUT / f"results-{args.scope}-{args.driver}.json"
    if not args.only:
        saved.write_text(json.dumps({"kernel": found["version"], "seconds": run.seconds,
                                     "results": run.results}, indent=1))
    judged = verdicts(run.results, read_expectations(args.driver, "fails"),
                      read_expectations("debug", "flakes") if run.debug else ())
    print(table(judged))
    comparison = "" if args.only else side_by_side(args.scope)
    if comparison:
        print("\n" + comparison)

    for name, verdict in sorted(judged.items()):
        if verdict == "better":
            print(f"better than expected: {name} (remove it from "
                  f"{expectations(args.driver, 'fails').relative_to(TOP)})")
    failed = sorted(name for name, verdict in judged.items() if verdict == "FAIL")
    differ = [text for name, text in apart(args.scope, args.driver, args.only).items()
              if name not in failed]
    for text in differ:
        print(f"different: {text}")
    for name in failed:
        print(f"FAILED: {name} ({run.results[name]})")
    for text in run.trouble:
        print(f"trouble: {text}")
    if failed:
        print(f"Logs and pictures are in {OUT}; one test alone: "
              f"make test NAME=igt@{failed[0]}")

    count = list(judged.values()).count
    if count("known"):
        print(f"{count('known')} failures are expected, each with its reason in "
              f"{(TESTS / 'expectations').relative_to(TOP)}; they count as skipped")
    bad = count("FAIL") + len(run.trouble) + len(differ)
    print(f"{count('pass') + count('better')} passed, {bad} failed, "
          f"{count('skip') + count('known')} skipped")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    report.main(main)
