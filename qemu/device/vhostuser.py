# SPDX-License-Identifier: GPL-2.0
"""The back-end of vhost-user: guest memory, virtqueues and configuration over a socket."""
import heapq
import itertools
import mmap
import os
import selectors
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

VERSION, REPLY, NEED_REPLY = 1, 4, 8
VERSION_1, PROTOCOL_FEATURES = 1 << 32, 1 << 30
(PROTOCOL_MQ, PROTOCOL_REPLY_ACK, PROTOCOL_BACKEND_REQ, PROTOCOL_CONFIG,
 PROTOCOL_BACKEND_SEND_FD, PROTOCOL_SHMEM) = (1 << bit for bit in (0, 3, 5, 9, 10, 22))

(GET_FEATURES, SET_FEATURES, SET_OWNER, RESET_OWNER, SET_MEM_TABLE, SET_LOG_BASE, SET_LOG_FD,
 SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL,
 SET_VRING_ERR, GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_QUEUE_NUM,
 SET_VRING_ENABLE) = range(1, 19)
SET_BACKEND_REQ_FD, GET_CONFIG, SET_CONFIG, GET_SHMEM_CONFIG = 21, 24, 25, 44
# Requests of the device to QEMU, which have their own channel.
CONFIG_CHANGE, SHMEM_MAP, SHMEM_UNMAP = 2, 9, 10
SHMEM_REGIONS = 256
MAP_WRITABLE = 1

DESC_NEXT, DESC_WRITE, DESC_INDIRECT = 1, 2, 4
NO_INTERRUPT = 1


class Memory:
    """The guest's memory, which QEMU shares."""

    def __init__(self):
        self._regions = []

    def replace(self, payload: bytes, fds) -> None:
        count = struct.unpack_from("<I", payload)[0]
        self._regions = []
        for index, fd in zip(range(count), fds):
            guest, size, user, offset = struct.unpack_from("<4Q", payload, 8 + index * 32)
            self._regions.append((guest, user, size, offset, mmap.mmap(fd, size + offset)))

    def _find(self, address: int, length: int, kind: int):
        for region in self._regions:
            start, size, offset, view = region[kind], region[2], region[3], region[4]
            if start <= address and address + length <= start + size:
                return view, address - start + offset
        raise ValueError(f"no memory at the guest's address {address:#x}+{length:#x}")

    def read(self, address: int, length: int) -> bytes:
        view, at = self._find(address, length, 0)
        return view[at:at + length]

    def write(self, address: int, data: bytes) -> None:
        view, at = self._find(address, len(data), 0)
        view[at:at + len(data)] = data

    def at_user(self, address: int, length: int):
        """Translates QEMU's addresses, in which the rings are given."""
        return self._find(address, length, 1)


class Chain:
    """A descriptor chain: the guest's request, and the buffers for the answer."""

    def __init__(self, queue: "Queue", head: int):
        self.queue, self.head = queue, head
        self._run = queue.runs
        self.request, self._room = b"", []
        for address, length, flags in queue.descriptors(head):
            if flags & DESC_WRITE:
                self._room.append((address, length))
            else:
                self.request += queue.memory.read(address, length)
        queue.held[head] = self

    @property
    def room(self) -> int:
        """The maximum size of an answer in bytes."""
        return sum(length for _, length in self._room)

    @property
    def is_ours(self) -> bool:
        """Whether the device may still write to the chain: it was not returned to the driver, and the
        driver has not reset the device."""
        return self.queue.runs == self._run and self.queue.held.get(self.head) is self

    def answer(self, data: bytes, claimed=None, head=None) -> None:
        """Writes the answer and returns the chain; a lie has another length or another chain."""
        if not self.is_ours:
            return
        written = self.write(data)
        self.queue.use(self.head if head is None else head,
                       written if claimed is None else claimed)

    def write(self, data: bytes) -> int:
        """Writes an answer without returning the chain; returns how many bytes fit."""
        rest = data
        for address, length in self._room:
            self.queue.memory.write(address, rest[:length])
            rest = rest[length:]
        return len(data) - len(rest)


