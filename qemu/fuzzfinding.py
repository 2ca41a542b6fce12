# SPDX-License-Identifier: GPL-2.0
"""What the ioctl fuzzer found: its name, and the programs that led to it."""
import re
import struct
from pathlib import Path

from kernelmessages import BAD
from seriallog import SerialLog

# struct program of igt-tests/fuzz/program.h, and operations of ops.c that are no ioctls.
HEADER_SIZE, CALL_SIZE, MAX_CALLS, OTHER_OPS = 4, 32, 48, 10
LONGEST = HEADER_SIZE + CALL_SIZE * MAX_CALLS


def inputs_of(path: Path) -> list:
    """The programs that a guest was about to run, one after the other."""
    data, inputs, at = path.read_bytes() if path.exists() else b"", [], 0
    while at + 4 <= len(data):
        size = struct.unpack_from("<I", data, at)[0]
        inputs.append(data[at + 4:at + 4 + size])
        at += 4 + size
    return inputs


def ioctls_of(inputs) -> int:
    """How many ioctls programs make at most."""
    return sum(data[at] >= OTHER_OPS for data in inputs
               for at in range(HEADER_SIZE, len(data) - CALL_SIZE + 1, CALL_SIZE))


def warnings_of(log: SerialLog) -> list:
    """The names of all warnings and crashes in a kernel's log."""
    return [title(line) for line in log.lines() if BAD.search(line)]


def title(trouble: str) -> str:
    """A finding's name, the same for the same."""
    line = next((line for line in trouble.splitlines()
                 if re.search(r"WARNING|BUG|KASAN|UBSAN|Oops|refcount|FINDING", line)),
                trouble.splitlines()[0])
    line = re.sub(r"^\[[^]]*\] *(\[[^]]*\])?", "", line)
    # Which CPU and task it was is another's each time, and so are addresses.
    line = re.sub(r",? *CPU[:#] ?\d+.*", "", line)
    return re.sub(r"0x[0-9a-f]+|PID: ?\d+|/\d+|\b\d{3,}\b", "#", line).strip()
