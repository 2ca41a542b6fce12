"""A small VNC client: it sees what a person in front of one head sees, and resizes its window.

VNC is QEMU's only interface that works without a screen and has all of this: it resizes the window,
receives the cursor's image, and gets only the pixels that the guest asked the host to redraw. The client
is our own because no client library in Debian has the alpha cursor and the extended resize.
"""
import socket
import struct
import threading

from qemu.base.report import Failure
from qemu.host.qmp import connect

RAW, RESIZE, EXTENDED_RESIZE, ALPHA_CURSOR = 0, -223, -308, -314
XRGB = struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)


class Vnc:
    """A connected viewer; a thread updates `screen`."""

    def __init__(self, path):
        self._peer = connect(path, 20)
        self._peer.settimeout(None)
        self._changed = threading.Condition()
        self.cursor = None  # width, height, hot_x, hot_y, bytes
        self._handshake()
        threading.Thread(target=self._receive, daemon=True).start()
        self._request(incremental=False)

    def _read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            part = self._peer.recv(min(count - len(data), 1 << 20))
            if not part:
                raise OSError("VNC connection closed")
            data += part
        return bytes(data)

    def _handshake(self) -> None:
        self._read(12)
        self._peer.sendall(b"RFB 003.008\n")
        self._read(self._read(1)[0])
        self._peer.sendall(b"\x01")
        if self._read(4) != b"\0\0\0\0":
            raise Failure("QEMU's VNC server refuses the connection")
        self._peer.sendall(b"\x01")
        width, height = struct.unpack(">HH16x", self._read(20))
        self._read(struct.unpack(">I", self._read(4))[0])
        self._set_size(width, height)
        encodings = (RAW, RESIZE, EXTENDED_RESIZE, ALPHA_CURSOR)
        self._peer.sendall(b"\0\0\0\0" + XRGB + struct.pack(
            f">BxH{len(encodings)}i", 2, len(encodings), *encodings))

    def _set_size(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.screen = bytearray(width * height * 4)

    def _request(self, incremental: bool) -> None:
        self._peer.sendall(struct.pack(">BBHHHH", 3, incremental, 0, 0, self.width, self.height))

    def _receive(self) -> None:
        try:
            while True:
                kind = self._read(1)[0]
                if kind == 0:
                    count = struct.unpack(">xH", self._read(3))[0]
                    resized = False
                    for _ in range(count):
                        resized |= self._rectangle()
                    self._request(incremental=not resized)
                elif kind == 1:
                    count = struct.unpack(">xHH", self._read(5))[1]
                    self._read(count * 6)
                elif kind == 3:
                    self._read(struct.unpack(">3xI", self._read(7))[0])
        except (OSError, struct.error):
            pass

    def _rectangle(self) -> bool:
        x, y, width, height, encoding = struct.unpack(">HHHHi", self._read(12))
        if encoding == RAW:
            data = self._read(width * height * 4)
            with self._changed:
                for row in range(height):
                    at = ((y + row) * self.width + x) * 4
                    self.screen[at:at + width * 4] = data[row * width * 4:(row + 1) * width * 4]
                self._changed.notify_all()
        elif encoding == ALPHA_CURSOR:
            self._read(4)
            data = self._read(width * height * 4)
            with self._changed:
                self.cursor = (width, height, x, y, data)
                self._changed.notify_all()
        elif encoding in (RESIZE, EXTENDED_RESIZE):
            if encoding == EXTENDED_RESIZE:
                self._read(self._read(4)[0] * 16)
            with self._changed:
                changed = (width, height) != (self.width, self.height)
                if changed:
                    self._set_size(width, height)
                self._changed.notify_all()
            return changed
        else:
            raise OSError(f"unexpected VNC encoding {encoding}")
        return False

    def wait(self, seconds: float, condition) -> bool:
        """Waits until condition(self) is true; checks it after every change."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), seconds)

    def resize(self, width: int, height: int) -> None:
        """Resizes the head's window, as dragging it would."""
        self._peer.sendall(struct.pack(">BxHHBxIHHHHI", 251, width, height, 1,
                                       0, 0, 0, width, height, 0))

    def close(self) -> None:
        with self._changed:
            try:
                self._peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._peer.close()
