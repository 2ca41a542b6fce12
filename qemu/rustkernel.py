# SPDX-License-Identifier: GPL-2.0
"""What a Rust module needs of the guest's kernel: the metadata of its Rust crates.

The distribution's kernel has Rust, but its header packages leave the metadata out. It is made anew
from the kernel's source with the very compilers that built the kernel, and comes out with the same
symbol names; modpost checks that against the kernel's Module.symvers at every build.
"""
import inspect
import subprocess
from pathlib import Path

import cache
import sandbox
import setup
from report import Failure, step

HERE = Path(__file__).resolve().parent


def make_root(folder: Path) -> None:
    with step(f"Rust build root ({setup.STABLE}: rustc, bindgen)"):
        tar = folder / "root.tar"
        setup.bootstrap(setup.STABLE, setup.packages(HERE / "rust-root.packages"), tar,
                        [f"deb {setup.mirror()} {setup.STABLE} main"])
        setup.unpack(tar, folder)


def root() -> Path:
    name = cache.key(HERE / "rust-root.packages", setup.STABLE, inspect.getsource(make_root))
    return cache.entry(f"rust-root-{name}", make_root)


def fetch_source(found, series: str, scratch: Path) -> None:
    setup.apt(found["root"], scratch, ["apt-get", "-qq", "update"])
    setup.apt(found["root"], scratch, ["apt-get", "-qq", "download", f"linux-source-{series}",
                                       f"linux-config-{series}"])
    wanted = found["version"].partition("+")[0]
    if not list(scratch.glob(f"linux-source-{series}_{wanted}-*.deb")):
        raise Failure(f"the mirror has no source of kernel {wanted}: run `make update`, or choose "
                      "another KVER=")
    sandbox.run(found["root"], ["sh", "-c", f"""
        set -e
        cd {scratch}
        for deb in linux-*.deb; do dpkg-deb -x "$deb" .; done
        mkdir source
        tar -xJf usr/src/linux-source-{series}.tar.xz -C source --strip-components=1
        xzcat usr/src/linux-config-{series}/config.amd64_none_amd64.xz >config
        rm -r linux-*.deb usr cache state"""], write=[scratch])


def make_kernel(found, rust_root: Path):
    version = found["version"]
    series = ".".join(version.split(".")[:2])
    base = version.removesuffix("-amd64")

    def make(folder: Path) -> None:
        scratch = folder / "scratch"
        scratch.mkdir()
        with step(f"source of kernel {version}"):
            fetch_source(found, series, scratch)
        headers = folder / f"usr/src/linux-headers-{version}"
        with step(f"Rust metadata of kernel {version}"):
            sandbox.run(rust_root, ["sh", "-c", f"""
                set -e
                cd {scratch}/source
                mkdir {scratch}/out
                cp {scratch}/config {scratch}/out/.config
                scripts/config --file {scratch}/out/.config \
                    --set-str SYSTEM_TRUSTED_KEYS '' --set-str MODULE_SIG_KEY ''
                make -s O={scratch}/out CC=gcc-14 HOSTCC=gcc-14 olddefconfig
                grep -q '^CONFIG_RUST=y' {scratch}/out/.config
                make -s O={scratch}/out CC=gcc-14 HOSTCC=gcc-14 -j$(nproc) modules_prepare
                """], write=[folder])
            kernel = found["kernel"]
            subprocess.run(["sh", "-c", f"""
                set -e
                mkdir -p {folder}/usr/src {folder}/usr/lib/modules/{version}
                cp -a {kernel}/usr/src/linux-headers-* {folder}/usr/src/
                cp -a {kernel}/usr/lib/linux-kbuild-{base} {folder}/usr/lib/
                cp -a {kernel}/usr/lib/modules/{version}/build {folder}/usr/lib/modules/{version}/
                mkdir {headers}/rust
                cp {scratch}/out/rust/*.rmeta {scratch}/out/rust/*.so {headers}/rust/
                cp {scratch}/out/scripts/target.json \
                    {folder}/usr/lib/linux-kbuild-{base}/scripts/
                rm -r {scratch}"""], check=True)
    return make


def prepare(found):
    """As `found`, for builds of Rust modules: another root, and a build tree with metadata."""
    rust_root = root()
    source = inspect.getsource(make_kernel) + inspect.getsource(fetch_source)
    name = f"rust-kernel-{found['version']}-{cache.key(str(rust_root), source)}"
    return {**found, "root": rust_root,
            "kernel": cache.entry(name, make_kernel(found, rust_root))}
