# SPDX-License-Identifier: GPL-2.0
"""The guest's disks with Debian packages, and its initramfs."""
import json
import shutil
from pathlib import Path

from qemu.base import cache, sandbox
from qemu.base.paths import GUEST
from qemu.base.report import step
from qemu.images import guestversions
from qemu.images.debian import GUEST_SUITE, bootstrap, mirror, packages

HERE = Path(__file__).resolve().parent
INITRAMFS = HERE / "initramfs.sh"
GUEST_DISK = "3G"
DESKTOPS_DISK = "7G"
# Disk space in MB that a disk needs, in the cache and in the folder for temporary files.
GUEST_MB = 2600


def make_guest_tar(extra):
    """The guest's packages, and more if somebody needs them."""
    def make(folder: Path) -> None:
        what = ", ".join(("IGT, Weston, Mesa, Xorg", *extra))
        with step(f"guest user space ({GUEST_SUITE}: {what})"):
            bootstrap(GUEST_SUITE, packages(HERE / "guest.packages") + list(extra),
                      folder / "guest.tar", [f"deb {mirror()} {GUEST_SUITE} main"])
            versions = guestversions.installed(folder / "guest.tar")
            (folder / guestversions.FILE).write_text(json.dumps(versions, indent=1))
    return make


def make_guest_image(root: Path, extra, size: str):
    def make(folder: Path) -> None:
        tar = cache.entry(guest_tar_name(extra), make_guest_tar(extra), GUEST_MB) / "guest.tar"
        with step("guest disk"):
            image = folder / "guest.ext4"
            sandbox.run(root, ["mke2fs", "-q", "-t", "ext4", "-m", "0", "-O", "^has_journal",
                               "-E", "lazy_itable_init=1", "-d", tar, image, size],
                        read=[tar.parent], write=[folder])
        shutil.copy(tar.parent / guestversions.FILE, folder)
        shutil.rmtree(tar.parent)
    return make


def guest_tar_name(extra=()) -> str:
    return "guest-tar-" + cache.key(cache.recipe(HERE / "guest.packages", make_guest_tar),
                                    GUEST_SUITE, *extra)


def guest_name(extra=(), size: str = GUEST_DISK) -> str:
    return "guest-" + cache.key(guest_tar_name(extra), size)


def guest_image(root: Path, extra=(), size: str = GUEST_DISK) -> Path:
    return cache.entry(guest_name(extra, size),
                       make_guest_image(root, extra, size), GUEST_MB) / "guest.ext4"


def desktops_image(root: Path) -> Path:
    """Returns the guest's disk with desktops, which only the desktops suite needs."""
    return guest_image(root, tuple(packages(HERE / "desktops.packages")), DESKTOPS_DISK)


def make_initramfs(root: Path, version: str, kernel_dir: Path):
    def make(folder: Path) -> None:
        tree = folder / "tree"
        for sub in ("bin", "dev", "proc", "sys", "root", f"lib/modules/{version}"):
            (tree / sub).mkdir(parents=True)
        (tree / "init").write_bytes((GUEST / "initramfs-init").read_bytes())
        (tree / "stage2").write_bytes((GUEST / "init").read_bytes())
        (tree / "init").chmod(0o755)
        (tree / "stage2").chmod(0o755)
        sandbox.run(root, ["sh", INITRAMFS, tree, kernel_dir / "usr", version, folder / "initramfs"],
                    read=[kernel_dir, INITRAMFS.parent], write=[folder])
    return make


def initramfs(root: Path, version: str, kernel_dir: Path) -> Path:
    name = cache.key(kernel_dir.name, cache.recipe(INITRAMFS, GUEST / "initramfs-init", GUEST / "init"))
    return cache.entry(f"initramfs-{name}",
                       make_initramfs(root, version, kernel_dir)) / "initramfs"
