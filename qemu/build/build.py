# SPDX-License-Identifier: GPL-2.0
"""Builds the modules and the guest's tests in the build root.

As a program it compiles both drivers and the modules of the tests for every supported kernel.
"""
import os
import time
from collections.abc import Callable
from pathlib import Path

from qemu.base import cache, choice, kernels, report, sandbox
from qemu.base.paths import TOP
from qemu.base.report import Failure, step
from qemu.build import kunit
from qemu.images import candidate, environment, packagedkernel, rustkernel
from qemu.images.target import Target

MODULES = {"c": "drm/virtgpu.ko", "rust": "rust/virtgpu_rs.ko",
           **{sample: f"rust/{sample}_rs.ko" for sample in choice.SAMPLES}}
# Instrumented builds, for the debug kernel only. These are Kbuild's own variables and apply to our
# modules only. UBSAN is off for gcov because its checks would count as branches of the source.
COVER = {"kcov": ("KCOV_INSTRUMENT=y",), "gcov": ("GCOV_PROFILE=y", "UBSAN_SANITIZE=n")}


def out(version: str) -> Path:
    """Returns the folder of this checkout's builds for a kernel; kept for incremental builds."""
    path = cache.root() / f"out-{cache.key(str(TOP))}-{version}"
    path.mkdir(parents=True, exist_ok=True)
    return path


def _make(target: Target, argv, folder: Path, top: Path = TOP, root=None, **options) -> str:
    root = root or target.root
    return sandbox.run(root, ["make", "-s", f"-j{os.cpu_count()}", "-C", top, *argv],
                       read=[top], write=[folder],
                       binds=packagedkernel.kernel_binds(root, target.version, target.kernel),
                       **options)


def _make_for_kernel(target: Target, argv, folder: Path, **options) -> str:
    """Runs make with the compilers that built the kernel, for code that is linked to the kernel."""
    root, flags = target.compilers or (target.root, (f"CC={target.gcc}",))
    return _make(target, [*flags, *argv], folder, root=root, **options)


def _builds_in_place(target: Target) -> bool:
    """Returns whether the kernel's Kbuild (before 6.13) builds modules only next to their sources."""
    return "$(MO)" not in target.unpacked(target.headers / "Makefile").read_text()


def link_sources(source: Path, folder: Path) -> None:
    """Fills a folder with links to all sources in `source`, and removes links to others."""
    wanted = {folder / path.relative_to(source): path for path in source.rglob("*")
              if path.is_file() and (path.suffix in (".c", ".h") or path.name in ("Kbuild", "Makefile"))}
    for link in [path for path in folder.rglob("*") if path.is_symlink()]:
        if wanted.get(link) != link.readlink():
            link.unlink()
    for link, path in wanted.items():
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(path)


def _make_in_place(target: Target, name: str, folder: Path, extra, top: Path, **options) -> str:
    """Builds the modules of the folder `name` of `top`, with links to the sources in `folder`.

    Without W=1, because the headers of these kernels cause such warnings themselves.
    """
    for sources in dict.fromkeys((name, "drm")):
        link_sources(top / sources, folder / sources)
    return _make_for_kernel(target, ["-C", f"/usr/lib/modules/{target.version}/build",
                                     f"M={folder / name}", *extra, "modules"], folder, top=top,
                            **options)


def make_modules(target: Target, folder: Path, extra=(), top: Path = TOP, **options) -> str:
    """Builds the modules into a folder and returns Kbuild's output."""
    if _builds_in_place(target):
        return _make_in_place(target, "drm", folder, extra, top, **options)
    return _make_for_kernel(target, [f"KDIR=/usr/lib/modules/{target.version}/build",
                                     f"MO={folder}", "W=1", "KRUSTFLAGS=-Dwarnings", *extra,
                                     "modules"], folder, top=top, **options)


def modules(target: Target, top: Path = TOP, name: str = "modules", extra=()) -> Path:
    """Builds the modules for the guest's kernel; any warning is an error."""
    target = candidate.compiling(target)
    folder = out(target.version) / name
    folder.mkdir(exist_ok=True)
    with step(f"{name} for {target.version}"), cache.locked(folder):
        text = make_modules(target, folder, ["KCFLAGS=-Werror", *extra], top=top)
        if text.strip():
            report.say(text.rstrip())
        for module in MODULES.values():
            if (folder / module).exists():
                _strip(target, folder / module, folder)
    return folder


