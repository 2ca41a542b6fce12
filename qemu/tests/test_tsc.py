# SPDX-License-Identifier: GPL-2.0
import platform
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from qemu.host import accel, tsc
from qemu.host.machine import Machine, Options

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="no time stamp counter")


def test_rate_predicts_the_counter():
    counter = tsc.Counter()
    start, first = counter.sample()
    time.sleep(0.05)
    end, last = counter.sample()
    assert last - first == pytest.approx((end - start) * tsc.khz() / 1_000_000, rel=1e-3)


def test_parameter_is_the_kernels():
    assert tsc.parameter() == f"tsc_early_khz={tsc.khz()}"


def test_other_machines_have_none(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert tsc.khz.__wrapped__() is None


@pytest.mark.parametrize("accelerator,counter,is_told", [
    ("tcg", None, True), ("kvm", None, False), ("tcg", Path("plugin.so"), False)])
def test_emulated_guests_are_told(monkeypatch, accelerator, counter, is_told):
    monkeypatch.setattr(accel, "name", lambda target: accelerator)
    machine = SimpleNamespace(options=Options(counter=counter))
    assert (tsc.parameter() in Machine._append(machine, None).split()) == is_told
