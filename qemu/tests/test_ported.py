# SPDX-License-Identifier: GPL-2.0
"""Tests which lines of a driver for upstream's `kernel::drm` are changed for the crate `drm`."""
from qemu.lint import ported


def test_only_use_paths_change():
    before, after = ported.DRIVER.read_text(), ported.port(ported.DRIVER.read_text())
    changed = [(old, new) for old, new in zip(before.splitlines(), after.splitlines()) if old != new]
    assert len(before.splitlines()) == len(after.splitlines())
    assert changed == [("use kernel::declare_drm_ioctls;", "use drm::declare_drm_ioctls;"),
                       ("use kernel::drm::{", "use drm::{")]


def test_nothing_of_upstream_is_left():
    code = "".join(line for line in ported.port(ported.DRIVER.read_text()).splitlines()
                   if not line.startswith("//!"))
    assert "kernel::drm" not in code


def test_other_names_stay():
    assert ported.port("use kernel::drm_x;\nuse kernel::pci;\n") == "use kernel::drm_x;\nuse kernel::pci;\n"
