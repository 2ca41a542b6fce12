# SPDX-License-Identifier: GPL-2.0
"""Runs QEMU with GL on the host for guests with a renderer, and reads its pictures.

    egl-headless   a render node of the machine renders; QEMU's screendump has the pictures
    xvfb           no GPU: llvmpipe renders into a window of a virtual X server
    display        the machine's own display, for interactive use

The machine's devices decide; VIRTGPU_GL=NAME overrides.
"""
import os
import re
import subprocess
from pathlib import Path

from qemu.base import cache, report, sandbox
from qemu.base.picture import Picture
from qemu.images import debian, roots

PACKAGES = roots.HERE / "gl-root.packages"
# The guest's device, by the name of its renderer.
DEVICES = {"virgl": "virtio-gpu-gl-pci",
           "venus": "virtio-gpu-gl-pci,blob=on,hostmem=512M,venus=on"}
# The guest's name; QEMU's window titles contain it.
NAME = "virtgpu"
# Any number works, because each X server has its own sandbox.
X_DISPLAY = 7


def make_root(folder: Path) -> None:
    with report.step(f"GL root ({debian.BACKPORTS}: QEMU, Mesa, Xvfb)"):
        roots.make_root_with_backports(folder, PACKAGES)


def root() -> Path:
    name = cache.key(cache.recipe(PACKAGES, make_root, roots.make_root_with_backports), debian.STABLE)
    return cache.entry(f"gl-root-{name}", make_root)


def has_display() -> bool:
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


class EglHeadless:
    name = "egl-headless"
    window = "egl-headless"
    what = "a render node of this machine"

    def __init__(self, _run: Path):
        pass

    def command(self, argv, **folders) -> list:
        return sandbox.command(root(), argv, **folders)

    def picture(self, _head: int):
        """Returns None, because QEMU's own screendump works."""
        return None


class Display(EglHeadless):
    name = "display"
    window = "gtk,gl=on"
    what = "the display of this machine"

    def command(self, argv, **folders) -> list:
        return sandbox.command(root(), argv, display=True, **folders)


class Xvfb(EglHeadless):
    name = "xvfb"
    window = "sdl,gl=on"
    what = "llvmpipe under Xvfb"

    def __init__(self, run: Path):
        self._auth, self._sockets = run / "xauthority", run / "x11"
        self._sockets.mkdir()
        self._sockets.chmod(0o1777)

    def _inside(self, argv, **folders) -> list:
        write = [self._auth.parent, *folders.pop("write", ())]
        command = sandbox.command(root(), argv, write=write, **folders)
        at = command.index("--")
        command[at:at] = ["--bind", str(self._sockets), "/tmp/.X11-unix"]
        return command

    def command(self, argv, **folders) -> list:
        screen = "-screen 0 2560x1600x24 -nolisten tcp"
        return self._inside(["xvfb-run", "-n", str(X_DISPLAY), "-f", self._auth, "-s", screen,
                             *argv], **folders)

    def _ask(self, *argv) -> bytes:
        """Returns the output of an X client."""
        command = self._inside(argv)
        at = command.index("--")
        command[at:at] = ["--setenv", "DISPLAY", f":{X_DISPLAY}",
                          "--setenv", "XAUTHORITY", str(self._auth)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode:
            raise report.Failure(f"{' '.join(command[at:])}: {done.stderr.decode()[-500:]}")
        return done.stdout

    def picture(self, head: int) -> Picture:
        """Returns the content of the head's window; no other window covers it."""
        tree = self._ask("xwininfo", "-root", "-tree").decode(errors="replace")
        window = re.search(rf'(0x\w+) "QEMU \({NAME}-{head}\)', tree)
        if not window:
            raise report.Failure(f"no window of head {head}:\n{tree}")
        return Picture.from_xwd(self._ask("xwd", "-silent", "-id", window[1]))


KINDS = {kind.name: kind for kind in (EglHeadless, Xvfb, Display)}


def kind(for_people: bool = False):
    """Returns the class that runs QEMU with GL on this machine."""
    wanted = os.environ.get("VIRTGPU_GL", "")
    if wanted:
        if wanted not in KINDS:
            raise report.Failure(f"VIRTGPU_GL={wanted} is not known; use one of {', '.join(KINDS)}")
        return KINDS[wanted]
    if for_people and has_display():
        return Display
    if any(os.access(node, os.R_OK | os.W_OK) for node in Path("/dev/dri").glob("renderD*")):
        return EglHeadless
    return Xvfb


def describe(gpu: str, for_people: bool = False) -> str:
    return f"{gpu} by {DEVICES[gpu]} on {kind(for_people).what} (VIRTGPU_GL= chooses)"
