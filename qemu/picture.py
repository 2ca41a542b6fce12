# SPDX-License-Identifier: GPL-2.0
"""Pictures: read QEMU's PPM, compare exactly, write PNG."""
import struct
import zlib
from pathlib import Path


class Picture:
    """Width, height and rows of RGB bytes without gaps."""

    def __init__(self, width: int, height: int, rgb: bytes):
        if len(rgb) != width * height * 3:
            raise ValueError(f"{len(rgb)} bytes are no picture of {width}x{height}")
        self.width, self.height, self.rgb = width, height, bytes(rgb)

    @classmethod
    def from_ppm(cls, path: Path) -> "Picture":
        data = path.read_bytes()
        fields, at = [], 0
        while len(fields) < 4:
            end = at
            while data[end:end + 1] not in b" \t\n":
                end += 1
            fields.append(data[at:end])
            at = end + 1
        if fields[0] != b"P6" or fields[3] != b"255":
            raise ValueError(f"{path} is no 8-bit PPM")
        width, height = int(fields[1]), int(fields[2])
        # QEMU pads rows to whole words, which PPM does not know of.
        stride, row = (len(data) - at) // height, width * 3
        return cls(width, height, b"".join(data[at + y * stride:at + y * stride + row]
                                           for y in range(height)))

    @classmethod
    def from_xwd(cls, data: bytes) -> "Picture":
        """From an X window dump of 32 bits a pixel."""
        (size, _, _, _, width, height, _, order, _, _, _, bits, stride, _, red, green, blue, _, _,
         colours, *_) = struct.unpack_from(">25I", data)
        if (bits, order, red, green, blue) != (32, 0, 0xff0000, 0xff00, 0xff):
            raise ValueError(f"a window dump of {bits} bits a pixel, order {order}")
        at = size + colours * 12
        return cls.from_xrgb(width, height, b"".join(
            data[at + y * stride:at + y * stride + width * 4] for y in range(height)))

    @classmethod
    def from_xrgb(cls, width: int, height: int, data: bytes) -> "Picture":
        """From little-endian XRGB8888."""
        rgb = bytearray(width * height * 3)
        rgb[0::3], rgb[1::3], rgb[2::3] = data[2::4], data[1::4], data[0::4]
        return cls(width, height, rgb)

    def pixel(self, x: int, y: int) -> str:
        at = (y * self.width + x) * 3
        return "#" + self.rgb[at:at + 3].hex()

    def colours(self, limit: int) -> int:
        """How many colours there are, counted up to a limit."""
        seen = set()
        for at in range(0, len(self.rgb), 3):
            seen.add(self.rgb[at:at + 3])
            if len(seen) >= limit:
                break
        return len(seen)

    def write_png(self, path: Path) -> None:
        stride = self.width * 3
        raw = b"".join(b"\0" + self.rgb[y * stride:(y + 1) * stride] for y in range(self.height))

        def chunk(kind: bytes, data: bytes) -> bytes:
            return (struct.pack(">I", len(data)) + kind + data
                    + struct.pack(">I", zlib.crc32(kind + data)))

        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
                         + chunk(b"IDAT", zlib.compress(raw, 1)) + chunk(b"IEND", b""))


class Difference:
    """Where two pictures of one size differ."""

    def __init__(self, got: Picture, want: Picture):
        self.got, self.want = got, want
        self.points = [at // 3 for at in range(0, len(got.rgb), 3)
                       if got.rgb[at:at + 3] != want.rgb[at:at + 3]]

    def __str__(self) -> str:
        width = self.got.width
        columns = [at % width for at in self.points]
        rows = [at // width for at in self.points]
        x, y = self.points[0] % width, self.points[0] // width
        return (f"{len(self.points)} pixels differ, all within {min(columns)},{min(rows)} to "
                f"{max(columns)},{max(rows)}; at {x},{y} the host shows {self.got.pixel(x, y)}, "
                f"the guest means {self.want.pixel(x, y)}")

    def write_png(self, path: Path) -> None:
        """Host, guest and difference side by side; differing pixels red on a dimmed picture."""
        width, height = self.got.width, self.got.height
        diff = bytearray(value // 4 for value in self.want.rgb)
        for at in self.points:
            diff[at * 3:at * 3 + 3] = b"\xff\0\0"
        stride, rows = width * 3, []
        for y in range(height):
            row = slice(y * stride, (y + 1) * stride)
            rows.append(self.got.rgb[row] + self.want.rgb[row] + bytes(diff[row]))
        Picture(width * 3, height, b"".join(rows)).write_png(path)


def compare(got: Picture, want: Picture):
    """None when equal; else what differs, in words, and a Difference if sizes allow one."""
    if (got.width, got.height) != (want.width, want.height):
        return (f"the host shows {got.width}x{got.height}, the guest means "
                f"{want.width}x{want.height}"), None
    if got.rgb == want.rgb:
        return None
    difference = Difference(got, want)
    return str(difference), difference
