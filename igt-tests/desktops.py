#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs desktops and checks what they need from a display, each step by its picture; runs in the guest.

Each desktop is a subtest, each of its steps a dynamic subtest. The desktops run in a logind session,
because they get their devices and VT switches from logind.
"""
import contextlib
import os
import re
import subprocess
import sys
import time

import clientlib
from clientlib import (PATIENCE, Failed, Skipped, ask, client, connectors, gpu, judge, judge_still,
                       main, run_parts, xorg_config)

VT, OTHER_VT = 2, 3
RUNTIME = "/run/user/0"
DISPLAY = ":7"
BUS = f"unix:path={RUNTIME}/bus"
SYSTEM_BUS = "/run/dbus/system_bus_socket"
SESSION = {"XDG_SEAT": "seat0", "XDG_VTNR": str(VT), "XDG_SESSION_TYPE": "wayland",
           "XDG_SESSION_CLASS": "user"}
# The environment of programs in the session.
CLIENTS = {"XDG_RUNTIME_DIR": RUNTIME, "DBUS_SESSION_BUS_ADDRESS": BUS,
           "WAYLAND_DISPLAY": "wayland-0", "DISPLAY": DISPLAY, "XAUTHORITY": "/dev/null",
           "QT_QPA_PLATFORM": "wayland"}
OUTPUT = "Virtual-1"
# A text with many colours that does not move.
LISTING = "ls -l --color=always /usr/bin | head -n 60; sleep 100000"
# Seconds that a step may take on one emulated processor.
START, STEP = 240, 60


class NoMode(Failed):
    """A desktop does not offer a mode."""


def wait_until(condition, seconds: float, trouble) -> None:
    """Waits until condition() is true; fails with the message of trouble() on a time-out."""
    deadline = time.monotonic() + seconds * PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(trouble())
        time.sleep(0.5)


class Session:
    """A running desktop; it has the attributes of a process that judge_still() needs."""

    def __init__(self, process, program: str):
        self._process, self._program = process, program
        self.args, self.log = [program], process.log
        wait_until(lambda: self.poll() is not None or self._pids(), START, self._trouble)
        pids = self._pids()
        if not pids:
            raise Failed(self._trouble())
        self.pid = os.getpgid(pids[0])

    def _pids(self) -> list[int]:
        # The kernel stores only 15 characters of a process name.
        found = subprocess.run(["pgrep", "-x", self._program[:15]], capture_output=True, text=True)
        return [int(pid) for pid in found.stdout.split()]

    def poll(self):
        return self._process.poll()

    @property
    def returncode(self):
        return self._process.returncode

    def _trouble(self) -> str:
        text = open(self.log, errors="replace").read()[-1500:]
        return f"{self._program} does not start:\n{text}"


def output(*argv) -> str:
    """Runs a program in the session, which must succeed, and returns its output."""
    return clientlib.output(*argv, seconds=START, **CLIENTS)


@contextlib.contextmanager
def services():
    """Runs the system services that a session needs: a message bus and a logind."""
    os.makedirs(os.path.dirname(SYSTEM_BUS), exist_ok=True)
    subprocess.run(["dbus-uuidgen", "--ensure"], check=True)
    # An earlier bus may have left its socket.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(SYSTEM_BUS)
    with client("dbus-daemon", "--system", "--nofork", "--nopidfile"):
        wait_until(lambda: os.path.exists(SYSTEM_BUS), STEP, lambda: "no system bus")
        with client("/usr/libexec/elogind"):
            yield


def write_console(vt: int, text: str) -> None:
    """Clears a VT and writes a text, without a blinking cursor."""
    with open(f"/dev/tty{vt}", "w") as console:
        console.write(f"\033[2J\033[H\033[?25l{text}")


@contextlib.contextmanager
def session(program: str, command: str, **env):
    """Runs a desktop in its own session on its VT."""
    write_console(VT, "")
    subprocess.run(["chvt", str(VT)], check=True)
    script = (f"export XDG_RUNTIME_DIR={RUNTIME} DBUS_SESSION_BUS_ADDRESS={BUS}; "
              f"dbus-daemon --session --address={BUS} --fork; exec {command}")
    with open(f"/dev/tty{VT}") as terminal, services(), \
            client("su", "root", "-c", script, stdin=terminal, **SESSION, **env) as process:
        one = Session(process, program)
        try:
            yield one
        finally:
            clientlib.end(one.pid)
            subprocess.run(["pkill", "-f", f"address={BUS}"], check=False)
    subprocess.run(["chvt", "1"], check=True)


def shown_size():
    """Returns width and height of the current mode, or None."""
    text = subprocess.run(["modetest", "-M", "virtio_gpu", "-p"], capture_output=True,
                          text=True).stdout
    sizes = re.findall(r"^\d+\t\d+\t\(\d+,\d+\)\t\((\d+)x(\d+)\)$", text, re.M)
    shown = [(int(width), int(height)) for width, height in sizes if width != "0"]
    return shown[0] if shown else None


class Desktop:
    """The steps of one desktop; subclasses define how to start it and how to set modes."""
    name, program, command = "", "", ""
    env: dict[str, str] = {}
    # The picture must have at least this many colours, more than a background.
    colours = 32
    # Whether it follows the size of the host's window by itself.
    follows = False
    has_cursor_plane = True

    def set_mode(self, width: int, height: int) -> None:
        """Sets a mode as a user would."""
        raise Skipped("it has no program that sets modes")

    def fit(self, width: int, height: int) -> None:
        """Adapts to the window's size as a user would, for desktops that do not follow it."""
        self.set_mode(width, height)

    def _judge(self, step: str, seconds: int = STEP) -> None:
        judge_still(self.running, 0, f"{self.name}-{step}", self.colours, seconds)

    def start(self) -> None:
        self._judge("start", START)

    def _wait_for_size(self, size: tuple[int, int], choose) -> None:
        """Waits until a size is shown; calls choose() until the desktop offers the mode."""
        def is_shown() -> bool:
            with contextlib.suppress(NoMode):
                choose(*size)
            return shown_size() == size

        wait_until(is_shown, STEP, lambda: f"the mode is {shown_size()}, not {size}")

    def _resize(self, size: tuple[int, int], step: str) -> None:
        ask("resize", 0, *size)
        self._wait_for_size(size, (lambda *_: None) if self.follows else self.fit)
        self._judge(step)

    def resize(self) -> None:
        self._resize((1216, 712), "resize")

    def mode(self) -> None:
        self._wait_for_size((800, 600), self.set_mode)
        # A mode that the user has set stays as long as the monitor offers it.
        self.follows = False
        self._judge("mode")

    def resize_again(self) -> None:
        self._resize((1104, 744), "resize-again")

    def cursor(self) -> None:
        if not self.has_cursor_plane:
            raise Skipped("it draws the cursor itself")
        width, height = shown_size()
        for x, y in ((300, 200), (500, 400)):
            ask("pointer", width, height, x, y)
            ask("cursor-covers", 0, x, y)

    def vt(self) -> None:
        write_console(OTHER_VT, "\033[44mthe console\033[0m\n")
        subprocess.run(["chvt", str(OTHER_VT)], check=True)
        console = f"{self.name}-console"
        wait_until(lambda: not judge(0, console, 2), STEP, lambda: str(judge(0, console, 2)))
        subprocess.run(["chvt", str(VT)], check=True)
        self._judge("vt")

    def suspend(self) -> None:
        ask("wakeup", 2)
        with open("/sys/power/mem_sleep", "w") as kind:
            kind.write("deep")
        with open("/sys/power/state", "w") as state:
            state.write("mem")
        self._judge("suspend")

    def reset(self) -> None:
        if os.environ["VIRTGPU_DRIVER"] == "stock":
            raise Skipped("after a reset every program waits forever")
        card = os.path.basename(gpu()[0])
        with open(f"/sys/class/drm/{card}/device/reset", "w") as file:
            file.write("1")
        self._judge("reset")

    def run(self) -> None:
        connectors()
        ask("resize", 0, 1024, 768)
        with session(self.program, self.command, **self.env) as self.running:
            run_parts({"start": self.start, "resize": self.resize, "mode": self.mode,
                       "resize-again": self.resize_again, "cursor": self.cursor, "vt": self.vt,
                       "suspend": self.suspend, "reset": self.reset})


