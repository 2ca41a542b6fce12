# SPDX-License-Identifier: GPL-2.0
"""Tests which files of a Rust crate use which."""
from pathlib import Path

import pytest

from qemu.lint import rustuses


def test_trees_of_names_are_read():
    text = "use crate::{a, b::{self, c::D}, e::*};\nfn f() -> crate::g::H { super::i::j() }"
    assert rustuses.use_paths(text, ("x", "y")) == {
        ("a",), ("b", "self"), ("b", "c", "D"), ("e", "*"), ("g", "H"), ("x", "i", "j")}


@pytest.fixture(name="crate")
def fixture_crate(tmp_path: Path):
    """Writes files of a crate and returns which use which."""
    def write(**files: str) -> set[tuple[str, str]]:
        for name, text in files.items():
            path = tmp_path / (name.replace("__", "/") + ".rs")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return set(rustuses.uses(tmp_path, "virtgpu"))
    return write


def test_arrows_lead_to_files(crate):
    assert crate(memory__mod="pub mod gem;", memory__gem="use crate::memory::Memory;",
                 display__fb="use crate::{memory::gem::{self, Bo}, device::Device};",
                 device="", virtgpu="mod device; use crate::memory;") == {
        ("memory/gem.rs", "memory/mod.rs"), ("display/fb.rs", "memory/gem.rs"),
        ("display/fb.rs", "device.rs")}


def test_comments_and_strings_are_no_arrows(crate):
    assert crate(display__fb='// crate::life::x\n/* crate::life::y */ f("crate::life::z")',
                 life="") == set()


def test_tests_are_in_their_file(crate):
    assert crate(display__fb="mod tests {\n    use super::*;\n}", display__mod="") == set()
    assert crate(display__fb="mod tests {\n    use crate::life::x;\n}", life="") == {
        ("display/fb.rs", "life.rs")}


def test_data_of_other_parts_are_arrows(crate):
    assert crate(memory__gem="bo.dev().life.up(); self.dev\n    .display.x; dev.memory.y;", life="",
                 display__mod="", memory__mod="") == {
        ("memory/gem.rs", "life.rs"), ("memory/gem.rs", "display/mod.rs")}
