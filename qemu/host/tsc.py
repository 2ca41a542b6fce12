# SPDX-License-Identifier: GPL-2.0
"""Measures the rate of the host's time stamp counter, which emulated CPUs show to their guest.

A kernel measures the rate when it boots. If the host is busy at that time, the result is wrong, and the
guest's clock is several times too fast. Therefore the kernel's command line contains the rate.
"""
import ctypes
import functools
import mmap
import platform
import time

# rdtsc; shl rdx, 32; or rax, rdx; ret
READ = bytes.fromhex("0f31 48c1e220 4809d0 c3")
SECONDS = 0.2


class Counter:
    """The host's time stamp counter."""

    def __init__(self):
        self._code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._code.write(READ)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
        self._read = ctypes.CFUNCTYPE(ctypes.c_uint64)(address)

    def sample(self) -> tuple[int, int]:
        """Returns the time in nanoseconds and the counter at that time."""
        samples = []
        for _ in range(20):
            before = time.monotonic_ns()
            ticks = self._read()
            samples.append((time.monotonic_ns() - before, before, ticks))
        # The shorter the time between the two readings of the clock, the more exact the sample.
        distance, before, ticks = min(samples)
        return before + distance // 2, ticks


@functools.cache
def khz() -> int | None:
    """Returns the rate, or None if this machine has no such counter."""
    if platform.machine() != "x86_64":
        return None
    counter = Counter()
    start, first = counter.sample()
    time.sleep(SECONDS)
    end, last = counter.sample()
    return round((last - first) * 1_000_000 / (end - start))


def parameter() -> str:
    """Returns the kernel parameter for an emulated guest; may be empty."""
    rate = khz()
    return f"tsc_early_khz={rate}" if rate else ""
