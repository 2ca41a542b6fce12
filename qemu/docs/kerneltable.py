# SPDX-License-Identifier: GPL-2.0
"""Prints the README's table of kernels; with --readme it writes it there.

The headers in drm/compat/ say what the driver cannot have on a kernel that lacks a piece ("Absent: ...")
and what it has a replacement for ("Replaced: ...").
"""
import re
import sys

from qemu.base import kernels, tables
from qemu.base.paths import TOP

README = TOP / "README.md"
COMPAT = TOP / "drm/compat"


def pieces() -> dict[str, list[str]]:
    """Returns the names of the pieces that drm/compat/Makefile has for each series."""
    found: dict[str, list[str]] = {}
    names: list[str] = []
    for line in (COMPAT / "Makefile").read_text().splitlines():
        group = re.fullmatch(r"# Lacking in ([\d.]+):", line)
        if group:
            names = found[group[1]] = []
        names += re.findall(r"\$\(call (?:lacking|having),(\w+),", line)
    return found


def notes(piece: str, kind: str) -> list[str]:
    return re.findall(rf"^ \* {kind}: (.+)$", (COMPAT / f"{piece}.h").read_text(), re.M)


def table() -> str:
    lines = ["| kernel | Debian's suite | drivers | absent | replaced |", "|---|---|---|---|---|"]
    lacking = pieces()
    for series in kernels.SUPPORTED:
        # A kernel also lacks what newer ones lack.
        names = [name for other, there in lacking.items() for name in there
                 if kernels.number(other) >= kernels.number(series.name)]
        cells = ["; ".join(sorted(note for name in names for note in notes(name, kind))) or "nothing"
                 for kind in ("Absent", "Replaced")]
        lines.append(f"| {series.name} | {series.suite} | {'C, Rust' if series.has_rust else 'C'} | "
                     + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    print(table())
    if "--readme" in sys.argv:
        tables.put(README, "kernels", table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
