# SPDX-License-Identifier: GPL-2.0
"""Tests `make shell`: types as a person at a terminal does, and checks the output."""
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

from qemu.base import choice, report
from qemu.base.paths import TOP
from qemu.base.report import Failure

TEST = "readme@shell"
LIMIT = 240


class Terminal:
    """A program with its own terminal."""

    def __init__(self, argv):
        self._ours, theirs = pty.openpty()
        self.before = termios.tcgetattr(theirs)
        self._theirs = theirs
        self.process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs,
                                        start_new_session=True)
        self.shown = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def expect(self, pattern: str, limit: float = 60) -> None:
        """Waits until the terminal shows a pattern, after the previous one."""
        deadline = time.monotonic() + limit
        while not (match := re.search(pattern.encode(), self.shown)):
            if select.select([self._ours], [], [], 0.2)[0]:
                data = os.read(self._ours, 4096)
                sys.stdout.buffer.write(data)
                self.shown += data
            elif self.process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"no {pattern!r}; the terminal shows:\n"
                              + self.shown[-2000:].decode(errors="replace"))
        self.shown = self.shown[match.end():]

    def end(self, limit: float = 60) -> int:
        """Returns the exit status; the terminal mode must be restored."""
        deadline = time.monotonic() + limit
        while self.process.poll() is None and time.monotonic() < deadline:
            if select.select([self._ours], [], [], 0.2)[0]:
                sys.stdout.buffer.write(os.read(self._ours, 4096))
        if self.process.poll() is None:
            raise Failure("the shell has ended, but the program has not")
        if termios.tcgetattr(self._theirs) != self.before:
            raise Failure("the terminal mode was not restored")
        return self.process.returncode


def ends_with_exit(argv) -> None:
    """Tests a command, Ctrl-C to a program in the guest, the device node, and the exit status."""
    with Terminal(argv) as terminal:
        terminal.expect("end it with `exit` or Ctrl-D", LIMIT)
        terminal.expect("# ", LIMIT)
        terminal.type("echo answer-$((6 * 7))\n")
        terminal.expect("[\r\n]answer-42\r\n")
        terminal.expect("# ")
        terminal.type("sleep 1000 || echo interrupted-$?\n")
        time.sleep(1)
        terminal.type("\x03")
        terminal.expect(r"\^C")
        terminal.expect("# ")
        terminal.type("ls /dev/dri; test -t 0 && echo on-a-terminal\n")
        terminal.expect("card0")
        terminal.expect("[\r\n]on-a-terminal\r\n")
        terminal.type("exit 3\n")
        status = terminal.end()
        if status != 3:
            raise Failure(f"`exit 3` ended with status {status}")


def ends_with_key(argv) -> None:
    """Tests Ctrl-] while the guest does not respond."""
    with Terminal(argv) as terminal:
        terminal.expect("# ", LIMIT)
        terminal.type("sleep 1000\n")
        time.sleep(1)
        terminal.type("\x1d")
        status = terminal.end()
        if status != 130:
            raise Failure(f"Ctrl-] ended with status {status}")


def from_pipe(argv) -> None:
    """Tests that piped input is executed, and that its end ends the shell."""
    done = subprocess.run(argv, input="echo answer-$((6 * 7))\n", capture_output=True, text=True,
                          timeout=LIMIT, check=False)
    if done.returncode or "answer-42" not in done.stdout:
        raise Failure(f"status {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


def run(folder: Path) -> dict[str, str]:
    """Returns {test: pass or fail} for the driver and kernel of the environment."""
    argv = [sys.executable, "-m", "qemu.interactive.vm", "--folder", str(folder)]
    results = {}
    for attempt in (ends_with_exit, ends_with_key, from_pipe):
        try:
            attempt(argv)
            results[f"{TEST}-{attempt.__name__.replace('_', '-')}"] = "pass"
        except (Failure, OSError, subprocess.TimeoutExpired) as failure:
            report.say(f"{attempt.__name__}: {failure}")
            results[f"{TEST}-{attempt.__name__.replace('_', '-')}"] = "fail"
    return results


def main() -> int:
    choice.main()
    results = run(TOP / "out/shell")
    for name, result in results.items():
        print(f"{name}: {result}")
    return 0 if set(results.values()) == {"pass"} else 1


if __name__ == "__main__":
    report.main(main)
