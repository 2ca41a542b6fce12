#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Builds the modules and the guest's tests in the build root."""
import os
import shutil
from pathlib import Path

import cache
import report
import rustkernel
import sandbox
import setup
from report import step

TOP = Path(__file__).resolve().parent.parent
MODULES = {"c": "drm/virtgpu.ko", "rust": "rust/virtgpu_rs.ko",
           "bochs": "rust/bochs_rs.ko"}


def out(version: str) -> Path:
    """Where a checkout's builds for a kernel go; kept, so that make has little to do again."""
    path = cache.root() / f"out-{cache.key(str(TOP))}-{version}"
    path.mkdir(parents=True, exist_ok=True)
    return path


def _make(found, argv, folder: Path, top: Path = TOP, **options) -> str:
    return sandbox.run(found["root"], ["make", "-s", f"-j{os.cpu_count()}", "-C", top, *argv],
                       read=[top], write=[folder],
                       binds=setup.kernel_binds(found["root"], found["version"],
                                                found["kernel"]), **options)


def make_modules(found, folder: Path, extra=(), **options) -> str:
    """Kbuild's own output of building the modules into a folder."""
    return _make(found, [f"KDIR=/usr/lib/modules/{found['version']}/build", f"MO={folder}",
                         "CC=gcc-14", "W=1",
                         "KRUSTFLAGS=-Dwarnings", *extra, "modules"], folder, **options)


def modules(found, top: Path = TOP, name: str = "modules") -> Path:
    """The modules, against the guest's kernel; any warning is an error."""
    folder = out(found["version"]) / name
    folder.mkdir(exist_ok=True)
    with step(f"{name} for {found['version']}"), cache.locked(folder):
        text = make_modules(found, folder, ["KCFLAGS=-Werror"], top=top)
        if text.strip():
            report.say(text.rstrip())
        for module in MODULES.values():
            if (folder / module).exists():
                sandbox.run(found["root"], ["strip", "--strip-debug", "-o",
                                            folder / Path(module).name, folder / module],
                            write=[folder])
    return folder


def modules_of(found, driver: str):
    """The folder with a driver's module; None for a driver that is not ours to build."""
    if MODULES.get(driver, "").startswith("rust/"):
        return modules(rustkernel.prepare(found), name="modules-rust")
    return modules(found) if driver in MODULES else None


def tests(found) -> Path:
    """Our own tests and guest tools."""
    folder = out(found["version"]) / "tests"
    folder.mkdir(exist_ok=True)
    with step("tests"), cache.locked(folder):
        base, _, _ = found["version"].partition("-amd64")
        uapi = f"/usr/src/linux-headers-{base}-common/include/uapi/drm"
        _make(found, ["-C", "igt-tests", f"O={folder}", f"KERNEL_UAPI={uapi}"], folder)
        scratch = folder.with_name("tests-kernel")
        scratch.mkdir(exist_ok=True)
        _make(found, ["-C", f"/usr/lib/modules/{found['version']}/build", "CC=gcc-14", "W=1",
                      f"M={TOP}/igt-tests/kernel", f"MO={scratch}", "KCFLAGS=-Werror",
                      "modules"], scratch)
        for module in scratch.glob("*.ko"):
            shutil.copy(module, folder)
    return folder


def counter(found) -> Path:
    """QEMU's plugin that counts the guest kernel's instructions."""
    source = setup.HERE / "counter.c"
    folder = out(found["version"]) / "counter"
    folder.mkdir(exist_ok=True)
    sandbox.run(found["root"], ["gcc-14", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror",
                                "-fvisibility=hidden", "-fPIC", "-shared", "-o",
                                folder / "counter.so", source],
                read=[source.parent], write=[folder])
    return folder / "counter.so"


def main() -> int:
    found = setup.prepare(os.environ.get("KVER", ""))
    print(modules(found))
    print(tests(found))
    return 0


if __name__ == "__main__":
    report.main(main)
