#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs one test, IGT's or ours, in a guest and shows all it says: one.py igt@PROGRAM@SUBTEST"""
import os
import sys

import build
import check
import guest
import report
import setup
from report import Failure


def main() -> int:
    if len(sys.argv) != 2:
        raise Failure("give a test: make test NAME=igt@kms_addfb_basic@basic")
    program, _, subtest = sys.argv[1].removeprefix("igt@").partition("@")
    subtest = subtest.split("@")[0]
    driver = os.environ.get("DRIVER") or "c"
    found = setup.prepare(os.environ.get("KVER", ""))
    folder = check.OUT / "test"
    root = "/host/tests" if program.startswith("virtgpu_") else check.IGT_ROOT
    job = (f"modprobe vgem\n{root}/{program} " + (f"--run-subtest {subtest} " if subtest else "")
           + "2>&1\nstatus=$?\ndmesg | tail -n 30\n(exit $status)\n")
    options = check.options_for(program, driver)

    result = guest.run(found, options, job, folder, 1800, tests=build.tests(found),
                       modules=build.modules_of(found, driver), sink=report.pass_on)
    text = guest.describe(result, folder / "serial.log")
    if text:
        report.say(text)
    return 1 if result.trouble else result.status


if __name__ == "__main__":
    report.main(main)
