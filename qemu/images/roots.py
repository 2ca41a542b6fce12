# SPDX-License-Identifier: GPL-2.0
"""Roots with compilers and other programs, in which the tools run what this machine may lack."""
from pathlib import Path

from qemu.base import cache
from qemu.base.report import step
from qemu.images.debian import APT_OPTIONS, BACKPORTS, STABLE, bootstrap, mirror, packages, unpack

HERE = Path(__file__).resolve().parent
# Disk space in MB that the build root needs, in the cache and in the folder for temporary files.
BUILD_ROOT_MB = 2200


def make_root(folder: Path, suite: str, names) -> None:
    """A root with packages of one suite."""
    tar = folder / "root.tar"
    bootstrap(suite, names, tar, [f"deb {mirror()} {suite} main"])
    unpack(tar, folder)


def suite_root(suite: str, name: str, holds: str, *lists: Path) -> Path:
    """Returns the root NAME with the packages of some lists; `holds` describes it in messages."""
    def make(folder: Path) -> None:
        with step(f"{name} root ({suite}: {holds})"):
            make_root(folder, suite, [one for names in lists for one in packages(names)])

    key = cache.key(cache.recipe(*lists, make_root), suite)
    return cache.entry(f"{name}-root-{key}", make)


def stable_root(name: str, holds: str, *lists: Path) -> Path:
    return suite_root(STABLE, name, holds, *lists)


def make_root_with_backports(folder: Path, names: Path) -> None:
    """A root with the packages of a list, those marked /backports from there."""
    uri = mirror()
    wanted = packages(names)
    stable = [name for name in wanted if "/" not in name]
    newer = [name.split("/")[0] for name in wanted if "/" in name]
    hook = (f'chroot "$1" apt-get -qq install -y --no-install-recommends -t {BACKPORTS} '
            + " ".join(newer))
    tar = folder / "root.tar"
    bootstrap(STABLE, stable, tar,
              [f"deb {uri} {STABLE} main", f"deb {uri} {BACKPORTS} main"], [hook])
    unpack(tar, folder)


def make_build_root(folder: Path) -> None:
    with step(f"build root ({STABLE}: compilers and QEMU)"):
        make_root_with_backports(folder, HERE / "build-root.packages")
        # For downloads of kernels, later.
        (folder / "etc/apt/apt.conf.d/90virtgpu").write_text(
            "".join(f"{option};\n" for option in APT_OPTIONS) + 'APT::Sandbox::User "root";\n')


def build_root() -> Path:
    name = cache.key(cache.recipe(HERE / "build-root.packages", make_build_root,
                                  make_root_with_backports), STABLE)
    return cache.entry(f"build-root-{name}", make_build_root, BUILD_ROOT_MB)
