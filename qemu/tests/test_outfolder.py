# SPDX-License-Identifier: GPL-2.0
"""Tests that two runs in one checkout do not share a folder."""
from qemu.base import outfolder


def test_each_run_has_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(outfolder, "OUT", tmp_path)
    monkeypatch.setattr(outfolder, "_locks", [])
    assert outfolder.claim("check-c") == tmp_path / "check-c"
    assert outfolder.claim("check-c") == tmp_path / "check-c-2"
    assert outfolder.claim("check-rust") == tmp_path / "check-rust"
    outfolder._locks[0].close()
    assert outfolder.claim("check-c") == tmp_path / "check-c"