class Gnome(Desktop):
    name, program = "gnome", "gnome-shell"
    command = "gnome-shell --wayland --no-x11"
    follows = True

    def set_mode(self, width, height):
        # Not by gdctl, because GNOME Shell may answer after its time-out on an emulated processor.
        state = self._call("GetCurrentState")
        serial = re.search(r"uint32 (\d+)", state)
        mode = re.search(rf"'({width}x{height}@[\d.]+)'", state)
        if not serial or not mode:
            raise NoMode(f"{width}x{height}: {state[-1500:]}")
        self._call("ApplyMonitorsConfig", serial[1], "1",
                   f"[(0, 0, 1.0, uint32 0, true, [('{OUTPUT}', '{mode[1]}', @a{{sv}} {{}})])]",
                   "@a{sv} {}")

    def _call(self, method: str, *arguments: str) -> str:
        """Calls a method of Mutter's display configuration interface."""
        return output("gdbus", "call", "--session", "--timeout", str(START),
                      "--dest", "org.gnome.Mutter.DisplayConfig",
                      "--object-path", "/org/gnome/Mutter/DisplayConfig",
                      "--method", f"org.gnome.Mutter.DisplayConfig.{method}", *arguments)


class Kwin(Desktop):
    name, program = "kwin", "kwin_wayland"
    command = f"kwin_wayland --drm --no-lockscreen 'foot sh -c \"{LISTING}\"'"
    env = {"KWIN_COMPOSE": "Q"}
    follows = True

    def set_mode(self, width, height):
        modes = output("kscreen-doctor", "-o")
        # kscreen-doctor does not report missing modes, and takes the rate as an integer.
        rate = re.search(rf"\b{width}x{height}@([\d.]+)", modes)
        if not rate:
            raise NoMode(f"{width}x{height}: {modes[-1500:]}")
        output("kscreen-doctor",
               f"output.{OUTPUT}.mode.{width}x{height}@{round(float(rate[1]))}")


