# SPDX-License-Identifier: GPL-2.0
"""Builds the ioctl fuzzer: libFuzzer with our programs, and an instrumented driver."""
import shutil
from pathlib import Path

import build
import cache
import coverage_build
import sandbox
import setup
from report import step

HERE = Path(__file__).resolve().parent


def root() -> Path:
    return setup.stable_root("fuzz", "clang, libFuzzer", HERE / "fuzz-root.packages")


def engine(found) -> Path:
    """Builds libFuzzer with our ioctl programs and returns its path."""
    folder = build.out(found["version"]) / "fuzzer"
    folder.mkdir(exist_ok=True)
    with step("the fuzzer"), cache.locked(folder):
        target = folder / "ioctl-fuzzer"
        sandbox.run(root(), ["make", "-s", "-C", build.TOP / "igt-tests", f"O={folder}", target],
                    read=[build.TOP], write=[folder])
    return target


def gather(found, driver: str, corpus: Path) -> tuple:
    """Returns a folder with everything that the guest needs, and the path of the module."""
    folder = build.out(found["version"]) / f"fuzz-{driver}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(build.tests(found), folder,
                    ignore=shutil.ignore_patterns("*.o", "*.d", "lib", "fuzz"))
    shutil.copy(engine(found), folder)
    module, coverage = coverage_build.modules(found, driver)
    shutil.copy(module, folder)
    shutil.copy(coverage, folder)
    shutil.copytree(corpus, folder / "corpus")
    return folder, module
