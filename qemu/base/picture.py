# SPDX-License-Identifier: GPL-2.0
"""Pictures: reads dumps of QEMU and of X servers, compares them exactly, writes PNG."""
import struct
from pathlib import Path

from PIL import Image, ImageChops


class Picture:
    """A picture: width, height, and rows of RGB bytes without padding."""

    def __init__(self, width: int, height: int, rgb: bytes):
        if len(rgb) != width * height * 3:
            raise ValueError(f"{len(rgb)} bytes are not a picture of {width}x{height}")
        self.width, self.height, self.rgb = width, height, bytes(rgb)

    @classmethod
    def from_ppm(cls, path: Path) -> "Picture":
        """Reads QEMU's PPM, which Pillow cannot read because its rows are padded to whole words."""
        data = path.read_bytes()
        fields: list[bytes] = []
        at = 0
        while len(fields) < 4:
            end = at
            while data[end:end + 1] not in b" \t\n":
                end += 1
            fields.append(data[at:end])
            at = end + 1
        if fields[0] != b"P6" or fields[3] != b"255":
            raise ValueError(f"{path} is not an 8-bit PPM")
        width, height = int(fields[1]), int(fields[2])
        stride, row = (len(data) - at) // height, width * 3
        return cls(width, height, b"".join(data[at + y * stride:at + y * stride + row]
                                           for y in range(height)))

    @classmethod
    def from_xwd(cls, data: bytes) -> "Picture":
        """Reads an X window dump with 32 bits per pixel."""
        (size, _, _, _, width, height, _, order, _, _, _, bits, stride, _, red, green, blue, _, _,
         colours, *_) = struct.unpack_from(">25I", data)
        if (bits, order, red, green, blue) != (32, 0, 0xff0000, 0xff00, 0xff):
            raise ValueError(f"unknown window dump: {bits} bits per pixel, order {order}")
        at = size + colours * 12
        return cls.from_xrgb(width, height, b"".join(
            data[at + y * stride:at + y * stride + width * 4] for y in range(height)))

    @classmethod
    def from_xrgb(cls, width: int, height: int, data: bytes) -> "Picture":
        """Reads little-endian XRGB8888."""
        rgb = bytearray(width * height * 3)
        rgb[0::3], rgb[1::3], rgb[2::3] = data[2::4], data[1::4], data[0::4]
        return cls(width, height, rgb)

    def pixel(self, x: int, y: int) -> str:
        at = (y * self.width + x) * 3
        return "#" + self.rgb[at:at + 3].hex()

    def image(self) -> Image.Image:
        return Image.frombytes("RGB", (self.width, self.height), self.rgb)

    def colours(self, limit: int) -> int:
        """Returns the number of colours, counted up to a limit."""
        found = self.image().getcolors(limit)
        return limit if found is None else len(found)

    def write_png(self, path: Path) -> None:
        self.image().save(path, "PNG", compress_level=1)


class Difference:
    """The pixels in which two pictures of one size differ."""

    def __init__(self, got: Picture, want: Picture):
        self.got, self.want = got, want
        channels = ImageChops.difference(got.image(), want.image()).split()
        # White where a channel differs.
        self.mask = ImageChops.lighter(ImageChops.lighter(*channels[:2]), channels[2]).point(
            lambda value: 255 if value else 0)

    def __str__(self) -> str:
        left, top, right, bottom = self.mask.getbbox() or (0, 0, 0, 0)
        count = self.mask.histogram()[255]
        at = self.mask.tobytes().index(b"\xff")
        x, y = at % self.got.width, at // self.got.width
        return (f"{count} pixels differ, all within {left},{top} to {right - 1},{bottom - 1}; at "
                f"{x},{y} the host shows {self.got.pixel(x, y)}, the guest expects "
                f"{self.want.pixel(x, y)}")

    def write_png(self, path: Path) -> None:
        """Writes host, guest and difference side by side; differing pixels are red on a dark picture."""
        width, height = self.mask.size
        both = Image.new("RGB", (width * 3, height))
        both.paste(self.got.image(), (0, 0))
        both.paste(self.want.image(), (width, 0))
        both.paste(self.want.image().point(lambda value: value // 4), (2 * width, 0))
        both.paste((255, 0, 0), (2 * width, 0), self.mask)
        both.save(path, "PNG", compress_level=1)


def compare(got: Picture, want: Picture):
    """Returns None if equal; else a message, and a Difference if the sizes are equal."""
    if (got.width, got.height) != (want.width, want.height):
        return (f"the host shows {got.width}x{got.height}, the guest expects "
                f"{want.width}x{want.height}"), None
    if got.rgb == want.rgb:
        return None
    difference = Difference(got, want)
    return str(difference), difference
