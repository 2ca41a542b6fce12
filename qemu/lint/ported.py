# SPDX-License-Identifier: GPL-2.0
"""A driver for upstream's `kernel::drm`, which compiles with the crate `drm`, too. Run alone, this
checks that the driver compiles with upstream's crate."""
import re
import subprocess
from pathlib import Path

from qemu.base import choice, outfolder, report, sandbox
from qemu.base.paths import TOP
from qemu.images import environment, rustkernel, upstreamdrm
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


def main() -> int:
    target = environment.prepare(choice.kernel())
    errors = upstream_says(target, outfolder.claim("upstream"))
    print(errors or f"{DRIVER.name} compiles with kernel::drm")
    return 1 if errors else 0


if __name__ == "__main__":
    report.main(main)
