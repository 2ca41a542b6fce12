# SPDX-License-Identifier: GPL-2.0
"""Prepares builds for the release candidate, which need the compilers that built that kernel."""
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from qemu.base import cache, kernels
from qemu.base.report import step
from qemu.images import debian, roots
from qemu.images.target import Target

SUITE = "sid"
NEEDS_MB = 3500
Kind = TypeVar("Kind", bound=Target)


def is_candidate(target: Target) -> bool:
    return target.suite == kernels.CANDIDATE.suite


def make_root(gcc: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        with step(f"build root for the candidate ({SUITE}: {gcc}, rustc, bindgen)"):
            names = [gcc if name.startswith("gcc-") else name
                     for name in debian.packages(roots.HERE / "rust-root.packages")]
            roots.make_root(folder, SUITE, names)
    return make


def root(target: Target) -> Path:
    """Returns a root with the compilers; each candidate gets its own, because compilers change."""
    name = cache.key(cache.recipe(roots.HERE / "rust-root.packages", make_root, roots.make_root),
                     SUITE, target.gcc, target.package)
    return cache.entry(f"candidate-root-{name}", make_root(target.gcc), NEEDS_MB)


def compiling(target: Kind) -> Kind:
    """Returns `target` for builds of modules: the candidate's compilers are in another root."""
    return dataclasses.replace(target, root=root(target)) if is_candidate(target) else target
