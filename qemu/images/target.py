# SPDX-License-Identifier: GPL-2.0
"""What the tools pass on about a kernel: its package, what builds for it, and a guest that boots it."""
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Package:
    """A packaged kernel."""
    # In the form of `uname -r`; names of packages contain it.
    version: str
    # The archive's suite that has the packages, and the version that they have there.
    suite: str
    package: str


@dataclass(frozen=True, kw_only=True)
class Target(Package):
    """A kernel that modules are built for."""
    # The root in which the build runs.
    root: Path
    # The kernel's unpacked packages.
    kernel: Path
    # The compiler that built the kernel.
    gcc: str
    # Another root for modules, and arguments of make, if the kernel was built here. Such a kernel
    # supports Rust.
    compilers: tuple[Path, tuple[str, ...]] | None = None


@dataclass(frozen=True, kw_only=True)
class Environment(Target):
    """A kernel and all else that a guest needs to boot it."""
    # The guest's disk.
    guest: Path
    initramfs: Path
