# SPDX-License-Identifier: GPL-2.0
"""Runs the checkers of Python and shell scripts in a root that is the same on every host.

Their settings are in pyproject.toml.
"""
import subprocess
from pathlib import Path

from qemu.base import sandbox
from qemu.base.paths import TOP
from qemu.images import roots



def root() -> Path:
    return roots.stable_root("lint", "pylint, mypy, pytest, shellcheck",
                             roots.HERE / "lint-root.packages")


def run(argv) -> bool:
    """Runs a checker in the read-only checkout; returns whether it succeeds."""
    command = sandbox.command(root(), ["sh", "-c", 'cd "$0" && exec "$@"', TOP, *argv], read=[TOP])
    return subprocess.run(command).returncode == 0


def sources() -> list[Path]:
    """Returns the Python files of the tools and of the guest's programs."""
    return [path.relative_to(TOP) for path in
            sorted([*(TOP / "qemu").rglob("*.py"), *(TOP / "igt-tests").glob("*.py")])
            if path.parent.name != "tests"]


def pytest() -> bool:
    """Runs the unit tests of the tools."""
    return run(["env", "PYTHONDONTWRITEBYTECODE=1", "python3", "-m", "pytest"])


def pylint() -> bool:
    return run(["pylint", *sources()])


def mypy() -> bool:
    return run(["mypy", "--cache-dir=/tmp/mypy", "--no-error-summary"])


def shellcheck(scripts) -> bool:
    return run(["shellcheck", "-s", "sh", *scripts])
