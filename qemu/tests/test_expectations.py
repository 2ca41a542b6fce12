# SPDX-License-Identifier: GPL-2.0
"""Tests the verdicts of expectation files."""
import pytest

from qemu.base import kernels
from qemu.base.report import Failure
from qemu.harness import coverage, expectations
from qemu.harness.expectations import BETTER, FAIL, KNOWN, PASS, SKIP, UNEXPECTED_SKIP, Expectations

EXPECTED = Expectations(fails=["kms_a@one", "kms_b"], flakes=["kms_c@(x|y)-.*", "kms_a@two"],
                        skips=["kms_d@suspend"], may_skip=["kms_e@.*-tiled"])


@pytest.mark.parametrize("name, result, verdict", [
    ("kms_z@x", "pass", PASS),
    ("kms_z@x", "fail", FAIL),
    ("kms_z@x", "crash", FAIL),
    ("kms_z@x", "lost", FAIL),
    ("kms_z@x", "notrun", FAIL),
    ("kms_z@x", "timeout", FAIL),
    ("kms_z@x", "dmesg-warn", FAIL),
    ("kms_z@x", "skip", UNEXPECTED_SKIP),
    ("kms_a@one", "fail", KNOWN),
    ("kms_a@one", "crash", KNOWN),
    ("kms_a@one@pipe-a", "fail", KNOWN),
    ("kms_a@one-more", "fail", FAIL),
    ("kms_a@one", "pass", BETTER),
    ("kms_a@one", "skip", UNEXPECTED_SKIP),
    ("kms_b@any", "fail", KNOWN),
    ("kms_c@x-1", "fail", KNOWN),
    ("kms_c@x-1", "pass", PASS),
    ("kms_c@z-1", "fail", FAIL),
    # A kernel warning is never accepted as a flake.
    ("kms_c@x-1", "dmesg-fail", FAIL),
    ("kms_c@x-1", "timeout", FAIL),
    ("kms_e@y-tiled", "skip", SKIP),
    ("kms_e@y-tiled", "pass", PASS),
    ("kms_e@y-linear", "skip", UNEXPECTED_SKIP),
])
def test_verdict(name, result, verdict):
    assert EXPECTED.verdict(name, result) == verdict


def test_what_is_not_run():
    assert not EXPECTED.is_run("kms_d@suspend")
    assert EXPECTED.is_run("kms_d@resume")


def test_excused():
    assert EXPECTED.is_excused("kms_c@x-1") and EXPECTED.is_excused("kms_a@one")
    assert not EXPECTED.is_excused("kms_z@x")


def test_each_line_needs_a_reason():
    assert expectations.parse("# Why.\nkms_a@one,Fail\nkms_b\n\n# Other.\nkms_c\n", "f") == [
        "kms_a@one", "kms_b", "kms_c"]
    with pytest.raises(Failure, match="f:4: no reason"):
        expectations.parse("# Why.\nkms_a\n\nkms_b\n", "f")


def test_rust_has_what_c_has_and_more():
    names = [path.name for path in expectations.files("rust", "fails", ("tcg",))]
    assert names == ["any-fails.txt", "any-tcg-fails.txt", "c-fails.txt", "c-tcg-fails.txt",
                     "rust-fails.txt", "rust-tcg-fails.txt"]
    assert "rust-fails.txt" not in [path.name for path in expectations.files("c", "fails")]


@pytest.mark.parametrize("driver", ["c", "rust", "stock"])
def test_the_files_of_the_tree_can_be_read(driver):
    found = Expectations.read(driver, ("tcg", "debug"))
    assert found.fails and found.flakes


def test_every_file_of_the_tree_is_read_by_somebody():
    series = [one.name for one in kernels.SUPPORTED]
    read = {path for driver in ("c", "rust", "stock") for kind in expectations.KINDS
            for path in expectations.files(driver, kind, ("tcg", "kvm", "debug", *series))}
    # And one that says what no test can reach.
    assert set(expectations.FOLDER.glob("*.txt")) <= read | {coverage.UNREACHED}
