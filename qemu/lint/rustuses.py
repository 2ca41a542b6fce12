# SPDX-License-Identifier: GPL-2.0
"""Finds which files of a Rust crate use which."""
import re
from collections.abc import Iterator
from pathlib import Path

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"", re.S)
# A part's data, which code reaches through the device without importing the part.
DATA = re.compile(r"\bdev(?:\(\))?\s*\.\s*(\w+)\b(?!\()")


def _module_of(path: Path) -> tuple[str, ...]:
    parts = path.with_suffix("").parts
    return parts[:-1] if parts[-1] == "mod" else parts


def use_paths(text: str, module: tuple[str, ...]) -> set[tuple[str, ...]]:
    """Returns the paths of its own crate that a file names, in imports and elsewhere."""
    found = set()

    def read(at: int, path: tuple[str, ...]) -> int:
        """Reads one tree of names from an offset; returns the offset after it."""
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


def uses(root: Path, crate: str) -> Iterator[tuple[str, str]]:
    """Yields pairs of files of which the first uses the second; the crate's root is left out."""
    files = {_module_of(path.relative_to(root)): str(path.relative_to(root))
             for path in sorted(root.rglob("*.rs")) if path.name != f"{crate}.rs"}
    for module, name in files.items():
        text, begin, tests = COMMENT.sub("", (root / name).read_text()).partition("mod tests {")
        # The module of the tests is in this file, so its super is the file.
        text += begin + re.sub(r"\bsuper::", "self::", tests)
        found = set()
        for path in use_paths(text, module):
            modules = (path[:length] for length in range(len(path), 0, -1))
            found.add(next((files[one] for one in modules if one in files), name))
        # A part may use its own data without restriction.
        found |= {files[(part,)] for part in DATA.findall(text)
                  if (part,) in files and part != module[0]}
        yield from ((name, other) for other in sorted(found - {name}))
