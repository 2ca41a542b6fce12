# SPDX-License-Identifier: GPL-2.0
"""Tests of the turns of suites."""
import threading

import pytest

from qemu.host import quiet


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VIRTGPU_CACHE", str(tmp_path))


def _starts(alone: bool) -> tuple[threading.Thread, threading.Event]:
    started = threading.Event()

    def suite():
        with quiet.turn(alone):
            started.set()

    thread = threading.Thread(target=suite)
    thread.start()
    return thread, started


def test_ordinary_suites_run_side_by_side():
    with quiet.turn(False):
        thread, started = _starts(False)
        assert started.wait(10)
        thread.join()


@pytest.mark.parametrize("first", [False, True])
def test_suite_that_measures_time_runs_alone(first, capsys):
    with quiet.turn(first):
        thread, started = _starts(not first)
        assert not started.wait(0.2)
    assert started.wait(10)
    thread.join()
    assert "waits for a suite of another run" in capsys.readouterr().err
