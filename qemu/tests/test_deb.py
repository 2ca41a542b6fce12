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


def test_source_tree_of_the_rust_driver(tmp_path):
    tree = tmp_path / "tree"
    deb.write_tree(tree, 0)
    conf = (tree / "debian/virtgpu-rust-dkms.dkms").read_text()
    assert f'BUILD_EXCLUSIVE_KERNEL="{kernels.pattern("rust")}"\n' in conf and "#KERNELS#" not in conf
    left_out = ("client", "compile-fail", "kunit", "samples", "upstream")
    wanted = {path.relative_to(TOP) for path in (TOP / "rust").rglob("*")
              if path.is_file() and (path.suffix in (".rs", ".c", ".h") or path.name in (
                  "Kbuild", "Makefile"))
              and path.name != "generated.rs" and not path.name.endswith("_tests.rs")
              and path.relative_to(TOP).parts[1] not in left_out}
    assert {path.relative_to(tree) for path in (tree / "rust").rglob("*") if path.is_file()} == wanted
    assert (tree / "trace/drm/transport/trace.h").exists()
    assert 'Recommends: linux-headers-generic, linux-source-7.3 | linux-source-7.2, mokutil\n' in (
        tree / "debian/control").read_text()
    assert "(amd64, Linux 7.2 and 7.3)" in (tree / "debian/control").read_text()


def test_files_with_the_name_of_the_module_in_rust(tmp_path):
    tree = tmp_path / "tree"
    deb.write_tree(tree, 0)
    replaces = (tree / "virtgpu_rs-replaces.conf").read_text()
    assert "modprobe -b virtgpu_rs 2>&1" in replaces and "/sys/module/virtgpu_rs ]" in replaces
    assert "--ignore-install virtio_gpu;" in replaces
    assert "#options virtgpu_rs modeset=0\n" in (tree / "virtgpu_rs.conf").read_text()
    hook = (tree / "debian/virtgpu-rust-dkms.initramfs-hook").read_text()
    assert hook.endswith("\nmanual_add_modules virtgpu_rs\n")
    for name in deb.ADAPTED.values():
        assert not re.search(r"\bvirtgpu\b", (tree / name).read_text())


def test_the_packages_conflict():
    text = (deb.PACKAGING / "debian/control").read_text()
    for name, other in ((1, "virtgpu-rust-dkms"), (2, "virtgpu-dkms")):
        assert f"\nConflicts: {other}\n" in text.split("\nPackage: ")[name]


def test_both_drivers_have_the_same_version_and_parameters():
    text = (TOP / "rust/virtgpu_c/version.c").read_text()
    assert f'MODULE_VERSION("{deb.version()}");' in text
    rust = re.findall(r"^module_param\((\w+),", (TOP / "rust/virtgpu_c/parameters.c").read_text(), re.M)
    rust += re.findall(r"^        (\w+): \w+ \{\n            default:",
                       (TOP / "rust/virtgpu/virtgpu.rs").read_text(), re.M)
    c = [name for path in (TOP / "drm").rglob("*.c")
         for name in re.findall(r"^module_param\((\w+),", path.read_text(), re.M)]
    assert sorted(rust) == sorted(c)


def build(folder, version="7.3.4+deb13-amd64", **changes) -> str:
    """Runs the build script with programs and a kernel that only look like the real ones.

    Returns its message, or an empty string if it builds."""
    headers, bin_folder, sysroot = folder / "headers", folder / "bin", folder / "sysroot"
    library = sysroot / "lib/rustlib/src/rust/library/core/src/lib.rs"
    for path in (headers, bin_folder, library.parent):
        path.mkdir(parents=True)
    (headers / ".config").write_text(changes.get("config", (
        'CONFIG_RUST=y\nCONFIG_CC_VERSION_TEXT="gcc-14 (Debian) 14"\n'
        'CONFIG_RUSTC_VERSION_TEXT="rustc 1.85"\nCONFIG_BINDGEN_VERSION_TEXT="bindgen 0.71"\n')))
    tools = {name: "true" for name in ("gcc-14", "bc", "bison", "flex", "pahole", "perl", "python3",
                                       "xz")}
    tools |= {"rustc": f'case $1 in --print) echo {sysroot};; *) echo "rustc 1.85";; esac',
              "bindgen": 'echo "bindgen 0.71"', "tar": "true",
              "make": f"echo {changes.get('source_version', '7.3.4')}; exit 0"}
    for name, text in {**tools, **changes.get("tools", {})}.items():
        if text:
            (bin_folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (bin_folder / name).chmod(0o755)
    for name in ("sh", "realpath", "dirname", "expr", "sed", "grep", "mkdir", "nproc", "cp"):
        (bin_folder / name).symlink_to(f"/usr/bin/{name}")
    (folder / "source.tar.xz").touch()
    if changes.get("library", True):
        library.touch()
    if changes.get("metadata"):
        (headers / "rust").mkdir()
        (headers / "rust/libkernel.rmeta").touch()
    script = folder / "build.sh"
    script.write_text((deb.PACKAGING / "build.sh").read_text())
    done = subprocess.run(["/bin/sh", script, version, headers,
                           folder / changes.get("source", "source.tar.xz")],
                          env={"PATH": str(bin_folder)}, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    assert bool(done.returncode) == bool(done.stderr), done.stderr
    return done.stderr


@pytest.mark.parametrize("changes, message", [
    ({"config": "# CONFIG_RUST is not set\n"}, "it has no Rust"),
    ({"tools": {"bindgen": "", "flex": ""}}, "these programs are missing: bindgen flex"),
    ({"tools": {"rustc": "echo rustc 1.90"}},
     "the kernel was built with rustc 1.85, but this machine has rustc 1.90. Install the rustc of"),
    ({"tools": {"bindgen": "echo bindgen 0.72"}},
     "with bindgen 0.71, but this machine has bindgen 0.72. Install the bindgen of the suite"),
    ({"library": False}, "rust-src is not installed"),
    ({"source": "missing.tar.xz"}, "does not exist. Install linux-source-7.3."),
    ({"source_version": "7.3.5"}, "is of version 7.3.5. Install linux-source-7.3 of the same version"),
])
def test_the_build_says_what_is_missing(tmp_path, changes, message):
    text = build(tmp_path, **changes)
    assert text.startswith("error: virtgpu_rs is not built for kernel 7.3.4+deb13-amd64: ")
    assert message in text


def test_a_kernel_with_metadata_needs_no_source(tmp_path):
    assert build(tmp_path, metadata=True, source="missing.tar.xz", tools={"rustc": ""}) == ""


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
