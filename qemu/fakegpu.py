# SPDX-License-Identifier: GPL-2.0
"""A virtio GPU without QEMU's: right when it is asked to be, wrong in a chosen way otherwise.

It keeps resources and scanouts as a real one does, so that the judge can look at its screen.
"""
import bisect
import random
import struct
from collections import Counter
from itertools import accumulate
from pathlib import Path

import vhostuser
from picture import Picture
from report import Failure

COMMANDS = {
    "GET_DISPLAY_INFO": 0x100, "CREATE": 0x101, "UNREF": 0x102, "SET_SCANOUT": 0x103,
    "FLUSH": 0x104, "TRANSFER": 0x105, "ATTACH": 0x106, "DETACH": 0x107, "GET_EDID": 0x10a,
    "CREATE_BLOB": 0x10c, "SET_SCANOUT_BLOB": 0x10d, "GET_CAPSET_INFO": 0x108, "GET_CAPSET": 0x109,
    "CTX_CREATE": 0x200, "CTX_DESTROY": 0x201, "CTX_ATTACH": 0x202, "CREATE_3D": 0x204,
    "TRANSFER_3D": 0x205, "SUBMIT": 0x207, "UPDATE_CURSOR": 0x300, "MOVE_CURSOR": 0x301,
}
OK, OK_DISPLAY_INFO, OK_CAPSET_INFO, OK_CAPSET, OK_EDID, OK_UUID, ERROR = (
    0x1100, 0x1101, 0x1102, 0x1103, 0x1104, 0x1105, 0x1200)
HEADER = 24
SCANOUTS = 16
FEATURE_VIRGL, FEATURE_EDID, FEATURE_UUID, FEATURE_BLOB, FEATURE_CONTEXT_INIT = (
    1 << bit for bit in range(5))
# A command has a fence, and says on which of its context's rings.
FLAGS = 3
# Of its renderer: number, version, size.
CAPSET = 2, 1, 64
# Where in a pixel's four bytes red, green and blue are, by the protocol's formats.
FORMATS = {1: (2, 1, 0), 2: (2, 1, 0), 3: (1, 2, 3), 4: (1, 2, 3), 67: (0, 1, 2), 68: (3, 2, 1),
           121: (3, 2, 1), 134: (0, 1, 2)}


def good_edid() -> bytes:
    """A monitor that says nothing but that it is one: header, EDID 1.4, digital, checksum."""
    edid = bytearray(128)
    edid[:8] = b"\0" + b"\xff" * 6 + b"\0"
    edid[18:21] = 1, 4, 0x80
    # Four descriptors of the kind "unused", and no standard timings.
    edid[38:54] = b"\1" * 16
    for at in range(54, 126, 18):
        edid[at + 3] = 0x10
    edid[127] = -sum(edid) & 0xff
    return bytes(edid)


class Resource:
    """An image with pixels of the device's own; a blob has only its backing."""

    def __init__(self, layout: int = 0, width: int = 0, height: int = 0):
        self.format, self.width, self.height = layout, width, height
        self.pixels = bytearray(width * height * 4)
        self.attach([])

    def attach(self, entries: list) -> None:
        """Addresses and lengths of the pieces of its backing; where each begins in it."""
        self.backing = entries
        self.starts = [0, *accumulate(length for _, length in entries[:-1])] if entries else []


class Scanout:
    """What a head shows: a rectangle of a resource, as it was when it was last flushed."""

    def __init__(self, number: int, rect, layout: int, stride: int, offset: int = 0):
        self.number, self.format, self.stride, self.offset = number, layout, stride, offset
        self.x, self.y, self.width, self.height = rect
        self.shown = bytearray(self.width * self.height * 4)

    def rows(self, x: int, y: int, width: int, height: int):
        """Of a rectangle of the resource, what is shown: where in the resource, where in shown,
        and how many bytes, row by row."""
        left, right = max(x, self.x), min(x + width, self.x + self.width)
        for row in range(max(y, self.y), min(y + height, self.y + self.height)):
            if left < right:
                yield (self.offset + row * self.stride + left * 4,
                       ((row - self.y) * self.width + left - self.x) * 4, (right - left) * 4)

    def picture(self) -> Picture:
        red, green, blue = FORMATS[self.format]
        rgb = bytearray(self.width * self.height * 3)
        rgb[0::3] = self.shown[red::4]
        rgb[1::3] = self.shown[green::4]
        rgb[2::3] = self.shown[blue::4]
        return Picture(self.width, self.height, rgb)


