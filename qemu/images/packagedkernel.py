# SPDX-License-Identifier: GPL-2.0
"""The distribution's kernels: which ones there are, and their packages, unpacked."""
import json
import re
import subprocess
import tempfile
from pathlib import Path

from qemu.base import cache, kernels, report, sandbox
from qemu.base.report import Failure, step
from qemu.images.debian import apt
from qemu.images.target import Package

# Disk space in MB that a kernel needs, in the cache and in the folder for temporary files.
KERNEL_MB = 700


def archive(root: Path, suite: str) -> dict[str, str]:
    """Returns the kernel headers of a suite: {package: version}.

    Cached until `make update`, so that later runs do not need the network.
    """
    memory = cache.root() / f"archive-{suite}.json"
    if not memory.exists():
        with step(f"list of kernels in {suite}"), \
                tempfile.TemporaryDirectory(dir=cache.root()) as scratch:
            apt(root, Path(scratch), ["apt-get", "-qq", "update"], suite)
            text = apt(root, Path(scratch), ["apt-cache", "dumpavail"], suite)
        found = re.findall(r"^Package: (linux-headers-.*)\n(?:.+\n)*?Version: (.*)$", text, re.M)
        memory.write_text(json.dumps(dict(found), indent=1))
    return json.loads(memory.read_text())


def update() -> None:
    """Deletes the cached lists of the archive's kernels."""
    for path in cache.root().glob("archive-*.json"):
        path.unlink()


def resolve_kernel(root: Path, wanted: str) -> Package:
    """Returns the kernel that a value of KVER= means."""
    candidate = wanted == kernels.CANDIDATE.name
    suite = kernels.suite_of(wanted)
    there = archive(root, suite)
    chosen = kernels.resolve_candidate(there) if candidate else kernels.resolve(wanted, there)
    for note in chosen.notes:
        report.say(f"    {note}")
    return Package(version=chosen.version, suite=suite,
                   package=there[f"linux-headers-{chosen.version}"])


def make_kernel(root: Path, version: str, suite: str):
    base, _, _ = version.partition("-amd64")

    def make(folder: Path) -> None:
        with step(f"kernel {version}"):
            scratch = folder / "scratch"
            scratch.mkdir()
            apt(root, scratch, ["apt-get", "-qq", "update"], suite)
            there = apt(root, scratch, ["apt-cache", "pkgnames", "linux-"], suite).split()
            # Before 6.19, linux-image has all.
            binary = [name for name in (f"linux-binary-{version}", f"linux-modules-{version}")
                      if name in there] or [f"linux-image-{version}"]
            apt(root, scratch, ["apt-get", "-qq", "download",
                                f"linux-headers-{version}", f"linux-headers-{base}-common",
                                f"linux-kbuild-{base}", *binary], suite)
            for deb in scratch.glob("*.deb"):
                sandbox.run(root, ["dpkg-deb", "-x", deb, folder], write=[folder])
            subprocess.run(["rm", "-rf", scratch], check=True)
            modules = folder / "usr/lib/modules"
            vmlinuz = next(iter(sorted(modules.glob("*/vmlinuz"))), None) or \
                next(folder.glob("boot/vmlinuz-*"))
            vmlinuz.rename(folder / "vmlinuz")
            sandbox.run(root, ["depmod", "-b", folder / "usr", version], write=[folder])
            sandbox.run(root, ["sh", "-c", f"""
                set -e
                used=$(du -sm {modules} | cut -f1)
                mke2fs -q -t ext4 -m 0 -O ^has_journal -d {modules} \
                    {folder}/modules.ext4 $((used + used / 4 + 16))M"""], write=[folder])
    return make


def kernel(root: Path, chosen: Package) -> Path:
    """Returns the unpacked packages of the kernel that resolve_kernel() chose, with a module image.

    The key contains the package's version, because successive candidates have the same package names.
    """
    key = cache.key(cache.recipe(make_kernel), chosen.suite, chosen.package)
    return cache.entry(f"kernel-{chosen.version}-{key}",
                       make_kernel(root, chosen.version, chosen.suite), KERNEL_MB)


def compiler(kernel_dir: Path, version: str) -> str:
    """Returns the name of the compiler that built a kernel, e.g. gcc-14."""
    config = (kernel_dir / f"usr/src/linux-headers-{version}/.config").read_text()
    match = re.search(r'^CONFIG_CC_VERSION_TEXT="\S*?(gcc-\d+) ', config, re.M)
    if not match:
        raise Failure(f"kernel {version} does not say which gcc built it")
    return match[1]


def kernel_binds(root: Path, version: str, kernel_dir: Path):
    """Returns the binds of a kernel's build tree: at the paths that its symbolic links expect."""
    base, _, _ = version.partition("-amd64")
    kbuild = f"usr/lib/linux-kbuild-{base}"
    (root / kbuild).mkdir(exist_ok=True)
    return [(kernel_dir / sub, f"/{sub}") for sub in ("usr/src", "usr/lib/modules", kbuild)]
