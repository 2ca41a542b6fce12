# SPDX-License-Identifier: GPL-2.0
"""Measures what each driver costs the guest and the host, and compares the drivers by scenario.

    bench.py [--only SCENARIO] [--readme] [DRIVER...]
    bench.py --profile SCENARIO [DRIVER...]

Each driver runs igt-tests/bench twice: on QEMU's own device with instructions.c, which counts the
kernel's instructions, and on fakegpu.py, which counts bytes. The scenarios in RENDER run on
fakegpu.py as a renderer. Another guest uses bounce buffers. --readme writes the table to
README.md, --profile lists the kernel functions in which a step spends its instructions.
"""
import argparse
import json
import statistics

from qemu.base import choice, outfolder, report, tables
from qemu.base.paths import TOP
from qemu.bench import page, profiling
from qemu.bench.plugin import plugin
from qemu.build import build
from qemu.host import hostcosts, jobs
from qemu.host.machine import Options
from qemu.images import environment
from qemu.images.target import Environment

DRIVERS = ("stock", "c", "rust")
# show-buffer-4k counts the pieces of a buffer, so it runs first: memory gets fragmented with time.
SCENARIOS = ("idle", "show-buffer-4k", "buffer-4k", "flip-1080p", "flip-4k", "clip-double-4k",
             "clip-triple-4k", "corners-4k", "scattered-4k", "two-heads", "dirtyfb",
             "console-scroll", "cursor", "modeset", "weston-typing", "weston-drag", "load")
# With a renderer.
RENDER = ("execbuffer", "fence-wait", "transfer-small", "transfer-large", "blob")
# In a guest where all DMA uses bounce buffers (64 MiB, the kernel's default).
BOUNCED = ("clip-bounce-4k",)
BOUNCING: dict = {"device_options": "iommu_platform=on", "memory": 1024}
# The cost of a step that waits for a renderer depends on whether the guest is idle when the answer
# arrives. This renderer answers so late that the guest is always idle.
RENDERER = {"render": True, "blob": True, "late": 0.002}
# igt-tests/bench/mark.h
SCENARIO, STEP, END = 0, 1, 2
# A scenario that also unloads the module between steps; the unloading is not measured.
ALTERNATING = ("load",)
# The number of frames that a step lasts, for scenarios that wait for something other than the
# driver: an idle guest also wakes up for its timers in this time.
FRAMES = {**dict.fromkeys(("flip-1080p", "flip-4k", "clip-double-4k", "clip-triple-4k",
                           "corners-4k", "scattered-4k", "two-heads", "cursor-image",
                           "cursor-move"), 1),
          "console-scroll": 6, "weston-typing": 9, "weston-drag": 9}
# The metrics of a row; all are per step.
(INSTRUCTIONS, ABOVE, BYTES, COMMANDS, KICKS, ASKED, INTERRUPTS, ENTRIES, HOST,
 KERNEL, COPIES) = METRICS = (
    "instructions", "above idle", "bytes", "commands", "kicks", "kicks asked for", "interrupts",
    "entries", "host memory", "kernel memory", "bounced")

# In these scenarios a step is one frame on all heads: at most one kick and one interrupt.
PER_FRAME = ("flip-1080p", "flip-4k", "clip-double-4k", "clip-triple-4k", "corners-4k",
             "scattered-4k", "two-heads", "dirtyfb")
# Scenario, metric, driver, the driver to compare with (None: an absolute number), upper limit.
BARS = (
    ("clip-double-4k", BYTES, "c", "stock", 0.001),
    ("corners-4k", BYTES, "c", "stock", 0.001),
    *((scenario, metric, "c", bar, 1.0) for bar in (None, "stock") for metric in (KICKS, ASKED)
      for scenario in PER_FRAME),
    *((scenario, INTERRUPTS, "c", None, 1.0) for scenario in PER_FRAME),
    ("clip-double-4k", ABOVE, "c", "stock", 0.5),
    ("flip-4k", INSTRUCTIONS, "c", "stock", 0.9),
    ("show-buffer-4k", ENTRIES, "c", "stock", 0.05),
    ("execbuffer", INSTRUCTIONS, "c", "stock", 0.8),
    ("clip-bounce-4k", COPIES, "c", "stock", 0.001),
)
# These limits apply to every row, except for the kicks that a busy device has not suppressed: a
# faster host gets more of them. Two runs of one driver differ by up to NOISE, so smaller differences
# are ignored.
EVERYWHERE = (("c", "stock", 1.0), ("rust", "c", 1.05))
# Rows where a driver may take more. It sends more commands to save bytes, see docs/frame.md; and
# each head has its own image, also when both show one buffer (as the console does).
TRADED = (("c", "scattered-4k", COMMANDS),
          *(("c", scenario, HOST) for scenario in ("console-scroll", "weston-typing",
                                                   "weston-drag")))