class Queue:
    """A split virtqueue."""

    def __init__(self, memory: Memory):
        self.memory = memory
        self.size = self.last = 0
        # Positions of the descriptor table, the available ring and the used ring.
        self.rings: tuple | None = None
        self.kick: int | None = None
        self.call: int | None = None
        self.enabled = False
        # How often the queue was stopped; chains of earlier runs no longer belong to the device.
        self.runs = 0
        # The chains that the device holds, by their heads.
        self.held: dict[int, Chain] = {}
        # Heads that were returned before the device took them, with counts. Their memory may already
        # have another use.
        self._forfeited: Counter = Counter()
        # Set if that happened since the device was started: it never saw some commands.
        self.missed = False
        # Set after the used index became wrong: the device does nothing any more.
        self.is_dead = False

    def stop(self) -> None:
        self.enabled, self.rings, self.is_dead, self.missed = False, None, False, False
        self.runs += 1
        self.held.clear()
        self._forfeited.clear()

    def set_addresses(self, desc: int, used: int, avail: int) -> None:
        find = self.memory.at_user
        self.rings = (find(desc, 16 * self.size), find(avail, 4 + 2 * self.size),
                      find(used, 4 + 8 * self.size))

    def _ring(self, number: int):
        if not self.rings:
            raise ValueError("the queue is stopped")
        return self.rings[number]

    def _table(self, view, at: int, index: int):
        return struct.unpack_from("<QIHH", view, at + 16 * index)

    def descriptors(self, index: int):
        view, at = self._ring(0)
        for _ in range(self.size + 1):
            address, length, flags, following = self._table(view, at, index)
            if flags & DESC_INDIRECT:
                view, at = self.memory.read(address, length), 0
                address, length, flags, following = self._table(view, at, 0)
            yield address, length, flags & DESC_WRITE
            if not flags & DESC_NEXT:
                return
            index = following

    def has_available(self) -> bool:
        """Returns whether there are chains that the device has not taken."""
        if not self.enabled or not self.rings:
            return False
        view, at = self._ring(1)
        return self.last != struct.unpack_from("<H", view, at + 2)[0]

    def take(self):
        """Yields the chains that the guest has made available since the last call."""
        view, at = self._ring(1)
        end = struct.unpack_from("<H", view, at + 2)[0]
        while self.last != end and not self.is_dead:
            head = struct.unpack_from("<H", view, at + 4 + 2 * (self.last % self.size))[0]
            self.last = (self.last + 1) & 0xffff
            if self._forfeited[head]:
                self._forfeited[head] -= 1
                self.missed = True
            else:
                yield Chain(self, head)

    def use(self, head: int, length: int) -> None:
        """Returns a chain to the driver; the device then loses a chain that it did not hold, too."""
        if self.held.pop(head, None) is None:
            self._forfeited[head] += 1
        view, at = self._ring(2)
        index = struct.unpack_from("<H", view, at + 2)[0]
        struct.pack_into("<II", view, at + 4 + 8 * (index % self.size), head, length)
        struct.pack_into("<H", view, at + 2, (index + 1) & 0xffff)

    def skip_used(self, count: int) -> None:
        """Adds a wrong number to the used index; the device does nothing after that."""
        view, at = self._ring(2)
        index = struct.unpack_from("<H", view, at + 2)[0]
        struct.pack_into("<H", view, at + 2, (index + count) & 0xffff)
        self.is_dead = True
        self.held.clear()

    def wants_interrupt(self) -> bool:
        view, at = self._ring(1)
        return not struct.unpack_from("<H", view, at)[0] & NO_INTERRUPT

    def interrupt(self) -> None:
        if self.call is not None:
            os.write(self.call, (1).to_bytes(8, "little"))


