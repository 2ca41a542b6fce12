# SPDX-License-Identifier: GPL-2.0
"""Checks that a driver for upstream's `kernel::drm` compiles against the crate `drm`, too."""
import re
import subprocess
from pathlib import Path

from qemu.base import sandbox
from qemu.base.paths import TOP
from qemu.images import rustkernel, upstreamdrm
from qemu.images.target import Target

DRIVER = TOP / "rust/upstream/vault.rs"
# The paths that differ. Others of the crate `kernel` are the same for both.
USE = re.compile(r"^use kernel::(drm\b|declare_drm_ioctls\b)", re.M)


def port(text: str) -> str:
    """Returns a driver's source with the `use` paths of the crate `drm`, and nothing else changed."""
    return USE.sub(lambda match: f"use {'' if match[1] == 'drm' else 'drm::'}{match[1]}", text)


def upstream_says(target: Target, folder: Path) -> str:
    """Compiles the driver as it is, for a kernel that has `kernel::drm`; returns the errors."""
    root = rustkernel.root()
    tree = upstreamdrm.tree(target, root)
    folder.mkdir(exist_ok=True)
    (folder / DRIVER.name).write_text(DRIVER.read_text())
    (folder / "Kbuild").write_text(f"obj-m := {DRIVER.stem}.o\n")
    argv = ["make", "-s", "-C", tree, f"M={folder}", f"CC={target.gcc}", "KRUSTFLAGS=-Dwarnings",
            f"{DRIVER.stem}.o"]
    done = subprocess.run(sandbox.command(root, argv, read=[tree], write=[folder]),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""
