# SPDX-License-Identifier: GPL-2.0
"""Runs a shell in the guest, for a person at a terminal or for a program that writes to our input."""
import contextlib
import dataclasses
import os
import select
import shutil
import sys
import termios
import threading
import tty
from pathlib import Path

from qemu.base.report import say
from qemu.host import jobs
from qemu.host.machine import Options
from qemu.images.target import Environment

CHANNEL = "virtgpu.shell"
# Ctrl-], as in telnet: ends a guest that does not respond.
QUIT = b"\x1d"
END_OF_FILE = b"\x04"
# The exit status of a program that Ctrl-C ended.
GIVEN_UP = 130


@contextlib.contextmanager
def raw_terminal():
    """Passes on each key unchanged, including Ctrl-C; always restores the terminal."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setraw(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _show(peer, started: threading.Event) -> None:
    """Prints the guest's output until the guest closes the channel."""
    with contextlib.suppress(OSError):
        while data := peer.recv(65536):
            started.set()
            os.write(sys.stdout.fileno(), data)


def _pass_keys(peer, started: threading.Event, ended: threading.Event) -> bool:
    """Passes our input to the guest until it ends; returns False if the user pressed Ctrl-].

    A pipe is read only after the shell has set up its terminal, which would miss an earlier end of
    file.
    """
    while not ended.is_set():
        if not started.is_set() and not sys.stdin.isatty():
            started.wait(0.2)
            continue
        if not select.select([sys.stdin], [], [], 0.2)[0]:
            continue
        data = os.read(sys.stdin.fileno(), 4096)
        if sys.stdin.isatty() and QUIT in data:
            return False
        with contextlib.suppress(OSError):
            peer.sendall(data or END_OF_FILE)
        if not data:
            ended.wait()
    return True


def run(target: Environment, options: Options, folder: Path, limit: float, **rest) -> jobs.Result:
    """Boots a guest and connects its shell to our terminal until the shell ends."""
    options.channels = (*options.channels, CHANNEL)
    columns, rows = shutil.get_terminal_size()
    job = jobs.script("shell", CHANNEL=CHANNEL, TERM=os.environ.get("TERM", "dumb"), ROWS=rows,
                      COLUMNS=columns)
    say(f"==> a shell in the guest ({options.driver} driver): end it with `exit` or Ctrl-D; "
        "Ctrl-] ends a guest that does not respond")
    results: list[jobs.Result] = []
    started, ended = threading.Event(), threading.Event()
    with jobs.Guest(target, options, job, folder, **rest) as one:
        peer = one.machine.channel(CHANNEL)
        shower = threading.Thread(target=_show, args=(peer, started), daemon=True)
        shower.start()

        def wait() -> None:
            results.append(one.wait(limit))
            ended.set()

        waiter = threading.Thread(target=wait)
        waiter.start()
        with raw_terminal():
            is_given_up = not _pass_keys(peer, started, ended)
            if is_given_up:
                one.machine.stop()
            waiter.join()
        shower.join(2)
        peer.close()
    if is_given_up:
        return dataclasses.replace(results[0], trouble="", status=GIVEN_UP)
    return results[0]
