# SPDX-License-Identifier: GPL-2.0
"""Tests which uses between the parts of a driver are wrong, and the figure of the parts."""
import pytest

from qemu.lint import layers
from qemu.lint.layers import Arrow, Tree

TREE = Tree("drm", layers.arrows_of_c, ("device.h",))


@pytest.mark.parametrize("source, target", [
    ("drv.c", "display/kms.h"), ("drv.c", "transport/queue.h"), ("drv.c", "life.h"),
    ("display/fb.c", "memory/gem.h"), ("display/fb.c", "display/image.h"),
    ("render/submit.c", "transport/encode.h"), ("memory/gem.c", "transport/dma.h"),
    ("transport/queue.h", "device.h"),
])
def test_arrows_that_run_down_are_right(source, target):
    assert layers.wrong(TREE, [Arrow(source, target)]) == []


@pytest.mark.parametrize("source, target", [
    ("transport/queue.c", "render/fence.h"), ("memory/gem.c", "display/image.h"),
    ("display/fb.c", "render/context.h"), ("render/context.c", "display/kms.h"),
    ("memory/resource.c", "life.h"), ("device.h", "transport/queue.h"),
])
def test_arrows_that_run_up_are_wrong(source, target):
    assert layers.wrong(TREE, [Arrow(source, target)]) == [
        f"drm/{source} knows {target}, which is not below it"]


def test_folders_have_to_be_known():
    assert "sound/pcm.c is in no part" in layers.wrong(TREE, [Arrow("sound/pcm.c", "device.h")])[0]


def test_circles_are_found():
    ring = [Arrow("a.h", "b.h"), Arrow("b.h", "c.h"), Arrow("c.h", "a.h"), Arrow("c.h", "d.h")]
    assert layers.circles(ring) == [["a.h", "b.h", "c.h", "a.h"]]
    assert layers.circles([Arrow("a.c", "a.h"), Arrow("b.c", "a.h"), Arrow("a.h", "b.h")]) == []


def test_includes_are_read(tmp_path):
    (tmp_path / "display").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "display/fb.c").write_text('#include <drm/drm_rect.h>\n\n#include "memory/gem.h"\n')
    (tmp_path / "tests/fb_test.c").write_text('#include "display/fb.c"\n')
    assert list(layers.arrows_of_c(tmp_path)) == [Arrow("display/fb.c", "memory/gem.h")]


def test_figure_has_every_part(tmp_path, monkeypatch):
    monkeypatch.setattr(layers, "TOP", tmp_path)
    tree = Tree("drm", lambda folder: [Arrow("drv.c", "display/kms.h"), Arrow("display/kms.h", "device.h"),
                                       Arrow("render/ioctl.c", "memory/gem.h")], ("device.h",))
    text = layers.figure(tree)
    assert text.splitlines()[:2] == ["drm/", "  drv"]
    assert [line for line in text.splitlines() if "kms" in line] == [
        f"{'  kms':<48}  ioctl"]
    assert "drm/memory/\n  gem\n" in text
    assert text.endswith("drm/device.h\n")


def test_the_drivers_have_their_order():
    assert layers.complaints() == []
