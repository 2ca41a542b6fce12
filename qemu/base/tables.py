# SPDX-License-Identifier: GPL-2.0
"""Updates generated tables in documents; each stands between two comments with its name."""
import re
from pathlib import Path

from qemu.base.report import Failure


def _place(name: str) -> re.Pattern:
    return re.compile(f"(<!-- {name}: begin -->\n)(?:.*\n)?(<!-- {name}: end -->)", re.S)


def get(document: Path, name: str) -> str:
    found = _place(name).search(document.read_text())
    if not found:
        raise Failure(f"{document.name} has no place for the table {name}")
    return found[0].removeprefix(found[1]).removesuffix(found[2]).rstrip("\n")


def put(document: Path, name: str, text: str) -> None:
    get(document, name)
    document.write_text(_place(name).sub(lambda found: f"{found[1]}{text}\n{found[2]}",
                                         document.read_text()))
