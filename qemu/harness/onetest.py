# SPDX-License-Identifier: GPL-2.0
"""Runs one test, IGT's or ours, in a guest and prints its output: onetest.py igt@PROGRAM@SUBTEST

A suite before the name (igt@gl@virtgpu_render@shared) chooses that suite's guest. Variables of the
environment that PASSED_ON lists are passed to the test.
"""
import os
import shlex
import sys

from qemu.base import choice, outfolder, report, seed
from qemu.base.report import Failure
from qemu.build import build, client
from qemu.harness import suites
from qemu.host import jobs
from qemu.images import environment

IGT_ROOT = "/usr/libexec/igt-gpu-tools"
# Variables that tests document; VIRTGPU_SEED is passed to every guest.
PASSED_ON = ("VIRTGPU_GENOME", "VIRTGPU_LIES", "VIRTGPU_TURNS", "FUZZ_SECONDS")


def split(name: str) -> tuple[str, str, str]:
    """Splits a test's name into suite, program and subtest; suite and subtest may be empty."""
    parts = name.removeprefix("igt@").split("@")
    suite = parts.pop(0) if parts[0] in {one.name for one in suites.ALL if one.is_prefixed} else ""
    program, subtest = (*parts, "", "")[:2]
    if not program:
        raise Failure("give a test: make test NAME=igt@kms_addfb_basic@basic")
    return suite, program, subtest


def passed_on() -> str:
    """Returns shell commands that set the variables of PASSED_ON."""
    return "".join(f"export {name}={shlex.quote(os.environ[name])}\n" for name in PASSED_ON
                   if name in os.environ)


def main() -> int:
    suite, program, subtest = split(sys.argv[1] if len(sys.argv) == 2 else "")
    driver = choice.driver()
    options = (suites.choose("check", driver, [suite])[0].options(driver) if suite
               else suites.options_for(program, driver))
    options.seed = seed.choose()
    target = environment.prepare(choice.kernel())
    folder = outfolder.claim("test")
    root = "/host/tests" if program.startswith("virtgpu_") else IGT_ROOT
    job = passed_on() + jobs.script("onetest", PROGRAM=f"{root}/{program}", SUBTEST=subtest)

    # The programs of rust/client are built in a root of their own.
    more = (client.programs(),) if program in client.PROGRAMS else ()
    tests = (build.tests(target, driver), *more)

    result = jobs.run(target, options, job, folder, 1800, tests=tests,
                      modules=build.modules_of(target, driver), sink=report.pass_on)
    text = jobs.describe(result)
    report.say("\n".join(filter(None, (text, seed.replay(options.seed)))))
    return 1 if text else result.status or 0


if __name__ == "__main__":
    report.main(main)
