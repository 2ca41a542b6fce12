#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A desktop in a guest on the chosen driver: in a window, or as a picture without a display."""
import os
import shutil
import sys
import time

import build
import guest
import hostgl
import report
import setup
from machine import Options
from report import Failure, say
from seriallog import SerialLog

OUT = setup.HERE.parent / "out"


def main() -> int:
    driver = os.environ.get("DRIVER") or "c"
    if driver not in ("c", "rust", "stock"):
        raise Failure(f"DRIVER={driver}: it is c, rust or stock")
    gpu = os.environ.get("GPU") or ""
    if gpu not in ("", *hostgl.DEVICES):
        raise Failure(f"GPU={gpu}: it is {' or '.join(hostgl.DEVICES)}")
    if gpu and driver == "rust":
        raise Failure("the Rust driver does not render yet: DRIVER=c or stock, or no GPU=")
    start = time.monotonic()
    gl = hostgl.kind(for_people=True) if gpu else None
    window = gl is hostgl.Display if gpu else hostgl.has_display()
    found = setup.prepare(os.environ.get("KVER", ""))
    tests = build.tests(found)
    modules = build.modules_of(found, driver)
    job = (f"VIRTGPU_DESKTOP={'window' if window else 'picture'}\n"
           + (setup.HERE / "guest/desktop").read_text())
    if gpu:
        say(f"    {hostgl.describe(gpu, for_people=True)}")
    folder = OUT / f"run-{driver}"
    options = Options(driver=driver, window="gtk" if window else "none", gpu=gpu,
                      gl=gl, heads=2 if window and not gpu else 1, size=(1280, 800))
    say(f"==> starting the guest ({driver} driver); "
        + ("close its window to end it" if window else "no display here, so for a picture"))
    result = guest.run(found, options, job, folder, 24 * 3600 if window else 300,
                       modules=modules, tests=tests, sink=lambda data: say(data.decode().rstrip()))
    # Closing the window ends the guest in the middle of its job; a warning in its log still counts.
    if window and result.status is None and not SerialLog(folder / "serial.log").bad():
        return 0
    guest.require(result, folder / "serial.log")
    picture = OUT / "desktop.png"
    if not window:
        shutil.copy(folder / "desktop.png", picture)
        say(f"the desktop, as the host shows it, {time.monotonic() - start:.0f} s after the start:")
        print(picture)
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    report.main(main)
