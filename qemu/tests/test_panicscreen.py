# SPDX-License-Identifier: GPL-2.0
"""Tests that the panic screen is recognised by its text in any font, and that other screens are not."""
import random

import pytest

from qemu.base.picture import Picture
from qemu.host.panicscreen import LINES, Bitmap, find_text, is_panic_screen

WIDTH, HEIGHT = 320, 200
PAPER, INK = b"\0\0\x40", b"\xff\xff\xff"


def glyph(character: str, width: int, height: int) -> list:
    """Returns an invented character: rows of booleans, with an empty margin as in real fonts."""
    numbers = random.Random(character)
    return [[character != " " and 1 <= x < width - 1 and 2 <= y < height - 2
             and numbers.random() < 0.5 for x in range(width)] for y in range(height)]


class Screen:
    """A screen on which text can be written."""

    def __init__(self, paper: bytes = PAPER, ink: bytes = INK):
        self.ink = ink
        self.rows = [[paper] * WIDTH for _ in range(HEIGHT)]

    def write(self, x: int, y: int, text: str, font=(8, 16)) -> None:
        for index, character in enumerate(text):
            for row, pixels in enumerate(glyph(character, *font)):
                for column, is_ink in enumerate(pixels):
                    if is_ink:
                        self.rows[y + row][x + index * font[0] + column] = self.ink

    def picture(self) -> Picture:
        return Picture(WIDTH, HEIGHT, b"".join(b"".join(row) for row in self.rows))


def panic(lines=LINES, **colours) -> Screen:
    screen = Screen(**colours)
    for number, line in enumerate(lines):
        screen.write(40 + 3 * number, 50 + 32 * number, line)
    return screen


def is_near(found, place) -> bool:
    """Compares positions, except for the empty margins of cells."""
    return found[2:] == place[2:] and abs(found[0] - place[0]) < 3 and abs(found[1] - place[1]) < 3


def test_the_panic_screen_is_recognised():
    assert is_panic_screen(panic().picture())


def test_other_colours_and_a_logo():
    screen = panic(paper=b"\xff\0\0", ink=b"\0\0\0")
    screen.write(0, 0, r" /'\_ _/`\ (_)")
    assert is_panic_screen(screen.picture())


def test_where_the_text_is():
    assert is_near(find_text(Bitmap(panic().picture()), LINES[1]), (43, 82, 8, 16))


def test_a_large_font():
    screen = Screen()
    screen.write(16, 30, LINES[0], (16, 32))
    assert is_near(find_text(Bitmap(screen.picture()), LINES[0]), (16, 30, 16, 32))


def test_no_text_is_found_where_there_is_none():
    assert find_text(Bitmap(panic().picture()), "Please wait") is None


@pytest.mark.parametrize("lines", [
    ("KERNEL PANIC",),
    ("KERNEL PANIC", "Please reboot your computers"),
    ("KERNEL PANIC", "Please rebxot your computer."),
    ("KERNEL PANIX", "Please reboot ybur computer."),
    ("Please reboot your computer.", "KERNEL PANIC"),
])
def test_other_words(lines):
    assert not is_panic_screen(panic(lines).picture())


def test_a_lost_pixel():
    """A panic screen with missing rows must not be accepted."""
    screen = panic()
    for x in range(40 + 8 * 10, WIDTH):
        screen.rows[82 + 32 - 27][x] = PAPER
    assert not is_panic_screen(screen.picture())


def test_blank_and_two_bars():
    """A screen with two colours and no text must not be accepted."""
    screen = Screen()
    assert not is_panic_screen(screen.picture())
    for row in screen.rows[:HEIGHT // 5]:
        row[:] = [INK] * WIDTH
    assert not is_panic_screen(screen.picture())


def test_noise():
    numbers = random.Random(1)
    screen = Screen()
    for row in screen.rows:
        row[:] = [numbers.choice((PAPER, INK)) for _ in row]
    assert not is_panic_screen(screen.picture())


def test_a_third_colour():
    screen = panic()
    screen.rows[0][0] = b"\1\2\3"
    assert not is_panic_screen(screen.picture())
