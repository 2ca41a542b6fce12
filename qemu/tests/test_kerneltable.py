# SPDX-License-Identifier: GPL-2.0
"""Tests the README's table of kernels against drm/compat/."""
from qemu.base import kernels, tables
from qemu.docs import kerneltable


def test_readme_has_the_current_table():
    assert tables.get(kerneltable.README, "kernels") == kerneltable.table(), \
        "run python3 -m qemu.docs.kerneltable --readme"


def test_each_header_is_a_piece_of_a_supported_kernel():
    found = kerneltable.pieces()
    names = {name for there in found.values() for name in there}
    assert names == {path.stem for path in kerneltable.COMPAT.glob("*.h")}
    assert set(found) <= {series.name for series in kernels.SUPPORTED}
    assert {path.stem for path in kerneltable.COMPAT.glob("*.c")} <= names


def test_oldest_kernel_has_a_replacement_and_lacks_features():
    oldest = kerneltable.table().splitlines()[-1]
    assert "huge pages" in oldest and "vblank timer" in oldest
    assert "huge pages" not in kerneltable.table().splitlines()[2]
