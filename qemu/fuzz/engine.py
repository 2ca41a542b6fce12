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


def engine(target: Target) -> Path:
    """Builds libFuzzer with our ioctl programs and returns its path."""
    folder = build.out(target.version) / "fuzzer"
    folder.mkdir(exist_ok=True)
    with step("the fuzzer"), cache.locked(folder):
        program = folder / "ioctl-fuzzer"
        sandbox.run(root(), ["make", "-s", "-C", TOP / "igt-tests", f"O={folder}", program],
                    read=[TOP], write=[folder])
    return program


def gather(target: Target, driver: str, corpus: Path) -> tuple:
    """Returns a folder with everything that the guest needs, and the path of the module."""
    folder = build.out(target.version) / f"fuzz-{driver}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(build.tests(target), folder,
                    ignore=shutil.ignore_patterns("*.o", "*.d", "lib", "fuzz"))
    shutil.copy(engine(target), folder)
    module, coverage = instrumented.modules(target, driver)
    shutil.copy(module, folder)
    shutil.copy(coverage, folder)
    shutil.copytree(corpus, folder / "corpus")
    return folder, module
