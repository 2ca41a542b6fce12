# SPDX-License-Identifier: GPL-2.0
"""Whether KVM works here: it must boot a kernel, not merely exist."""
import os
import subprocess
from pathlib import Path

import cache
import choice
import report
import sandbox

EMULATOR = ["-accel", "tcg,thread=multi", "-cpu", "max"]
# The guest's clock goes with its instructions, one every two nanoseconds, while it has something to
# do: how often a timer interrupts it then does not depend on how fast the machine is.
COUNTING = ["-icount", "shift=1,sleep=on", "-accel", "tcg,thread=single", "-cpu", "max"]
# A working KVM is at this point within two seconds.
PROBE_SECONDS = 15


def kvm_boots(found) -> bool:
    """Boots the guest's kernel without a disk until it says its name; the answer is cached."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    memory = cache.root() / f"kvm-{cache.key(boot_id, found['version'])}"
    if memory.exists():
        return memory.read_text() == "yes"

    with report.step("trying KVM"):
        argv = sandbox.command(
            found["root"],
            ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", "512", "-nodefaults",
             "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel",
             found["kernel"] / "vmlinuz", "-append", "console=ttyS0 panic=-1"],
            read=[found["kernel"]])
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=PROBE_SECONDS)
            works = b"Linux version" in done.stdout and b"VFS:" in done.stdout
        except subprocess.TimeoutExpired:
            works = False
    memory.write_text("yes" if works else "no")
    return works


def choose(found) -> list:
    """QEMU's accelerator options; VIRTGPU_ACCEL=kvm or tcg overrides the probe."""
    wanted = choice.accel()
    if wanted == "kvm" or (not wanted and kvm_boots(found)):
        return ["-accel", "kvm", "-cpu", "host"]
    return EMULATOR


def name(found) -> str:
    """tcg or kvm: tests may take their time on one and not on the other."""
    return "kvm" if "kvm" in choose(found) else "tcg"
