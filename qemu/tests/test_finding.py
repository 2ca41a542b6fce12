# SPDX-License-Identifier: GPL-2.0
"""Tests the parsing of a fuzzer guest's inputs, and the titles of findings."""
import struct

from qemu.fuzz import finding


def program(*ops: int) -> bytes:
    return bytes(4) + b"".join(bytes([op]) + bytes(31) for op in ops)


def record(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def test_inputs_come_in_their_order(tmp_path):
    path = tmp_path / "inputs"
    path.write_bytes(record(program(1)) + record(program(2, 3)))
    assert finding.inputs_of(path) == [program(1), program(2, 3)]


def test_a_guest_that_ran_nothing_has_no_inputs(tmp_path):
    assert not finding.inputs_of(tmp_path / "inputs")


def test_only_ioctls_count():
    others = finding.OTHER_OPS
    assert finding.ioctls_of([program(0, others - 1, others), program(others + 5)]) == 2


def test_the_same_finding_has_the_same_name():
    first = ("[   12.5] WARNING: drivers/dma-buf/dma-fence.c:179 at dma_fence_context_alloc+0x1d, "
             "CPU#0: fuzzer/208\n[   12.6] Modules linked in: virtgpu")
    second = first.replace("12.5", "99.1").replace("CPU#0", "CPU#1").replace("/208", "/3118")
    assert finding.title(first) == finding.title(second)
    assert "dma_fence_context_alloc" in finding.title(first)


def test_different_findings_have_different_names():
    names = {finding.title(f"[ 1.0] BUG: KASAN: {what} in virtgpu_bo_put")
             for what in ("use-after-free", "out-of-bounds")}
    assert len(names) == 2
