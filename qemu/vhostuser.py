# SPDX-License-Identifier: GPL-2.0
"""The device's end of vhost-user: guest memory, virtqueues and configuration over a socket."""
import mmap
import os
import selectors
import socket
import struct
import threading
import time
from pathlib import Path

VERSION, REPLY = 1, 4
VERSION_1, PROTOCOL_FEATURES = 1 << 32, 1 << 30
PROTOCOL_MQ, PROTOCOL_CONFIG = 1 << 0, 1 << 9

(GET_FEATURES, SET_FEATURES, SET_OWNER, RESET_OWNER, SET_MEM_TABLE, SET_LOG_BASE, SET_LOG_FD,
 SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL,
 SET_VRING_ERR, GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_QUEUE_NUM,
 SET_VRING_ENABLE) = range(1, 19)
GET_CONFIG, SET_CONFIG = 24, 25

DESC_NEXT, DESC_WRITE, DESC_INDIRECT = 1, 2, 4
NO_INTERRUPT = 1


class Memory:
    """The guest's memory, as QEMU shares it."""

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
        raise ValueError(f"the guest's address {address:#x}+{length:#x} is in no memory")

    def read(self, address: int, length: int) -> bytes:
        view, at = self._find(address, length, 0)
        return view[at:at + length]

    def write(self, address: int, data: bytes) -> None:
        view, at = self._find(address, len(data), 0)
        view[at:at + len(data)] = data

    def at_user(self, address: int, length: int):
        """The rings come as addresses of QEMU's."""
        return self._find(address, length, 1)


class Chain:
    """A descriptor chain: what the guest sent, and where the answer goes."""

    def __init__(self, queue: "Queue", head: int):
        self.queue, self.head = queue, head
        self.request, self._room = b"", []
        for address, length, flags in queue.descriptors(head):
            if flags & DESC_WRITE:
                self._room.append((address, length))
            else:
                self.request += queue.memory.read(address, length)

    def answer(self, data: bytes, claimed=None, head=None) -> None:
        """Writes the answer; a liar claims another length or another chain."""
        rest = data
        for address, length in self._room:
            self.queue.memory.write(address, rest[:length])
            rest = rest[length:]
        self.queue.use(self.head if head is None else head,
                       len(data) - len(rest) if claimed is None else claimed)


class Queue:
    """A split virtqueue."""

    def __init__(self, memory: Memory):
        self.memory = memory
        self.size = self.last = 0
        self.rings = None
        self.kick = self.call = None
        self.enabled = False

    def set_addresses(self, desc: int, used: int, avail: int) -> None:
        find = self.memory.at_user
        self.rings = (find(desc, 16 * self.size), find(avail, 4 + 2 * self.size),
                      find(used, 4 + 8 * self.size))

    def _table(self, view, at: int, index: int):
        return struct.unpack_from("<QIHH", view, at + 16 * index)

    def descriptors(self, index: int):
        view, at = self.rings[0]
        for _ in range(self.size + 1):
            address, length, flags, following = self._table(view, at, index)
            if flags & DESC_INDIRECT:
                view, at = self.memory.read(address, length), 0
                address, length, flags, following = self._table(view, at, 0)
            yield address, length, flags & DESC_WRITE
            if not flags & DESC_NEXT:
                return
            index = following

    def take(self):
        """The chains the guest has made available since the last time."""
        view, at = self.rings[1]
        end = struct.unpack_from("<H", view, at + 2)[0]
        while self.last != end:
            head = struct.unpack_from("<H", view, at + 4 + 2 * (self.last % self.size))[0]
            self.last = (self.last + 1) & 0xffff
            yield Chain(self, head)

    def use(self, head: int, length: int) -> None:
        view, at = self.rings[2]
        index = struct.unpack_from("<H", view, at + 2)[0]
        struct.pack_into("<II", view, at + 4 + 8 * (index % self.size), head, length)
        struct.pack_into("<H", view, at + 2, (index + 1) & 0xffff)

    def wants_interrupt(self) -> bool:
        view, at = self.rings[1]
        return not struct.unpack_from("<H", view, at)[0] & NO_INTERRUPT

    def interrupt(self) -> None:
        if self.call is not None:
            os.write(self.call, (1).to_bytes(8, "little"))


class Device:
    """A virtio device in this process. Subclasses say what it does with its chains."""

    features, queues, config = 0, 1, b""

    def __init__(self, path: Path, late: float = 0):
        """With `late` it looks at a queue that many seconds after the kick."""
        self._late = late
        # How often the guest has told that there is something on a queue.
        self.kicks = 0
        self.memory = Memory()
        self.rings = [Queue(self.memory) for _ in range(self.queues)]
        self.lock = threading.RLock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._selector = selectors.DefaultSelector()
        self._socket = None
        threading.Thread(target=self._serve, daemon=True).start()

    def chain(self, index: int, chain: Chain) -> None:
        """A chain came on queue `index`; called with the lock held."""
        raise NotImplementedError

    def stopped(self) -> None:
        """The guest has reset the device; called with the lock held."""

    def _serve(self) -> None:
        self._socket, _ = self._listener.accept()
        self._selector.register(self._socket, selectors.EVENT_READ, self._message)
        while self._selector.get_map():
            for key, _ in self._selector.select():
                with self.lock:
                    key.data()

    def _kicked(self, index: int) -> None:
        ring = self.rings[index]
        try:
            self.kicks += int.from_bytes(os.read(ring.kick, 8), "little")
        except BlockingIOError:
            return
        time.sleep(self._late)
        self._run(index)

    def catch_up(self) -> None:
        """Does what the guest has kicked for and this device's thread has not come to yet; to be
        called with the lock held. What the guest did not kick for stays where it is."""
        for index, ring in enumerate(self.rings):
            if ring.kick is not None:
                self._kicked(index)

    def _run(self, index: int) -> None:
        ring = self.rings[index]
        if not ring.enabled or not ring.rings:
            return
        for chain in ring.take():
            self.chain(index, chain)
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
            return
        request, _, size = struct.unpack("<III", header)
        payload = self._receive(size)
        reply = self._handle(request, payload, fds)
        if reply is not None:
            self._socket.sendall(struct.pack("<III", request, VERSION | REPLY, len(reply)) + reply)
        if request not in (SET_VRING_KICK, SET_VRING_CALL):
            for fd in fds:
                os.close(fd)

    def _handle(self, request: int, payload: bytes, fds):
        if request == GET_FEATURES:
            return struct.pack("<Q", self.features | VERSION_1 | PROTOCOL_FEATURES)
        if request == GET_PROTOCOL_FEATURES:
            return struct.pack("<Q", PROTOCOL_MQ | PROTOCOL_CONFIG)
        if request == GET_QUEUE_NUM:
            return struct.pack("<Q", self.queues)
        if request == GET_CONFIG:
            offset, size, flags = struct.unpack_from("<III", payload)
            data = (self.config + bytes(256))[offset:offset + size]
            return struct.pack("<III", offset, size, flags) + data
        if request == SET_MEM_TABLE:
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
            ring.last = value
        elif request == GET_VRING_BASE:
            ring.enabled, ring.rings = False, None
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
