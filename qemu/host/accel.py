# SPDX-License-Identifier: GPL-2.0
"""Decides whether to use KVM: it must boot a kernel, because /dev/kvm alone proves nothing."""
import os
import subprocess
from pathlib import Path

from qemu.base import cache, choice, report, sandbox
from qemu.images.target import Target

EMULATOR = ["-accel", "tcg,thread=multi", "-cpu", "max"]
# While the guest is busy, its clock advances by two nanoseconds per instruction. The number of timer
# interrupts then does not depend on the speed of the machine.
COUNTING = ["-icount", "shift=1,sleep=on", "-accel", "tcg,thread=single", "-cpu", "max"]
# A working KVM boots this far within two seconds.
PROBE_SECONDS = 15


def kvm_boots(target: Target) -> bool:
    """Boots the guest's kernel without a disk until it prints its version; the answer is cached."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    memory = cache.root() / f"kvm-{cache.key(boot_id, target.version)}"
    if memory.exists():
        return memory.read_text() == "yes"

    with report.step("trying KVM"):
        argv = sandbox.command(
            target.root,
            ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", "512", "-nodefaults",
             "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel",
             target.kernel / "vmlinuz", "-append", "console=ttyS0 panic=-1"],
            read=[target.kernel])
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=PROBE_SECONDS)
            works = b"Linux version" in done.stdout and b"VFS:" in done.stdout
        except subprocess.TimeoutExpired:
            works = False
    memory.write_text("yes" if works else "no")
    return works


def choose(target: Target) -> list:
    """Returns QEMU's accelerator options; VIRTGPU_ACCEL=kvm or tcg overrides the probe."""
    wanted = choice.accel()
    if wanted == "kvm" or (not wanted and kvm_boots(target)):
        return ["-accel", "kvm", "-cpu", "host"]
    return EMULATOR


def name(target: Target) -> str:
    """Returns "tcg" or "kvm", because the expectations of tests differ between them."""
    return "kvm" if "kvm" in choose(target) else "tcg"
