# SPDX-License-Identifier: GPL-2.0
"""Runs the kernel's checkpatch.pl."""
import subprocess
from collections.abc import Iterable
from pathlib import Path

from qemu.base import sandbox
from qemu.images import kernelsource
from qemu.images.target import Target


def complaints(target: Target, options: Iterable[str], files: Iterable[Path], folder: Path) -> str:
    """Returns what checkpatch says about files in a folder."""
    scripts = kernelsource.tool(target, "scripts/checkpatch.pl", "scripts/spelling.txt",
                                "scripts/const_structs.checkpatch")
    argv = ["perl", scripts / "scripts/checkpatch.pl", "--no-tree", "--strict", "--terse", "--quiet",
            "--no-summary", *options, *files]
    done = subprocess.run(sandbox.command(target.root, argv, read=[folder, scripts]),
                          capture_output=True, text=True)
    # A failure without a message counts, too.
    return done.stdout + done.stderr or (f"status {done.returncode}" if done.returncode else "")
