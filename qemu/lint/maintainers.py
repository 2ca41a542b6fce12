# SPDX-License-Identifier: GPL-2.0
"""Reads the sections of MAINTAINERS, and runs the kernel's get_maintainer.pl on them."""
import re
from pathlib import Path

from qemu.base import sandbox

SCRIPT = "scripts/get_maintainer.pl"


def sections(path: Path) -> dict[str, list[str]]:
    """Returns the file patterns of each section."""
    _, _, text = path.read_text(encoding="utf-8").partition("Maintainers List\n")
    found = re.findall(r"^([A-Z].*)\n((?:[A-Z]:\t.*\n)+)", text, re.M)
    return {name: re.findall(r"^F:\t(.*)$", lines, re.M) for name, lines in found}


def matches(top: Path, pattern: str) -> list[Path]:
    """Returns the files and folders that a pattern names."""
    return sorted(top.glob(pattern.rstrip("/")))


def example(top: Path, patterns: list[str]) -> Path:
    """Returns one file of a section."""
    paths = [path for pattern in patterns for path in matches(top, pattern)]
    files = (file for path in paths for file in ([path] if path.is_file() else path.rglob("*.*")))
    return next(file for file in files if file.is_file()).relative_to(top)


def found_for(root: Path, folder: Path, top: Path, path: Path) -> list[str]:
    """Returns the lines that the script prints for a file: addresses and names of sections."""
    argv = ["perl", folder / SCRIPT, "--no-tree", "--no-git", "--no-git-fallback",
            "--no-rolestats", "--subsystem", "-f", path]
    return sandbox.run(root, argv, read=[top, folder], cwd=top).splitlines()
