# SPDX-License-Identifier: GPL-2.0
"""Builds instructions.c, QEMU's plugin that counts the instructions of the guest's kernel."""
from pathlib import Path

from qemu.base import sandbox
from qemu.build import build
from qemu.images.target import Environment


def plugin(target: Environment) -> Path:
    source = Path(__file__).with_name("instructions.c")
    folder = build.out(target.version) / "instructions"
    folder.mkdir(exist_ok=True)
    sandbox.run(target.root, ["gcc-14", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror",
                              "-fvisibility=hidden", "-fPIC", "-shared", "-o",
                              folder / "instructions.so", source],
                read=[source.parent], write=[folder])
    return folder / "instructions.so"
