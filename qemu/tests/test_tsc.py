# SPDX-License-Identifier: GPL-2.0
import platform
import time

import pytest

from qemu.host import tsc

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
