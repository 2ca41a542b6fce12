# SPDX-License-Identifier: GPL-2.0
"""Builds small kernels from the distribution's source: one that finds bugs, one that counts lines."""
import dataclasses
from dataclasses import dataclass
from pathlib import Path

from qemu.base import cache, sandbox
from qemu.base.report import step
from qemu.images import disks, kernelsource, roots
from qemu.images.target import Environment, Target

HERE = Path(__file__).resolve().parent
# What every small kernel has.
GUEST = HERE / "guest.config"
LISTS = (HERE / "rust-root.packages", HERE / "debug-root.packages")
# An option of GUEST that not every kernel has.
OPTIONAL = "CONFIG_PROC_SYSCTL=y"
# Arguments of every make for these kernels. Kconfig allows KASAN together with Rust only with Clang.
FLAGS = ("LLVM=-19",)


@dataclass(frozen=True)
class Flavour:
    """A kind of small kernel."""
    name: str
    # What it has in addition to GUEST.
    config: Path
    # For the command line.
    append: str = ""

    @property
    def suffix(self) -> str:
        """Returns what the kernel's build adds to its version."""
        return f"-virtgpu-{self.name}"


# Warnings are shown. Five-level page tables are off because with them KASAN reports an interrupt during
# CPU detection as a wild access.
DEBUG = Flavour("debug", HERE / "debug.config", " loglevel=5 no5lvl")
# Several times faster, because it has nothing that finds bugs.
COVERAGE = Flavour("coverage", HERE / "coverage.config")


def root() -> Path:
    """Returns the root with the compilers of these kernels and their modules."""
    return roots.stable_root("debug", "clang, rustc, gcovr", *LISTS)


def _version(target: Target, flavour: Flavour) -> str:
    return target.version.partition("+")[0] + flavour.suffix


def make_kernel(target: Target, compilers: Path, flavour: Flavour):
    version = _version(target, flavour)

    def make(folder: Path) -> None:
        scratch = folder / "scratch"
        (scratch / "source").mkdir(parents=True)
        kernelsource.unpack_tree(target, scratch / "source")
        with step(f"kernel {version}: 10 to 25 minutes on two cores, once"):
            sandbox.run(compilers, ["sh", "-c", f"""
                set -e
                cd {scratch}/source
                run() {{
                    make -s O={scratch}/out {" ".join(FLAGS)} LOCALVERSION={flavour.suffix} \
                        -j$(nproc) "$@"
                }}
                cat {GUEST} {flavour.config} >{scratch}/config
                run KCONFIG_ALLCONFIG={scratch}/config allnoconfig
                grep '=[ym]' {scratch}/config | grep -vxF -e {OPTIONAL} -f {scratch}/out/.config \
                    >{scratch}/lost || true
                if [ -s {scratch}/lost ]; then
                    echo "this kernel does not have, or not without others:" >&2
                    cat {scratch}/lost >&2
                    exit 1
                fi
                run bzImage modules
                run INSTALL_MOD_PATH={folder}/usr modules_install
                run run-command KBUILD_RUN_COMMAND='$(srctree)/scripts/package/install-extmod-build \
                    {folder}/usr/src/linux-headers-{version}'
                if grep -q '^CONFIG_RUST=y' {scratch}/config; then
                    mkdir {folder}/usr/src/linux-headers-{version}/rust
                    cp {scratch}/out/rust/*.rmeta {scratch}/out/rust/*.so \
                        {folder}/usr/src/linux-headers-{version}/rust/
                fi
                cp {scratch}/out/.config {folder}/usr/src/linux-headers-{version}/
                cp {scratch}/out/arch/x86/boot/bzImage {folder}/vmlinuz
                """], read=[HERE], write=[folder])
        cache.discard(scratch)
        _lay_out(target.root, folder, version)
    return make


def _lay_out(root: Path, folder: Path, version: str) -> None:
    """As if it were a package of the distribution."""
    modules = folder / "usr/lib/modules"
    build = modules / version / "build"
    build.unlink(missing_ok=True)
    build.symlink_to(f"/usr/src/linux-headers-{version}")
    (folder / f"usr/src/linux-headers-{version}-common").symlink_to(f"linux-headers-{version}")
    (folder / f"usr/lib/linux-kbuild-{version}").mkdir()
    sandbox.run(root, ["sh", "-c", f"""
        set -e
        mke2fs -q -t ext4 -m 0 -O ^has_journal -d {modules} {folder}/modules.ext4 32M
        """], write=[folder])


def prepare(target: Environment, flavour: Flavour) -> Environment:
    """Returns the environment of such a kernel."""
    compilers = root()
    version = _version(target, flavour)
    name = cache.key(cache.recipe(GUEST, flavour.config, make_kernel, _lay_out), compilers.name, *FLAGS)
    kernel = cache.entry(f"kernel-{version}-{name}", make_kernel(target, compilers, flavour))
    return dataclasses.replace(target, version=version, kernel=kernel, compilers=(compilers, FLAGS),
                               initramfs=disks.initramfs(target.root, version, kernel))