NOISE = {INSTRUCTIONS: 1500, ABOVE: 1500, ASKED: 0.2, INTERRUPTS: 0.2, COMMANDS: 0.2, ENTRIES: 10,
         KERNEL: 4 << 20, COPIES: 200}


def instructions(marks, names) -> dict:
    """Returns the instructions of the median step of each scenario."""
    found: dict[str, int] = {}
    steps: list[int] = []
    names = iter(names)
    for number, count in marks:
        if number == SCENARIO:
            steps = []
        elif number == STEP:
            steps.append(count)
        elif number == END:
            name = next(names)
            costs = [after - before for before, after in zip(steps, steps[1:])]
            found[name] = int(statistics.median(costs[::2] if name in ALTERNATING else costs))
    return found


def program(scenario: str) -> str:
    if scenario in RENDER:
        return "bench_render"
    return "bench_weston" if scenario.startswith("weston") else "bench_kms"


def job(scenarios, watched: bool = False) -> str:
    """Returns the job that runs the scenarios."""
    return jobs.script("bench", WATCHED="1" if watched else "",
                       SCENARIOS=" ".join(f"{program(name)}:{name}" for name in scenarios))


def run(target: Environment, driver: str, scenarios, name: str, then: str = "", append: str = "",
        **options) -> jobs.Guest:
    """Runs all scenarios in one guest and returns the guest after it has ended."""
    if not options.get("fake"):
        options["connected"] = 2
    folder = outfolder.claim(f"bench-{driver}-{name}")
    report.say(f"==> bench on {driver}: {name}")
    # The distribution's kernel samples its own memory all the time, which is unrelated to drivers.
    with jobs.Guest(target, Options(driver=driver, cpus=1,
                                    append=f"damon_stat.enabled=N {append}".strip(),
                                    size=(1920, 1080), heads=2, **options),
                    job(scenarios, not options.get("counter")) + then, folder,
                    modules=build.modules_of(target, driver),
                    tests=build.tests(target), sink=report.pass_on) as one:
        result = one.wait(1200)
    jobs.require(result)
    return one


def counted_rows(target: Environment, driver: str, scenarios, name: str, **options) -> dict:
    """Runs scenarios and returns the counted metrics, including the kernel's instructions."""
    counted = run(target, driver, scenarios, name, counter=plugin(target), **options)
    marks = [tuple(map(int, line.split())) for line in
             (counted.folder / "counts.log").read_text().splitlines()]
    rows = {scenario: {metric: value / one["steps"] for metric, value in one.items()
                       if metric not in ("steps", COPIES)}
            for scenario, one in counted.judge.counts.scenarios().items()}
    names = [*rows, *(name for name in ALTERNATING if name in scenarios)]
    for scenario, number in instructions(marks, names).items():
        rows.setdefault(scenario, {})[INSTRUCTIONS] = number
    return rows


def measure(target: Environment, driver: str, scenarios) -> dict:
    """Returns the rows of one driver, per step: {scenario: {metric: number}}."""
    rendered = [name for name in scenarios if name in RENDER]
    bounced = [name for name in scenarios if name in BOUNCED]
    scenarios = [name for name in scenarios if name not in RENDER + BOUNCED]
    if any(name in FRAMES for name in scenarios) and "idle" not in scenarios:
        scenarios.insert(0, "idle")
    rows = (counted_rows(target, driver, scenarios, "counted", trace=hostcosts.TRACES)
            if scenarios else {})
    if rendered:
        rows |= {name: {metric: row[metric]
                        for metric in (INSTRUCTIONS, COMMANDS, ASKED, INTERRUPTS)}
                 for name, row in counted_rows(target, driver, rendered, "rendered",
                                               fake=RENDERER).items()}
    if bounced:
        bouncing = run(target, driver, bounced, "bounced", append="swiotlb=force", **BOUNCING)
        rows |= {name: {COPIES: row[COPIES] / row["steps"]}
                 for name, row in bouncing.judge.counts.scenarios().items()}
    for name, frames in FRAMES.items():
        if name in rows and "idle" in rows:
            rows[name][ABOVE] = rows[name][INSTRUCTIONS] - frames * rows["idle"][INSTRUCTIONS]

    shown = [name for name in scenarios if name not in ALTERNATING]
    if not shown:
        return rows
    watched = run(target, driver, shown, "watched", fake={"scanouts": 2, "size": (1920, 1080),
                                                          "connected": 2})
    for name, one in watched.judge.counts.scenarios().items():
        if name in rows:
            rows[name] |= {BYTES: one["bytes"] / one["steps"], ASKED: one[ASKED] / one["steps"],
                           ENTRIES: one["entries"] / one["steps"], HOST: one[HOST],
                           KERNEL: one[KERNEL]}
    return rows