class Device:
    """A virtio device in this process; subclasses handle its chains."""

    features, queues, config = 0, 1, b""
    # The sizes of its shared memory regions, by region.
    shared: dict[int, int] = {}

    def __init__(self, path: Path, late: float = 0):
        """With `late` the device handles a kick after that many seconds."""
        self._late = late
        # How often the guest has kicked a queue.
        self.kicks = 0
        # How many kicks the device will ignore, by queue.
        self.deaf: Counter = Counter()
        self._timers: list = []
        self._timer_count = itertools.count()
        self._backend: socket.socket | None = None
        # Callbacks for QEMU's replies to requests, oldest first.
        self._acknowledged: list[Callable[[int], None]] = []
        self.memory = Memory()
        self.rings = [Queue(self.memory) for _ in range(self.queues)]
        self.lock = threading.RLock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._selector = selectors.DefaultSelector()
        self._socket = socket.socket()
        threading.Thread(target=self._serve, daemon=True).start()

    def chain(self, index: int, chain: Chain) -> None:
        """Handles a chain of queue `index`; called with the lock held."""
        raise NotImplementedError

    def stopped(self) -> None:
        """Called when the device was stopped and has lost its chains; the lock is held."""

    def was_reset(self) -> None:
        """Called when the guest has reset the device, before it starts again; the lock is held. QEMU
        also stops the device for a pause, but only after a reset the rings begin at 0."""

    def configured(self, offset: int, data: bytes) -> None:
        """Called when the guest has written to the configuration; the lock is held."""

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Runs an action later, with the lock held."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._timer_count), action))

    def _serve(self) -> None:
        try:
            self._socket, _ = self._listener.accept()
        except OSError:
            return
        self._selector.register(self._socket, selectors.EVENT_READ, self._message)
        while self._selector.get_map():
            timeout = max(0, self._timers[0][0] - time.monotonic()) if self._timers else None
            for key, _ in self._selector.select(timeout):
                with self.lock:
                    if key.fd in (self._selector.get_map() or ()):
                        key.data()
            with self.lock:
                while self._timers and self._timers[0][0] <= time.monotonic():
                    heapq.heappop(self._timers)[2]()

    def close(self) -> None:
        """Closes the device permanently."""
        self._listener.close()

    def _ask(self, request: int, payload: bytes, done: Callable[[int], None] | None = None,
             fds=()) -> None:
        """Sends a request to QEMU; `done` is called with the result."""
        if self._backend is None:
            raise ValueError("QEMU has not given the device a channel")
        flags = VERSION | (NEED_REPLY if done else 0)
        message = struct.pack("<III", request, flags, len(payload)) + payload
        if fds:
            socket.send_fds(self._backend, [message], list(fds))
        else:
            self._backend.sendall(message)
        if done:
            self._acknowledged.append(done)

    def _acknowledge(self) -> None:
        answer = self._backend.recv(20) if self._backend else b""
        if len(answer) < 20:
            if self._backend:
                self._selector.unregister(self._backend)
                self._backend.close()
            self._backend = None
            return
        self._acknowledged.pop(0)(struct.unpack_from("<Q", answer, 12)[0])

    def notify_config(self) -> None:
        """Interrupts the guest because the configuration has changed. Does nothing before the guest
        has started the device, because QEMU (11.1) would crash and the guest would not notice."""
        if all(ring.enabled and ring.rings for ring in self.rings):
            self._ask(CONFIG_CHANGE, b"")

    def map_shared(self, region: int, fd: int, offset: int, size: int,
                   done: Callable[[int], None]) -> None:
        """Maps a file into a shared memory region; `done` gets 0, or another number on failure."""
        self._ask(SHMEM_MAP, struct.pack("<B7x4Q", region, 0, offset, size, MAP_WRITABLE), done,
                  [fd])

    def unmap_shared(self, region: int, offset: int, size: int,
                     done: Callable[[int], None]) -> None:
        """Undoes map_shared()."""
        self._ask(SHMEM_UNMAP, struct.pack("<B7x4Q", region, 0, offset, size, 0), done)

    def _kicked(self, index: int) -> None:
        ring = self.rings[index]
        if ring.kick is None:
            return
        try:
            self.kicks += int.from_bytes(os.read(ring.kick, 8), "little")
        except BlockingIOError:
            return
        # QEMU also kicks when it starts the device; such a kick is not the guest's.
        if self.deaf[index] and ring.has_available():
            self.deaf[index] -= 1
            return
        time.sleep(self._late)
        self._run(index)

    def catch_up(self) -> None:
        """Handles kicks that the device's thread has not handled yet; call with the lock held.
        Chains without a kick stay in the queue."""
        for index in range(self.queues):
            self._kicked(index)

    def _run(self, index: int) -> None:
        ring = self.rings[index]
        if not ring.enabled or not ring.rings:
            return
        for chain in ring.take():
            self.chain(index, chain)
            # The handler may have stopped the ring.
            if not ring.rings:
                return
        if ring.wants_interrupt():
            ring.interrupt()

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self._socket.recv(size - len(data))
            if not part:
                return b""
            data += part
        return data

    def _message(self) -> None:
        header, fds, _, _ = socket.recv_fds(self._socket, 12, 16)
        if len(header) < 12:
            self._selector.close()
            self._socket.close()
            if self._backend:
                self._backend.close()
            return
        request, flags, size = struct.unpack("<III", header)
        payload = self._receive(size)
        reply = self._handle(request, payload, fds)
        if reply is None and flags & NEED_REPLY:
            reply = bytes(8)
        if reply is not None:
            self._socket.sendall(struct.pack("<III", request, VERSION | REPLY, len(reply)) + reply)
        if request not in (SET_VRING_KICK, SET_VRING_CALL, SET_BACKEND_REQ_FD):
            for fd in fds:
                os.close(fd)

    def _handle(self, request: int, payload: bytes, fds):
        if request == GET_FEATURES:
            return struct.pack("<Q", self.features | VERSION_1 | PROTOCOL_FEATURES)
        if request == GET_PROTOCOL_FEATURES:
            return struct.pack("<Q", PROTOCOL_MQ | PROTOCOL_REPLY_ACK | PROTOCOL_BACKEND_REQ
                               | PROTOCOL_BACKEND_SEND_FD | PROTOCOL_CONFIG
                               | (PROTOCOL_SHMEM if self.shared else 0))
        if request == GET_QUEUE_NUM:
            return struct.pack("<Q", self.queues)
        if request == GET_CONFIG:
            offset, size, flags = struct.unpack_from("<III", payload)
            data = (self.config + bytes(256))[offset:offset + size]
            return struct.pack("<III", offset, size, flags) + data
        if request == GET_SHMEM_CONFIG:
            sizes = (self.shared.get(region, 0) for region in range(SHMEM_REGIONS))
            return struct.pack(f"<II{SHMEM_REGIONS}Q", len(self.shared), 0, *sizes)
        if request == SET_CONFIG:
            offset, size = struct.unpack_from("<II", payload)
            self.configured(offset, payload[12:12 + size])
        elif request == SET_BACKEND_REQ_FD:
            self._backend = socket.socket(fileno=fds[0])
            self._selector.register(self._backend, selectors.EVENT_READ, self._acknowledge)
        elif request == SET_MEM_TABLE:
            self.memory.replace(payload, fds)
        elif SET_VRING_NUM <= request <= SET_VRING_CALL or request == SET_VRING_ENABLE:
            return self._handle_ring(request, payload, fds)
        return None

    def _handle_ring(self, request: int, payload: bytes, fds):
        index, value = struct.unpack_from("<II", payload + bytes(8))
        ring = self.rings[index & 0xff]
        if request == SET_VRING_NUM:
            ring.size = value
        elif request == SET_VRING_ADDR:
            ring.set_addresses(*struct.unpack_from("<3Q", payload, 8))
        elif request == SET_VRING_BASE:
            if not index and not value:
                self.was_reset()
            ring.last = value
        elif request == GET_VRING_BASE:
            ring.stop()
            if ring.kick is not None:
                self._selector.unregister(ring.kick)
                os.close(ring.kick)
                ring.kick = None
            self.stopped()
            return struct.pack("<II", index, ring.last)
        elif request == SET_VRING_KICK:
            self._set_kick(index & 0xff, fds)
        elif request == SET_VRING_CALL:
            if ring.call is not None:
                os.close(ring.call)
            ring.call = fds[0] if fds else None
        elif request == SET_VRING_ENABLE:
            ring.enabled = bool(value)
            self._run(index)
        return None

    def _set_kick(self, index: int, fds) -> None:
        ring = self.rings[index]
        if ring.kick is not None:
            self._selector.unregister(ring.kick)
            os.close(ring.kick)
        ring.kick = fds[0] if fds else None
        if ring.kick is not None:
            os.set_blocking(ring.kick, False)
            self._selector.register(ring.kick, selectors.EVENT_READ,
                                    lambda: self._kicked(index))
            self._run(index)