class Labwc(Desktop):
    name, program = "labwc", "labwc"
    command = f"labwc -s 'foot sh -c \"{LISTING}\"'"
    env = {"WLR_RENDERER": "pixman"}

    def set_mode(self, width, height):
        output("wlr-randr", "--output", OUTPUT, "--mode", f"{width}x{height}")

    # wlroots reads the modes of a monitor only when it is plugged in, so use a custom mode.
    def fit(self, width, height):
        output("wlr-randr", "--output", OUTPUT, "--custom-mode", f"{width}x{height}")


class Weston(Desktop):
    name, program = "weston", "weston"
    # It does not support hotspots, so the kernel hides the cursor plane from it.
    has_cursor_plane = False
    command = ("weston --backend=drm --renderer=pixman --socket=wayland-0 --idle-time=0 "
               "--shell=desktop")


class Xorg(Desktop):
    name, program = "xorg", "Xorg"
    colours = 3

    @property
    def command(self):
        return (f"xinit /usr/bin/xterm -e sh -c '{LISTING}' -- /usr/bin/Xorg {DISPLAY} vt{VT} "
                f"-noreset -config {xorg_config(DISPLAY, 'none')}")

    def set_mode(self, width, height):
        output("xrandr", "--output", OUTPUT, "--mode", f"{width}x{height}")

    def fit(self, width, height):
        output("xrandr", "--output", OUTPUT, "--preferred")


def test_gnome():
    """GNOME Shell"""
    Gnome().run()


def test_kwin():
    """KWin, KDE's compositor"""
    Kwin().run()


def test_labwc():
    """labwc, a compositor of wlroots"""
    Labwc().run()


def test_weston():
    """Weston"""
    Weston().run()


def test_xorg():
    """Xorg with the modesetting driver"""
    Xorg().run()


if __name__ == "__main__":
    sys.exit(main(globals()))
