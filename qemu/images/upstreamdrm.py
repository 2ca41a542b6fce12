# SPDX-License-Identifier: GPL-2.0
"""Makes a build tree of a kernel whose Rust crate has `kernel::drm`.

The distribution's kernel lacks it, because its DRM is a module (CONFIG_DRM=m), and the crate has it
only if DRM is built in. The tree is for compiling only: nothing of the kernel is linked.
"""
from pathlib import Path

from qemu.base import cache, sandbox
from qemu.base.report import step
from qemu.images import kernelsource
from qemu.images.target import Target

# Over allnoconfig. Tyr is not built, but it selects the crate's shmem objects.
OPTIONS = ("64BIT=y", "SMP=y", "EXPERT=y", "MODULES=y", "PCI=y", "RUST=y", "DRM=y", "COMPILE_TEST=y",
           "COMMON_CLK=y", "IOMMU_SUPPORT=y", "DRM_TYR=m")
WANTED = ("RUST=y", "DRM=y", "RUST_DRM_GEM_SHMEM_HELPER=y")


def _make(target: Target, rust_root: Path):
    def make(folder: Path) -> None:
        scratch = folder / "scratch"
        (scratch / "source").mkdir(parents=True)
        kernelsource.unpack_tree(target, scratch / "source")
        (scratch / "wanted").write_text("".join(f"CONFIG_{one}\n" for one in WANTED))
        (scratch / "options").write_text("".join(f"CONFIG_{one}\n" for one in OPTIONS))
        with step(f"Rust metadata of kernel {target.version} with DRM built in"):
            sandbox.run(rust_root, ["sh", "-c", f"""
                set -e
                cd {scratch}/source
                run() {{
                    make -s O={scratch}/out CC={target.gcc} HOSTCC={target.gcc} -j$(nproc) "$@"
                }}
                run KCONFIG_ALLCONFIG={scratch}/options allnoconfig
                if grep -vxF -f {scratch}/out/.config {scratch}/wanted; then
                    echo "the kernel cannot be configured with these" >&2
                    exit 1
                fi
                run modules_prepare
                touch {scratch}/out/Module.symvers
                run run-command KBUILD_RUN_COMMAND='$(srctree)/scripts/package/install-extmod-build \
                    {folder}/build'
                mkdir -p {folder}/build/rust
                cp {scratch}/out/rust/*.rmeta {scratch}/out/rust/*.so {folder}/build/rust/
                cp {scratch}/out/.config {folder}/build/"""], write=[folder])
        cache.discard(scratch)
    return make


def tree(target: Target, rust_root: Path) -> Path:
    """Returns the build tree."""
    key = cache.key(rust_root.name, cache.recipe(_make), *OPTIONS, *WANTED)
    return cache.entry(f"rust-drm-{target.version}-{key}", _make(target, rust_root), 3000) / "build"
