# SPDX-License-Identifier: GPL-2.0
"""Messages of the tools: progress, and failures with advice."""
import contextlib
import io
import sys
import threading
import time


class Failure(Exception):
    """A failure; its text says what happened and what to do about it."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def pass_on(data: bytes) -> None:
    """Writes a guest's output to standard output at once."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


@contextlib.contextmanager
def step(what: str):
    """Reports a long step: its name, its progress every ten seconds, and its duration."""
    start = time.monotonic()
    done = threading.Event()

    def tick():
        while not done.wait(10):
            say(f"    {what}: {time.monotonic() - start:.0f} s")

    say(f"==> {what}")
    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    finally:
        done.set()
        ticker.join()
    say(f"    {what}: done in {time.monotonic() - start:.0f} s")


def main(function) -> None:
    """Runs a tool's main function and turns failures into messages and exit codes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Print each line at once, also into a pipe.
        sys.stdout.reconfigure(line_buffering=True)
    try:
        sys.exit(function())
    except Failure as failure:
        say(f"error: {failure}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
