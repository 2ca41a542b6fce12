# SPDX-License-Identifier: GPL-2.0
"""Prepares everything that a guest needs from Debian packages: build root, guest disk, kernel."""
import concurrent.futures
import os

from qemu.base import cache, choice, report
from qemu.images import debian, disks, guestversions, packagedkernel, roots
from qemu.images.target import Environment, Target


def chosen_kernel(wanted: str = "") -> Target:
    """Returns what a build for a kernel needs."""
    root = roots.build_root()
    chosen = packagedkernel.resolve_kernel(root, wanted)
    folder = packagedkernel.kernel(root, chosen)
    return Target(**vars(chosen), root=root, kernel=folder,
                  gcc=packagedkernel.compiler(folder, chosen.version))


def prepare(wanted_kernel: str = "") -> Environment:
    """Returns everything that a guest needs; makes what the cache lacks, the two roots in parallel."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        name = disks.guest_name()
        tar = None
        if not (cache.root() / name).exists():
            tar = pool.submit(cache.entry, disks.guest_tar_name(), disks.make_guest_tar(()),
                              disks.GUEST_MB)
        try:
            target = chosen_kernel(wanted_kernel)
        except BaseException:
            # Without a kernel there will be no guest, so stop making its disk.
            debian.interrupt()
            raise
        if tar:
            tar.result()
    guest = disks.guest_image(target.root)
    for line in guestversions.drift(guest):
        report.say(f"    {line}")
    return Environment(**vars(target), guest=guest,
                       initramfs=disks.initramfs(target.root, target.version, target.kernel))


def main() -> int:
    wanted = choice.kernel()
    if os.environ.get("VIRTGPU_UPDATE"):
        packagedkernel.update()
    target = prepare(wanted)
    report.say(f"ready: kernel {target.version}, all files are in {cache.root()}")
    return 0


if __name__ == "__main__":
    report.main(main)
