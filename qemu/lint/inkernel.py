# SPDX-License-Identifier: GPL-2.0
"""Converts sources of the Rust crates to the form that they have in the kernel's tree, where a crate is
a module of the crate `kernel`, and its C helpers are next to those of the others."""
import re
import textwrap
from collections.abc import Iterable

from qemu.base.report import Failure

# checkpatch's limit.
WIDTH = 100
TAB = 8
# A comment in Rust: its indentation and its mark.
COMMENT = re.compile(r"(\s*)(//[/!]?)( |$)(.*)")
# Lines of a comment that are not filled: examples, tables, lists, headings, targets of links.
FENCE = "```"
UNFILLED = re.compile(rf"{FENCE}|\||[*-] |#|\d+\. |\[`?\w+`?\]: ")
# An example with this needs the tests of this repository.
OUR_TESTS = "doctests::"
FUNCTION = re.compile(r"((?:/\*(?:(?!\*/).)*\*/\n)?)^(\w[\w *]*?\**)helper_(\w+)\(([^{]*)\)\n"
                      r"\{\n(.*?)^\}\n", re.M | re.S)


def _fill(lines: list[str], indent: str, mark: str) -> list[str]:
    """Fills a paragraph of a comment again if one of its lines is too long."""
    prefix = f"{indent}{mark} "
    if all(len(prefix + line) <= WIDTH for line in lines):
        return [prefix + line for line in lines]
    return textwrap.wrap(" ".join(lines), WIDTH, initial_indent=prefix, subsequent_indent=prefix,
                         break_long_words=False, break_on_hyphens=False)


def fill_comments(text: str) -> str:
    """Fills the paragraphs of comments with lines that are too long for the kernel."""
    out: list[str] = []
    paragraph: list[str] = []
    place = ("", "")
    is_example = False

    def close() -> None:
        if paragraph:
            out.extend(_fill(paragraph, *place))
            paragraph.clear()

    for line in text.splitlines():
        match = COMMENT.fullmatch(line)
        if not match or not match[4]:
            close()
            out.append(line)
            continue
        if match[4].startswith(FENCE):
            is_example = not is_example
        if is_example or UNFILLED.match(match[4]):
            close()
            out.append(line)
            continue
        if (match[1], match[2]) != place:
            close()
            place = (match[1], match[2])
        paragraph.append(match[4])
    close()
    return "\n".join(out) + "\n"


def _in_example(line: str, crate: str) -> str:
    """Converts a line of an example, which uses the crate from outside."""
    # Macros are at the top of the crate.
    line = re.sub(rf"(?<![\w:]){crate}::(?=\w+!)", "kernel::", line)
    return re.sub(rf"(?<![\w:]){crate}::", f"kernel::{crate}::", line)


def _in_comment(line: str, crate: str) -> str:
    """Converts the links in a line of a comment."""
    # Macros are at the top of the crate, and have names in lower case.
    return re.sub(r"\]\(crate::(?=[A-Z])", f"](crate::{crate}::", line)


def _in_macro(line: str, crate: str) -> str:
    """Converts a line of a macro, which is used anywhere."""
    line = line.replace("$crate::", f"$crate::{crate}::")
    return re.sub(r"(?<![\w:$])kernel::", "$crate::", line)


def _in_code(line: str) -> str:
    line = re.sub(r"\bhelper_(?=\w+\()", "", line)
    line = re.sub(r"(?<![\w:$])crate::", "super::", line)
    line = line.replace("kernel::bindings::", "bindings::")
    # Macros are at the top of the crate, and cannot be named by `crate`.
    return re.sub(r"(?<![\w:$])kernel::(?!\w+!)", "crate::", line)


def module(text: str, crate: str) -> str:
    """Converts a source file of a crate to one of a module of the crate `kernel`."""
    text = text.replace("use drm_bindings as bindings;\nuse kernel::{\n",
                        "use kernel::{\n    bindings,\n")
    text = re.sub(r"use drm_bindings as bindings;\nuse kernel::\{(?=\w)", "use kernel::{bindings, ",
                  text)
    if "drm_bindings" in text:
        raise Failure("a source of the crates imports drm_bindings in a form that is not known")
    # Attributes of a crate, and comments about them.
    text = re.sub(r"\n(?:^// .*\n|^#!\[.*\]\n)+\n", "\n", text, flags=re.M)
    out: list[str] = []
    is_macro, fence = False, -1
    for line in text.splitlines():
        comment = COMMENT.fullmatch(line)
        if comment and comment[4].startswith(FENCE):
            if fence < 0:
                fence = len(out)
            else:
                if any(OUR_TESTS in one for one in out[fence:]) and out[fence].endswith(FENCE):
                    out[fence] += "ignore"
                fence = -1
            out.append(line)
        elif comment:
            out.append(_in_example(line, crate) if fence >= 0 else _in_comment(line, crate))
        else:
            is_macro = is_macro or line.startswith("macro_rules!")
            out.append(_in_macro(line, crate) if is_macro else _in_code(line))
            is_macro = is_macro and line != "}"
    return fill_comments("\n".join(out))


def helpers_of(texts: Iterable[str]) -> set[str]:
    """Returns the names of the C helpers that sources use."""
    return {name for text in texts for name in re.findall(r"\bbindings::helper_(\w+)", text)}


def _signature(kind: str, name: str, parameters: list[str]) -> str:
    """Formats the first lines of a C function."""
    start = f"__rust_helper {kind}rust_helper_{name}("
    indent = "\t" * (len(start) // TAB) + " " * (len(start) % TAB)
    first, *rest = [f"{parameter}," for parameter in parameters[:-1]] + [f"{parameters[-1]})"]
    lines = [start + first]
    for piece in rest:
        if len(f"{lines[-1]} {piece}".expandtabs(TAB)) > WIDTH:
            lines.append(indent + piece)
        else:
            lines[-1] += f" {piece}"
    return "\n".join(lines)


def helpers(text: str, names: set[str]) -> str:
    """Returns the C functions of helpers.c with these names, as the kernel's helpers are written."""
    found = {}
    for comment, kind, name, parameters, body in FUNCTION.findall(text):
        pieces = [" ".join(piece.split()) for piece in parameters.split(",")]
        found[name] = f"{comment}{_signature(kind, name, pieces)}\n{{\n{body}}}\n"
    missing = names - found.keys()
    if missing:
        raise Failure(f"helpers.c has no helper {', '.join(sorted(missing))}")
    used = [function for name, function in found.items() if name in names]
    if any(re.search(r"(?<!rust_)\bhelper_\w+\(", function) for function in used):
        raise Failure("a helper in helpers.c calls another one, which cannot be converted")
    return "\n".join(used)
