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

    @property
    def headers(self) -> Path:
        """Returns where the headers are that all configurations of this version share, as in a guest."""
        base, _, _ = self.version.partition("-amd64")
        return Path(f"/usr/src/linux-headers-{base}-common")

    def unpacked(self, path: Path) -> Path:
        """Returns where a file of the kernel's packages is on the host."""
        return self.kernel / path.relative_to("/")


@dataclass(frozen=True, kw_only=True)
class Environment(Target):
    """A kernel and all else that a guest needs to boot it."""
    # The guest's disk.
    guest: Path
    initramfs: Path
