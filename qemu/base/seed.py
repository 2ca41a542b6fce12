# SPDX-License-Identifier: GPL-2.0
"""The seed of all random choices in a run: VIRTGPU_SEED, or a new one each time."""
import os
import secrets

from qemu.base.report import Failure

BITS = 31


def choose() -> int:
    """Returns the seed of VIRTGPU_SEED, or a random one."""
    text = os.environ.get("VIRTGPU_SEED", "")
    if not text:
        return secrets.randbits(BITS) or 1
    if not text.isdigit() or not 0 < int(text) < 1 << BITS:
        raise Failure(f"VIRTGPU_SEED={text}: must be a number from 1 to {(1 << BITS) - 1}")
    return int(text)


def replay(number: int) -> str:
    """Returns a note that says how to repeat a run."""
    return f"seed {number} (VIRTGPU_SEED={number} repeats it)"
