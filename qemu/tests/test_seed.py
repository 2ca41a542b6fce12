# SPDX-License-Identifier: GPL-2.0
"""Tests the choice of the seed."""
import pytest

from qemu.base import seed
from qemu.base.report import Failure


def test_given(monkeypatch):
    monkeypatch.setenv("VIRTGPU_SEED", "42")
    assert seed.choose() == 42


def test_random(monkeypatch):
    monkeypatch.delenv("VIRTGPU_SEED", raising=False)
    assert len({seed.choose() for _ in range(20)}) > 15


@pytest.mark.parametrize("text", ["x", "-1", "0", str(1 << 31)])
def test_rejected(monkeypatch, text):
    monkeypatch.setenv("VIRTGPU_SEED", text)
    with pytest.raises(Failure, match="a number from 1 to"):
        seed.choose()
