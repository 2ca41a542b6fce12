# SPDX-License-Identifier: GPL-2.0
"""Tests the source tree of the Debian package, and the scripts that it and `make install` use."""
import re
import subprocess

import pytest

from qemu.base import kernels
from qemu.base.paths import TOP
from qemu.base.report import Failure
from qemu.build import deb


def matches(version: str) -> bool:
    """Returns whether DKMS would build for a kernel: it uses bash, too."""
    return subprocess.run(["bash", "-c", '[[ "$1" =~ $2 ]]', "bash", version,
                           kernels.pattern()]).returncode == 0


@pytest.fixture
def supported(monkeypatch):
    monkeypatch.setattr(kernels, "SUPPORTED", (kernels.Series("7.3", "x"), kernels.Series("7.2", "x")))


@pytest.mark.parametrize("version, good", [
    ("7.3.4+deb13-amd64", True), ("7.3-amd64", True), ("7.3-rc2-amd64", True), ("7.3", True),
    ("7.2.12+deb13-cloud-amd64", True),
    ("7.30.1-amd64", False), ("7.1.9-amd64", False), ("6.12.48+deb13-amd64", False),
    ("17.3.1-amd64", False), ("7x3.1-amd64", False),
])
@pytest.mark.usefixtures("supported")
def test_pattern_of_supported_kernels(version, good):
    assert matches(version) == good


def test_version():
    assert re.fullmatch(r"\d+(\.\d+)+", deb.version())


def test_no_version(tmp_path, monkeypatch):
    (tmp_path / "drm").mkdir()
    (tmp_path / "drm/drv.c").touch()
    monkeypatch.setattr(deb, "TOP", tmp_path)
    with pytest.raises(Failure, match="has no MODULE_VERSION"):
        deb.version()


def test_source_tree(tmp_path):
    tree = tmp_path / "tree"
    deb.write_tree(tree, 0)
    conf = (tree / "debian/virtgpu-dkms.dkms").read_text()
    assert f'BUILD_EXCLUSIVE_KERNEL="{kernels.pattern()}"\n' in conf and "#KERNELS#" not in conf
    assert (tree / "debian/changelog").read_text().startswith(f"virtgpu-dkms ({deb.version()}) ")
    assert (tree / "debian/changelog").read_text().endswith(" Thu, 01 Jan 1970 00:00:00 +0000\n")
    wanted = {path.relative_to(TOP) for path in (TOP / "drm").rglob("*")
              if path.suffix in (".c", ".h") and "tests" not in path.parts}
    assert {path.relative_to(tree) for path in (tree / "drm").rglob("*.[ch]")} == wanted
    assert not (tree / "drm/tests").exists()


def test_each_parameter_is_in_the_file_for_them():
    names = {name for path in (TOP / "drm").rglob("*.c")
             for name in re.findall(r"^module_param\((\w+),", path.read_text(), re.M)}
    text = (deb.PACKAGING / "virtgpu.conf").read_text()
    assert names == set(re.findall(r"^#options virtgpu (\w+)=\d+$", text, re.M))


def install(action: str, root) -> str:
    done = subprocess.run(["sh", TOP / "qemu/packages/install.sh", action, root], check=True,
                          stdout=subprocess.PIPE, text=True)
    return done.stdout


def files(root) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_install_and_uninstall(tmp_path):
    for folder in ("etc/initramfs-tools/hooks", "etc/dracut.conf.d"):
        (tmp_path / folder).mkdir(parents=True)
    assert "update-initramfs" in install("add", tmp_path)
    assert files(tmp_path) == {
        "etc/modprobe.d/virtgpu.conf", "etc/modprobe.d/virtgpu-replaces.conf",
        "etc/initramfs-tools/hooks/virtgpu", "etc/dracut.conf.d/virtgpu.conf"}
    install("remove", tmp_path)
    assert files(tmp_path) == set()


def test_install_keeps_the_parameters_of_the_user(tmp_path):
    install("add", tmp_path)
    conf = tmp_path / "etc/modprobe.d/virtgpu.conf"
    conf.write_text("options virtgpu modeset=0\n")
    install("add", tmp_path)
    assert conf.read_text() == "options virtgpu modeset=0\n"
    assert not (tmp_path / "etc/initramfs-tools").exists()


def loaded_instead(folder, ours: str) -> tuple[str, str]:
    """Runs what modprobe runs for virtio_gpu, with `ours` as the result of `modprobe virtgpu`.

    Returns the calls of modprobe, and the messages to the kernel log.
    """
    text = (deb.PACKAGING / "virtgpu-replaces.conf").read_text()
    command = re.search(r"^install virtio_gpu (.*)$", text, re.M)[1]
    for path, name in (("/sbin/modprobe", "modprobe"), ("/sys/module/virtgpu", "loaded"),
                       ("/dev/kmsg", "log")):
        assert path in command
        command = command.replace(path, str(folder / name))
    (folder / "log").touch()
    (folder / "modprobe").write_text(
        f'#!/bin/sh\necho "$*" >>{folder}/calls\ncase $* in *virtgpu) {ours} ;; esac\n')
    (folder / "modprobe").chmod(0o755)
    subprocess.run(["sh", "-c", command], check=True)
    return (folder / "calls").read_text(), (folder / "log").read_text()


def test_ours_is_loaded_instead(tmp_path):
    assert loaded_instead(tmp_path, f"mkdir {tmp_path}/loaded") == ("-b virtgpu\n", "")


@pytest.mark.parametrize("ours, reason", [
    ("echo 'FATAL: Module virtgpu not found' >&2; exit 1", "FATAL: Module virtgpu not found"),
    # modprobe -b succeeds for a module on the blacklist.
    ("true", "it is on the blacklist"),
])
def test_the_stock_driver_is_the_fallback(tmp_path, ours, reason):
    calls, log = loaded_instead(tmp_path, ours)
    assert calls == "-b virtgpu\n--ignore-install virtio_gpu\n"
    assert log == f"virtgpu is not used: {reason}; loading virtio_gpu\n"
