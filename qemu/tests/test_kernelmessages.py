# SPDX-License-Identifier: GPL-2.0
"""Tests which kernel messages fail a run."""
import pytest

from qemu.host import kernelmessages

# In the format of kernel 7.3.
COMPLAINTS = {
    "warning": "[    9.1] WARNING: drivers/gpu/drm/drm_vblank.c:1 at drm_vblank_off+0x1/0x2, CPU#1",
    "older warning": "[    9.1] WARNING: CPU: 0 PID: 9 at mm/slab.c:1 kfree+0x1/0x2",
    "circular locking": "[    9.1] WARNING: possible circular locking dependency detected",
    "recursive locking": "[    9.1] WARNING: possible recursive locking detected",
    "irq inversion": "[    9.1] WARNING: possible irq lock inversion dependency detected",
    "lock state": "[    9.1] WARNING: inconsistent lock state",
    "unlock balance": "[    9.1] WARNING: bad unlock balance detected!",
    "RCU usage": "[    9.1] WARNING: suspicious RCU usage",
    "wait context": "[    9.1] [ BUG: Invalid wait context ]",
    "unregistered lock": "[    9.1] INFO: trying to register non-static key.",
    "atomic sleep": "[    9.1] BUG: sleeping function called from invalid context at mm/x.c:1",
    "scheduling": "[    9.1] BUG: scheduling while atomic: virtgpu/1/0x00000002",
    "refcount": "[    9.1] refcount_t: addition on 0; use-after-free.",
    "list": "[    9.1] list_del corruption. prev->next should be 00, but was 01.",
    "slab": "[    9.1] BUG kmalloc-64 (Not tainted): Right Redzone overwritten",
    "KASAN": "[    9.1] BUG: KASAN: slab-use-after-free in virtgpu_x+0x1/0x2 [virtgpu]",
    "UBSAN": "[    9.1] UBSAN: shift-out-of-bounds in drm/x.c:1:2",
    "DMA": "[    9.1] DMA-API: virtio-pci 0000:00:02.0: device driver has pending DMA allocations",
    "leak": "[    9.1] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "workqueue": "[    9.1] BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 33s!",
    "page state": "[    9.1] BUG: Bad page state in process x  pfn:1234",
    "symbol": "[    9.1] virtgpu: Unknown symbol drm_exec_init (err -2)",
}
FATAL = {
    "oops": "[    9.1] Oops: Oops: 0002 [#1] SMP NOPTI",
    "null": "[    9.1] BUG: kernel NULL pointer dereference, address: 0000000000000000",
    "BUG()": "[    9.1] kernel BUG at drm/x.c:12!",
    "panic": "[    9.1] Kernel panic - not syncing: sysrq triggered crash",
    "hung task": "[    9.1] INFO: task virtgpu:12 blocked for more than 120 seconds.",
    "rcu stall": "[    9.1] rcu: INFO: rcu_preempt self-detected stall on CPU",
    "rcu stall elsewhere": "[    9.1] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
    "soft lockup": "[    9.1] watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [insmod:7]",
    "protection": "[    9.1] general protection fault, probably for non-canonical address",
}
HARMLESS = (
    "[    9.1] virtio-pci 0000:00:05.0: [drm] *ERROR* the host did not answer GET_EDID for 1 s",
    "[    9.1] virtgpu: loading out-of-tree module taints kernel.",
    "[    9.1] Console: switching to colour frame buffer device 128x48",
    "[    9.1] [IGT] virtgpu_damage: finished subtest one-clip, SUCCESS",
    "[    9.1] (kms_vblank:415) igt_fb-DEBUG: igt_create_fb_with_bo_size(handle=1, pitch=4096)",
)


@pytest.mark.parametrize("line", [*COMPLAINTS.values(), *FATAL.values()])
def test_complaint(line):
    assert kernelmessages.complaints(["[    1.0] Linux version", line]) == line


@pytest.mark.parametrize("line", FATAL.values())
def test_fatal(line):
    assert kernelmessages.excerpt([line], kernelmessages.FATAL)


@pytest.mark.parametrize("name", ["KASAN", "atomic sleep", "circular locking", "warning"])
def test_not_fatal(name):
    """The run continues, because the failing test must be known."""
    assert not kernelmessages.excerpt([COMPLAINTS[name]], kernelmessages.FATAL)


@pytest.mark.parametrize("line", HARMLESS)
def test_harmless(line):
    assert not kernelmessages.complaints([line])


def test_a_message_that_a_test_accounts_for_is_known():
    runner = "<4>[    9.100000] WARNING: x at y"
    assert not kernelmessages.complaints(["[    9.100000] WARNING: x at y"],
                                         {kernelmessages.bare(runner)})
    assert kernelmessages.complaints(["[   19.100000] WARNING: x at y"],
                                     {kernelmessages.bare(runner)})


def test_excerpt_leaves_out_what_is_expected():
    lines = ["[ 1] Kernel panic - not syncing", "[ 2] WARNING: x at y"]
    assert kernelmessages.excerpt(lines, kernelmessages.BAD, "Kernel panic") == lines[1]


def test_taint():
    assert kernelmessages.taint(0, 1 << 12 | 1 << 13) == ""
    assert kernelmessages.taint(0, 1 << 9 | 1 << 12) == "warning"
    assert kernelmessages.taint(1 << 9, 1 << 9 | 1 << 7) == "oops"
    assert kernelmessages.taint(0, 1 << 14) == "soft lockup"
    assert kernelmessages.taint(0, 1 << 40) == "bit 40"


def test_the_reason_of_a_fatal_message_is_shown():
    lines = ["[ 1] a", "[ 2] list_del corruption. x", "[ 2] ---[ cut here ]---",
             "[ 2] kernel BUG at lib/list_debug.c:52!", "[ 2] Oops: invalid opcode"]
    text = kernelmessages.excerpt(lines, kernelmessages.FATAL, before=kernelmessages.REASON)
    assert "list_del corruption" in text and "Oops" in text
