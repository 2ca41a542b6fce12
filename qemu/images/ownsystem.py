# SPDX-License-Identifier: GPL-2.0
"""A disk with a Debian system that boots by itself, as on a person's machine."""
from pathlib import Path

from qemu.base import cache, sandbox
from qemu.base.paths import GUEST
from qemu.base.report import Failure, step
from qemu.images.debian import BACKPORTS, STABLE, bootstrap, mirror, packages
from qemu.images.target import Package

HERE = Path(__file__).resolve().parent
SIZE = "4G"
# Disk space in MB that the disk needs, in the cache and in the folder for temporary files.
DISK_MB = 3000
SCRIPT = GUEST / "installed"
SERVICE = HERE / "installed.service"


def make_disk(root: Path, version: str):
    def make(folder: Path) -> None:
        uri = mirror()
        tar, image = folder / "system.tar", folder / "system.ext4"
        hooks = [f'chroot "$1" apt-get -qq install -y --no-install-recommends -t {BACKPORTS} '
                 f"linux-image-{version} linux-headers-{version}",
                 f"upload {SCRIPT} /usr/local/sbin/installed",
                 f"upload {SERVICE} /etc/systemd/system/installed.service",
                 'chroot "$1" chmod 755 /usr/local/sbin/installed',
                 'chroot "$1" systemctl enable -q installed.service']
        with step(f"system with kernel {version} ({STABLE}: DKMS, compiler)"):
            bootstrap(STABLE, packages(HERE / "ownsystem.packages"), tar,
                      [f"deb {uri} {STABLE} main", f"deb {uri} {BACKPORTS} main"], hooks)
            sandbox.run(root, ["mke2fs", "-q", "-t", "ext4", "-m", "0", "-O", "^has_journal",
                               "-E", "lazy_itable_init=1", "-d", tar, image, SIZE],
                        write=[folder])
        tar.unlink()
    return make


def disk(root: Path, kernel: Package) -> Path:
    """Returns the disk of a system with this kernel and its headers."""
    key = cache.key(cache.recipe(HERE / "ownsystem.packages", SCRIPT, SERVICE, make_disk), STABLE,
                    kernel.suite, kernel.package)
    return cache.entry(f"system-{kernel.version}-{key}", make_disk(root, kernel.version),
                       DISK_MB) / "system.ext4"


def read_initramfs(root: Path, image: Path, version: str, folder: Path) -> Path:
    """Copies the initramfs of a kernel from a disk into a folder, and returns its path."""
    path = folder / f"initrd.img-{version}"
    path.unlink(missing_ok=True)
    text = sandbox.run(root, ["debugfs", "-R", f"dump /boot/{path.name} {path}", image],
                       read=[image.parent], write=[folder])
    if not path.exists() or not path.stat().st_size:
        raise Failure(f"{image} has no initramfs of kernel {version}:\n{text}")
    return path
