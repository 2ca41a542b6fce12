# SPDX-License-Identifier: GPL-2.0
"""Tests the folder with links to the sources, in which old kernels build modules."""
from qemu.build import build


def test_links_follow_the_sources(tmp_path):
    source, other, folder = tmp_path / "a", tmp_path / "b", tmp_path / "out"
    for top in (source, other):
        (top / "sub").mkdir(parents=True)
        for name in ("Kbuild", "sub/one.c", "sub/one.h", "sub/one.o"):
            (top / name).touch()
    build.link_sources(source, folder)
    (folder / "sub/one.o").touch()
    assert {path.name for path in folder.rglob("*") if path.is_symlink()} == {"Kbuild", "one.c", "one.h"}

    (source / "sub/one.h").unlink()
    (source / "two.c").touch()
    build.link_sources(source, folder)
    assert not (folder / "sub/one.h").is_symlink() and (folder / "two.c").is_symlink()
    assert (folder / "sub/one.o").exists()

    build.link_sources(other, folder)
    assert (folder / "sub/one.c").readlink() == other / "sub/one.c"
    assert not (folder / "two.c").is_symlink()
