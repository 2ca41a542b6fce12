# SPDX-License-Identifier: GPL-2.0
"""Tests the fake device without a guest: its memory is a file, this file has the driver's side."""
import os
import random
import struct
from pathlib import Path

import pytest

from qemu.base.report import Failure
from qemu.device import fakegpu, liar, vhostuser
from qemu.device.fakegpu import COMMANDS, ERROR, OK, FakeGpu
from qemu.device.liar import GENTLE, Genome, Liar, Lies

SIZE = 8
DESC, AVAIL, USED, BUFFERS = 0x0, 0x1000, 0x2000, 0x3000
MEMORY = 1 << 20


class Driver:
    """The driver's side of the control queue."""

    def __init__(self, device: FakeGpu):
        self.device, self.ring = device, device.rings[0]
        file = os.memfd_create("guest")
        os.truncate(file, MEMORY)
        device.memory.replace(struct.pack("<II4Q", 1, 0, 0, MEMORY, 0, 0), [file])
        self.ring.size = SIZE
        self.ring.set_addresses(DESC, USED, AVAIL)
        self.ring.enabled = True
        self.count = 0

    def read(self, at: int, form: str) -> tuple:
        return struct.unpack("<" + form, self.device.memory.read(at, struct.calcsize("<" + form)))

    def write(self, at: int, form: str, *values) -> None:
        self.device.memory.write(at, struct.pack("<" + form, *values))

    def add(self, request: bytes, room: int = 64) -> int:
        """Makes a command available and returns its head."""
        head = self.count * 2 % SIZE
        buffer = BUFFERS + head * 0x1000
        self.device.memory.write(buffer, request)
        self.write(DESC + 16 * head, "QIHH", buffer, len(request), 1, head + 1)
        self.write(DESC + 16 * (head + 1), "QIHH", buffer + 0x800, room, 2, 0)
        self.device.memory.write(buffer + 0x800, bytes(room))
        self.write(AVAIL + 4 + 2 * (self.count % SIZE), "H", head)
        self.count += 1
        self.write(AVAIL + 2, "H", self.count)
        return head

    def used(self) -> list:
        """Returns heads and lengths from the used ring."""
        count = self.read(USED + 2, "H")[0]
        return [self.read(USED + 4 + 8 * (index % SIZE), "II") for index in range(count)]

    def answer(self, head: int) -> bytes:
        return self.device.memory.read(BUFFERS + head * 0x1000 + 0x800, 64)

    def do(self, command: str, *words, fence: int = 0, context: int = 0, ring: int = 0) -> bytes:
        """Sends one command and returns its answer."""
        kind = COMMANDS.get(command) or int(command)
        flags = (1 if fence else 0) | (2 if ring else 0)
        head = self.add(struct.pack("<IIQII", kind, flags, fence, context, ring)
                        + struct.pack(f"<{len(words)}I", *words))
        self.device._run(0)
        return self.answer(head)

    def code(self, *args, **kwargs) -> int:
        return struct.unpack_from("<I", self.do(*args, **kwargs))[0]


@pytest.fixture
def driver(tmp_path) -> Driver:
    return Driver(FakeGpu(tmp_path / "fake", render=True, blob=True))


def test_unknown_command_is_an_error(driver):
    assert driver.code("9999") == ERROR
    assert driver.code("0") == ERROR


def test_resources_come_and_go(driver):
    assert driver.code("UNREF", 7) == ERROR
    assert driver.code("CREATE", 7, 2, 4, 4) == OK
    assert driver.device.objects() == (set(), {7})
    assert driver.code("UNREF", 7) == OK
    assert driver.device.objects() == (set(), set())


def test_a_number_is_of_one_resource(driver):
    assert driver.code("CREATE", 0, 2, 4, 4) == ERROR
    assert driver.code("CREATE", 7, 2, 4, 4) == OK
    assert driver.code("CREATE", 7, 2, 4, 4) == ERROR
    assert driver.code("CREATE_BLOB", 7, 1, 0, 0, 0, 0, 4096, 0) == ERROR
    assert driver.code("UNREF", 7) == OK
    assert driver.code("CREATE", 7, 2, 4, 4) == OK


