# SPDX-License-Identifier: GPL-2.0
"""Runs a part of piglit's quick profile with a renderer, on the stock driver and on ours. A test that
passes on the stock driver must pass on ours.

    piglit.py [--gpu virgl|venus]
"""
import argparse
import dataclasses
import shlex

from qemu.base import choice, outfolder, report
from qemu.base.report import Failure, say
from qemu.build import build
from qemu.harness import suites
from qemu.host import hostgl, jobs
from qemu.host.machine import Options
from qemu.images import disks, environment
from qemu.images.target import Environment

# Only this guest has piglit, which takes two gigabytes.
DISK = "7G"
LIMIT = 3600


def run(driver: str, target: Environment, gpu: str) -> dict:
    """Runs piglit in a guest and returns its results by name."""
    tests = [word for line in suites.read_list("piglit.list")
             for word in (("-x", line[1:]) if line.startswith("!") else ("-t", line))]
    folder = outfolder.claim(f"piglit-{driver}")
    options = Options(driver=driver, heads=1, gpu=gpu)
    say(f"==> piglit on {driver}")
    result = jobs.run(target, options, jobs.script("piglit", TESTS=shlex.join(tests)),
                      folder, LIMIT, modules=build.modules_of(target, driver),
                      tests=build.tests(target), sink=report.pass_on)
    jobs.require(result)
    results = {}
    for line in (folder / "results/piglit.txt").read_text().splitlines():
        name, _, status = line.rpartition(": ")
        if name and "/" in name:
            results[name] = status.strip()
    if not results:
        raise Failure(f"piglit ran no test; see {folder}")
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpu", default=choice.gpu(default="virgl"), choices=choice.GPUS)
    args = parser.parse_args()
    driver, kernel = choice.driver(), choice.kernel()
    target = environment.prepare(kernel)
    target = dataclasses.replace(target,
                                 guest=disks.guest_image(target.root, ("piglit",), DISK))
    say(f"    {hostgl.describe(args.gpu)}")
    results = {name: run(name, target, args.gpu) for name in dict.fromkeys(("stock", driver))}
    stock, ours = results["stock"], results[driver]

    print(f"{'':<12}" + "".join(f"{name:>8}" for name in results))
    for kind in sorted({*stock.values(), *ours.values()}):
        print(f"{kind:<12}" + "".join(f"{list(statuses.values()).count(kind):>8}"
                                      for statuses in results.values()))
    lost = sorted(name for name, status in stock.items()
                  if status == "pass" and ours.get(name) != "pass")
    for name in lost:
        print(f"LOST: {name}: {ours.get(name, 'not run')}, passes on stock")
    passed = list(ours.values()).count("pass")
    print(f"{passed} passed, {len(lost)} failed, {len(ours) - passed} skipped")
    return 1 if lost else 0


if __name__ == "__main__":
    report.main(main)
