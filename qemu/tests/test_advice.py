# SPDX-License-Identifier: GPL-2.0
"""Tests that failures of the mirror and the disk give a message that says what to do."""
import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from qemu.base import advice, cache
from qemu.base.paths import TOP
from qemu.base.report import Failure
from qemu.images import debian, disks, environment

QEMU = TOP / "qemu"
URI = "http://mirror.example/debian"


@pytest.mark.parametrize("output, said", [
    ("E: The repository 'http://mirror.example/debian forky Release' does not have a Release file.",
     "has no suite forky"),
    ("E: Failed to fetch http://x/pool/y.deb  404  Not Found [IP: 1.2.3.4 80]", "has no suite forky"),
    ("Err:1 http://mirror.example/debian forky InRelease\n  Could not resolve 'mirror.example'",
     "does not answer"),
    ("W: Failed to fetch ... Connection refused", "does not answer"),
    ("The following signatures couldn't be verified: NO_PUBKEY 6ED0E7B82643E131",
     "debian-archive-keyring"),
    ("something else", "The mirror was http://mirror.example/debian"),
])
def test_trouble_with_the_mirror(output, said):
    text = advice.about_mirror(output, URI, "forky")
    assert said in text
    assert "mirror.example" in text


@pytest.mark.parametrize("error", [
    OSError(errno.ENOSPC, "No space left on device"),
    Failure("`tar ...` failed with status 2:\ntar: x: Cannot write: No space left on device"),
])
def test_full_disk(error, tmp_path, monkeypatch):
    monkeypatch.setenv("VIRTGPU_CACHE", str(tmp_path))
    free = {tmp_path: 5000, Path("/elsewhere"): 6000}
    monkeypatch.setattr(advice.tempfile, "gettempdir", lambda: "/elsewhere")
    monkeypatch.setattr(advice, "_free", free.__getitem__)

    def make(folder):
        (folder / "something").touch()
        free[tmp_path] = 7
        raise error

    with pytest.raises(Failure) as caught:
        cache.entry("guest", make, 2600)
    assert str(caught.value) == (f"disk full: 7 MB free at {tmp_path}, about 2600 MB needed. Free "
                                 "some space, or set VIRTGPU_CACHE to a folder on another disk.")
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".partial"]


def test_full_disk_of_temporary_files(tmp_path, monkeypatch):
    free = {tmp_path: 5000, Path("/elsewhere"): 30}
    monkeypatch.setattr(advice.tempfile, "gettempdir", lambda: "/elsewhere")
    monkeypatch.setattr(advice, "_free", free.__getitem__)
    assert advice.about_disk(tmp_path, 2200) == (
        "disk full: 30 MB free at /elsewhere, about 2200 MB needed. Free some space, or set TMPDIR to "
        "a folder on another disk.")


def test_full_disk_is_seen_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setenv("VIRTGPU_CACHE", str(tmp_path))
    monkeypatch.setattr(advice, "_free", lambda path: 2199)
    with pytest.raises(Failure, match=f"disk full: 2199 MB free at {tmp_path}, about 2200"):
        cache.entry("guest", lambda folder: pytest.fail("began"), 2200)


def test_other_failures_pass_through(tmp_path, monkeypatch):
    monkeypatch.setenv("VIRTGPU_CACHE", str(tmp_path))

    def make(_folder):
        raise Failure("no such package")

    with pytest.raises(Failure, match="^no such package$"):
        cache.entry("guest", make)


def programs(folder: Path, **scripts: str) -> str:
    """Makes a PATH in which these programs come first."""
    folder.mkdir()
    for name, text in scripts.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_no_apt(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failure, match="no apt-get.*Debian 12 and 13"):
        debian.mirror()


def test_mirror_that_is_not_debians(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", programs(
        tmp_path / "bin", apt_get="echo http://archive.ubuntu.com/ubuntu/ noble noble"))
    with pytest.raises(Failure, match="knows no Debian mirror"):
        debian.mirror()


def test_mirror(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", programs(
        tmp_path / "bin", apt_get="echo http://deb.debian.org/debian/ oldstable bookworm"))
    assert debian.mirror() == "http://deb.debian.org/debian"


def bootstrap(path: str) -> subprocess.CompletedProcess:
    return subprocess.run(["/bin/sh", QEMU / "bootstrap.sh"], env={"PATH": path}, check=False,
                          capture_output=True, text=True)


def test_bootstrap_needs_debian(tmp_path):
    path = tmp_path / "bin"
    path.mkdir()
    for name in ("id", "uname"):
        (path / name).symlink_to(shutil.which(name))
    done = bootstrap(str(path))
    assert done.returncode == 1
    assert "no apt-get" in done.stderr and "Debian 12 and 13" in done.stderr


def test_bootstrap_needs_amd64(tmp_path):
    done = bootstrap(programs(tmp_path / "bin", uname="echo aarch64"))
    assert done.returncode == 1
    assert "aarch64" in done.stderr and "amd64" in done.stderr


def test_failed_background_download_is_not_swallowed(monkeypatch, tmp_path):
    monkeypatch.setenv("VIRTGPU_CACHE", str(tmp_path))
    monkeypatch.setattr(environment, "chosen_kernel", lambda wanted: {"root": tmp_path})

    def make_guest_tar(_extra):
        def make(_folder):
            raise Failure("the mirror does not answer")
        return make

    monkeypatch.setattr(disks, "make_guest_tar", make_guest_tar)
    monkeypatch.setattr(disks, "guest_tar_name", lambda extra=(): "guest-tar")
    monkeypatch.setattr(disks, "guest_image", lambda root: pytest.fail("went on"))
    with pytest.raises(Failure, match="the mirror does not answer"):
        environment.prepare()
