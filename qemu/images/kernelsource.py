# SPDX-License-Identifier: GPL-2.0
"""Downloads the source package of the guest's kernel, once for everything built from it."""
from pathlib import Path

from qemu.base import cache, kernels, sandbox
from qemu.base.report import Failure, step
from qemu.images import debian
from qemu.images.target import Target

SOURCE, CONFIG = "source.tar.xz", "config"
# Half of the source, which no build here reads. To write and remove so many files takes minutes on a
# disk that discards freed blocks at once. Other files in these folders, for example of Kconfig, are
# needed.
UNUSED = ("arch/[!x]*/*.[chS]", "arch/[!x]*/*.dts*", "Documentation/*.rst", "Documentation/*.yaml",
          "tools/testing/*",
          *(f"{folder}/*.[ch]" for folder in
            ("sound", "tools/perf",
             *(f"drivers/{name}" for name in
               ("net/*", "media/[!c]*", "staging", "infiniband", "iio", "usb", "scsi", "mtd",
                *(f"gpu/drm/{driver}" for driver in
                  ("amd", "i915", "msm", "nouveau", "radeon", "xe")))))))


def _upstream(target: Target) -> str:
    """Returns the packages' version without Debian's revision, e.g. 7.3.4."""
    return target.package.rpartition("-")[0]


def _make(target: Target):
    wanted = _upstream(target)
    series = kernels.series_of(target.version)

    def make(folder: Path) -> None:
        with step(f"source of kernel {wanted}"):
            debian.apt(target.root, folder, ["apt-get", "-qq", "update"], target.suite)
            debian.apt(target.root, folder, ["apt-get", "-qq", "download", f"linux-source-{series}",
                                             f"linux-config-{series}"], target.suite)
            if not list(folder.glob(f"linux-source-{series}_{wanted}-*.deb")):
                raise Failure(f"the mirror has no source of kernel {wanted}: run `make update`, or "
                              "choose another KVER=")
            sandbox.run(target.root, ["sh", "-c", f"""
                set -e
                cd {folder}
                for deb in linux-*.deb; do dpkg-deb -x "$deb" .; done
                mv usr/src/linux-source-{series}.tar.xz {SOURCE}
                xzcat usr/src/linux-config-{series}/config.amd64_none_amd64.xz >{CONFIG}
                rm -r linux-*.deb usr cache state"""], write=[folder])
    return make


def package(target: Target) -> Path:
    """Returns a folder with the source in SOURCE and the distribution's configuration in CONFIG.

    The root of `target` must be the build root, because other roots cannot download.
    """
    return cache.entry(f"kernel-source-{_upstream(target)}-{cache.key(cache.recipe(_make))}",
                       _make(target))


def _untar(target: Target, folder: Path, *arguments: str) -> None:
    source = package(target)
    sandbox.run(target.root, ["tar", "-xJf", source / SOURCE, "-C", folder, "--strip-components=1",
                              "--wildcards", *arguments], read=[source], write=[folder])


def unpack(target: Target, folder: Path, *patterns: str) -> None:
    """Unpacks the source files that tar patterns name into a folder."""
    _untar(target, folder, *(f"*/{pattern}" for pattern in patterns))


def unpack_tree(target: Target, folder: Path) -> None:
    """Unpacks what a build of the kernel for amd64, or of a part of it, needs of the source."""
    # Anchored, because include/ has folders of the same names.
    top = f"linux-source-{kernels.series_of(target.version)}"
    _untar(target, folder, "--anchored", *(f"--exclude={top}/{pattern}" for pattern in UNUSED))


def tool(target: Target, *patterns: str) -> Path:
    """Returns a folder with files that only the kernel's source package has. The first is a script."""
    name = Path(patterns[0]).name
    return cache.entry(f"{name}-{target.version}-{cache.key(*patterns)}",
                       lambda folder: unpack(target, folder, *patterns))
