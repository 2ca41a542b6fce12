# SPDX-License-Identifier: GPL-2.0
"""The seed of everything random in a run: VIRTGPU_SEED, or a new one each time."""
import os
import secrets

from report import Failure

BITS = 31


def choose() -> int:
    """The seed that VIRTGPU_SEED gives; without it a random one."""
    text = os.environ.get("VIRTGPU_SEED", "")
    if not text:
        return secrets.randbits(BITS) or 1
    if not text.isdigit() or not 0 < int(text) < 1 << BITS:
        raise Failure(f"VIRTGPU_SEED={text}: it is a number from 1 to {(1 << BITS) - 1}")
    return int(text)


def replay(number: int) -> str:
    """For a person who has to run the same again."""
    return f"seed {number} (VIRTGPU_SEED={number} repeats it)"
