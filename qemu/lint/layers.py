# SPDX-License-Identifier: GPL-2.0
"""Checks the order of a driver's parts: a file may use only its own part and the parts below it.

    layers.py [--write]

Without an option it prints the figure of docs/architecture.md; --write puts it there.
"""
import argparse
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from qemu.base import report
from qemu.base.paths import TOP
from qemu.lint import rustuses

PAGE = TOP / "docs/architecture.md"

# Each part is a folder, with the parts that it may use. The driver's own folder, "", may use all.
BELOW = {
    "": ("display", "render", "memory", "transport"),
    "display": ("memory", "transport"),
    "render": ("memory", "transport"),
    "memory": ("transport",),
    "transport": (),
}
# The part of files in the driver's own folder that all parts may use.
GROUND = "ground"

FIGURE = re.compile(r"(?<=<!-- The figure is written by qemu/lint/layers.py. -->\n```\n).*?(?=```\n)",
                    re.DOTALL)


@dataclass(frozen=True)
class Arrow:
    """A use of one file by another, both by their path in the driver's folder."""
    source: str
    target: str


@dataclass(frozen=True)
class Tree:
    """A driver: its folder, a function that finds the uses, and the files of the part GROUND."""
    folder: str
    arrows: Callable[[Path], Iterable[Arrow]]
    ground: tuple[str, ...]

    def part(self, file: str) -> str:
        """Returns the part that a file belongs to."""
        if file in self.ground:
            return GROUND
        return str(Path(file).parent).replace(".", "")

    def parts(self) -> dict[str, list[str]]:
        """Returns the sources of each part, without folder and suffix."""
        found: dict[str, set[str]] = {part: set() for part in BELOW}
        for arrow in self.arrows(TOP / self.folder):
            for file in (arrow.source, arrow.target):
                part = self.part(file)
                if part in found:
                    found[part].add(Path(file).stem)
        return {part: sorted(names) for part, names in found.items()}


def _sources(folder: Path, pattern: str) -> Iterable[Path]:
    """Yields the driver's sources, without tests and without what other kernels need."""
    for path in sorted(folder.rglob(pattern)):
        if path.relative_to(folder).parts[0] not in ("tests", "compat"):
            yield path


def arrows_of_c(folder: Path) -> Iterable[Arrow]:
    """Yields the includes of the driver's own headers."""
    for path in _sources(folder, "*.[ch]"):
        for name in re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE):
            yield Arrow(str(path.relative_to(folder)), name)


def arrows_of_rust(folder: Path) -> Iterable[Arrow]:
    """Yields the uses between the files of the crate, except by and of the crate's root."""
    for source, target in rustuses.uses(folder, "virtgpu"):
        yield Arrow(source, target)


def wrong(tree: Tree, arrows: Iterable[Arrow]) -> list[str]:
    """Returns a message for each use of a part that is not below, and for each file in no part."""
    lines = []
    for arrow in arrows:
        source, target = tree.part(arrow.source), tree.part(arrow.target)
        for part, file in ((source, arrow.source), (target, arrow.target)):
            if part not in (*BELOW, GROUND):
                lines.append(f"{tree.folder}/{file} is in no part: see BELOW in qemu/lint/layers.py")
                break
        else:
            if target not in (source, GROUND, *BELOW.get(source, ())):
                lines.append(f"{tree.folder}/{arrow.source} knows {arrow.target}, which is not below it")
    return lines


def circles(arrows: Iterable[Arrow]) -> list[list[str]]:
    """Returns circles of files that use each other."""
    graph: dict[str, list[str]] = {}
    for arrow in arrows:
        graph.setdefault(arrow.source, []).append(arrow.target)
    found: list[list[str]] = []
    done: set[str] = set()

    def walk(file: str, path: list[str]) -> None:
        if file in path:
            found.append([*path[path.index(file):], file])
            return
        if file in done:
            return
        for target in graph.get(file, ()):
            walk(target, [*path, file])
        done.add(file)

    for file in sorted(graph):
        walk(file, [])
    return found


def _box(title: str, names: list[str], width: int) -> list[str]:
    """Formats a part's name and its files in lines of limited width."""
    lines = [title]
    for name in names:
        if len(lines) == 1 or len(lines[-1]) + 1 + len(name) > width:
            lines.append(f"  {name}")
        else:
            lines[-1] += f" {name}"
    return lines


def figure(tree: Tree) -> str:
    """Draws the parts with their files; a part uses those below it."""
    parts = tree.parts()
    left = _box(f"{tree.folder}/display/", parts["display"], 44)
    right = _box(f"{tree.folder}/render/", parts["render"], 40)
    rows = max(len(left), len(right))
    left += [""] * (rows - len(left))
    right += [""] * (rows - len(right))
    middle = [f"{a:<48}{b}".rstrip() for a, b in zip(left, right)]
    two, one = f"{'    |':<48}    |", "    |"
    lines = [*_box(f"{tree.folder}/", parts[""], 88), two, *middle, two, f"    +{'-' * 47}+", one,
             *_box(f"{tree.folder}/memory/", parts["memory"], 88), one,
             *_box(f"{tree.folder}/transport/", parts["transport"], 88), one,
             *(f"{tree.folder}/{name}" for name in tree.ground)]
    return "".join(f"{line}\n" for line in lines)


C = Tree("drm", arrows_of_c, ("device.h",))
RUST = Tree("rust/virtgpu", arrows_of_rust, ("device.rs", "gpu.rs"))
TREES = (C, RUST)


def complaints() -> list[str]:
    """Returns what is wrong with the order of the drivers' parts, and with the figure of it."""
    lines = []
    for tree in TREES:
        arrows = list(tree.arrows(TOP / tree.folder))
        lines += wrong(tree, arrows)
        lines += [f"{tree.folder}: a circle: {' -> '.join(circle)}" for circle in circles(arrows)]
    drawn = FIGURE.search(PAGE.read_text())
    if not drawn or drawn[0] != figure(C):
        lines.append("docs/architecture.md has another figure of the parts: qemu/lint/layers.py --write")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the figure into the page")
    if parser.parse_args().write:
        PAGE.write_text(FIGURE.sub(lambda _: figure(C), PAGE.read_text(), count=1))
    else:
        print(figure(C), end="")
    return os.EX_OK


if __name__ == "__main__":
    report.main(main)
