# SPDX-License-Identifier: GPL-2.0
"""Checks that the patches in docs/upstream/ apply to the source of the guest's kernel."""
import re

from qemu.base import sandbox
from qemu.base.paths import TOP
from qemu.base.report import Failure
from qemu.images import kernelsource
from qemu.images.target import Target

PATCHES = TOP / "docs/upstream"


def changed_files(patch: str) -> list[str]:
    """Returns the files that a patch changes."""
    return re.findall(r"^\+\+\+ b/(\S+)$", patch, re.M)


def patched_files(output: str) -> list[str]:
    """Returns the files that busybox's patch names in its output."""
    return re.findall(r"^patching file (\S+)$", output, re.M)


def misfits(target: Target) -> list[str]:
    """Returns a message for each patch that does not apply."""
    patches = {path: changed_files(path.read_text()) for path in sorted(PATCHES.glob("*.patch"))}
    source = kernelsource.tool(target, *sorted({name for names in patches.values() for name in names}))
    lines = []
    for path, names in patches.items():
        try:
            output = sandbox.run(target.root, ["busybox", "patch", "-p1", "--dry-run", "-i", path],
                                 read=[source, PATCHES], cwd=source)
        except Failure as failure:
            lines.append(f"{path.name} does not apply: {failure}")
            continue
        # It skips a hunk whose header is not valid, and says nothing about it.
        if not names or patched_files(output) != names:
            lines.append(f"{path.name} is not a valid patch")
    return lines
