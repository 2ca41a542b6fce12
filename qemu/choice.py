# SPDX-License-Identifier: GPL-2.0
"""What a person chooses by DRIVER=, KVER=, GPU= and VIRTGPU_ACCEL=: read here, and nowhere else.

A value that is not known ends the program with a message that lists the known ones, before
anything is downloaded, built or booted. `python3 qemu/choice.py` checks all of them; the Makefile
does so before every target that uses a guest.
"""
import os
import re

import kernels
import report
from report import Failure

DRIVERS = ("c", "rust", "stock")
# Drivers that qemu/vm.py knows in addition: the sample on the Rust crates, and no driver at all.
MORE_DRIVERS = ("bochs", "none")
# Both of ours one after the other, for the tools that break them.
BOTH = "both"
# The renderers of hostgl.DEVICES.
GPUS = ("virgl", "venus")
ACCELERATORS = ("kvm", "tcg")


def _one_of(name: str, allowed, default: str, without: str = "") -> str:
    value = os.environ.get(name) or default
    if value and value not in allowed:
        known = ", ".join(allowed)
        raise Failure(f"{name}={value} is not known here. Known: {known}. Give one of them; "
                      f"without {name}= it is {without or default}.")
    return value


def driver(allowed=DRIVERS, default: str = "c") -> str:
    """Whose driver the guest runs; default where DRIVER= is not given."""
    return _one_of("DRIVER", allowed, default, without="" if default else "all of them")


def drivers(allowed=DRIVERS) -> tuple[str, ...]:
    """The drivers of a tool that compares them: all of them, or the one that DRIVER= names."""
    chosen = driver(allowed, default="")
    return (chosen,) if chosen else tuple(allowed)


def gpu(allowed=GPUS, default: str = "") -> str:
    """The renderer of the guest; default where GPU= is not given."""
    return _one_of("GPU", allowed, default,
                   without="" if default else "a guest without a renderer")


def accel() -> str:
    """Which accelerator QEMU has to use; empty for the best that works."""
    return _one_of("VIRTGPU_ACCEL", ACCELERATORS, "", without="KVM where it boots a kernel, else TCG")


def kernel() -> str:
    """Which kernel the guest runs, as kernels.resolve() takes it; empty for the default."""
    return checked_kernel(os.environ.get("KVER") or "")


def checked_kernel(wanted: str) -> str:
    """The same for a value that came from elsewhere.

    A series that is newer than every supported one may be in the archive, so it is accepted here.
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
    driver(DRIVERS + MORE_DRIVERS + (BOTH,))
    gpu()
    accel()
    kernel()
    return 0


if __name__ == "__main__":
    report.main(main)
