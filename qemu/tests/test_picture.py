# SPDX-License-Identifier: GPL-2.0
"""Tests pictures and their comparison."""
from PIL import Image

from qemu.base.picture import Picture, compare

RED, GREEN = b"\xff\0\0", b"\0\xff\0"


def test_equal():
    assert compare(Picture(2, 1, RED + GREEN), Picture(2, 1, RED + GREEN)) is None


def test_one_pixel():
    words, difference = compare(Picture(2, 2, RED * 4), Picture(2, 2, RED * 3 + GREEN))
    assert "1 pixels differ" in words and "at 1,1" in words
    assert "#ff0000" in words and "#00ff00" in words
    assert difference is not None


def test_sizes():
    words, difference = compare(Picture(2, 1, RED * 2), Picture(1, 2, RED * 2))
    assert words == "the host shows 2x1, the guest expects 1x2" and difference is None


def test_xrgb_is_little_endian():
    assert Picture.from_xrgb(1, 1, b"\x01\x02\x03\x00").rgb == b"\x03\x02\x01"


def test_ppm_with_padded_rows(tmp_path):
    path = tmp_path / "x.ppm"
    path.write_bytes(b"P6\n1 2\n255\n" + RED + b"\0" + GREEN + b"\0")
    assert Picture.from_ppm(path).rgb == RED + GREEN


def test_png_says_the_same(tmp_path):
    Picture(2, 1, RED + GREEN).write_png(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as image:
        assert image.convert("RGB").tobytes() == RED + GREEN


def test_colours():
    assert Picture(2, 1, RED + GREEN).colours(8) == 2
    assert Picture(2, 1, RED + GREEN).colours(1) == 1
