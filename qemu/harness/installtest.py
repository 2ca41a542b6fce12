# SPDX-License-Identifier: GPL-2.0
"""Tests the package as a person uses it: installs it in a guest, boots, removes it, boots again.

The guest is a Debian system with DKMS and a compiler. It boots its own kernel with the initramfs that it
made itself. The compiler runs in the guest, so this takes long without KVM.
"""
import dataclasses
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from qemu.base import choice, outfolder, report
from qemu.build import build, deb
from qemu.host import jobs
from qemu.host.machine import Options
from qemu.images import environment, ownsystem
from qemu.images.target import Environment

OURS, STOCK = "virtgpu", "virtio_gpu"
# Seconds that a guest may take to install the package, and to do anything else.
INSTALL_SECONDS, SECONDS = 3600, 600

# Each job begins with this: the right driver must be bound, and nothing of the other one loaded.
BEGIN = """
set -e
for device in /sys/bus/virtio/devices/*; do
    [ "$(cat "$device/device")" != 0x0010 ] || driver=$(basename "$(readlink "$device/driver")")
done
echo "the device is bound to $driver"
[ "$driver" = {driver} ]
grep '^{driver} ' /proc/modules
if grep '^{other} ' /proc/modules; then
    echo "{other} is loaded, too"
    exit 1
fi
VIRTGPU_DRIVER={name} /host/tests/virtgpu_display --run-subtest flips
"""
INSTALL = """
apt-get install -y /host/tests/{package}
modinfo virtgpu
[ "$(modinfo -F version virtgpu)" = {version} ]
[ "$(modinfo -F alias virtgpu)" = "virtio:d00000010v*" ]
[ -n "$(modinfo -F signer virtgpu)" ]
lsinitramfs "/boot/initrd.img-$(uname -r)" | grep virtgpu.ko
"""
# The kernel log must say why the kernel's own driver is used.
SAYS_WHY = """
dmesg | grep virtgpu
dmesg | grep -q 'virtgpu is not used: .*{why}'
"""
REMOVE = """
apt-get remove -y virtgpu-dkms
if modinfo virtgpu; then
    echo "the module is still there"
    exit 1
fi
if lsinitramfs "/boot/initrd.img-$(uname -r)" | grep -e virtgpu.ko -e virtgpu-replaces; then
    echo "the initramfs still loads the module"
    exit 1
fi
"""


@dataclass(frozen=True)
class Step:
    """One boot: the driver that must be in use then, and what is done with it."""
    name: str
    driver: str
    job: str = ""
    # More kernel parameters.
    append: str = ""
    seconds: int = SECONDS


def steps(package: Path, version: str) -> tuple[Step, ...]:
    return (
        Step("install", STOCK, INSTALL.format(package=package.name, version=version),
             seconds=INSTALL_SECONDS),
        Step("blacklisted", STOCK, SAYS_WHY.format(why="it is on the blacklist"),
             "modprobe.blacklist=virtgpu"),
        # As with Secure Boot, if the key of DKMS is not enrolled.
        Step("rejected", STOCK, SAYS_WHY.format(why="Key was rejected by service"),
             "module.sig_enforce=1"),
        Step("remove", OURS, REMOVE),
        Step("removed", STOCK),
    )


def job(step: Step) -> str:
    """Returns the script that the guest runs."""
    ours = step.driver == OURS
    return BEGIN.format(driver=step.driver, other=STOCK if ours else OURS,
                        name="c" if ours else "stock") + step.job


def boot(target: Environment, step: Step, folder: Path, tests: Path) -> bool:
    """Boots the guest for one step; returns whether it succeeded."""
    folder.mkdir(parents=True, exist_ok=True)
    initramfs = ownsystem.read_initramfs(target.root, target.guest, target.version, folder)
    report.say(f"==> {step.name} (with {step.driver})")
    result = jobs.run(dataclasses.replace(target, initramfs=initramfs),
                      Options(driver="stock", heads=1, own_system=True, append=step.append),
                      job(step), folder, step.seconds, tests=tests, sink=report.pass_on)
    text = jobs.describe(result)
    if text:
        report.say(text)
    report.say(f"    {step.name}: {result.seconds:.0f} s, {result.judged} pictures judged")
    return not text


def run(folder: Path) -> dict[str, str]:
    """Returns {step: pass or fail}; a step needs those before it, so the first failure is the last."""
    built = environment.chosen_kernel(choice.kernel())
    package = deb.make(folder)["c"]
    image = folder / "disk/system.ext4"
    image.parent.mkdir(exist_ok=True)
    subprocess.run(["cp", "--sparse=always", ownsystem.disk(built.root, built), image], check=True)
    tests = folder / "tests"
    shutil.rmtree(tests, ignore_errors=True)
    shutil.copytree(build.tests(built), tests)
    shutil.copy(package, tests)
    # Each boot has the initramfs that the one before has made.
    target = Environment(**vars(built), guest=image, initramfs=image)
    results = {}
    for step in steps(package, deb.version()):
        good = boot(target, step, folder / step.name, tests)
        results[step.name] = "pass" if good else "fail"
        if not good:
            break
    image.unlink()
    return results


def main() -> int:
    results = run(outfolder.claim("install"))
    for name, result in results.items():
        print(f"install@{name}: {result}")
    return 0 if set(results.values()) == {"pass"} else 1


if __name__ == "__main__":
    report.main(main)
