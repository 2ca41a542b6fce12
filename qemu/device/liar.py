# SPDX-License-Identifier: GPL-2.0
"""Generates lies of a device from a seed: which answers are wrong, and how.

A lie depends only on the genome, the type of the command and the number of earlier commands of this
type. So a genome always gives the same lies, whatever else the guest does.

A device does not write to memory after it has returned it, because without an IOMMU no driver could
defend itself. REWRITE therefore writes garbage, then the answer, and only then marks the chain as used.
"""
import random
import struct
from collections import Counter
from dataclasses import dataclass, replace
from enum import IntFlag, auto

HEADER = 24
OK_NODATA, OK_DISPLAY_INFO, OK_EDID, OK_MAP_INFO = 0x1100, 0x1101, 0x1104, 0x1106
ERROR = 0x1200
ERRORS = 6
FLAG_FENCE = 1
# The longest delay of an answer in seconds: longer than command_timeout in the tests.
LATEST = 1.5
# Values at which arithmetic often fails.
EDGES = (0, 1, 2, 0x7f, 0xff, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe,
         0xffffffff)


class Lies(IntFlag):
    """Kinds of lies; a genome's mask selects some of them."""
    TYPE = auto()
    LENGTH = auto()
    FENCE = auto()
    CONTEXT = auto()
    RING = auto()
    PAYLOAD = auto()
    REWRITE = auto()
    # The answer comes after the next one.
    ORDER = auto()
    CONFIG = auto()
    # From here on the driver may have to reset the device.
    LATE = auto()
    LOSE = auto()
    TWICE = auto()
    # The used ring names another chain: one that the device holds, or any number.
    OTHER = auto()
    HEAD = auto()
    # The index of the used ring jumps.
    INDEX = auto()


# Lies that the driver must survive without a reset.
GENTLE = (Lies.TYPE | Lies.LENGTH | Lies.FENCE | Lies.CONTEXT | Lies.RING | Lies.PAYLOAD
          | Lies.REWRITE | Lies.ORDER | Lies.CONFIG)
# Lies that are possible about an answer without bytes.
WITHOUT_ANSWER = ~(Lies.TYPE | Lies.FENCE | Lies.CONTEXT | Lies.RING | Lies.PAYLOAD | Lies.REWRITE)


@dataclass(frozen=True)
class Genome:
    """The parameters of a sequence of lies."""
    seed: int
    # Lies per thousand answers.
    rate: int
    mask: Lies


@dataclass(frozen=True)
class Lie:
    """What to do with one answer."""
    kind: Lies
    data: bytes
    # The number of bytes that the device claims to have written.
    claimed: int | None = None
    # Bytes that are written before the answer.
    first: bytes = b""
    # Delay in seconds.
    late: float = 0
    # The wrong number of HEAD and INDEX.
    number: int = 0
    # The command must not be carried out.
    refused: bool = False


def _number(rng: random.Random, right: int, bits: int = 32) -> int:
    """Returns a wrong number, often close to the right one."""
    kind = rng.randrange(4)
    if kind == 0:
        value = right + rng.choice((-2, -1, 1, 2))
    elif kind == 1:
        value = right ^ (1 << rng.randrange(bits))
    elif kind == 2:
        value = rng.choice(EDGES)
    else:
        value = rng.getrandbits(bits)
    return value & ((1 << bits) - 1)


def fix_edid(edid: bytes) -> bytes:
    """Sets the correct checksum in every block."""
    fixed = bytearray(edid)
    for at in range(0, len(fixed) - 127, 128):
        fixed[at + 127] = -sum(fixed[at:at + 127]) & 0xff
    return bytes(fixed)


