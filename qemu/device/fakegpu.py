# SPDX-License-Identifier: GPL-2.0
"""A virtio GPU in Python, in place of QEMU's: correct by default, faulty in a chosen way on request.

It implements resources, scanouts, cursors and contexts as a real device does, so the judge can check
its screen. A test chooses one fault (set_fault()) or random lies (set_lies()).
"""
import bisect
import os
import random
import struct
from collections import Counter
from itertools import accumulate
from pathlib import Path

from qemu.base.picture import Picture
from qemu.base.report import Failure
from qemu.device import liar, vhostuser
from qemu.device.liar import Genome, Liar, Lies

COMMANDS = {
    "GET_DISPLAY_INFO": 0x100, "CREATE": 0x101, "UNREF": 0x102, "SET_SCANOUT": 0x103,
    "FLUSH": 0x104, "TRANSFER": 0x105, "ATTACH": 0x106, "DETACH": 0x107, "GET_EDID": 0x10a,
    "ASSIGN_UUID": 0x10b, "CREATE_BLOB": 0x10c, "SET_SCANOUT_BLOB": 0x10d,
    "GET_CAPSET_INFO": 0x108, "GET_CAPSET": 0x109,
    "CTX_CREATE": 0x200, "CTX_DESTROY": 0x201, "CTX_ATTACH": 0x202, "CTX_DETACH": 0x203,
    "CREATE_3D": 0x204, "TRANSFER_3D": 0x205, "TRANSFER_FROM_3D": 0x206, "SUBMIT": 0x207,
    "MAP_BLOB": 0x208, "UNMAP_BLOB": 0x209, "UPDATE_CURSOR": 0x300, "MOVE_CURSOR": 0x301,
}
# Commands that create something, which does not exist if the command was rejected.
CREATES = {COMMANDS[name] for name in ("CREATE", "CREATE_3D", "CREATE_BLOB", "CTX_CREATE",
                                       "ATTACH", "MAP_BLOB")}
OF_CONTEXTS = {COMMANDS[name] for name in ("CTX_CREATE", "CTX_DESTROY", "CTX_ATTACH", "CTX_DETACH",
                                           "SUBMIT")}
OF_HEADS = {COMMANDS["GET_DISPLAY_INFO"], COMMANDS["GET_EDID"]}
OF_CURSORS = {COMMANDS["UPDATE_CURSOR"], COMMANDS["MOVE_CURSOR"]}
OK, OK_DISPLAY_INFO, OK_CAPSET_INFO, OK_CAPSET, OK_EDID, OK_UUID, OK_MAP_INFO, ERROR, NO_MEMORY = (
    0x1100, 0x1101, 0x1102, 0x1103, 0x1104, 0x1105, 0x1106, 0x1200, 0x1201)
HEADER = 24
SCANOUTS = 16
(FEATURE_VIRGL, FEATURE_EDID, FEATURE_UUID, FEATURE_BLOB, FEATURE_CONTEXT_INIT,
 FEATURE_BLOB_ALIGNMENT) = (1 << bit for bit in range(6))
EVENT_DISPLAY = 1
# Size of the configuration, and the offset of the field that the guest writes.
CONFIG_SIZE, EVENTS_CLEAR = 20, 4
# The shared memory region in which the guest sees blobs of the host.
HOST_VISIBLE = 1
BLOB_HOST3D = 2
MAP_CACHED = 1
CURSOR = 64
# The largest texture.
MAX_PIXELS = 1 << 24
# The largest number of entries of a backing, as in QEMU's own device.
MAX_ENTRIES = 16384
# Header flags that an answer repeats: FENCE and INFO_RING_IDX.
FLAGS = 3
FLAG_RING = 2
# A delayed answer follows the next one, or comes after this many seconds if there is none.
SOON = 0.005
# The renderer's capset: id, version, size.
CAPSET = 2, 1, 64
# The byte offsets of red, green and blue in a pixel, by the protocol's formats.
FORMATS = {1: (2, 1, 0), 2: (2, 1, 0), 3: (1, 2, 3), 4: (1, 2, 3), 67: (0, 1, 2), 68: (3, 2, 1),
           121: (3, 2, 1), 134: (0, 1, 2)}


