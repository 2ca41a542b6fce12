# SPDX-License-Identifier: GPL-2.0
"""The host's side of a guest with a renderer: QEMU with GL, and a display where there is none."""
import inspect
import os
from pathlib import Path

import cache
import report
import setup

HERE = Path(__file__).resolve().parent
# What the guest's device is, by the name of its renderer.
DEVICES = {"virgl": "virtio-gpu-gl-pci",
           "venus": "virtio-gpu-gl-pci,blob=on,hostmem=512M,venus=on"}


def make_root(folder: Path) -> None:
    with report.step(f"GL root ({setup.BACKPORTS}: QEMU, Mesa, Xvfb)"):
        setup.make_root_with_backports(folder, HERE / "gl-root.packages")


def root() -> Path:
    name = cache.key(HERE / "gl-root.packages", setup.STABLE, inspect.getsource(make_root),
                     inspect.getsource(setup.make_root_with_backports))
    return cache.entry(f"gl-root-{name}", make_root)


def has_display() -> bool:
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def wrap(argv) -> list:
    """QEMU's command line, on a display of its own unless the machine has one."""
    if has_display():
        return argv
    return ["xvfb-run", "-a", "-s", "-screen 0 2560x1600x24 -nolisten tcp", *argv]


def describe(gpu: str) -> str:
    where = "the display of this machine" if has_display() else "llvmpipe under Xvfb"
    return f"{gpu} by {DEVICES[gpu]} on {where}"