def mutate_payload(rng: random.Random, answer: bytes) -> bytes:
    """Changes the bytes after the header."""
    data = bytearray(answer)
    if len(data) <= HEADER:
        # There is only the padding of the header.
        data[HEADER - 3:HEADER] = rng.randbytes(3)
        return bytes(data)
    kind = rng.randrange(8)
    if kind == 0:
        data[HEADER:] = rng.randbytes(len(data) - HEADER)
    elif kind == 1:
        data[HEADER:] = bytes([rng.choice((0, 0xff))]) * (len(data) - HEADER)
    elif kind < 5:
        for _ in range(rng.randint(1, 4)):
            at = HEADER + 4 * rng.randrange((len(data) - HEADER) // 4)
            right = struct.unpack_from("<I", data, at)[0]
            struct.pack_into("<I", data, at, _number(rng, right))
    else:
        # Near the start, where the important fields are.
        for _ in range(rng.randint(1, 8)):
            data[HEADER + rng.randrange(min(256, len(data) - HEADER))] = rng.getrandbits(8)
    if struct.unpack_from("<I", data)[0] == OK_EDID and rng.random() < 0.7:
        # Otherwise the driver stops at the checksum or the header.
        head = HEADER + 8
        if rng.random() < 0.7:
            data[head:head + 8] = b"\0" + b"\xff" * 6 + b"\0"
            struct.pack_into("<I", data, HEADER, rng.choice((128, 256, 384, 1024)))
        data[head:] = fix_edid(bytes(data[head:]))
    return bytes(data)


class Liar:
    """Tells the lies of a genome."""

    def __init__(self, genome: Genome):
        self.genome = genome
        # The number of lies told, by kind.
        self.told: Counter[Lies] = Counter()
        self._seen: Counter[int] = Counter()

    def choose(self, command: int, has_answer: bool) -> tuple[Lies, random.Random] | None:
        """Chooses the kind of lie about a command's answer, or None; the result is for lie()."""
        number = self._seen[command]
        self._seen[command] += 1
        rng = random.Random((self.genome.seed << 48) ^ (command << 32) ^ number)
        if rng.randrange(1000) >= self.genome.rate:
            return None
        mask = self.genome.mask if has_answer else self.genome.mask & WITHOUT_ANSWER
        kinds = [kind for kind in Lies if kind in mask]
        return (rng.choice(kinds), rng) if kinds else None

    def refuses(self, kind: Lies, rng: random.Random) -> bool:
        """Returns whether a lie about the type is an error: then the command is not carried out."""
        return kind == Lies.TYPE and rng.random() < 0.4

    def lie(self, kind: Lies, rng: random.Random, answer: bytes, refused: bool = False) -> Lie:
        """Returns the lie about a correct answer."""
        self.told[kind] += 1
        lie = Lie(kind, answer, refused=refused)
        if refused:
            return replace(lie, data=struct.pack("<I", ERROR + rng.randrange(ERRORS))
                           + answer[4:HEADER])
        return replace(lie, **self._HOW[kind](rng, answer))

    @property
    def total(self) -> int:
        return sum(self.told.values())

    @staticmethod
    def _type(rng: random.Random, answer: bytes) -> dict:
        kind = rng.choice((OK_NODATA + rng.randrange(8), rng.randrange(0x100, 0x120), 0,
                           0xffffffff, rng.getrandbits(32)))
        return {"data": struct.pack("<I", kind) + answer[4:]}

    @staticmethod
    def _length(rng: random.Random, answer: bytes) -> dict:
        size = len(answer)
        return {"claimed": rng.choice((0, 1, HEADER - 1, HEADER, max(size - 1, 0), size + 1,
                                       0x7fffffff, 0xffffffff, rng.getrandbits(16)))}

    @staticmethod
    def _fence(rng: random.Random, answer: bytes) -> dict:
        flags, fence = struct.unpack_from("<IQ", answer, 4)
        if rng.randrange(3) == 0:
            flags ^= FLAG_FENCE
        else:
            fence = _number(rng, fence, 64)
        return {"data": answer[:4] + struct.pack("<IQ", flags, fence) + answer[16:]}

    @staticmethod
    def _context(rng: random.Random, answer: bytes) -> dict:
        context = struct.unpack_from("<I", answer, 16)[0]
        return {"data": answer[:16] + struct.pack("<I", _number(rng, context)) + answer[20:]}

    @staticmethod
    def _ring(rng: random.Random, answer: bytes) -> dict:
        flags = struct.unpack_from("<I", answer, 4)[0]
        return {"data": answer[:4] + struct.pack("<I", flags ^ rng.choice((0, 2, 0xfffffffc)))
                + answer[8:20] + bytes([_number(rng, answer[20], 8)]) + answer[21:]}

    @staticmethod
    def _payload(rng: random.Random, answer: bytes) -> dict:
        return {"data": mutate_payload(rng, answer)}

    @staticmethod
    def _rewrite(rng: random.Random, answer: bytes) -> dict:
        return {"first": rng.randbytes(len(answer))}

    @staticmethod
    def _late(rng: random.Random, _answer: bytes) -> dict:
        return {"late": rng.choice((0.001, 0.02, 0.1, LATEST)) * rng.random()}

    @staticmethod
    def _head(rng: random.Random, _answer: bytes) -> dict:
        return {"number": rng.choice((rng.randrange(64), rng.getrandbits(16), rng.getrandbits(32)))}

    @staticmethod
    def _index(rng: random.Random, _answer: bytes) -> dict:
        return {"number": rng.choice((1, 2, 63, 64, 65, 0x8000, 0xffff, 0xfffe,
                                      rng.getrandbits(16)))}

    @staticmethod
    def _as_it_is(_rng: random.Random, _answer: bytes) -> dict:
        return {}

    _HOW = {Lies.TYPE: _type, Lies.LENGTH: _length, Lies.FENCE: _fence, Lies.CONTEXT: _context,
            Lies.RING: _ring, Lies.PAYLOAD: _payload, Lies.REWRITE: _rewrite,
            Lies.ORDER: _as_it_is, Lies.CONFIG: _as_it_is, Lies.LATE: _late,
            Lies.LOSE: _as_it_is, Lies.TWICE: _as_it_is, Lies.OTHER: _as_it_is,
            Lies.HEAD: _head, Lies.INDEX: _index}


def mutate_config(rng: random.Random, config: bytes) -> bytes:
    """Changes one field of a configuration."""
    data = bytearray(config)
    at = 4 * rng.randrange(len(data) // 4)
    struct.pack_into("<I", data, at, _number(rng, struct.unpack_from("<I", data, at)[0]))
    return bytes(data)
