# SPDX-License-Identifier: GPL-2.0
"""Folders in out/ for logs, pictures and results; each is used by one run at a time."""
import fcntl
from pathlib import Path

from qemu.base.choice import Shard
from qemu.base.paths import TOP

OUT = TOP / "out"
# The open files keep their locks until the process ends.
_locks = []


def of_run(scope: str, driver: str, kernel: str, shard: Shard | None = None) -> str:
    """Returns the name of the folder of a run; `kernel` is KVER=, empty for the default."""
    part = f"shard-{shard.number}-of-{shard.count}" if shard else ""
    return "-".join(filter(None, (scope, driver, kernel, part)))


def claim(name: str) -> Path:
    """Returns and locks out/NAME, or out/NAME-2, out/NAME-3 ... if other runs use these."""
    number = 1
    while True:
        folder = OUT / (name if number == 1 else f"{name}-{number}")
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / ".lock", "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            number += 1
            continue
        _locks.append(lock)
        return folder
