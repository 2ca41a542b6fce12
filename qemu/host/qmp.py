# SPDX-License-Identifier: GPL-2.0
"""A small client of QEMU's machine protocol (QMP).

It is our own because Debian 12 has no python3-qemu-qmp, and because that library needs an event loop,
whereas the threads here only send a command and wait.
"""
import json
import socket
import threading
import time

from qemu.base.report import Failure


def connect(path, seconds: float) -> socket.socket:
    """Connects to a Unix socket; waits until it exists."""
    deadline = time.monotonic() + seconds
    while True:
        peer = socket.socket(socket.AF_UNIX)
        try:
            peer.connect(str(path))
            return peer
        except OSError:
            peer.close()
            if time.monotonic() > deadline:
                raise Failure(f"QEMU did not open {path}") from None
            time.sleep(0.05)


class Qmp:
    """A QMP connection; several threads may send commands."""

    def __init__(self, path):
        self._peer = connect(path, 20)
        self._peer.settimeout(60)
        self._file = self._peer.makefile("rw")
        self._lock = threading.Lock()
        self._file.readline()
        self.command("qmp_capabilities")

    def command(self, name: str, **arguments):
        with self._lock:
            json.dump({"execute": name, "arguments": arguments}, self._file)
            self._file.write("\n")
            self._file.flush()
            while True:
                line = self._file.readline()
                if not line:
                    raise Failure(f"QEMU closed its control socket during {name}")
                answer = json.loads(line)
                if "error" in answer:
                    raise Failure(f"QEMU refuses {name}: {answer['error']['desc']}")
                if "return" in answer:
                    return answer["return"]

    def close(self):
        self._file.close()
        self._peer.close()
