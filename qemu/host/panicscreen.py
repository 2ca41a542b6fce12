# SPDX-License-Identifier: GPL-2.0
"""Recognises the kernel's panic screen by its text.

The text is found without the kernel's font. In a line of text all cells have one size, equal
characters have equal cells, different characters have different cells, a space is empty, and so
are the rows above and below. No other picture meets these conditions for two whole lines.
"""
from collections import Counter
from typing import NamedTuple, Optional

from qemu.base.picture import Picture

# The text of drm.panic_screen=user.
LINES = ("KERNEL PANIC", "Please reboot your computer.")
# Width and height of the kernel's fonts, the usual one first.
FONTS = ((8, 16), (16, 32), (10, 18), (12, 22), (8, 14), (8, 8), (6, 10), (6, 11), (6, 8))


class Place(NamedTuple):
    """The position of a line of text in pixels, and the size of its cells.

    The position is exact except for the empty margins of the cells.
    """
    x: int
    y: int
    width: int
    height: int


class Bitmap:
    """A picture with two colours: each column is a number with a bit for each foreground pixel."""

    def __init__(self, picture: Picture):
        data = picture.rgb
        colours = Counter(data[at:at + 3] for at in range(0, len(data), 3))
        if len(colours) != 2:
            raise ValueError(f"{len(colours)} colours")
        background = colours.most_common(1)[0][0]
        self.width, self.height = picture.width, picture.height
        self.columns = [0] * picture.width
        for y in range(picture.height):
            row = data[y * picture.width * 3:(y + 1) * picture.width * 3]
            if row == background * picture.width:
                continue
            for x in range(picture.width):
                if row[x * 3:x * 3 + 3] != background:
                    self.columns[x] |= 1 << y

    def band(self, y: int, height: int) -> list[int]:
        """Returns the columns of some rows. The lowest bit is the row above, the highest that below."""
        mask = (4 << height) - 1
        return [(column << 1) >> y & mask for column in self.columns]


def _is_text(band: list[int], x: int, width: int, height: int, text: str) -> bool:
    """Returns whether exactly this text begins at a column of a band of cells."""
    outside = 1 | 2 << height
    if any(column & outside for column in band[x:x + width * len(text)]):
        return False
    glyphs: dict[str, tuple] = {" ": (0,) * width}
    for index, character in enumerate(text):
        at = x + index * width
        cell = tuple(band[at:at + width])
        if glyphs.setdefault(character, cell) != cell:
            return False
    return len(set(glyphs.values())) == len(glyphs)


def _likely(band: list[int], x: int, width: int, text: str) -> bool:
    """Checks quickly that the first character has pixels and the first space has none."""
    space = x + text.index(" ") * width
    return any(band[x:x + width]) and not any(band[space:space + width])


def find_text(bitmap: Bitmap, text: str) -> Optional[Place]:
    """Returns the position of a line of text with a space in it, in any of the fonts."""
    for width, height in FONTS:
        last = bitmap.width - len(text) * width
        for y in range(bitmap.height - height + 1):
            band = bitmap.band(y, height)
            if not any(band):
                continue
            for x in range(last + 1):
                if _likely(band, x, width, text) and _is_text(band, x, width, height, text):
                    return Place(x, y, width, height)
    return None


def is_panic_screen(picture: Picture) -> bool:
    """Returns whether the picture has two colours and the lines of the panic screen in order."""
    try:
        bitmap = Bitmap(picture)
    except ValueError:
        return False
    first, second = (find_text(bitmap, line) for line in LINES)
    return bool(first and second and first[2:] == second[2:] and first.y < second.y)
