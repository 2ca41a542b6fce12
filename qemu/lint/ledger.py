# SPDX-License-Identifier: GPL-2.0
"""The unsafe ledger: counts the unsafe code of each crate, and checks that it is justified.

    ledger.py [--readme]

Clippy also demands the comments (undocumented_unsafe_blocks); this program counts. --readme writes
the table to README.md, which must contain the current one.
"""
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from qemu.base import tables
from qemu.base.paths import TOP

README = TOP / "README.md"
CRATES = (("virtio", "rust/virtio"), ("drm", "rust/drm"), ("driver", "rust/virtgpu"),
          ("virtgpu_c", "rust/virtgpu_c"), ("samples", "rust/samples"), ("kunit", "rust/kunit"),
          ("client", "rust/client"))
# KUnit tests are not counted: the end of a file, or a whole file.
TESTS = re.compile(r"^#\[cfg\((?:kunit|test)\)\]\n(pub\(crate\) )?mod tests \{.*", re.S | re.M)
TEST_FILE = "_tests.rs"
# The type of a pointer to a function. The argument is where the pointer is called.
POINTER = re.compile(r"unsafe\s+(extern\s+)?fn\s*\(")
# How many lines above the unsafe code the safety comment may begin.
REACH = 12


@dataclass
class Count:
    files: int = 0
    blocks: int = 0
    impls: int = 0
    functions: int = 0
    unsafe_lines: set = field(default_factory=set)
    code_lines: int = 0
    unargued: list = field(default_factory=list)


def blank(text: str) -> str:
    """Replaces comments, strings and characters by spaces; lines stay."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|b?c?"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])\'', re.S)
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def block_end(code: str, start: int) -> int:
    depth = 0
    for at in range(start, len(code)):
        if code[at] == "{":
            depth += 1
        elif code[at] == "}":
            depth -= 1
            if not depth:
                return at
    return len(code)


def of_a_trait(lines: list, line: int) -> bool:
    """Returns whether a function implements a trait, whose declaration has the safety section."""
    indent = len(lines[line]) - len(lines[line].lstrip())
    for above in reversed(lines[:line]):
        if above.strip() and len(above) - len(above.lstrip()) < indent:
            if re.match(r"\s*(unsafe )?impl\b", above):
                return " for " in above
            if not above.lstrip().startswith(("where", "T", "//", "{")):
                return False
    return False


def is_argued(lines: list, line: int, what: str) -> bool:
    """Returns whether a comment just above says SAFETY: (for a function: # Safety)."""
    wanted = "# Safety" if what == "fn" else "SAFETY:"
    return any(wanted in above for above in lines[max(0, line - REACH):line + 1])


def count_file(path: Path, count: Count) -> None:
    text = TESTS.sub("", path.read_text())
    lines, code = text.splitlines(), blank(text)
    count.files += 1
    count.code_lines += sum(bool(line.strip()) for line in code.splitlines())
    for match in re.finditer(r"\bunsafe\s*(\{|impl\b|fn\b|extern\b|trait\b)", code):
        what = match[1]
        line = code.count("\n", 0, match.start())
        if POINTER.match(code, match.start()):
            continue
        if what == "extern":
            what = "fn"
        if what == "{":
            count.blocks += 1
            end = block_end(code, match.end() - 1)
            count.unsafe_lines |= {(path, number) for number in
                                   range(line, code.count("\n", 0, end) + 1)
                                   if code.splitlines()[number].strip()}
        elif what == "impl":
            count.impls += 1
        elif what == "fn":
            count.functions += 1
        if what == "trait" or what == "fn" and of_a_trait(lines, line):
            continue
        if not is_argued(lines, line, what):
            count.unargued.append(f"{path.relative_to(TOP)}:{line + 1}")


def main() -> int:
    table = ["| crate | unsafe blocks | unsafe impls | unsafe functions | lines in unsafe blocks "
             "| lines of code |", "|---|---|---|---|---|---|"]
    unargued = []
    for name, folder in CRATES:
        count = Count()
        for path in sorted((TOP / folder).rglob("*.rs")):
            if not path.name.endswith(TEST_FILE):
                count_file(path, count)
        table.append(f"| {name} | {count.blocks} | {count.impls} | {count.functions} "
                     f"| {len(count.unsafe_lines)} | {count.code_lines} |")
        unargued += count.unargued
        if name == "driver" and (count.blocks or count.impls or count.functions):
            unargued.append(f"{folder}, which must not contain unsafe")
    text = "\n".join(table)
    print(text)
    for place in unargued:
        print(f"no SAFETY comment: {place}")
    if "--readme" in sys.argv:
        tables.put(README, "ledger", text)
    stale = tables.get(README, "ledger") != text
    if stale:
        print("README.md has an old table, run python3 -m qemu.lint.ledger --readme")
    return 1 if unargued or stale else 0


if __name__ == "__main__":
    sys.exit(main())
