# SPDX-License-Identifier: GPL-2.0
"""Reads and checks the user's choices: DRIVER=, KVER=, GPU=, SHARD=, TURNS= and VIRTGPU_ACCEL=.

An unknown value ends the program with a message that lists the known ones, before anything is
downloaded, built or booted. `python3 -m qemu.base.choice` checks all of them; the Makefile runs it
before every target that uses a guest.
"""
import os
import re
from dataclasses import dataclass

from qemu.base import kernels, report
from qemu.base.report import Failure

DRIVERS = ("c", "rust", "stock")
# The drivers in rust/samples, and QEMU's device of each. Module and DRM driver are called NAME_rs.
SAMPLES = {"bochs": "bochs-display", "cirrus": "cirrus-vga", "simple": "virtio-vga"}
# More drivers that qemu/interactive/vm.py accepts; "none" loads no driver.
MORE_DRIVERS = (*SAMPLES, "none")
# Both of our drivers one after the other, for the tools that run mutants.
BOTH = "both"
# The renderers of hostgl.DEVICES.
GPUS = ("virgl", "venus")
ACCELERATORS = ("kvm", "tcg")
TURNS = 1000


@dataclass(frozen=True)
class Shard:
    """One part of a run of tests that is divided among machines; the parts are numbered from 1."""
    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def _one_of(name: str, allowed, default: str, without: str = "") -> str:
    value = os.environ.get(name) or default
    if value and value not in allowed:
        known = ", ".join(allowed)
        raise Failure(f"{name}={value} is not known here. Known: {known}. Give one of them; "
                      f"without {name}= it is {without or default}.")
    return value


def driver(allowed=DRIVERS, default: str = "c") -> str:
    """Returns the driver that the guest runs; default if DRIVER= is not given."""
    return _one_of("DRIVER", allowed, default, without="" if default else "all of them")


def drivers(allowed=DRIVERS) -> tuple[str, ...]:
    """Returns the drivers of a tool that compares drivers: all, or the one that DRIVER= names."""
    chosen = driver(allowed, default="")
    return (chosen,) if chosen else tuple(name for name in allowed
                                          if name != "rust" or kernels.has_rust(kernel()))


def check_driver(name: str, wanted: str) -> None:
    """Checks that a driver supports the kernel for a value of KVER=, or a version."""
    if name in ("rust", *SAMPLES, BOTH) and not kernels.has_rust(wanted):
        known = ", ".join(kernels.of_driver("rust"))
        raise Failure(f"the Rust driver does not support kernel {wanted}, only {known} and newer "
                      "ones. Give DRIVER=c, or another KVER=.")


def gpu(allowed=GPUS, default: str = "") -> str:
    """Returns the renderer of the guest; default if GPU= is not given."""
    return _one_of("GPU", allowed, default,
                   without="" if default else "a guest without a renderer")


def accel() -> str:
    """Returns the accelerator that QEMU must use; empty for the best that works."""
    return _one_of("VIRTGPU_ACCEL", ACCELERATORS, "", without="KVM where it boots a kernel, else TCG")


def turns() -> int:
    """Returns how often each test of `make check-endurance` repeats its step."""
    text = os.environ.get("TURNS") or str(TURNS)
    if not text.isdigit() or not int(text):
        raise Failure(f"TURNS={text} is not a number of turns. Without TURNS= it is {TURNS}.")
    return int(text)


def shard() -> Shard | None:
    """Returns the part of the tests that is run; None for all of them."""
    text = os.environ.get("SHARD") or ""
    if not text:
        return None
    match = re.fullmatch(r"([1-9]\d{0,3})/([1-9]\d{0,3})", text)
    if not match or int(match[1]) > int(match[2]):
        raise Failure(f"SHARD={text} is no part of a run. SHARD=2/4 is the second of four parts, "
                      "which are numbered from 1. Without SHARD= all tests are run.")
    return Shard(int(match[1]), int(match[2]))


def kernel() -> str:
    """Returns the guest's kernel in the form of kernels.resolve(); empty for the default."""
    return checked_kernel(os.environ.get("KVER") or "")


def checked_kernel(wanted: str) -> str:
    """Checks a kernel name from another source than KVER=.

    The archive may have a series that is newer than every supported one, so such a name is accepted.
    """
    if wanted in ("", kernels.CANDIDATE.name):
        return wanted
    match = re.fullmatch(r"(\d+\.\d+)(\.\d+([+-].*)?)?", wanted)
    oldest = min(kernels.number(series.name) for series in kernels.SUPPORTED)
    if not match or kernels.number(match[1]) < oldest:
        known = ", ".join(series.name for series in kernels.SUPPORTED)
        raise Failure(
            f"KVER={wanted} is not known. Supported: {known}, or one version of them "
            f"(KVER={kernels.DEFAULT.name}.N); KVER={kernels.CANDIDATE.name} is the release "
            f"candidate. Without KVER= it is the newest {kernels.DEFAULT.name}.")
    return wanted


def main() -> int:
    check_driver(driver(DRIVERS + MORE_DRIVERS + (BOTH,)), kernel())
    gpu()
    accel()
    turns()
    shard()
    return 0


if __name__ == "__main__":
    report.main(main)