class FakeGpu(vhostuser.Device):
    queues = 2

    def __init__(self, path: Path, scanouts: int = 1, size=(1024, 768), blob: bool = False,
                 connected: int = 1, render: bool = False, late: float = 0):
        """With `render` it has a renderer that is done with everything at once."""
        self.features = FEATURE_EDID | (FEATURE_BLOB | FEATURE_UUID if blob else 0) | (
            FEATURE_VIRGL | FEATURE_CONTEXT_INIT if render else 0)
        # Commands by number since the test asked; all of them, bytes copied, entries of backings.
        self.counts, self.sums = Counter(), Counter()
        self._connected = connected
        self.set_scanouts(scanouts)
        self.set_edid()
        self.size = size
        self.resources, self.scanouts = {}, {}
        self.fault, self._which, self._odds = None, None, 100
        self._held = []
        self._random = random.Random(1)
        super().__init__(path, late)

    # What the test asks for, by the judge.

    def set_fault(self, name: str, which: str = "any", odds: int = 100) -> None:
        """Be wrong from now on: how, at which command, in how many of a hundred cases."""
        if name not in ("none", "mute", "lose", *self._lies()):
            raise Failure(f"the fake device has no fault {name}")
        with self.lock:
            self.fault = None if name == "none" else name
            self._which = COMMANDS.get(which)
            self._odds = odds
            if name == "none":
                self._answer_late()

    def start_counting(self) -> None:
        """Forgets the commands that came so far, those on their way included."""
        with self.lock:
            self.catch_up()
            self.counts.clear()

    def counted(self, name: str) -> int:
        """How many commands of a kind came since then."""
        with self.lock:
            self.catch_up()
            return self.counts[COMMANDS[name]]

    def set_scanouts(self, count: int) -> None:
        self.config = struct.pack("<IIII", 0, 0, count, bool(self.features & FEATURE_VIRGL))

    def set_edid(self, edid: bytes = b"", size: int = None) -> None:
        """An EDID, and the size the device claims it has; without a size a good one."""
        if size is None:
            edid, size = good_edid(), 128
        self._edid = struct.pack("<II", size, 0) + edid.ljust(1024, b"\0")

    def picture(self, head: int) -> Picture:
        with self.lock:
            # As QEMU's own screendump, which runs where the device does.
            self.catch_up()
            scanout = self.scanouts.get(head)
            if not scanout or scanout.number not in self.resources:
                raise Failure(f"the fake device shows nothing on head {head}")
            return scanout.picture()

    def totals(self) -> Counter:
        """Bytes copied, entries of backings, commands, kicks; memory of all images now."""
        with self.lock:
            self.catch_up()
            memory = sum(len(resource.pixels) for resource in self.resources.values())
            return Counter(self.sums, memory=memory, kicks=self.kicks)

    # The device.

    def stopped(self) -> None:
        self._held.clear()
        self.resources.clear()
        self.scanouts.clear()

    def chain(self, index: int, chain: vhostuser.Chain) -> None:
        kind = struct.unpack_from("<I", chain.request + bytes(4))[0]
        self.counts[kind] += 1
        self.sums["commands"] += 1
        wrong = (self.fault and self._which in (None, kind)
                 and self._random.randrange(100) < self._odds)
        if not wrong:
            # A queue that is held keeps its order.
            if self._held and self.fault == "mute":
                self._held.append((kind, chain))
            else:
                chain.answer(self._do(kind, chain.request))
        elif self.fault == "mute":
            self._held.append((kind, chain))
        elif self.fault != "lose":
            self._lies()[self.fault](chain, kind)

    def _answer_late(self) -> None:
        held, self._held = self._held, []
        for kind, chain in held:
            chain.answer(self._do(kind, chain.request))
        for ring in self.rings:
            ring.interrupt()

    def _lies(self):
        def answer(data=None, claimed=None, wrong_head=None):
            def lie(chain, kind):
                text = self._do(kind, chain.request) if data is None else data()
                chain.answer(text, claimed, None if wrong_head is None else wrong_head(chain))
            return lie

        def twice(chain, kind):
            chain.answer(self._do(kind, chain.request))
            chain.queue.use(chain.head, HEADER)

        def any_lie(chain, kind):
            names = ("refuse", "garbage", "empty", "short", "long", "lose", "huge-type")
            name = self._random.choice(names)
            if name != "lose":
                lies[name](chain, kind)

        lies = {
            "refuse": answer(lambda: struct.pack("<I", ERROR + self._random.randrange(7))
                             + bytes(HEADER - 4)),
            "garbage": answer(lambda: self._random.randbytes(2048)),
            "huge-type": answer(lambda: b"\xff" * 2048),
            "empty": answer(claimed=0),
            "short": answer(claimed=5),
            "long": answer(claimed=0xffffffff),
            "wrong-chain": answer(wrong_head=lambda chain: chain.queue.size + 7),
            "twice": twice,
            "any-lie": any_lie,
        }
        return lies

    def _do(self, kind: int, request: bytes) -> bytes:
        """Carries a command out; the response."""
        body = request[HEADER:]
        try:
            handler = self._HANDLERS.get(kind)
            data = handler(self, body) if handler else None
        except (KeyError, struct.error, ValueError):
            return struct.pack("<I", ERROR) + bytes(HEADER - 4)
        code, extra = data or (OK, b"")
        # A command with a fence has it in its answer.
        flags, fence, context, ring = struct.unpack_from("<IQII", request + bytes(HEADER), 4)
        return struct.pack("<IIQII", code, flags & FLAGS, fence if flags & 1 else 0, context,
                           ring) + extra

    def _display_info(self, _body):
        return OK_DISPLAY_INFO, b"".join(
            struct.pack("<6I", 0, 0, *(self.size if head < self._connected else (0, 0)),
                        head < self._connected, 0)
            for head in range(SCANOUTS))

    def _detach(self, body):
        self.resources[struct.unpack_from("<I", body)[0]].attach([])

    def _get_edid(self, _body):
        return OK_EDID, self._edid

    def _capset_info(self, _body):
        return OK_CAPSET_INFO, struct.pack("<4I", *CAPSET, 0)

    def _capset(self, _body):
        return OK_CAPSET, bytes(CAPSET[2])

    def _assign_uuid(self, body):
        number = struct.unpack_from("<I", body)[0]
        if number not in self.resources:
            raise KeyError(number)
        return OK_UUID, struct.pack("<I", number) + b"Z" * 12

    def _create(self, body):
        number, layout, width, height = struct.unpack_from("<4I", body)
        self.resources[number] = Resource(layout, width, height)

    def _create_3d(self, body):
        self.resources[struct.unpack_from("<I", body)[0]] = Resource()

    def _create_blob(self, body):
        number, _, _, count = struct.unpack_from("<4I", body)
        self.resources[number] = Resource()
        self.resources[number].attach(self._entries(body[32:], count))

    def _unref(self, body):
        del self.resources[struct.unpack_from("<I", body)[0]]

    def _set_scanout(self, body):
        *rect, head, number = struct.unpack_from("<6I", body)
        if number:
            resource = self.resources[number]
            self._show(head, Scanout(number, rect, resource.format, resource.width * 4))
        else:
            self.scanouts.pop(head, None)

    def _set_scanout_blob(self, body):
        *rect, head, number, _, _, layout, _ = struct.unpack_from("<10I", body)
        stride, offset = (struct.unpack_from("<I", body, at)[0] for at in (40, 56))
        self._show(head, Scanout(number, rect, layout, stride, offset))

    def _show(self, head: int, scanout: Scanout):
        self._copy(scanout, scanout.x, scanout.y, scanout.width, scanout.height)
        self.scanouts[head] = scanout

    def _copy(self, scanout: Scanout, *rect):
        resource = self.resources[scanout.number]
        for source, target, length in scanout.rows(*rect):
            data = (resource.pixels[source:source + length] if resource.pixels
                    else self._backing(resource, source, length))
            scanout.shown[target:target + length] = data

    def _flush(self, body):
        *rect, number = struct.unpack_from("<5I", body)
        for scanout in self.scanouts.values():
            if scanout.number == number:
                self._copy(scanout, *rect)

    @staticmethod
    def _entries(body, count):
        return [struct.unpack_from("<QI", body, 16 * index) for index in range(count)]

    def _attach(self, body):
        number, count = struct.unpack_from("<II", body)
        self.sums["entries"] += count
        self.resources[number].attach(self._entries(body[8:], count))

    def _transfer(self, body):
        x, y, width, height, offset, number = struct.unpack_from("<4IQI", body)
        resource = self.resources[number]
        # Of a blob there is nothing to copy.
        if not resource.pixels:
            return
        stride = resource.width * 4
        if x + width > resource.width or y + height > resource.height:
            raise ValueError("a transfer beyond the resource")
        self.sums["bytes"] += width * height * 4
        if width == resource.width:
            # Whole rows are one piece.
            width, height = width * height, 1
        for row in range(height):
            at = ((y + row) * resource.width + x) * 4
            resource.pixels[at:at + width * 4] = self._backing(resource, offset + row * stride,
                                                               width * 4)

    def _backing(self, resource: Resource, offset: int, length: int) -> bytes:
        pieces = []
        # A list may be long: not from its start.
        index = bisect.bisect_right(resource.starts, offset) - 1
        while length > 0 and 0 <= index < len(resource.backing):
            address, size = resource.backing[index]
            skipped = offset - resource.starts[index]
            part = min(length, size - skipped)
            if part > 0:
                pieces.append(self.memory.read(address + skipped, part))
                offset, length = offset + part, length - part
            index += 1
        if length > 0:
            raise ValueError("a transfer from beyond the backing")
        return b"".join(pieces)

    _HANDLERS = {0x100: _display_info, 0x101: _create, 0x102: _unref, 0x103: _set_scanout,
                 0x104: _flush, 0x105: _transfer, 0x106: _attach, 0x107: _detach,
                 0x108: _capset_info, 0x109: _capset, 0x10a: _get_edid, 0x10b: _assign_uuid,
                 0x10c: _create_blob, 0x10d: _set_scanout_blob, 0x204: _create_3d}
