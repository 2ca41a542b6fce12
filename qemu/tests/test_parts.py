# SPDX-License-Identifier: GPL-2.0
"""Which part of a driver uses which."""
from pathlib import Path

import pytest

import parts


def test_files_belong_to_their_folder():
    assert parts.part_of("display/kms.rs") == "display"
    assert parts.part_of("transport/mod.rs") == "transport"
    assert parts.part_of("drv.rs") == "driver"
    assert parts.part_of("device.rs") == "ground"
    assert parts.part_of("device.h") == "ground"


def test_trees_of_names_are_read():
    text = "use crate::{a, b::{self, c::D}, e::*};\nfn f() -> crate::g::H { super::i::j() }"
    assert parts.use_paths(text, ("x", "y")) == {
        ("a",), ("b", "self"), ("b", "c", "D"), ("e", "*"), ("g", "H"), ("x", "i", "j")}


@pytest.fixture(name="driver")
def fixture_driver(tmp_path: Path):
    """Writes files of a driver and returns the arrows between them."""
    def write(**files: str) -> set[parts.Arrow]:
        for name, text in files.items():
            path = tmp_path / (name.replace("__", "/") + ".rs")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return parts.rust_arrows(tmp_path, "virtgpu")
    return write


def test_arrows_lead_to_files(driver):
    arrows = driver(memory__mod="pub mod gem;", memory__gem="use crate::memory::Memory;",
                    display__fb="use crate::{memory::gem::{self, Bo}, device::Device};",
                    device="", virtgpu="mod device; use crate::memory;")
    assert arrows == {("memory/gem.rs", "memory/mod.rs"), ("display/fb.rs", "memory/gem.rs"),
                      ("display/fb.rs", "device.rs")}
    assert parts.complaints(arrows) == []


def test_comments_and_strings_are_no_arrows(driver):
    assert driver(display__fb='// crate::life::x\n/* crate::life::y */ f("crate::life::z")',
                  life="") == set()


def test_tests_are_in_their_file(driver):
    assert driver(display__fb="mod tests {\n    use super::*;\n}", display__mod="") == set()
    assert driver(display__fb="mod tests {\n    use crate::life::x;\n}", life="") == {
        ("display/fb.rs", "life.rs")}


def test_data_of_the_device_are_arrows(driver):
    arrows = driver(memory__gem="bo.dev().life.up(); self.dev\n    .display.x;", life="",
                    display__mod="")
    assert arrows == {("memory/gem.rs", "life.rs"), ("memory/gem.rs", "display/mod.rs")}


@pytest.mark.parametrize("arrow", [
    ("memory/gem.rs", "display/fb.rs"), ("transport/ring.rs", "memory/gem.rs"),
    ("display/fb.rs", "render/ioctl.rs"), ("render/ioctl.rs", "display/fb.rs"),
    ("display/fb.rs", "life.rs"), ("device.rs", "transport/ring.rs"),
])
def test_arrows_that_run_up_are_wrong(arrow):
    assert len(parts.complaints({arrow})) == 1


@pytest.mark.parametrize("arrow", [
    ("display/fb.rs", "memory/gem.rs"), ("render/ioctl.rs", "transport/ring.rs"),
    ("display/fb.rs", "display/image.rs"), ("drv.rs", "render/ioctl.rs"),
    ("transport/ring.rs", "device.rs"),
])
def test_arrows_that_run_down_are_right(arrow):
    assert parts.complaints({arrow}) == []


def test_circles_are_found():
    assert parts.circles({("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("e", "a")}) == [
        ["a", "b", "c"]]
    assert parts.circles({("a", "b"), ("a", "c"), ("b", "c")}) == []


@pytest.mark.parametrize("driver", parts.DRIVERS)
def test_the_drivers_are_in_order(driver):
    assert parts.complaints(parts.arrows_of(driver)) == []