def ratio(a, b):
    """Returns a / b, or None if it is undefined."""
    if a is None or b is None or not (a or b):
        return None
    return a / b if b else float("inf")


def judge(results: dict) -> list:
    """Returns a message for each missed limit."""
    missed = []
    for scenario, metric, driver, bar, limit in BARS:
        of = results.get(driver, {}).get(scenario, {}).get(metric)
        to = results.get(bar, {}).get(scenario, {}).get(metric) if bar else 1
        found = ratio(of, to)
        if found is not None and found > limit:
            missed.append(f"{scenario}, {metric}: {driver} takes {found:.4g}"
                          f"{f' of {bar}' if bar else ''}, {limit} at most")
    for driver, bar, limit in EVERYWHERE:
        for scenario, row in results.get(driver, {}).items():
            for metric in METRICS:
                if metric == KICKS or (driver, scenario, metric) in TRADED:
                    continue
                of, to = row.get(metric), results.get(bar, {}).get(scenario, {}).get(metric)
                found = ratio(of, to)
                if found is not None and found > limit and of - to > NOISE.get(metric, 0):
                    missed.append(f"{scenario}, {metric}: {driver} takes {found:.4g} of {bar}, "
                                  f"{limit} at most")
    return missed


def profile(target: Environment, driver: str, scenario: str) -> str:
    """Returns a table of the functions with the most instructions in a scenario."""
    fake = RENDERER if scenario in RENDER else None
    one = run(target, driver, (scenario,), "profiled", fake=fake, counter=plugin(target),
              profile=True, then="cp /proc/kallsyms /host/results/\n")
    return profiling.table((one.folder / "profile.log").read_text(),
                           (one.folder / "results/kallsyms").read_text())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("drivers", nargs="*", metavar="DRIVER",
                        help=f"of {', '.join(DRIVERS)}; default: all, or the one of DRIVER=")
    parser.add_argument("--only", choices=SCENARIOS + RENDER + BOUNCED, action="append")
    parser.add_argument("--profile", choices=SCENARIOS + RENDER)
    parser.add_argument("--readme", action="store_true")
    args = parser.parse_args()
    drivers = args.drivers or choice.drivers(DRIVERS)
    if not set(drivers) <= set(DRIVERS):
        parser.error(f"DRIVER is one of {', '.join(DRIVERS)}")
    target = environment.prepare(choice.kernel())
    if args.profile:
        for driver in drivers:
            print(f"{args.profile} on {driver}, instructions of a step:")
            print(profile(target, driver, args.profile))
        return 0
    results = {driver: measure(target, driver, args.only or SCENARIOS + RENDER + BOUNCED)
               for driver in drivers}
    missed = judge(results)
    out = outfolder.OUT
    out.mkdir(exist_ok=True)
    (out / "bench.json").write_text(json.dumps({"results": results, "missed": missed}, indent=1))
    page.write(out / "bench.html", results, missed, METRICS)
    table = page.table(results, METRICS)
    print(table)
    if args.readme:
        tables.put(TOP / "README.md", "bench",
                   page.summary(results, (INSTRUCTIONS, ABOVE, BYTES, COMMANDS, ASKED,
                                          INTERRUPTS)))
    for line in missed:
        print(f"FAILED: {line}")
    print(f"{len(missed)} bars missed; see {out / 'bench.html'}")
    return 1 if missed else 0


if __name__ == "__main__":
    report.main(main)