def test_an_unref_that_was_never_seen_is_forgiven(driver):
    driver.do("CREATE", 7, 2, 4, 4)
    driver.do("CREATE", 8, 2, 4, 4)
    assert driver.device.has_resources({7, 8})
    assert not driver.device.has_resources({7})
    head = driver.add(struct.pack("<IIQIII", COMMANDS["UNREF"], 0, 0, 0, 0, 8))
    driver.ring.use(head, 0)
    driver.device._run(0)
    assert driver.device.has_resources({7})
    assert not driver.device.has_resources({7, 9})
    driver.ring.stop()
    assert not driver.ring.missed


def test_an_unref_that_is_not_answered_leaves_the_driver_its_resource(driver):
    driver.do("CREATE", 7, 2, 4, 4)
    driver.device.set_fault("lose", "FLUSH")
    driver.do("FLUSH", 0, 0, 4, 4, 7)
    driver.do("UNREF", 7)
    assert not driver.device.has_resources({7})
    driver.do("CREATE", 8, 2, 4, 4)
    driver.device.set_lies(1, 1000, Lies.LOSE)
    driver.do("UNREF", 8)
    driver.device.stop_lying()
    assert driver.device.objects() == (set(), set())
    assert driver.device.has_resources({8})
    assert driver.device.has_resources(set())
    assert not driver.device.has_resources({7, 8})


def test_streams_need_a_context(driver):
    assert driver.code("SUBMIT", 0, 0, context=3) == ERROR
    assert driver.code("CTX_CREATE", 0, 0, context=3) == OK
    assert driver.code("SUBMIT", 0, 0, context=3) == OK
    assert driver.code("CTX_DESTROY", context=3) == OK
    assert driver.code("CTX_DESTROY", context=3) == ERROR


def test_a_fence_is_in_the_answer(driver):
    driver.do("CTX_CREATE", 0, 0, context=3)
    answer = driver.do("SUBMIT", 0, 0, fence=77, context=3, ring=5)
    assert struct.unpack_from("<IIQII", answer) == (OK, 3, 77, 3, 5)


def test_cursor_is_remembered(driver):
    driver.do("UPDATE_CURSOR", 0, 10, 20, 0, 9, 1, 2)
    assert driver.device.last_cursor(0) == ("update", 10, 20, 9)
    driver.do("MOVE_CURSOR", 0, 30, 40, 0, 0, 0, 0)
    assert driver.device.last_cursor(0) == ("move", 30, 40, 9)


@pytest.mark.parametrize("words", [("typo",), ("lose", "FLUHS"), ("lose", "typo/1")])
def test_a_mistyped_fault_is_an_error(driver, words):
    with pytest.raises(Failure):
        driver.device.set_fault(*words)


def test_a_fault_ends_after_so_many_times(driver):
    driver.device.set_fault("refuse", "UNREF", 100, 2)
    driver.do("CREATE", 7, 2, 4, 4)
    assert [driver.code("UNREF", 7) == OK for _ in range(3)] == [False, False, True]


def test_a_fault_of_one_ring_leaves_the_others(driver):
    driver.do("CTX_CREATE", 0, 0, context=3)
    driver.device.set_fault("lose", "SUBMIT/1")
    assert driver.code("SUBMIT", 0, 0, fence=1, context=3, ring=1) == 0
    assert driver.code("SUBMIT", 0, 0, fence=2, context=3, ring=2) == OK
    assert driver.code("SUBMIT", 0, 0, fence=3, context=3) == OK


def test_a_lost_kick_is_not_noticed(driver):
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    driver.ring.kick = reader
    driver.device.lose_kicks(0, 1)
    driver.add(struct.pack("<IIQII", COMMANDS["GET_DISPLAY_INFO"], 0, 0, 0, 0))
    os.write(writer, (1).to_bytes(8, "little"))
    driver.device._kicked(0)
    assert not driver.used()
    os.write(writer, (1).to_bytes(8, "little"))
    driver.device._kicked(0)
    assert len(driver.used()) == 1


def test_events_are_cleared_by_the_guest(driver):
    driver.device.config = struct.pack("<5I", 3, 0, 1, 0, 0)
    driver.device.configured(4, struct.pack("<I", 1))
    assert struct.unpack("<5I", driver.device.config) == (2, 0, 1, 0, 0)


