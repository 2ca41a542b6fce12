# SPDX-License-Identifier: GPL-2.0
"""Tests keys and entries of the cache."""
import pytest

from qemu.base import cache


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("VIRTGPU_CACHE", str(tmp_path))
    return tmp_path


def test_a_key_tells_its_parts_apart(tmp_path):
    assert cache.key("ab", "c") != cache.key("a", "bc")
    path = tmp_path / "file"
    path.write_text("one")
    first = cache.key(path)
    path.write_text("two")
    assert cache.key(path) != first


def test_an_entry_is_made_once():
    made = []

    def make(folder):
        made.append(folder)
        (folder / "x").write_text("x")

    assert cache.entry("one", make) == cache.entry("one", make)
    assert len(made) == 1 and (cache.root() / "one/x").exists()


def test_an_entry_that_fails_is_not_there(folder):
    def fail(path):
        (path / "half").write_text("x")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        cache.entry("two", fail)
    assert not (folder / "two").exists()
    assert not list(folder.glob("*.partial"))
