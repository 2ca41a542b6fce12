# SPDX-License-Identifier: GPL-2.0
"""Builds a driver's module so that fuzz/kernel/coverage.ko counts the blocks that it reaches.

The tree is copied and lines are added to its Kbuild files. Neither the kernel nor the driver changes,
KCOV is not needed, and code that runs in workers and interrupts is counted, too.
"""
import shutil
from pathlib import Path

from qemu.base import cache, sandbox
from qemu.base.paths import TOP
from qemu.build import build
from qemu.images import kernelsource, rustkernel
from qemu.images.target import Target

HOOK = "coverage_hook"
C_FLAGS = "-fsanitize-coverage=trace-pc"
RUST_FLAGS = ("-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 "
              "-Cllvm-args=-sanitizer-coverage-trace-pc")
# The kernel's own driver, as the distribution builds it.
STOCK = "drivers/gpu/drm/virtio"
STOCK_MODULE = f"{STOCK}/virtio-gpu.ko"


def _copy(part: str, top: Path) -> None:
    shutil.copytree(TOP / part, top / part, dirs_exist_ok=True)


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def _instrument_c(kbuild: Path, composite: str) -> None:
    _append(kbuild, f"\n{composite}-y += {HOOK}.o\nccflags-y += {C_FLAGS}\n"
            f"CFLAGS_REMOVE_{HOOK}.o := {C_FLAGS}\nKASAN_SANITIZE_{HOOK}.o := n\n")


def _instrument_rust(kbuild: Path) -> None:
    _append(kbuild, f"\nvirtgpu_rs-y += {HOOK}.o\nrustflags-y += {RUST_FLAGS}\n"
            f"KASAN_SANITIZE_{HOOK}.o := n\nobj-m := $(filter virtgpu_rs.o,$(obj-m))\n")


def tree(target: Target, driver: str, top: Path) -> None:
    """Fills `top` with an instrumented source tree of the driver."""
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir()
    hook = TOP / "igt-tests/fuzz/kernel"
    (top / "coverage").mkdir()
    shutil.copy(hook / "coverage.h", top / "coverage")
    shutil.copy(hook / "coverage.c", top / "coverage/virtgpu_coverage.c")
    (top / "coverage/Kbuild").write_text("obj-m += virtgpu_coverage.o\nKASAN_SANITIZE := n\n")
    if driver == "stock":
        source = top / STOCK
        kernelsource.unpack(target, top, f"{STOCK}/*")
        # The include path of its tracepoint header is relative to this folder.
        (top / "include/trace").mkdir(parents=True)
        (top / "Kbuild").write_text(f"obj-m += coverage/ {STOCK}/\n")
        (top / "Makefile").write_text("modules:\n\t$(MAKE) -C $(KDIR) M=$(CURDIR) MO=$(MO) $@\n")
        _instrument_c(source / "Makefile", "virtio-gpu")
        _append(source / "Makefile", f"ccflags-y += -I{top}/include/trace\n")
    else:
        for part in ("drm", "rust", "uapi"):
            _copy(part, top)
        shutil.copy(TOP / "Makefile", top)
        shutil.copy(TOP / "Kbuild", top)
        source = top / ("rust" if driver == "rust" else "drm")
        if driver == "rust":
            _instrument_rust(source / "Kbuild")
        else:
            _instrument_c(source / "Kbuild", "virtgpu")
        (top / "Kbuild").write_text(f"obj-m += coverage/ {source.name}/\n")
    for name in ("coverage.h", f"{HOOK}.c"):
        shutil.copy(hook / name, source)


def blocks(target: Target, module: Path) -> int:
    """Returns how many blocks of a module are instrumented."""
    text = sandbox.run(target.root, ["objdump", "-r", module], read=[module.parent])
    return text.count("__sanitizer_cov_trace_pc")


def modules(target: Target, driver: str) -> tuple:
    """Builds the instrumented driver and the module that counts; returns their paths."""
    # The debug kernel comes with its compilers and supports Rust.
    if driver == "rust" and not target.compilers:
        target = rustkernel.prepare(target)
    top = build.out(target.version) / f"coverage-{driver}-tree"
    name = f"coverage-{driver}"
    folder = build.out(target.version) / name
    folder.mkdir(exist_ok=True)
    with cache.locked(folder):
        tree(target, driver, top)
        build.make_modules(target, folder, top=top)
    module = STOCK_MODULE if driver == "stock" else build.MODULES[driver]
    return folder / module, folder / "coverage/virtgpu_coverage.ko"
