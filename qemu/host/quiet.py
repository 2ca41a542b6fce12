# SPDX-License-Identifier: GPL-2.0
"""Lets suites that measure time run without the suites of another `make check` beside them."""
import contextlib
import fcntl

from qemu.base import cache
from qemu.base.report import say


@contextlib.contextmanager
def turn(alone: bool):
    """Holds a turn of a suite. One that is `alone` waits for all others, and others wait for it."""
    mode = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    with open(cache.root() / ".suites.lock", "w") as lock:
        try:
            fcntl.flock(lock, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            say("    waits for a suite of another run, because one of the two measures time")
            fcntl.flock(lock, mode)
        yield
