# SPDX-License-Identifier: GPL-2.0
"""Checks that the documentation of the Rust crates says what a caller needs to know.

rustdoc lists the public items. A function that returns a result must say which errors it returns, and
one that calls C functions must name its C counterpart. A function, type, trait or macro must have an
example, or say what always holds for it (# Invariants), which errors it returns (# Errors), or in which
context it runs (# Context), e.g. whether it may sleep. What a type or trait says of its context is for
its methods, too.
"""
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qemu.base.paths import TOP

CRATES = ("virtio", "drm")
SECTIONS = ("Examples", "Invariants", "Errors", "Context")
KINDS = ("function", "macro", "struct", "trait")
# The function that `#[pin_data]` adds to a type.
GENERATED = ("project",)


@dataclass(frozen=True)
class Item:
    """A public item."""
    file: str
    line: int
    name: str
    kind: str
    documentation: str
    # The documentation of the type or trait that has the function as a method.
    of_owner: str
    returns_result: bool
    calls_c: bool

    def has(self, section: str) -> bool:
        return _has(self.documentation, section)


def _has(documentation: str, section: str) -> bool:
    return bool(re.search(rf"^# {section}$", documentation, re.M))


def _kind(item: dict) -> str:
    return next(iter(item["inner"]))


def _is_plain(item: dict) -> bool:
    """Returns whether a struct has only public fields, which have documentation of their own."""
    fields = item["inner"].get("struct", {}).get("kind")
    return (isinstance(fields, dict) and "plain" in fields and bool(fields["plain"]["fields"])
            and not fields["plain"]["has_stripped_fields"])


def _returns_result(item: dict) -> bool:
    output = item["inner"].get("function", {}).get("sig", {}).get("output") or {}
    return re.split("::", output.get("resolved_path", {}).get("name", ""))[-1] == "Result"


def _calls_c(item: dict) -> bool:
    """Returns whether the source of a function calls a function of the bindings."""
    if _kind(item) != "function" or not Path(item["span"]["filename"]).exists():
        return False
    lines = Path(item["span"]["filename"]).read_text().splitlines()
    source = "\n".join(lines[item["span"]["begin"][0] - 1:item["span"]["end"][0]])
    return bool(re.search(r"\bbindings::[a-z_]\w*\(", source))


def items(crate: dict) -> Iterator[Item]:
    """Yields the public items of a crate of which documentation must say something."""
    index = crate["index"]
    owners: dict[str, dict] = {}
    in_trait_impl: set[str] = set()
    for item in index.values():
        inner = item["inner"]
        if "trait" in inner:
            owners |= {str(number): item for number in inner["trait"]["items"]}
        if "impl" in inner:
            members = [str(number) for number in inner["impl"]["items"]]
            if inner["impl"]["trait"]:
                # The trait has the documentation.
                in_trait_impl |= set(members)
                continue
            of = str(inner["impl"]["for"].get("resolved_path", {}).get("id"))
            if of in index:
                owners |= {number: index[of] for number in members}
    for number, item in index.items():
        kind = _kind(item)
        if (kind not in KINDS or item["crate_id"] or number in in_trait_impl
                or item["name"] in GENERATED or _is_plain(item)):
            continue
        owner = owners.get(number)
        name = f"{owner['name']}::{item['name']}" if owner else item["name"]
        path = Path(item["span"]["filename"])
        yield Item(str(path.relative_to(TOP) if path.is_relative_to(TOP) else path),
                   item["span"]["begin"][0], name, kind, item["docs"] or "",
                   (owner or {}).get("docs") or "", _returns_result(item), _calls_c(item))


def complaint(item: Item) -> str:
    """Returns what is missing in the documentation of an item, or an empty string."""
    if item.returns_result and not item.has("Errors"):
        return "returns a result, so its documentation needs a section # Errors"
    if item.calls_c and not re.search(r"`\w+\(\)`|C counterpart", item.documentation):
        return "calls a C function, so its documentation must name its C counterpart"
    if any(map(item.has, SECTIONS)) or _has(item.of_owner, "Context"):
        return ""
    return f"needs one of the sections {', '.join(f'# {name}' for name in SECTIONS)}"


def complaints(crates: dict[str, dict]) -> list[str]:
    """Returns a message for each item with incomplete documentation."""
    found = [(item, complaint(item)) for crate in crates.values() for item in items(crate)]
    return [f"{file}:{line}: {name} {text}" for file, line, name, text in
            sorted((item.file, item.line, item.name, text) for item, text in found if text)]
