# SPDX-License-Identifier: GPL-2.0
"""Tests keys and entries of the cache."""
import time

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


def test_discarded_folders_vanish(folder):
    for name in ("kept", "scratch", ".left-behind.trash"):
        (folder / name).mkdir()
    cache.discard(folder / "scratch")
    assert not (folder / "scratch").exists()
    deadline = time.monotonic() + 20
    while list(folder.glob(".*.trash")) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [path.name for path in folder.iterdir()] == ["kept"]


def test_comments_do_not_change_a_recipe(tmp_path):
    lists = [tmp_path / name for name in ("plain", "explained", "other", "unset")]
    for path, text in zip(lists, ("gcc\nmake\n", "# Builds.\ngcc\n\n# More.\nmake\n", "gcc\nsparse\n",
                                  "gcc\n# CONFIG_X is not set\nmake\n")):
        path.write_text(text)
    plain, explained, other, unset = map(cache.recipe, lists)
    assert plain == explained
    assert len({plain, other, unset}) == 3


def test_a_recipe_has_the_code_of_functions():
    def make():
        # Why.
        return "made"

    def make_else():
        return "made else"

    assert "Why" not in cache.recipe(make) and 'return "made"' in cache.recipe(make)
    assert cache.recipe(make) != cache.recipe(make_else)
    assert cache.recipe(make, make_else) != cache.recipe(make_else, make)
