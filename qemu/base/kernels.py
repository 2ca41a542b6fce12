# SPDX-License-Identifier: GPL-2.0
"""Defines the supported kernels, and finds the packaged kernel for a value of KVER=.

No function here uses the network: images/packagedkernel.py queries the archive and passes the
package names.
"""
import re
import sys
from dataclasses import dataclass

from qemu.base.report import Failure


@dataclass(frozen=True)
class Series:
    """A series of kernels that the drivers are built and tested on."""
    name: str
    # The archive's suite with its packages.
    suite: str
    # Its Rust has what the crates need; otherwise only the C driver supports it.
    has_rust: bool = True


# Newest first; the first one is the default. When you remove a series, also remove what drm/compat/
# has for it.
SUPPORTED = (
    Series("7.3", "trixie-backports"),
    Series("7.2", "trixie-backports"),
    Series("6.12", "trixie", has_rust=False),
)
DEFAULT = SUPPORTED[0]

# The release candidate, whatever its current number.
CANDIDATE = Series("rc", "experimental")

LOOK_AGAIN = "`make update` looks again."


def number(series: str) -> tuple[int, ...]:
    """Converts '7.2' to (7, 2), because series are compared as numbers."""
    return tuple(int(part) for part in series.split("."))


@dataclass(frozen=True)
class Kernel:
    """A packaged kernel, and notes for the user about how it was chosen."""
    # In the form of `uname -r`, e.g. 7.2.12+deb13-amd64; package names contain it.
    version: str
    notes: tuple[str, ...] = ()


def series_of(version: str) -> str:
    """Converts '7.2.12+deb13-amd64' to '7.2'."""
    match = re.match(r"\d+\.\d+", version)
    assert match, version
    return match[0]


def is_series(name: str) -> bool:
    return re.fullmatch(r"\d+\.\d+", name) is not None


def versions(names) -> list[str]:
    """Returns the kernels that package names contain, oldest first.

    Cloud and real-time kernels are left out.
    """
    found = {}
    for name in names:
        match = re.fullmatch(r"linux-headers-((\d+(?:\.\d+)+)(?:-rc(\d+))?(?:\+deb\w+)?-amd64)",
                             name)
        if match:
            candidate = int(match[3]) if match[3] else 1 << 30
            found[match[1]] = (number(match[2]), candidate)
    return sorted(found, key=found.__getitem__)


def suite_of(wanted: str) -> str:
    """Returns the suite that has the kernel for a value of KVER=."""
    if wanted == CANDIDATE.name:
        return CANDIDATE.suite
    series = _supported(wanted)
    return series.suite if series else DEFAULT.suite


def has_rust(wanted: str) -> bool:
    """Returns whether the Rust driver supports the kernel for a value of KVER=, or a version."""
    if wanted in ("", CANDIDATE.name):
        return True
    oldest = min(number(series.name) for series in SUPPORTED if series.has_rust)
    return number(series_of(wanted)) >= oldest


def resolve(wanted: str, names) -> Kernel:
    """Returns the kernel for a value of KVER= other than rc, from its suite's package names."""
    there = versions(names)
    newest = {series_of(version): version for version in there}
    if not newest:
        raise Failure(f"{suite_of(wanted)} has no kernel packages for amd64. {LOOK_AGAIN}")
    if wanted and not is_series(wanted):
        return _resolve_version(wanted, there)

    series = wanted or DEFAULT.name
    if series not in newest:
        return _resolve_nearest(series, newest)
    last = series_of(there[-1])
    if not wanted and number(last) > number(series):
        return Kernel(newest[series],
                      (f"a newer kernel {last} is available: try it with KVER={last}",))
    return Kernel(newest[series], _warn_unsupported(series))


def resolve_candidate(names) -> Kernel:
    """Returns the newest kernel of experimental, which usually is a release candidate."""
    there = versions(names)
    if not there:
        raise Failure(f"{CANDIDATE.suite} has no kernel for amd64 at the moment. Run without "
                      f"KVER={CANDIDATE.name}, or try again later.")
    return Kernel(there[-1])


def _supported(wanted: str) -> Series | None:
    """Returns the supported series that a value of KVER= belongs to, if any."""
    if not wanted:
        return DEFAULT
    return next((one for one in SUPPORTED if re.match(rf"{re.escape(one.name)}(\D|$)", wanted)), None)


def _warn_unsupported(series: str) -> tuple[str, ...]:
    if _supported(series):
        return ()
    return (f"kernel {series} is not supported yet; supported are "
            + ", ".join(one.name for one in SUPPORTED),)


def _resolve_version(wanted: str, there) -> Kernel:
    for version in reversed(there):
        if wanted in (version, re.split(r"[+-]", version)[0]):
            return Kernel(version, _warn_unsupported(series_of(version)))
    raise Failure(f"the archive has no kernel {wanted}. It has {', '.join(there)}. {LOOK_AGAIN}")


def _resolve_nearest(series: str, newest) -> Kernel:
    """Returns a replacement for a supported series that has left the archive."""
    if not _supported(series):
        raise Failure(f"the archive has no kernel {series}. It has "
                      + ", ".join(sorted(newest, key=number)) + f". {LOOK_AGAIN}")
    order = sorted({*newest, series}, key=number)
    instead = min(newest, key=lambda other: (
        not _supported(other), abs(order.index(other) - order.index(series)),
        order.index(other) < order.index(series)))
    return Kernel(newest[instead],
                  (f"kernel {series} has left the archive: the nearest available series, {instead}, "
                   "is used instead", *_warn_unsupported(instead)))


def of_driver(driver: str = "c") -> list[str]:
    """Returns the series that a driver supports, newest first."""
    return [series.name for series in SUPPORTED if series.has_rust or driver != "rust"]


def pattern(driver: str = "c") -> str:
    """Returns a regular expression for `uname -r` of a driver's kernels, for bash and egrep."""
    names = "|".join(map(re.escape, of_driver(driver)))
    return f"^({names})([^0-9]|$)"


def is_older(wanted: str) -> bool:
    """Returns whether a value of KVER= is of an older series than the default."""
    if wanted in ("", CANDIDATE.name):
        return False
    return number(series_of(wanted)) < number(DEFAULT.name)


def main() -> None:
    """Prints a driver's supported series other than the default, for check-full in the Makefile."""
    print(" ".join(of_driver(*sys.argv[1:])[1:]))


if __name__ == "__main__":
    main()
