# SPDX-License-Identifier: GPL-2.0
"""Prepares the guest's kernel for Rust modules: adds the metadata of its Rust crates.

The distribution's kernel has Rust, but its header packages lack the metadata. It is built from the
kernel's source with the compilers that built the kernel, and so has the same symbol names; modpost
checks these against the kernel's Module.symvers in every build.
"""
import dataclasses
import subprocess
from pathlib import Path
from typing import TypeVar

from qemu.base import cache, sandbox
from qemu.base.report import step
from qemu.images import candidate, kernelsource, roots
from qemu.images.target import Target

HERE = Path(__file__).resolve().parent
Kind = TypeVar("Kind", bound=Target)


def root() -> Path:
    return roots.stable_root("rust", "rustc, bindgen", HERE / "rust-root.packages")


def make_kernel(target: Target, rust_root: Path):
    version = target.version
    base = version.removesuffix("-amd64")
    gcc = target.gcc

    def make(folder: Path) -> None:
        scratch = folder / "scratch"
        (scratch / "source").mkdir(parents=True)
        source = kernelsource.package(target)
        kernelsource.unpack_tree(target, scratch / "source")
        headers = folder / f"usr/src/linux-headers-{version}"
        with step(f"Rust metadata of kernel {version}"):
            sandbox.run(rust_root, ["sh", "-c", f"""
                set -e
                cd {scratch}/source
                mkdir {scratch}/out
                cp {source}/{kernelsource.CONFIG} {scratch}/out/.config
                scripts/config --file {scratch}/out/.config \
                    --set-str SYSTEM_TRUSTED_KEYS '' --set-str MODULE_SIG_KEY ''
                make -s O={scratch}/out CC={gcc} HOSTCC={gcc} olddefconfig
                grep -q '^CONFIG_RUST=y' {scratch}/out/.config
                make -s O={scratch}/out CC={gcc} HOSTCC={gcc} -j$(nproc) modules_prepare
                """], read=[source], write=[folder])
            kernel = target.kernel
            subprocess.run(["sh", "-c", f"""
                set -e
                mkdir -p {folder}/usr/src {folder}/usr/lib/modules/{version}
                cp -a {kernel}/usr/src/linux-headers-* {folder}/usr/src/
                cp -a {kernel}/usr/lib/linux-kbuild-{base} {folder}/usr/lib/
                cp -a {kernel}/usr/lib/modules/{version}/build {folder}/usr/lib/modules/{version}/
                mkdir {headers}/rust
                cp {scratch}/out/rust/*.rmeta {scratch}/out/rust/*.so {headers}/rust/
                cp {scratch}/out/scripts/target.json \
                    {folder}/usr/lib/linux-kbuild-{base}/scripts/"""], check=True)
        cache.discard(scratch)
    return make


def prepare(target: Kind) -> Kind:
    """Returns `target` for builds of Rust modules: another root, and a build tree with metadata."""
    rust_root = candidate.root(target) if candidate.is_candidate(target) else root()
    key = cache.key(rust_root.name, cache.recipe(make_kernel))
    name = f"rust-kernel-{target.version}-{key}"
    return dataclasses.replace(target, root=rust_root,
                               kernel=cache.entry(name, make_kernel(target, rust_root)))
