#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The parts of the drivers: which file uses which, and whether dependencies run one way.

    parts.py [DRIVER...]

Prints the arrows between files. A part may use those below it, and the device's file, which is the
ground floor, may be used by all. No files use each other in a circle.
"""
import re
import sys
from pathlib import Path
from typing import Callable

TOP = Path(__file__).resolve().parent.parent

# What each part may use; files outside of the parts' folders are the driver's and may use all.
BELOW = {
    "transport": set(),
    "memory": {"transport"},
    "display": {"transport", "memory"},
    "render": {"transport", "memory"},
}
DRIVER = "driver"
GROUND = "ground"

# From a file to another one, both relative to the driver's folder.
Arrow = tuple[str, str]

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"", re.S)


def part_of(name: str) -> str:
    """The part that a file belongs to."""
    path = Path(name)
    if path.stem == "device" and len(path.parts) == 1:
        return GROUND
    return path.parts[0] if path.parts[0] in BELOW else DRIVER


def _module_of(path: Path) -> tuple[str, ...]:
    parts = path.with_suffix("").parts
    return parts[:-1] if parts[-1] == "mod" else parts


def use_paths(text: str, module: tuple[str, ...]) -> set[tuple[str, ...]]:
    """The paths inside of its crate that a Rust file names, whether imported or not."""
    found = set()

    def read(at: int, path: tuple[str, ...]) -> int:
        """Reads one tree of names from an offset on; returns where it ends."""
        if text.startswith("{", at):
            at += 1
            while at < len(text) and text[at] != "}":
                at = at + 1 if text[at] in " \n," else read(at, path)
            return at + 1
        name = re.compile(r"\w+|\*").match(text, at)
        if not name:
            return at + 1
        path = (*path, name[0])
        if text.startswith("::", name.end()):
            return read(name.end() + 2, path)
        found.add(path)
        return name.end()

    for start in re.finditer(r"\b(crate|self|super)::", text):
        base = {"crate": (), "self": module, "super": module[:-1]}[start[1]]
        read(start.end(), base)
    return found


def rust_arrows(root: Path, crate: str) -> set[Arrow]:
    """The arrows between the files of a Rust driver."""
    files = {_module_of(path.relative_to(root)): str(path.relative_to(root))
             for path in sorted(root.rglob("*.rs")) if path.name != f"{crate}.rs"}
    arrows = set()
    for module, name in files.items():
        text, begin, tests = COMMENT.sub("", (root / name).read_text()).partition("mod tests {")
        # The file is what its tests are in.
        text += begin + re.sub(r"\bsuper::", "self::", tests)
        for path in use_paths(text, module):
            for length in range(len(path), 0, -1):
                if target := files.get(path[:length]):
                    arrows.add((name, target))
                    break
        # The data of a part are reached through the device, without an import.
        for field in re.findall(r"\bdev(?:\(\))?\s*\.\s*(\w+)\b(?!\()", text):
            target = files.get((field,))
            if target and part_of(target) != part_of(name):
                arrows.add((name, target))
    return {(a, b) for a, b in arrows if a != b}


def circles(arrows: set[Arrow]) -> list[list[str]]:
    """Files that use each other, directly or by others."""
    uses: dict[str, set[str]] = {}
    for one, other in arrows:
        uses.setdefault(one, set()).add(other)

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        todo = [start]
        while todo:
            new = uses.get(todo.pop(), set()) - found
            found |= new
            todo += new
        return found

    reach = {name: reached(name) for name in uses}
    groups = {tuple(sorted(other for other in reach[name] if name in reach.get(other, ())))
              for name in uses if name in reach[name]}
    return [list(group) for group in sorted(groups)]


def complaints(arrows: set[Arrow]) -> list[str]:
    """What is wrong with the arrows between files."""
    wrong = []
    for one, other in sorted(arrows):
        above, below = part_of(one), part_of(other)
        if above == DRIVER or below in (above, GROUND):
            continue
        if above == GROUND or below not in BELOW[above]:
            wrong.append(f"{one} uses {other}, but {above} is not above {below}")
    return wrong + [f"a circle: {', '.join(group)}" for group in circles(arrows)]


# How the arrows of a driver are found, and in which folder.
DRIVERS: dict[str, tuple[str, Callable[[Path], set[Arrow]]]] = {
    "rust": ("rust/virtgpu", lambda root: rust_arrows(root, "virtgpu")),
}


def arrows_of(driver: str) -> set[Arrow]:
    folder, find = DRIVERS[driver]
    return find(TOP / folder)


def all_complaints() -> list[str]:
    """What is wrong with the parts of all drivers."""
    return [f"{folder}: {text}" for folder, find in DRIVERS.values()
            for text in complaints(find(TOP / folder))]


def main() -> int:
    for driver in sys.argv[1:] or DRIVERS:
        for one, other in sorted(arrows_of(driver)):
            print(f"{one} -> {other}")
    wrong = all_complaints()
    for text in wrong:
        print(text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
