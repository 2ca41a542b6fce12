# SPDX-License-Identifier: GPL-2.0
"""Tests that values of DRIVER=, KVER= and GPU= are checked before anything else happens."""
import subprocess
import sys

import pytest

from qemu.base import choice, kernels
from qemu.base.report import Failure
from qemu.host import hostgl



@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch):
    for name in ("DRIVER", "KVER", "GPU", "SHARD", "VIRTGPU_ACCEL"):
        monkeypatch.delenv(name, raising=False)


def test_defaults():
    assert choice.driver() == "c"
    assert choice.drivers() == ("c", "rust", "stock")
    assert choice.gpu() == ""
    assert choice.kernel() == ""
    assert choice.shard() is None


def test_empty_is_not_given(monkeypatch):
    for name in ("DRIVER", "KVER", "GPU", "SHARD", "VIRTGPU_ACCEL"):
        monkeypatch.setenv(name, "")
    test_defaults()


def test_turns(monkeypatch):
    monkeypatch.delenv("TURNS", raising=False)
    assert choice.turns() == choice.TURNS
    monkeypatch.setenv("TURNS", "3")
    assert choice.turns() == 3
    for wrong in ("0", "-1", "many"):
        monkeypatch.setenv("TURNS", wrong)
        with pytest.raises(Failure, match="not a number of turns"):
            choice.turns()


def test_shard(monkeypatch):
    monkeypatch.delenv("SHARD", raising=False)
    assert choice.shard() is None
    monkeypatch.setenv("SHARD", "2/4")
    assert choice.shard() == choice.Shard(2, 4) and str(choice.shard()) == "2/4"
    for wrong in ("0/4", "5/4", "2", "2/0", "2/", "/4", "-1/4", "a/b", "2/4/6", "02/4", " 2/4",
                  "1/10000", "²/4"):
        monkeypatch.setenv("SHARD", wrong)
        with pytest.raises(Failure, match="is no part of a run. SHARD=2/4 is the second of four"):
            choice.shard()


def test_chosen(monkeypatch):
    monkeypatch.setenv("DRIVER", "rust")
    monkeypatch.setenv("GPU", "venus")
    assert choice.driver() == "rust"
    assert choice.drivers() == ("rust",)
    assert choice.gpu() == "venus"


@pytest.mark.parametrize("name, ask", [("DRIVER", choice.driver), ("DRIVER", choice.drivers),
                                       ("GPU", choice.gpu), ("KVER", choice.kernel),
                                       ("VIRTGPU_ACCEL", choice.accel)])
def test_typo_lists_what_is_known(monkeypatch, name, ask):
    monkeypatch.setenv(name, "typo")
    with pytest.raises(Failure, match=f"{name}=typo is not known") as caught:
        ask()
    known = {"DRIVER": choice.DRIVERS, "GPU": choice.GPUS, "VIRTGPU_ACCEL": choice.ACCELERATORS,
             "KVER": [series.name for series in kernels.SUPPORTED] + ["rc"]}[name]
    assert all(value in str(caught.value) for value in known)


def test_what_a_tool_does_not_take(monkeypatch):
    monkeypatch.setenv("DRIVER", "rust")
    with pytest.raises(Failure, match="Known: c, stock"):
        choice.driver(allowed=("c", "stock"))


@pytest.mark.parametrize("wanted", ["rc", "6.12", "6.12.117+deb13-amd64", "7.2", "7.3", "7.2.12",
                                    "7.3.4+deb13-amd64", "7.4", "8.0"])
def test_kernels_that_may_be_there(monkeypatch, wanted):
    monkeypatch.setenv("KVER", wanted)
    assert choice.kernel() == wanted


@pytest.mark.parametrize("wanted", ["6.1", "6.11.2", "5.20", "7", "7.", "v7.2", "7.2-rc1", "newest"])
def test_kernels_that_cannot_be_there(monkeypatch, wanted):
    monkeypatch.setenv("KVER", wanted)
    with pytest.raises(Failure, match="Supported: 7.3, 7.2, 6.12,"):
        choice.kernel()


@pytest.mark.parametrize("name", ["rust", "bochs", "both"])
def test_rust_needs_a_newer_kernel(name):
    for good in ("", "rc", "7.2", "7.3.4+deb13-amd64", "8.0"):
        choice.check_driver(name, good)
    for old in ("6.12", "6.12.117+deb13-amd64"):
        choice.check_driver("c", old)
        with pytest.raises(Failure, match="only 7.3, 7.2 and newer ones. Give DRIVER=c"):
            choice.check_driver(name, old)


def test_tools_that_compare_leave_rust_out_on_an_old_kernel(monkeypatch):
    monkeypatch.setenv("KVER", "6.12")
    assert choice.drivers() == ("c", "stock")


def test_as_a_program_it_refuses_rust_on_an_old_kernel(monkeypatch):
    monkeypatch.setenv("KVER", "6.12")
    monkeypatch.setenv("DRIVER", "rust")
    done = subprocess.run([sys.executable, "-m", "qemu.base.choice"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 1
    assert "does not support kernel 6.12" in done.stderr


def test_gpus_are_those_of_the_launcher():
    assert choice.GPUS == tuple(hostgl.DEVICES)


def test_as_a_program_it_says_why_and_fails(monkeypatch):
    monkeypatch.setenv("DRIVER", "typo")
    done = subprocess.run([sys.executable, "-m", "qemu.base.choice"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: DRIVER=typo is not known")
    assert "Traceback" not in done.stderr
