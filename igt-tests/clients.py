#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Real clients, each judged by its picture; runs in the guest, in IGT's command-line protocol."""
import os
import subprocess
import sys
import time

from clientlib import Failed, Skipped, client, connectors, gpu, judge, judge_still, main, xorg


def test_modetest():
    """modetest's test pattern"""
    with client("modetest", "-M", "virtio_gpu", "-s", f"{connectors()[0]}:1024x768",
                stdin=subprocess.PIPE) as process:
        judge_still(process, 0, "modetest", 8, 20)


def test_kmscube():
    """kmscube, drawn by software"""
    if os.environ.get("VIRTGPU_GPU"):
        raise Skipped("the host draws it: see virtgpu_glclients")
    # It ends when its standard input does.
    with client("kmscube", "-D", gpu()[0], stdin=subprocess.PIPE) as process:
        judge_still(process, 0, "kmscube", 16, 60)


def test_weston():
    """Weston on every connected head, with a terminal"""
    heads = len(connectors())
    with open("/tmp/weston.ini", "w") as config:
        config.write("[core]\nidle-time=0\n[shell]\nbackground-color=0xff204060\n"
                     "panel-position=top\nlocking=false\n")
    with client("weston", "--backend=drm", "--renderer=pixman", "--config=/tmp/weston.ini",
                "--socket=wayland-1", LIBSEAT_BACKEND="builtin", SEATD_VTBOUND="0") as process:
        judge_still(process, 0, "weston-head0", 16, 60)
        for head in range(1, heads):
            judge_still(process, head, f"weston-head{head}", 2, 20)


def test_xorg():
    """Xorg with the modesetting driver, and xterm"""
    with xorg(":7", "none") as server:
        judge_still(server, 0, "xorg", 3, 60)


def test_console():
    """The text console of the framebuffer device"""
    with open("/dev/tty1", "w") as console:
        console.write("\033[2J\033[H\033[?25l")
        for number in range(40):
            console.write(f"\033[{31 + number % 7}mline {number} of the console's text\033[0m\n")
    subprocess.run(["chvt", "1"], check=True)
    time.sleep(1)
    trouble = judge(0, "console", 4)
    if trouble:
        raise Failed(trouble)


if __name__ == "__main__":
    sys.exit(main(globals()))