def held(driver, command: str = "GET_DISPLAY_INFO") -> vhostuser.Chain:
    driver.add(struct.pack("<IIQII", COMMANDS[command], 0, 0, 0, 0))
    return next(driver.ring.take())


def test_a_chain_is_answered_once(driver):
    chain = held(driver)
    chain.answer(b"first")
    chain.answer(b"second")
    assert driver.used() == [(chain.head, 5)]
    assert driver.answer(chain.head).startswith(b"first")


def test_a_chain_given_back_wrongly_is_not_written(driver):
    """The driver may have freed the memory of a chain that was returned by mistake."""
    chain, other = held(driver), held(driver)
    chain.answer(b"mine", head=other.head)
    other.answer(b"too late")
    assert driver.used() == [(other.head, 4)]
    assert not driver.answer(other.head).startswith(b"too")


def test_a_chain_given_back_before_it_was_taken_is_skipped(driver):
    chain = held(driver)
    head = driver.add(bytes(24))
    chain.answer(b"mine", head=head)
    assert not list(driver.ring.take())
    assert head != driver.add(bytes(24))
    assert len(list(driver.ring.take())) == 1


def test_nothing_is_written_after_a_reset(driver):
    chain = held(driver)
    driver.ring.stop()
    chain.answer(b"too late")
    assert not any(driver.answer(chain.head))


def test_a_wrong_index_is_the_last_thing_it_does(driver):
    chain = held(driver)
    chain.answer(b"mine")
    driver.ring.skip_used(3)
    assert driver.read(USED + 2, "H") == (4,)
    driver.add(bytes(24))
    assert not list(driver.ring.take())


def lies_of(genome: Genome, commands) -> list:
    teller = Liar(genome)
    told = []
    for command in commands:
        chosen = teller.choose(command, True)
        if chosen:
            kind, rng = chosen
            refused = teller.refuses(kind, rng)
            told.append(teller.lie(kind, rng, struct.pack("<IIQII", OK, 1, 9, 1, 0) + bytes(64),
                                   refused))
    return told


@pytest.mark.parametrize("seed", range(5))
def test_the_same_genome_tells_the_same_lies(seed):
    genome = Genome(seed, 300, Lies(0x7fff))
    commands = random.Random(seed).choices(list(COMMANDS.values()), k=500)
    first, second = lies_of(genome, commands), lies_of(genome, commands)
    assert first == second
    assert 80 < len(first) < 250
    assert first != lies_of(Genome(seed + 1, 300, Lies(0x7fff)), commands)


def test_lies_do_not_depend_on_other_commands():
    genome = Genome(1, 500, Lies(0x7fff))
    alone = lies_of(genome, [0x104] * 50)
    teller = Liar(genome)
    mixed = []
    for number in range(100):
        chosen = teller.choose(0x104 if number % 2 else 0x105, True)
        if chosen and number % 2:
            kind, rng = chosen
            refused = teller.refuses(kind, rng)
            mixed.append(teller.lie(kind, rng, struct.pack("<IIQII", OK, 1, 9, 1, 0) + bytes(64),
                                    refused))
    assert mixed == alone


def test_only_kinds_of_the_mask_are_told():
    for kind in Lies:
        told = lies_of(Genome(3, 1000, kind), [0x104] * 20)
        assert {lie.kind for lie in told} == {kind}
    assert not lies_of(Genome(3, 0, Lies(0x7fff)), [0x104] * 20)


def test_an_answer_without_bytes_has_only_lies_of_the_ring():
    teller = Liar(Genome(5, 1000, Lies(0x7fff)))
    kinds = {teller.choose(0x301, False)[0] for _ in range(300)}
    assert Lies.LOSE in kinds and Lies.HEAD in kinds
    assert not kinds & {Lies.TYPE, Lies.FENCE, Lies.PAYLOAD}


def test_gentle_lies_lose_no_command():
    assert not GENTLE & (Lies.LOSE | Lies.TWICE | Lies.HEAD | Lies.INDEX | Lies.OTHER | Lies.LATE)


