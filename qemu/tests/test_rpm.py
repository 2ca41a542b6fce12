# SPDX-License-Identifier: GPL-2.0
"""Tests the sources of the RPM package."""
import re
import subprocess
import tarfile

import pytest

from qemu.base import kernels
from qemu.build import deb, rpm


def test_the_spec_is_filled_in():
    text = rpm.spec(0)
    assert not re.search(r"#[A-Z]+#", text)
    assert f"\nVersion:        {deb.version()}\n" in text
    assert f"\n* Thu Jan 01 1970 The virtgpu authors <maintainers@virtgpu.example> - {deb.version()}-%{{release}}\n" in text


@pytest.mark.parametrize("version, good", [("7.3.4-200.fc45.x86_64", True), ("7.2.1-1.el11", True),
                                           ("6.12.0-55.el10.x86_64", False), ("7.30.1", False)])
def test_other_kernels_are_rejected(version, good, monkeypatch):
    monkeypatch.setattr(kernels, "SUPPORTED", (kernels.Series("7.3", "x"), kernels.Series("7.2", "x")))
    script = rpm.spec(0).partition("%prep\n")[2].partition("%setup")[0].replace("%{kversion}", version)
    done = subprocess.run(["sh", "-c", script], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode == 0) == good
    assert good or "is not supported: the driver needs Linux 7.2 or 7.3" in done.stderr


def test_sources(tmp_path):
    rpm.write_sources(tmp_path)
    name = f"virtgpu-{deb.version()}"
    with tarfile.open(tmp_path / f"{name}.tar.gz") as archive:
        names = set(archive.getnames())
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.tar.gz"]
    assert {f"{name}/COPYING", f"{name}/drm/drv.c", f"{name}/drm/Kbuild"} <= names
    assert f"{name}/drm/tests" not in names
    # All files that the spec file installs.
    for line in re.findall(r"^install -D -m 644 (\S+) ", rpm.spec(0), re.M):
        assert line == "drm/virtgpu.ko" or f"{name}/{line}" in names
