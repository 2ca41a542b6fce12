#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Counts what the drivers cost the guest's kernel, side by side, in instructions and bytes.

    bench.py [DRIVER...]
"""
import json
import re
import statistics
import sys
from pathlib import Path

import build
import guest
import report
import setup
from machine import Options
from report import Failure

OUT = setup.HERE.parent / "out"
DRIVERS = ("stock", "c", "rust")
# Of a row, Rust over C at most.
RUST_LIMIT = 1.10
# igt-tests/bench/mark.h
SCENARIO, STEP = 0, 1
# Done to have the module unloaded between steps; not part of what is measured.
ALTERNATING = ("load",)


def steps_of(marks, names) -> dict:
    """The instructions of each scenario's steps."""
    steps, last, scenario = {}, None, -1
    for number, count in marks:
        if number == SCENARIO:
            scenario, last = scenario + 1, None
        elif number == STEP and scenario >= 0:
            if last is not None:
                steps.setdefault(names[scenario], []).append(count - last)
            last = count
    for name in ALTERNATING:
        if name in steps:
            steps[name] = steps[name][::2]
    return steps


def measure(found, driver: str, counter: Path, tests: Path) -> dict:
    """Rows of one driver: instructions of a median step, and the module's size."""
    folder = OUT / f"bench-{driver}"
    modules = build.modules_of(found, driver)
    options = Options(driver=driver, cpus=1, counter=counter, trace=())
    text = bytearray()
    report.say(f"==> bench on {driver}")
    result = guest.run(found, options, "bench_kms --run-subtest kms\nbench_kms --run-subtest load\n",
                       folder, 400, modules=modules, tests=tests, sink=text.extend)
    guest.require(result, folder / "serial.log")

    names = re.findall(r"^scenario (\S+)$", text.decode(errors="replace"), re.M)
    marks = [tuple(map(int, line.split())) for line in
             (folder / "counts.log").read_text().splitlines()]
    steps = steps_of(marks, list(dict.fromkeys(names)))
    if len(steps) != len(set(names)):
        raise Failure(f"{len(steps)} scenarios were counted of {names}")
    rows = {f"{name}: kernel instructions": int(statistics.median(counts))
            for name, counts in steps.items()}
    idle = rows.pop("nothing: kernel instructions")
    for row in rows:
        if row.startswith("cursor"):
            rows[row] -= idle
    if modules:
        rows["module: bytes"] = (modules / Path(build.MODULES[driver]).name).stat().st_size
    return rows


def table(results: dict) -> str:
    drivers = list(results)
    lines = [f"{'':<36}" + "".join(f"{driver:>12}" for driver in drivers)
             + f"{'c/stock':>10}{'rust/c':>10}"]
    for name in max(results.values(), key=len):
        cells = [results[driver].get(name) for driver in drivers]
        lines.append(f"{name:<36}" + "".join(f"{'-' if cell is None else cell:>12}"
                                             for cell in cells)
                     + "".join(f"{ratio(results, name, *pair):>10}"
                               for pair in (("c", "stock"), ("rust", "c"))))
    return "\n".join(lines)


def ratio(results: dict, name: str, of: str, to: str) -> str:
    a, b = (results.get(driver, {}).get(name) for driver in (of, to))
    return f"{a / b:.2f}" if a and b else "-"


def main() -> int:
    drivers = sys.argv[1:] or DRIVERS
    found = setup.prepare()
    counter, tests = build.counter(found), build.tests(found)
    results = {driver: measure(found, driver, counter, tests) for driver in drivers}
    (OUT / "bench.json").write_text(json.dumps(results, indent=1))
    print(table(results))
    over = [name for name in results.get("c", {}) if "instructions" in name and
            float(ratio(results, name, "rust", "c").replace("-", "0")) > RUST_LIMIT]
    for name in over:
        print(f"FAILED: {name}: Rust takes more than {RUST_LIMIT} of what C takes")
    return 1 if over else 0


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    report.main(main)