def test_every_lie_about_an_answer_differs_from_it():
    answer = struct.pack("<IIQII", OK, 1, 9, 1, 0) + bytes(64)
    for kind in (Lies.TYPE, Lies.FENCE, Lies.CONTEXT, Lies.PAYLOAD):
        changed = [liar.Liar(Genome(1, 1000, kind)).lie(kind, random.Random(seed), answer).data
                   for seed in range(50)]
        assert sum(data != answer for data in changed) > 40
        assert all(len(data) == len(answer) for data in changed)


def test_an_edid_can_be_wrong_with_a_right_checksum():
    answer = struct.pack("<IIQII", liar.OK_EDID, 0, 0, 0, 0) + struct.pack("<II", 128, 0) + \
        fakegpu.good_edid().ljust(1024, b"\0")
    right = 0
    for seed in range(50):
        edid = liar.mutate_payload(random.Random(seed), answer)[32:160]
        right += not sum(edid) & 0xff and edid != fakegpu.good_edid()
    assert 10 < right < 50


def test_a_refused_command_has_not_been_done(driver):
    driver.device.set_lies(0, 1000, int(Lies.TYPE))
    for number in range(1, 60):
        code = driver.code("CREATE", number, 2, 4, 4)
        made = number in driver.device.objects()[1]
        assert made == (not ERROR <= code < ERROR + liar.ERRORS)


def test_lies_are_counted(driver):
    driver.device.set_lies(0, 1000, int(Lies.FENCE))
    for _ in range(5):
        driver.do("GET_DISPLAY_INFO")
    driver.device._stop_lying()
    assert driver.device.told == {Lies.FENCE: 5}
    assert driver.code("GET_DISPLAY_INFO") == fakegpu.OK_DISPLAY_INFO


def test_the_guest_knows_as_many_kinds_of_lies():
    text = (Path(__file__).resolve().parents[2] / "igt-tests/lib/fake.h").read_text()
    assert f"#define FAKE_LIES\t{len(Lies)}\n" in text
    assert f"#define FAKE_GENTLE\t{int(GENTLE):#06x}\n" in text


def ring_request(device: FakeGpu, request: int, index: int, value: int) -> None:
    device._handle_ring(request, struct.pack("<II", index, value), [])


@pytest.mark.parametrize("base, kept", [(0, set()), (5, {7})])
def test_a_pause_is_no_reset(driver, base, kept):
    """QEMU stops the device for both; only after a reset the rings begin at 0."""
    driver.do("CREATE", 7, 2, 4, 4)
    for index in range(2):
        ring_request(driver.device, vhostuser.GET_VRING_BASE, index, 0)
    for index in range(2):
        ring_request(driver.device, vhostuser.SET_VRING_BASE, index, base)
    assert set(driver.device.resources) == kept


def test_qemu_unmaps_a_blob_when_another_one_is_mapped_in_its_place(driver, monkeypatch):
    device, asked = driver.device, []
    device.shared = {fakegpu.HOST_VISIBLE: MEMORY}

    def map_shared(region, file, offset, size, done):
        asked.append(("map", offset, size))
        done(0)

    monkeypatch.setattr(device, "map_shared", map_shared)
    monkeypatch.setattr(device, "unmap_shared", lambda region, offset, size, done:
                        asked.append(("unmap", offset, size)))
    for number in (7, 8):
        assert driver.code("CREATE_BLOB", number, 2, 1, 0, 0, 0, 8192, 0, context=0) == OK
    assert driver.code("UNMAP_BLOB", 7, 0) == ERROR
    assert driver.code("MAP_BLOB", 7, 0, 0, 0) == fakegpu.OK_MAP_INFO
    assert driver.code("UNMAP_BLOB", 7, 0) == OK
    assert driver.code("MAP_BLOB", 8, 0, 16384, 0) == fakegpu.OK_MAP_INFO
    assert asked == [("map", 0, 8192), ("map", 16384, 8192)]
    assert driver.code("MAP_BLOB", 7, 0, 4096, 0) == fakegpu.OK_MAP_INFO
    assert asked[2:] == [("unmap", 0, 8192), ("map", 4096, 8192)]
