# SPDX-License-Identifier: GPL-2.0
"""Parses findings of the ioctl fuzzer: their titles, and the programs that led to them."""
import re
import struct
from pathlib import Path

from qemu.host.kernelmessages import BAD
from qemu.host.seriallog import SerialLog

# From struct program of igt-tests/fuzz/program.h; operations of ops.c below OTHER_OPS are no ioctls.
HEADER_SIZE, CALL_SIZE, MAX_CALLS, OTHER_OPS = 4, 32, 48, 10
LONGEST = HEADER_SIZE + CALL_SIZE * MAX_CALLS


def inputs_of(path: Path) -> list:
    """Returns the programs that a guest wrote before it ran them, in order."""
    data, inputs, at = path.read_bytes() if path.exists() else b"", [], 0
    while at + 4 <= len(data):
        size = struct.unpack_from("<I", data, at)[0]
        inputs.append(data[at + 4:at + 4 + size])
        at += 4 + size
    return inputs


def ioctls_of(inputs) -> int:
    """Returns the maximum number of ioctls in programs."""
    return sum(data[at] >= OTHER_OPS for data in inputs
               for at in range(HEADER_SIZE, len(data) - CALL_SIZE + 1, CALL_SIZE))


def warnings_of(log: SerialLog) -> list:
    """Returns the titles of all warnings and crashes in a kernel log."""
    return [title(line) for line in log.lines() if BAD.search(line)]


def title(trouble: str) -> str:
    """Returns the title of a finding, which is equal for equal findings."""
    line = next((line for line in trouble.splitlines()
                 if re.search(r"WARNING|BUG|KASAN|UBSAN|Oops|refcount|FINDING", line)),
                trouble.splitlines()[0])
    line = re.sub(r"^\[[^]]*\] *(\[[^]]*\])?", "", line)
    # CPU, task and addresses differ each time.
    line = re.sub(r",? *CPU[:#] ?\d+.*", "", line)
    return re.sub(r"0x[0-9a-f]+|PID: ?\d+|/\d+|\b\d{3,}\b", "#", line).strip()
