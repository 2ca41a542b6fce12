# SPDX-License-Identifier: GPL-2.0
"""Prepares builds for the release candidate, which need the compilers that built that kernel."""
import inspect
from pathlib import Path

import cache
import kernels
import setup
from report import step

SUITE = "sid"
NEEDS_MB = 3500


def is_candidate(found) -> bool:
    return found["suite"] == kernels.CANDIDATE.suite


def make_root(gcc: str):
    def make(folder: Path) -> None:
        with step(f"build root for the candidate ({SUITE}: {gcc}, rustc, bindgen)"):
            names = [gcc if name.startswith("gcc-") else name
                     for name in setup.packages(setup.HERE / "rust-root.packages")]
            setup.make_root(folder, SUITE, names)
    return make


def root(found) -> Path:
    """Returns a root with the compilers; each candidate gets its own, because compilers change."""
    name = cache.key(setup.HERE / "rust-root.packages", SUITE, found["gcc"], found["package"],
                     inspect.getsource(make_root), inspect.getsource(setup.make_root))
    return cache.entry(f"candidate-root-{name}", make_root(found["gcc"]), NEEDS_MB)


def compiling(found) -> dict:
    """Returns `found` for builds of modules: the candidate's compilers are in another root."""
    return {**found, "root": root(found)} if is_candidate(found) else found