def _strip(target: Target, module: Path, folder: Path) -> None:
    """Copies a module without its debugging information, which the guest would read each time."""
    sandbox.run(target.root, ["strip", "--strip-debug", "-o", folder / module.name, module],
                read=[module.parent], write=[folder])


def modules_of(target: Target, driver: str, cover: str = ""):
    """Builds a driver's module, optionally instrumented (a key of COVER), and returns its folder.

    Returns None for a driver that is not built here."""
    if driver not in MODULES:
        return None
    choice.check_driver(driver, target.version)
    name = f"modules-{cover}" if cover else "modules"
    # A kernel that comes with its compilers supports Rust, and one build makes both drivers.
    if MODULES[driver].startswith("rust/") and not target.compilers:
        return modules(rustkernel.prepare(target), name=f"{name}-rust", extra=COVER.get(cover, ()))
    return modules(target, name=name, extra=COVER.get(cover, ()))


def kunit_folder(target: Target, driver: str, cover: str = "") -> Path:
    """Returns the folder of a driver's KUnit suites, optionally instrumented (a key of COVER)."""
    return out(target.version) / "-".join(filter(None, ("kunit", driver, cover)))


def tests(target: Target, driver: str = "", cover: str = "") -> Path:
    """Builds our own tests, the guest tools and a driver's KUnit suites, optionally instrumented."""
    folder = out(target.version) / (f"tests-{cover}" if cover else "tests")
    folder.mkdir(exist_ok=True)
    with step("tests"), cache.locked(folder):
        # The headers of older kernels lack the newest parts of the contract.
        uapi = "" if _builds_in_place(target) else target.headers / "include/uapi/drm"
        _make(target, ["-C", "igt-tests", f"O={folder}", f"KERNEL_UAPI={uapi}"], folder)
        suites = kunit.modules(target, driver, kunit_folder(target, driver, cover), make_modules,
                               COVER.get(cover, ()))
        for module in (*_test_modules(target).glob("*.ko"), *suites):
            _strip(target, module, folder)
    return folder


def _test_modules(target: Target) -> Path:
    """Builds the modules that the tests load; any warning is an error."""
    target = candidate.compiling(target)
    folder = out(target.version) / "tests-kernel"
    folder.mkdir(exist_ok=True)
    if _builds_in_place(target):
        _make_in_place(target, "igt-tests/kernel", folder, ["KCFLAGS=-Werror"], TOP)
        return folder / "igt-tests/kernel"
    _make_for_kernel(target, ["-C", f"/usr/lib/modules/{target.version}/build", "W=1",
                              f"M={TOP}/igt-tests/kernel", f"MO={folder}", "KCFLAGS=-Werror",
                              "modules"], folder)
    return folder


def compile_all(target: Target) -> dict:
    """Compiles everything that is built for a kernel and returns the errors by part."""
    failed = {}
    parts: dict[str, Callable] = {"C driver": lambda: modules(target),
                                  "modules of tests": lambda: _test_modules(target)}
    if kernels.has_rust(target.version):
        parts["Rust driver"] = lambda: modules_of(target, "rust")
    for name, make in parts.items():
        try:
            make()
        except Failure as failure:
            failed[name] = str(failure)
    return failed


def supported() -> list:
    """Returns the kernel series to compile for: the one of KVER=, or all supported ones."""
    wanted = choice.kernel()
    return [wanted] if wanted else kernels.of_driver()


def main() -> int:
    """Compiles everything for every supported kernel and prints one line each; boots nothing."""
    bad = 0
    for wanted in supported():
        start = time.monotonic()
        target = environment.chosen_kernel(wanted)
        failed = compile_all(target)
        for name, text in failed.items():
            report.say(f"{name} for {target.version}: {text}")
        verdict = f"FAILED: {', '.join(failed)}" if failed else "compiles"
        print(f"{target.version}: {verdict} ({time.monotonic() - start:.0f} s)")
        bad += bool(failed)
    return 1 if bad else 0


if __name__ == "__main__":
    report.main(main)
