#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs clients that render on the host, and checks their picture or their output."""
import contextlib
import os
import re
import subprocess
import sys
import time

from clientlib import PATIENCE, Failed, Skipped, client, gpu, judge_still, main, output, xorg

# A frame may take long under emulation.
SECONDS = 90
RENDERER = "virgl"
# Only Venus, so that no driver renders in the guest.
VENUS = {"VK_DRIVER_FILES": "/usr/share/vulkan/icd.d/virtio_icd.json"}


def require(pattern: str, text: str, what: str) -> None:
    if not re.search(pattern, text):
        raise Failed(f"{what}:\n{text[-1500:]}")


def logged(process) -> str:
    return open(process.log, errors="replace").read()


@contextlib.contextmanager
def weston():
    """Runs Weston with its GL renderer; clients find it through the environment."""
    with open("/tmp/weston-gl.ini", "w") as config:
        config.write("[core]\nidle-time=0\n[shell]\nbackground-color=0xff204060\n"
                     "panel-position=none\nlocking=false\nstartup-animation=none\n")
    with client("weston", "--backend=drm", "--renderer=gl", "--config=/tmp/weston-gl.ini",
                "--socket=wayland-gl", LIBSEAT_BACKEND="builtin", SEATD_VTBOUND="0") as server:
        deadline = time.monotonic() + SECONDS * PATIENCE
        while not os.path.exists(f"{os.environ['XDG_RUNTIME_DIR']}/wayland-gl"):
            if time.monotonic() > deadline or server.poll() is not None:
                raise Failed(f"Weston does not start:\n{logged(server)[-1500:]}")
            time.sleep(0.2)
        yield server


def in_weston(*argv, name: str, says: str = "", **env) -> None:
    """Runs a client in Weston; the host renders both."""
    with weston() as server:
        with client(*argv, WAYLAND_DISPLAY="wayland-gl", **env) as process:
            time.sleep(5)
            if process.poll() is not None:
                raise Failed(f"{argv[0]} ended with {process.returncode}:\n{logged(process)}")
            judge_still(server, 0, name, 16, SECONDS, by_host=True)
            require(says, logged(process), f"{argv[0]} does not print {says}")
        require(RENDERER, logged(server), "Weston does not render on the host")


def test_kmscube():
    """kmscube, rendered by the host"""
    with client("kmscube", "-D", gpu()[0], stdin=subprocess.PIPE) as process:
        judge_still(process, 0, "gl-kmscube", 16, SECONDS, by_host=True)
        require(RENDERER, logged(process), "kmscube does not render on the host")


@contextlib.contextmanager
def patience(seconds: int):
    """Raises the driver's fence_timeout, because software rendering takes longer."""
    path = "/sys/module/virtgpu/parameters/fence_timeout"
    if not os.path.exists(path):
        yield
        return
    with open(path) as file:
        before = file.read()
    with open(path, "w") as file:
        file.write(str(seconds))
    try:
        yield
    finally:
        with open(path, "w") as file:
            file.write(before)


def test_glmark2():
    """glmark2: all scenes start without an error"""
    with patience(60):
        text = output("glmark2-es2-drm", "-b", ":duration=0.2:nframes=2", seconds=600)
    require(RENDERER, text, "glmark2 does not render on the host")
    wrong = [line for line in text.splitlines()
             if re.search("error|failed|unsupported", line, re.IGNORECASE)]
    if wrong:
        raise Failed("\n".join(wrong[:20]))
    scenes = set(re.findall(r"^\[(\w+)\]", text, re.MULTILINE))
    print(f"{len(scenes)} scenes: {' '.join(sorted(scenes))}")
    if len(scenes) < 15 or "glmark2 Score" not in text:
        raise Failed(text[-1500:])


def test_weston_simple_egl():
    """weston-simple-egl's triangle in Weston"""
    in_weston("weston-simple-egl", name="gl-simple-egl")


def test_eglgears():
    """eglgears in Weston"""
    in_weston("stdbuf", "-oL", "eglgears_wayland", "-info", name="gl-eglgears", says="Mesa")


def test_es2gears():
    """es2gears in Weston"""
    in_weston("stdbuf", "-oL", "es2gears_wayland", "-info", name="gl-es2gears", says="Mesa")


def test_xorg_glamor():
    """Xorg with the modesetting driver on glamor, and xterm"""
    with xorg(":8", "glamor") as server:
        judge_still(server, 0, "gl-xorg", 3, SECONDS, by_host=True)
        require(f"glamor X acceleration enabled on {RENDERER}",
                open(server.own_log, errors="replace").read(), "no glamor")


def venus() -> None:
    if "venus" not in os.environ.get("VIRTGPU_GPU", ""):
        raise Skipped("no Venus on this device")


def test_vulkaninfo():
    """vulkaninfo finds Venus"""
    venus()
    require("Virtio-GPU Venus", output("vulkaninfo", "--summary", seconds=SECONDS, **VENUS),
            "no Venus device")


def test_vkcube():
    """vkcube's cube in Weston, by Venus"""
    venus()
    in_weston("vkcube", "--wsi", "wayland", name="gl-vkcube", MESA_VK_WSI_DEBUG="sw", **VENUS)


if __name__ == "__main__":
    sys.exit(main(globals()))
