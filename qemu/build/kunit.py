# SPDX-License-Identifier: GPL-2.0
"""Builds the KUnit tests of the drivers as modules for the guest.

The distribution's kernel is built without KUnit. For it lib/kunit is built as a module, from the
kernel's source package. That kernel lacks two things, and igt-tests/kernel/kunit/ replaces them:
the member of task_struct for the running test, and the module loader's call of the suites.
"""
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from qemu.base import cache, sandbox
from qemu.base.paths import TOP
from qemu.base.report import Failure, say, step
from qemu.images import candidate, kernelsource, packagedkernel, rustkernel
from qemu.images.target import Target

BRIDGE = TOP / "igt-tests/kernel/kunit"
BRIDGE_FILES = ("Kbuild", "current.c", "without.h")
Kind = TypeVar("Kind", bound=Target)
DOCTESTS = TOP / "qemu/build/doctests.py"
SUITES = {"c": "drm/virtgpu_kunit.ko", "rust": "rust/virtgpu_rs_kunit.ko"}


def _has_kunit(target: Target) -> bool:
    """Returns whether the kernel was built with KUnit."""
    config = target.kernel / f"usr/src/linux-headers-{target.version}/.config"
    return bool(re.search(r"^CONFIG_KUNIT=y$", config.read_text(), re.MULTILINE))


def _without_task_member(text: str) -> str:
    return re.sub(r"\bcurrent->kunit_test\b", "kunit_current_test", text)


def _without_loader(text: str) -> str:
    """Removes the code that reads the module loader's members of struct module from KUnit's core."""
    text, functions = re.subn(r"^(?:#ifdef CONFIG_MODULES\n)?static void kunit_module_init\(.*?"
                              r"(?=^KUNIT_DEFINE_ACTION_WRAPPER)", "", text, flags=re.M | re.S)
    text, start = re.subn(r"return register_module_notifier\(.*?\);", "return 0;", text)
    text, stop = re.subn(r"\tunregister_module_notifier\(.*?\);\n", "", text)
    if (functions, start, stop) != (1, 1, 1):
        raise Failure("the kernel's lib/kunit/test.c has changed: see qemu/build/kunit.py")
    return text


def _make_library(target: Target):
    def make(folder: Path) -> None:
        scratch, build_folder = folder / "scratch", folder / "build"
        scratch.mkdir()
        with step(f"KUnit for kernel {target.version}, from its source package"):
            # The library, and the header that reads the member of task_struct.
            kernelsource.unpack(target, scratch, "lib/kunit/*.[ch]", "include/kunit/test-bug.h")
            build_folder.mkdir()
            for name in BRIDGE_FILES:
                shutil.copy(BRIDGE / name, build_folder)
            for source in [*(scratch / "lib/kunit").iterdir(), scratch / "include/kunit/test-bug.h"]:
                text = _without_task_member(source.read_text())
                if source.name == "test.c":
                    text = _without_loader(text)
                (build_folder / source.name).write_text(text)
            root = candidate.compiling(target).root
            sandbox.run(root, ["make", "-s", "-C", f"/usr/lib/modules/{target.version}/build",
                               f"CC={target.gcc}", f"M={build_folder}", "modules"],
                        write=[folder],
                        binds=packagedkernel.kernel_binds(root, target.version, target.kernel))
        for name in ("kunit.ko", "Module.symvers"):
            shutil.copy(build_folder / name, folder)
        shutil.rmtree(scratch)
        shutil.rmtree(build_folder)
    return make


def _library(target: Target) -> Path:
    """Returns the folder with kunit.ko for a kernel that was built without KUnit."""
    steps: tuple[Callable, ...] = (_make_library, _without_task_member, _without_loader)
    name = cache.key(cache.recipe(*steps), *(BRIDGE / name for name in BRIDGE_FILES))
    return cache.entry(f"kunit-{target.version}-{name}", _make_library(target))


def _headers(target: Target) -> list[str]:
    """Returns the headers of BRIDGE that are included before the suites in C."""
    text = target.unpacked(target.headers / "include/kunit/test.h").read_text()
    return [*(["two_arguments.h"] if "bool run_tests" not in text else []), "suites.h"]


def arguments(target: Target, driver: str, folder: Path, flags: str = "") -> list[str]:
    """Returns arguments of make that build a driver's suites into a folder, with flags for C."""
    # copy2 keeps the modification time, because what is built depends on the files.
    extra = [f"VIRTGPU_KUNIT={driver}"]
    if driver == "rust":
        extra.append(f"DOCTESTS={shutil.copy2(DOCTESTS, folder)}")
    if not _has_kunit(target):
        symbols = shutil.copy(_library(target) / "Module.symvers", folder / "kunit.symvers")
        extra.append(f"KBUILD_EXTRA_SYMBOLS={symbols}")
        if driver == "c":
            for name in _headers(target):
                flags += f" -include {shutil.copy2(BRIDGE / name, folder)}"
    return [*extra, f"KCFLAGS={flags}"]


def builder(target: Kind, driver: str) -> Kind:
    """Returns `target` for builds of a driver's suites."""
    # A kernel that comes with its compilers supports Rust.
    if driver == "rust" and not target.compilers:
        return rustkernel.prepare(target)
    return candidate.compiling(target)


def modules(target: Target, driver: str, folder: Path, make: Callable, extra=()) -> list[Path]:
    """Builds the modules with a driver's suites, by make(target, folder, arguments).

    Returns them in the order in which they must be loaded. `extra` are more arguments.
    """
    if driver not in SUITES:
        return []
    folder.mkdir(exist_ok=True)
    needed = [] if _has_kunit(target) else [_library(target) / "kunit.ko"]
    with step(f"KUnit tests for {target.version}"), cache.locked(folder):
        text = make(builder(target, driver), folder,
                    [*arguments(target, driver, folder, "-Werror"), *extra])
        if text.strip():
            say(text.rstrip())
    return [*needed, folder / SUITES[driver]]
