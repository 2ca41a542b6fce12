# SPDX-License-Identifier: GPL-2.0
"""Tests the choice of a packaged kernel, given the packages of the archive."""
import re

import pytest

from qemu.base import kernels
from qemu.base.paths import TOP
from qemu.base.report import Failure

# Packages of trixie-backports in November 2026, and similar ones that must not be chosen.
ARCHIVE = """
linux-headers-amd64
linux-headers-7.2.6+deb13-amd64
linux-headers-7.2.12+deb13-amd64
linux-headers-7.2.9+deb13-amd64
linux-headers-7.2.12+deb13-common
linux-headers-7.2.12+deb13-rt-amd64
linux-headers-7.3.4+deb13-amd64
linux-headers-7.3.9+deb13-cloud-amd64
linux-headers-7.3.9+deb13-rt-amd64
linux-headers-7.3.4+deb13-common
linux-image-7.3.11+deb13-amd64
""".split()


def headers(*versions):
    return [f"linux-headers-{version}+deb13-amd64" for version in versions]


@pytest.fixture(autouse=True)
def supported(monkeypatch):
    """The supported series of that time, so that the tests do not depend on the current ones."""
    table = (kernels.Series("7.3", "trixie-backports"), kernels.Series("7.2", "trixie-backports"))
    monkeypatch.setattr(kernels, "SUPPORTED", table)
    monkeypatch.setattr(kernels, "DEFAULT", table[0])


def test_default_is_the_newest_patch_level_of_the_newest_supported_series():
    assert kernels.resolve("", ARCHIVE) == kernels.Kernel("7.3.4+deb13-amd64")


def test_numbers_are_compared_as_numbers():
    assert kernels.resolve("7.2", ARCHIVE).version == "7.2.12+deb13-amd64"


def test_newer_series_is_announced_and_not_taken():
    kernel = kernels.resolve("", ARCHIVE + headers("7.4.1"))
    assert kernel.version == "7.3.4+deb13-amd64"
    assert kernel.notes == ("a newer kernel 7.4 is available: try it with KVER=7.4",)


def test_newer_series_is_not_announced_to_who_chose_another():
    assert kernels.resolve("7.2", ARCHIVE + headers("7.4.1")).notes == ()


def test_newer_series_is_taken_on_demand():
    kernel = kernels.resolve("7.4", ARCHIVE + headers("7.4.1", "7.4.2"))
    assert kernel.version == "7.4.2+deb13-amd64"
    assert kernel.notes == ("kernel 7.4 is not supported yet; supported are 7.3, 7.2",)


@pytest.mark.parametrize("wanted", ["7.2.9", "7.2.9+deb13-amd64"])
def test_one_version(wanted):
    assert kernels.resolve(wanted, ARCHIVE) == kernels.Kernel("7.2.9+deb13-amd64")


def test_a_version_is_not_a_prefix():
    with pytest.raises(Failure, match=re.escape("no kernel 7.2.1. It has 7.2.6+deb13-amd64, ")):
        kernels.resolve("7.2.1", ARCHIVE)


def test_unknown_series_lists_what_is_there():
    with pytest.raises(Failure, match="no kernel 7.9. It has 7.2, 7.3"):
        kernels.resolve("7.9", ARCHIVE)


@pytest.mark.parametrize("wanted, there, taken", [
    ("7.2", ["7.3.4"], "7.3.4"),
    ("", ["7.2.12"], "7.2.12"),
    # A supported series is preferred to any other.
    ("", ["7.2.12", "7.4.1"], "7.2.12"),
    ("7.2", ["7.1.9", "7.3.4"], "7.3.4"),
    # All supported series have left.
    ("", ["7.5.1", "7.4.3", "7.4.10"], "7.4.10"),
    ("7.2", ["7.5.1", "7.4.3"], "7.4.3"),
    ("", ["6.19.3", "8.0.1"], "8.0.1"),
])
def test_nearest_stands_in_for_a_series_that_left(wanted, there, taken):
    kernel = kernels.resolve(wanted, headers(*there))
    assert kernel.version == f"{taken}+deb13-amd64"
    left = wanted or "7.3"
    assert kernel.notes[0] == (f"kernel {left} has left the archive: the nearest available "
                               f"series, {kernels.series_of(taken)}, is used instead")
    assert (len(kernel.notes) == 2) == (kernels.series_of(taken) not in ("7.2", "7.3"))


def test_empty_archive():
    with pytest.raises(Failure, match="trixie-backports has no kernel packages"):
        kernels.resolve("", ["linux-headers-amd64", "coreutils"])


@pytest.mark.parametrize("names, taken", [
    (["linux-headers-7.3-amd64", "linux-headers-7.3-rt-amd64"], "7.3-amd64"),
    (["linux-headers-7.4-rc2-amd64", "linux-headers-7.4-rc10-amd64"], "7.4-rc10-amd64"),
    (["linux-headers-7.4-rc2-amd64", "linux-headers-7.4-amd64"], "7.4-amd64"),
    (["linux-headers-7.3-amd64", "linux-headers-7.4.1-amd64"], "7.4.1-amd64"),
])
def test_candidate(names, taken):
    assert kernels.resolve_candidate(names) == kernels.Kernel(taken)


def test_no_candidate():
    with pytest.raises(Failure, match="experimental has no kernel"):
        kernels.resolve_candidate(["linux-base"])


@pytest.mark.parametrize("page", ["README.md", "docs/installing.md"])
def test_pages_name_the_supported_series(page):
    text = (TOP / page).read_text(encoding="utf-8")
    assert " or ".join(one.name for one in reversed(kernels.SUPPORTED)) in text


def test_what_is_older_than_the_default():
    assert kernels.is_older("7.2") and kernels.is_older("7.2.12")
    assert not any(map(kernels.is_older, ("", "rc", "7.3", "7.3.4", "7.4")))


def test_series_without_rust_are_not_printed_for_rust(monkeypatch, capsys):
    monkeypatch.setattr(kernels, "SUPPORTED",
                        (*kernels.SUPPORTED, kernels.Series("6.12", "trixie", has_rust=False)))
    for arguments, printed in (([], "7.2 6.12"), (["c"], "7.2 6.12"), (["rust"], "7.2")):
        monkeypatch.setattr("sys.argv", ["kernels", *arguments])
        kernels.main()
        assert capsys.readouterr().out == f"{printed}\n"
