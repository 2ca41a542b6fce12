# SPDX-License-Identifier: GPL-2.0
"""Runs a desktop in a guest: in a window, or without a display as a picture."""
import shutil
import time

from qemu.base import choice, outfolder, report
from qemu.base.report import say
from qemu.build import build
from qemu.host import hostgl, jobs
from qemu.host.machine import Options
from qemu.host.seriallog import SerialLog
from qemu.images import environment


def main() -> int:
    driver, gpu, kernel = choice.driver(), choice.gpu(), choice.kernel()
    start = time.monotonic()
    gl = hostgl.kind(for_people=True) if gpu else None
    window = gl is hostgl.Display if gpu else hostgl.has_display()
    target = environment.prepare(kernel)
    tests = build.tests(target)
    modules = build.modules_of(target, driver)
    job = jobs.script("desktop", VIRTGPU_DESKTOP="window" if window else "picture")
    if gpu:
        say(f"    {hostgl.describe(gpu, for_people=True)}")
    folder = outfolder.claim(f"run-{driver}")
    options = Options(driver=driver, window="gtk" if window else "none", gpu=gpu,
                      gl=gl, heads=2 if window and not gpu else 1, size=(1280, 800))
    say(f"==> starting the guest ({driver} driver); "
        + ("close its window to stop it" if window else "no display here, so it ends with a picture"))
    result = jobs.run(target, options, job, folder, 24 * 3600 if window else 300,
                      modules=modules, tests=tests, sink=lambda data: say(data.decode().rstrip()))
    # Closing the window ends the guest during its job, which is no failure; a kernel warning is one.
    if window and result.status is None and not SerialLog(folder / "serial.log").bad():
        return 0
    jobs.require(result)
    picture = outfolder.OUT / "desktop.png"
    if not window:
        shutil.copy(folder / "desktop.png", picture)
        say(f"the desktop as the host shows it, {time.monotonic() - start:.0f} s after the start:")
        print(picture)
    return 0


if __name__ == "__main__":
    report.main(main)
