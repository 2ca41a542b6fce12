# SPDX-License-Identifier: GPL-2.0
"""Checks the order of the folders of qemu/: each may import only from those before it."""
import ast
from collections.abc import Iterable
from pathlib import Path

from qemu.base.paths import TOP

PACKAGE = "qemu"
# Each folder may import from those before it. qemu/__init__.py says what each has.
ORDER = ("base", "images", "build", "device", "host", "interactive", "harness", "bench", "fuzz",
         "mutants", "docs", "lint")
# Folders without an order: the scripts of the guest, and the unit tests, which import everything.
OTHERS = ("guest", "tests")


def imports(text: str) -> set[str]:
    """Returns the folders of the package that a source file imports from."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        names = ([node.module or ""] if isinstance(node, ast.ImportFrom)
                 else [each.name for each in node.names] if isinstance(node, ast.Import) else [])
        for name in names:
            package, _, rest = name.partition(".")
            if package == PACKAGE and rest:
                found.add(rest.partition(".")[0])
    return found


def complaints(top: Path = TOP / PACKAGE, order: Iterable[str] = ORDER) -> list[str]:
    """Returns a message for each file that imports from a folder which does not come before its own."""
    order = list(order)
    found = []
    for path in sorted(top.glob("*/*.py")):
        folder = path.parent.name
        if folder in OTHERS:
            continue
        if folder not in order:
            found.append(f"{PACKAGE}/{folder} is not in ORDER of qemu/lint/folders.py")
            continue
        allowed = order[:order.index(folder) + 1]
        found += [f"{PACKAGE}/{folder}/{path.name} imports from {other}, which does not come before it"
                  for other in sorted(imports(path.read_text())) if other not in allowed]
    return found
