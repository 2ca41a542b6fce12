# SPDX-License-Identifier: GPL-2.0
"""Tests the choice of a kernel, from apt's output to the cached list."""
import pytest

from qemu.base.report import Failure
from qemu.images import packagedkernel
from qemu.images.target import Package

AVAILABLE = """Package: linux-headers-7.3.4+deb13-amd64
Source: linux
Version: 7.3.4-1~bpo13+1
Description: headers
 Package: not-one

Package: linux-headers-7.2.12+deb13-amd64
Version: 7.2.12-1~bpo13+1

Package: weston
Version: 16
"""


@pytest.fixture(name="asked")
def fixture_asked(tmp_path, monkeypatch):
    """Records the suites that apt is asked about; apt lists the packages above."""
    asked = []

    def apt(_root, _folder, argv, suite):
        asked.append((argv[-1], suite))
        return AVAILABLE if argv[-1] == "dumpavail" else ""

    monkeypatch.setenv("VIRTGPU_CACHE", str(tmp_path))
    monkeypatch.setattr(packagedkernel, "apt", apt)
    return asked


def test_archive_is_asked_once_until_update(tmp_path, asked):
    for _ in range(2):
        assert packagedkernel.archive(tmp_path, "trixie-backports") == {
            "linux-headers-7.3.4+deb13-amd64": "7.3.4-1~bpo13+1",
            "linux-headers-7.2.12+deb13-amd64": "7.2.12-1~bpo13+1"}
    assert asked == [("update", "trixie-backports"), ("dumpavail", "trixie-backports")]
    packagedkernel.update()
    packagedkernel.archive(tmp_path, "trixie-backports")
    assert len(asked) == 4


def test_chosen_kernel(tmp_path, asked):
    assert packagedkernel.resolve_kernel(tmp_path, "7.2") == Package(
        version="7.2.12+deb13-amd64", suite="trixie-backports", package="7.2.12-1~bpo13+1")
    assert {suite for _, suite in asked} == {"trixie-backports"}


def test_each_series_comes_from_its_suite(tmp_path, asked):
    with pytest.raises(Failure):
        packagedkernel.resolve_kernel(tmp_path, "6.12.1")
    assert {suite for _, suite in asked} == {"trixie"}


def test_candidate_comes_from_experimental(tmp_path, asked):
    packagedkernel.resolve_kernel(tmp_path, "rc")
    assert {suite for _, suite in asked} == {"experimental"}


def test_next_candidate_of_the_same_name_is_another_kernel(tmp_path, monkeypatch):
    names = []
    monkeypatch.setattr(packagedkernel.cache, "entry", lambda name, make, needs: names.append(name))
    for package in ("7.3~rc6-1~exp1", "7.3~rc7-1~exp1"):
        packagedkernel.kernel(tmp_path, Package(version="7.3-amd64", suite="experimental",
                                                package=package))
    assert names[0] != names[1]


@pytest.mark.parametrize("config, gcc", [
    ('CONFIG_CC_VERSION_TEXT="x86_64-linux-gnu-gcc-16 (Debian 16.2.0-3) 16.2.0"\n', "gcc-16"),
    ('# x\nCONFIG_CC_VERSION_TEXT="gcc-14 (Debian 14.2.0-19) 14.2.0"\n', "gcc-14"),
])
def test_compiler(tmp_path, config, gcc):
    folder = tmp_path / "usr/src/linux-headers-7.3-amd64"
    folder.mkdir(parents=True)
    (folder / ".config").write_text(config)
    assert packagedkernel.compiler(tmp_path, "7.3-amd64") == gcc


def test_no_compiler(tmp_path):
    folder = tmp_path / "usr/src/linux-headers-7.3-amd64"
    folder.mkdir(parents=True)
    (folder / ".config").write_text("CONFIG_X=y\n")
    with pytest.raises(Failure, match="which gcc"):
        packagedkernel.compiler(tmp_path, "7.3-amd64")
