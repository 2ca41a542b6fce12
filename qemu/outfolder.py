# SPDX-License-Identifier: GPL-2.0
"""Folders in out/ for logs, pictures and results: one run at a time works in each."""
import fcntl
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "out"
# Open files hold the locks until the process ends.
_locks = []


def of_run(scope: str, driver: str, kernel: str) -> str:
    """The name of the folder of a driver's run; `kernel` is KVER=, empty for the usual one."""
    return "-".join(filter(None, (scope, driver, kernel)))


def claim(name: str) -> Path:
    """out/NAME, or out/NAME-2, out/NAME-3 ... while other runs of this checkout work there."""
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
