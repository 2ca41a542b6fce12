# SPDX-License-Identifier: GPL-2.0
"""Builds the ioctl fuzzer: libFuzzer with our programs, and an instrumented driver."""
import shutil
from pathlib import Path

from qemu.base import cache, sandbox
from qemu.base.paths import TOP
from qemu.base.report import step
from qemu.build import build
from qemu.fuzz import instrumented
from qemu.images import roots
from qemu.images.target import Target



def root() -> Path:
    return roots.stable_root("fuzz", "clang, libFuzzer", roots.HERE / "fuzz-root.packages")


def engine(found: Target) -> Path:
    """Builds libFuzzer with our ioctl programs and returns its path."""
    folder = build.out(found.version) / "fuzzer"
    folder.mkdir(exist_ok=True)
    with step("the fuzzer"), cache.locked(folder):
        target = folder / "ioctl-fuzzer"
        sandbox.run(root(), ["make", "-s", "-C", TOP / "igt-tests", f"O={folder}", target],
                    read=[TOP], write=[folder])
    return target


def gather(found: Target, driver: str, corpus: Path) -> tuple:
    """Returns a folder with everything that the guest needs, and the path of the module."""
    folder = build.out(found.version) / f"fuzz-{driver}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(build.tests(found), folder,
                    ignore=shutil.ignore_patterns("*.o", "*.d", "lib", "fuzz"))
    shutil.copy(engine(found), folder)
    module, coverage = instrumented.modules(found, driver)
    shutil.copy(module, folder)
    shutil.copy(coverage, folder)
    shutil.copytree(corpus, folder / "corpus")
    return folder, module
