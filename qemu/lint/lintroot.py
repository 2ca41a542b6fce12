# SPDX-License-Identifier: GPL-2.0
"""Runs the checkers of Python, shell scripts and YAML in roots that are the same on every host.

Their settings are in pyproject.toml.
"""
import subprocess
from pathlib import Path

from qemu.base import sandbox
from qemu.base.paths import TOP
from qemu.images import debian, roots

# LAVA's schema is in the guest's suite only.
LAVA_SCHEMA = "/usr/share/lava-common/lava-schema.py"
YAML_RULES = ("{extends: default, rules: {line-length: {max: 105}, document-start: disable, "
              "braces: {max-spaces-inside: 0}}}")


def root() -> Path:
    return roots.stable_root("lint", "pylint, mypy, pytest, shellcheck, yamllint",
                             roots.HERE / "lint-root.packages")


def lava_root() -> Path:
    return roots.suite_root(debian.GUEST_SUITE, "lava", "LAVA's schema",
                            roots.HERE / "lava-root.packages")


def run(argv, where: Path | None = None) -> bool:
    """Runs a checker in the read-only checkout; returns whether it succeeds."""
    command = sandbox.command(where or root(), ["sh", "-c", 'cd "$0" && exec "$@"', TOP, *argv],
                              read=[TOP])
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


def yamllint(files) -> bool:
    return run(["yamllint", "--strict", "-d", YAML_RULES, *files])


def lava_schema(jobs) -> bool:
    """Checks jobs with LAVA's own schema."""
    return run(["python3", LAVA_SCHEMA, "job", "--strict", *jobs], lava_root())