def good_edid() -> bytes:
    """Returns the EDID of a minimal monitor: header, EDID 1.4, digital, checksum."""
    edid = bytearray(128)
    edid[:8] = b"\0" + b"\xff" * 6 + b"\0"
    edid[18:21] = 1, 4, 0x80
    # Four descriptors of the type "unused", and no standard timings.
    edid[38:54] = b"\1" * 16
    for at in range(54, 126, 18):
        edid[at + 3] = 0x10
    edid[127] = -sum(edid) & 0xff
    return bytes(edid)


class Resource:
    """A resource: an image with the host's copy of its pixels. A blob has only its backing."""

    def __init__(self, layout: int = 0, width: int = 0, height: int = 0):
        self.format, self.width, self.height = layout, width, height
        self.pixels = bytearray(width * height * 4)
        # For a blob of the host: its file, size, and offset in the shared memory region if it is mapped.
        self.file: int | None = None
        self.size = 0
        self.seen_at: int | None = None
        self.attach([])

    def attach(self, entries: list) -> None:
        """Sets the backing: addresses and lengths of its pieces. starts has their offsets in it."""
        self.backing = entries
        self.starts = [0, *accumulate(length for _, length in entries[:-1])] if entries else []


class Scanout:
    """A rectangle of a resource that a head shows, with the pixels of its last flush."""

    def __init__(self, number: int, rect, layout: int, stride: int, offset: int = 0):
        self.number, self.format, self.stride, self.offset = number, layout, stride, offset
        self.x, self.y, self.width, self.height = rect
        self.shown = bytearray(self.width * self.height * 4)

    def rows(self, x: int, y: int, width: int, height: int):
        """Yields the shown part of a rectangle of the resource, row by row: offset in the resource,
        offset in `shown`, number of bytes."""
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
                 connected: int = 1, render: bool = False, late: float = 0,
                 queue_size: int = 64, window: int = 0, alignment: int = 0,
                 features: int | None = None, room: int = 0, caching: int = MAP_CACHED):
        """With `render` it has a renderer that finishes everything at once. `window` is the size of
        the host-visible memory in MiB, `caching` is how the guest must map it, `alignment` is that of
        blobs. `features` replaces the features that the other arguments imply. `room` limits the bytes
        of images; 0 means no limit."""
        self.features = FEATURE_EDID | (FEATURE_BLOB | FEATURE_UUID if blob else 0) | (
            FEATURE_VIRGL | FEATURE_CONTEXT_INIT if render else 0) | (
            FEATURE_BLOB_ALIGNMENT if alignment else 0)
        if features is not None:
            self.features = features
        self.queue_size, self._alignment, self._room = queue_size, alignment, room
        self._caching = caching
        self.shared = {HOST_VISIBLE: window << 20} if window else {}
        # Commands by number since start_counting(); totals of commands, bytes and backing entries.
        self.counts: Counter[int] = Counter()
        self.sums: Counter[str] = Counter()
        self._connected = connected
        self.set_scanouts(scanouts)
        self.set_edid()
        self.size, self.position = size, (0, 0)
        self.resources: dict[int, Resource] = {}
        # How often the guest has reset the device; the first start counts, too.
        self.resets = 0
        self.scanouts: dict[int, Scanout] = {}
        # Offset and size of what the guest has unmapped from the shared memory region, but not QEMU.
        self._unmapped: set[tuple[int, int]] = set()
        # The last cursor command of each head: kind, x, y, resource, hotspot.
        self.cursors: dict[int, tuple] = {}
        self.contexts: set[int] = set()
        self.fault: str | None = None
        self._which: int | None = None
        self._ring: int | None = None
        self._odds = 100
        self._times: int | None = None
        self._held: list[tuple[int, vhostuser.Chain]] = []
        self._random = random.Random(1)
        self._liar: Liar | None = None
        # Set when the driver may have been told wrong things about the heads.
        self._told_of_heads = False
        self.told: Counter[Lies] = Counter()
        self._delayed: list[tuple[vhostuser.Chain, bytes]] = []
        super().__init__(path, late)

    # Requests of the tests, which the judge passes on.

    def set_fault(self, name: str, which: str = "any", odds: int = 100,
                  times: int | None = None) -> None:
        """Sets the fault: its name, the command it applies to (COMMAND/RING for one ring of a
        context), the chance in percent, and the maximum number of times."""
        if name not in ("none", "mute", "lose", *self._lies()):
            raise Failure(f"the fake device has no fault {name}")
        command, _, ring = which.partition("/")
        if command not in ("any", *COMMANDS):
            raise Failure(f"the fake device knows no command {command}")
        with self.lock:
            self.fault = None if name == "none" else name
            self._which = COMMANDS.get(command)
            self._ring = int(ring) if ring else None
            self._odds, self._times = odds, times
            if name == "none":
                self._answer_late()

    def set_seed(self, seed: int) -> None:
        """Sets the seed of "any-lie"."""
        with self.lock:
            self._random.seed(seed)

    def set_lies(self, seed: int, rate: int, mask: int) -> None:
        """Starts random lies, see liar.Genome."""
        with self.lock:
            self._stop_lying()
            self._liar = Liar(Genome(seed, rate, Lies(mask)))

    def stop_lying(self) -> None:
        """Stops lying, and announces a display change if the driver was told lies about the heads."""
        with self.lock:
            self._stop_lying()
            if self._told_of_heads:
                self.set_scanouts(self._scanouts)
                self._change_display()
            self._told_of_heads = False

    def _stop_lying(self) -> None:
        if self._liar:
            self.told.update(self._liar.told)
        self._liar = None
        for ring in self.rings:
            ring.is_dead = False
        self._answer_delayed()

    def change_display(self) -> None:
        """Announces a change of the heads."""
        with self.lock:
            self._change_display()

    def _change_display(self) -> None:
        self.config = struct.pack("<I", EVENT_DISPLAY) + self.config[4:]
        self.notify_config()

    def lose_kicks(self, queue: int, count: int) -> None:
        """Ignores the next kicks of a queue."""
        with self.lock:
            self.deaf[queue] = count

    def objects(self) -> tuple[set, set]:
        """Returns the contexts and resources that exist on the device."""
        with self.lock:
            self.catch_up()
            return set(self.contexts), set(self.resources)

    def has_resources(self, wanted: set) -> bool:
        """Returns whether the device has the resources in `wanted`, the driver's list, and no others.

        The driver may also list resources whose UNREF is not answered. And the device may still have a
        resource whose UNREF was completed before the device processed it, because the driver cannot
        know that."""
        with self.lock:
            found = self.objects()[1]
            return wanted - found <= self._owed() and (found <= wanted or self.rings[0].missed)

    def _owed(self) -> set:
        """Returns the resources whose UNREFs are not answered."""
        requests = (chain.request for chain in self.rings[0].held.values())
        return {struct.unpack_from("<I", request, HEADER)[0] for request in requests
                if struct.unpack_from("<I", request)[0] == COMMANDS["UNREF"]}

    def blob(self, number: int, size: int) -> bytes:
        """Returns the first bytes of a blob of the host."""
        with self.lock:
            self.catch_up()
            resource = self.resources.get(number)
            if not resource or resource.file is None:
                raise Failure(f"resource {number} is not a blob of the host")
            return os.pread(resource.file, size, 0)

    def last_cursor(self, head: int):
        """Returns the last cursor command: kind, x, y, resource."""
        with self.lock:
            self.catch_up()
            found = self.cursors.get(head)
            return found and found[:4]

    def cursor_image(self, head: int):
        """Returns the cursor that is shown: width, height, hotspot, pixels."""
        with self.lock:
            self.catch_up()
            _, _, _, number, hot_x, hot_y = self.cursors.get(head, (None, 0, 0, 0, 0, 0))
            resource = self.resources.get(number)
            if not resource:
                return None
            pixels = resource.pixels or self._backing(resource, 0, CURSOR * CURSOR * 4)
            return CURSOR, CURSOR, hot_x, hot_y, bytes(pixels)

    def start_counting(self) -> None:
        """Resets the counts of commands; pending commands are processed first."""
        with self.lock:
            self.catch_up()
            self.counts.clear()

    def counted(self, name: str) -> int:
        """Returns how many commands of a kind came since start_counting()."""
        with self.lock:
            self.catch_up()
            return self.counts[COMMANDS[name]]

    def set_scanouts(self, count: int) -> None:
        self._scanouts = count
        self.config = struct.pack("<5I", 0, 0, count, bool(self.features & FEATURE_VIRGL),
                                  self._alignment)

    def set_capsets(self, count: int) -> None:
        """Sets the number of capsets in the configuration."""
        self.config = self.config[:12] + struct.pack("<I", count) + self.config[16:]

    def set_edid(self, edid: bytes = b"", size: int | None = None) -> None:
        """Sets the EDID and the size that the device reports; without a size a valid EDID."""
        if size is None:
            edid, size = good_edid(), 128
        self._edid = struct.pack("<II", size, 0) + edid.ljust(1024, b"\0")

    def picture(self, head: int) -> Picture:
        with self.lock:
            # QEMU's own screendump runs in the device's thread, after pending commands, too.
            self.catch_up()
            scanout = self.scanouts.get(head)
            if not scanout or scanout.number not in self.resources:
                raise Failure(f"the fake device shows nothing on head {head}")
            return scanout.picture()

    def totals(self) -> Counter:
        """Returns counts: bytes copied, backing entries, commands, kicks; and the memory of images."""
        with self.lock:
            self.catch_up()
            return self.sums + Counter(memory=self._memory(), kicks=self.kicks)

    def _memory(self) -> int:
        """Returns the size of all images in bytes."""
        return sum(len(resource.pixels) for resource in self.resources.values())

    # The device.

    def stopped(self) -> None:
        self._held.clear()
        self._delayed.clear()

    def was_reset(self) -> None:
        self.resets += 1
        # QEMU has unmapped all.
        self._unmapped.clear()
        for resource in self.resources.values():
            self._close(resource)
        self.resources.clear()
        self.scanouts.clear()
        self.cursors.clear()
        self.contexts.clear()

    def configured(self, offset: int, data: bytes) -> None:
        # QEMU always writes the whole configuration, whatever the guest has written.
        whole = bytes(offset) + data + bytes(CONFIG_SIZE)
        clear = struct.unpack_from("<I", whole, EVENTS_CLEAR)[0]
        events = struct.unpack_from("<I", self.config)[0]
        self.config = struct.pack("<I", events & ~clear) + self.config[4:]

    def chain(self, index: int, chain: vhostuser.Chain) -> None:
        kind = struct.unpack_from("<I", chain.request + bytes(4))[0]
        self.counts[kind] += 1
        self.sums["commands"] += 1
        if self._liar:
            self._answer_delayed()
            self._lie(self._liar, kind, chain)
            return
        wrong = (self._is_target(kind, chain.request) and self._times != 0
                 and self._random.randrange(100) < self._odds)
        if wrong and self._times is not None:
            self._times -= 1
        if not wrong:
            # While a command is held, later ones are held too, except with a fault on one ring.
            if self._held and self.fault == "mute" and self._ring is None:
                self._held.append((kind, chain))
            else:
                self._answer(kind, chain)
        elif self.fault == "mute":
            self._held.append((kind, chain))
        elif self.fault != "lose":
            self._lies()[self.fault](chain, kind)

    def _is_target(self, kind: int, request: bytes) -> bool:
        if not self.fault or self._which not in (None, kind):
            return False
        if self._ring is None:
            return True
        return bool(request[4] & FLAG_RING) and request[20] == self._ring

    def _answer(self, kind: int, chain: vhostuser.Chain) -> None:
        """Carries a command out and answers it, at once or after QEMU has changed the mapping."""
        def tell(answer: bytes) -> None:
            chain.answer(answer)

        self._carry_out(kind, chain, tell)

    def _carry_out(self, kind: int, chain: vhostuser.Chain, tell) -> None:
        if kind in (COMMANDS["MAP_BLOB"], COMMANDS["UNMAP_BLOB"]):
            self._change_window(kind, chain, tell)
        else:
            tell(self._do(kind, chain.request))

    def _lie(self, lies: Liar, kind: int, chain: vhostuser.Chain) -> None:
        """Answers a command, possibly with a lie."""
        chosen = lies.choose(kind, chain.room >= HEADER)
        if not chosen:
            self._answer(kind, chain)
            return
        what, rng = chosen
        if kind in OF_HEADS or what == Lies.CONFIG:
            self._told_of_heads = True
        if kind in CREATES and lies.refuses(what, rng):
            self._tell(chain, lies.lie(what, rng, self._header(OK, chain.request), True))
        else:
            self._carry_out(kind, chain,
                            lambda answer: self._tell(chain, lies.lie(what, rng, answer)))
        if what == Lies.CONFIG:
            self.config = liar.mutate_config(rng, self.config)
            self.notify_config()

    def _tell(self, chain: vhostuser.Chain, lie: liar.Lie) -> None:
        """Sends a lie as the answer."""
        if lie.kind in (Lies.ORDER, Lies.LATE):
            self._delay(chain, lie.data, lie.late or SOON)
            return
        if lie.kind == Lies.LOSE:
            return
        head = None
        if lie.kind == Lies.HEAD:
            head = lie.number
        elif lie.kind == Lies.OTHER:
            others = [other for other in chain.queue.held if other != chain.head]
            head = others[0] if others else chain.head
        if lie.first:
            chain.write(lie.first)
        chain.answer(lie.data, lie.claimed, head)
        if lie.kind == Lies.TWICE:
            chain.queue.use(chain.head, HEADER)
        elif lie.kind == Lies.INDEX:
            chain.queue.skip_used(lie.number)

    def _delay(self, chain: vhostuser.Chain, data: bytes, seconds: float) -> None:
        """Delays an answer until the next command (SOON), or by some seconds."""
        def late():
            if chain.is_ours:
                chain.answer(data)
                chain.queue.interrupt()

        if seconds == SOON:
            self._delayed.append((chain, data))
        self.after(seconds, late)

    def _answer_delayed(self) -> None:
        delayed, self._delayed = self._delayed, []
        for chain, data in reversed(delayed):
            chain.answer(data)
            self.after(0, chain.queue.interrupt)

    def _answer_late(self) -> None:
        held, self._held = self._held, []
        for kind, chain in held:
            self._answer(kind, chain)
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
            "refuse": answer(lambda: struct.pack("<I", ERROR + self._random.randrange(6))
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
        """Carries a command out and returns the response."""
        body = request[HEADER:]
        try:
            if kind in OF_CONTEXTS:
                self._context(kind, struct.unpack_from("<I", request, 16)[0])
                data = None
            elif kind in OF_CURSORS:
                self._cursor(kind, request)
                data = None
            else:
                data = self._HANDLERS[kind](self, body)
        except (KeyError, struct.error, ValueError):
            return self._header(ERROR, request)
        code, extra = data or (OK, b"")
        return self._header(code, request) + extra

    @staticmethod
    def _header(code: int, request: bytes) -> bytes:
        """Returns the header of a response; it repeats the fence of the command."""
        flags, fence, context, ring = struct.unpack_from("<IQII", request + bytes(HEADER), 4)
        return struct.pack("<IIQII", code, flags & FLAGS, fence if flags & 1 else 0, context, ring)

    def _display_info(self, _body):
        return OK_DISPLAY_INFO, b"".join(
            struct.pack("<6I", *(self.position if head == 0 else (0, 0)),
                        *(self.size if head < self._connected else (0, 0)),
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
        return OK_UUID, struct.pack("<IB", number, self.resets & 0xff) + b"Z" * 11

    def _create(self, body):
        number, layout, width, height = struct.unpack_from("<4I", body)
        if self._room and self._memory() + width * height * 4 > self._room:
            return NO_MEMORY, b""
        self._add(number, Resource(layout, width, height))
        return None

    def _add(self, number: int, resource: Resource) -> Resource:
        if not number or number in self.resources:
            raise KeyError(number)
        self.resources[number] = resource
        return resource

    def _create_3d(self, body):
        number, _, layout, _, width, height, depth = struct.unpack_from("<7I", body)
        # Other textures have no pixels because they cannot be shown.
        if layout not in FORMATS or depth != 1 or width * height > MAX_PIXELS:
            layout = width = height = 0
        self._add(number, Resource(layout, width, height))

    def _create_blob(self, body):
        number, memory, _, count = struct.unpack_from("<4I", body)
        resource = self._add(number, Resource())
        resource.attach(self._entries(body[32:], count))
        if memory == BLOB_HOST3D:
            resource.size = struct.unpack_from("<Q", body, 24)[0]
            resource.file = os.memfd_create("blob")
            os.truncate(resource.file, resource.size)

    def _unref(self, body):
        self._close(self.resources.pop(struct.unpack_from("<I", body)[0]))

    @staticmethod
    def _close(resource):
        if resource.file is not None:
            os.close(resource.file)
            resource.file = None

    def _change_window(self, kind: int, chain: vhostuser.Chain, tell) -> None:
        """Maps a blob of the host into the shared memory region, or unmaps it.

        UNMAP_BLOB is answered at once, and QEMU unmaps the blob when another one gets its place. The
        reason is that QEMU (11.1) crashes if the device asks it for something and the guest resets the
        device before QEMU has read the request. The guest waits for the answer to MAP_BLOB, but not
        for that to UNMAP_BLOB."""
        def done(status: int) -> None:
            if status:
                tell(self._header(ERROR, chain.request))
            elif kind == COMMANDS["MAP_BLOB"]:
                tell(self._header(OK_MAP_INFO, chain.request) + struct.pack("<II", self._caching, 0))
            else:
                tell(self._header(OK, chain.request))
            chain.queue.interrupt()

        try:
            number, _, offset = struct.unpack_from("<IIQ", chain.request + bytes(16), HEADER)
            resource = self.resources[number]
            if resource.file is None:
                raise ValueError("not a blob of the host")
            if kind == COMMANDS["MAP_BLOB"]:
                if offset + resource.size > self.shared[HOST_VISIBLE]:
                    raise ValueError("the blob does not fit the window")
                self._make_room(offset, resource.size)
                def mapped(status: int) -> None:
                    resource.seen_at = None if status else offset
                    done(status)

                self.map_shared(HOST_VISIBLE, resource.file, offset, resource.size, mapped)
            elif resource.seen_at is None:
                raise ValueError("not mapped")
            else:
                self._unmapped.add((resource.seen_at, resource.size))
                resource.seen_at = None
                done(0)
        except (KeyError, ValueError):
            done(ERROR)

    def _make_room(self, offset: int, size: int) -> None:
        """Has QEMU unmap what the guest has unmapped in a part of the shared memory region."""
        for start, length in sorted(self._unmapped):
            if start < offset + size and offset < start + length:
                self._unmapped.remove((start, length))
                self.unmap_shared(HOST_VISIBLE, start, length, lambda status: None)

    def _done(self, _body):
        """Accepts the transfer. It writes nothing to the guest's memory, see liar.py."""

    def _cursor(self, kind: int, request: bytes) -> None:
        head, x, y, _, number, hot_x, hot_y = struct.unpack_from("<7I", request, HEADER)
        old = self.cursors.get(head, (None, 0, 0, 0, 0, 0))
        if kind == COMMANDS["MOVE_CURSOR"]:
            self.cursors[head] = ("move", x, y, *old[3:])
        else:
            self.cursors[head] = ("update", x, y, number, hot_x, hot_y)

    def _context(self, kind: int, number: int) -> None:
        if kind == COMMANDS["CTX_CREATE"]:
            self.contexts.add(number)
        elif kind == COMMANDS["CTX_DESTROY"]:
            self.contexts.remove(number)
        elif number not in self.contexts:
            raise KeyError(number)

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
        if count > MAX_ENTRIES:
            raise ValueError(count)
        return [struct.unpack_from("<QI", body, 16 * index) for index in range(count)]

    def _attach(self, body):
        number, count = struct.unpack_from("<II", body)
        self.sums["entries"] += count
        self.resources[number].attach(self._entries(body[8:], count))

    def _transfer(self, body):
        x, y, width, height, offset, number = struct.unpack_from("<4IQI", body)
        self._upload(self.resources[number], x, y, width, height, offset, 0)

    def _transfer_3d(self, body):
        x, y, _, width, height, _ = struct.unpack_from("<6I", body)
        offset, number, level, stride = struct.unpack_from("<Q3I", body, 24)
        if not level:
            self._upload(self.resources[number], x, y, width, height, offset, stride)

    def _upload(self, resource, x, y, width, height, offset, stride):
        # A blob has no pixels of its own, so there is nothing to copy.
        if not resource.pixels:
            return
        stride = stride or resource.width * 4
        if x + width > resource.width or y + height > resource.height:
            raise ValueError("the transfer exceeds the resource")
        self.sums["bytes"] += width * height * 4
        if width == resource.width and stride == width * 4:
            # Whole rows are contiguous.
            width, height = width * height, 1
        for row in range(height):
            at = ((y + row) * resource.width + x) * 4
            resource.pixels[at:at + width * 4] = self._backing(resource, offset + row * stride,
                                                               width * 4)

    def _backing(self, resource: Resource, offset: int, length: int) -> bytes:
        pieces = []
        # The list may be long, so do not search it from the start.
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
            raise ValueError("the transfer exceeds the backing")
        return b"".join(pieces)

    _HANDLERS = {0x100: _display_info, 0x101: _create, 0x102: _unref, 0x103: _set_scanout,
                 0x104: _flush, 0x105: _transfer, 0x106: _attach, 0x107: _detach,
                 0x108: _capset_info, 0x109: _capset, 0x10a: _get_edid, 0x10b: _assign_uuid,
                 0x10c: _create_blob, 0x10d: _set_scanout_blob, 0x204: _create_3d,
                 0x205: _transfer_3d, 0x206: _done}
