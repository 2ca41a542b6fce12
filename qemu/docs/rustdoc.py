# SPDX-License-Identifier: GPL-2.0
"""Builds the documentation of the Rust crates and the Rust driver, with the arguments of their rustc
commands.
"""
import json
import re
import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path

from qemu.base import kernels, sandbox
from qemu.base.paths import TOP
from qemu.base.report import Failure
from qemu.build import build, doctests
from qemu.images import packagedkernel, rustkernel
from qemu.images.target import Target

# Private items of the driver are shown, too, because only its developers read its documentation.
PRIVATE = ("--document-private-items", "-Arustdoc::private_intra_doc_links")
CRATES: dict[str, tuple[str, ...]] = {"virtio": (), "drm": (), "virtgpu": PRIVATE}
# As in the kernel's own crates, a link to srctree/FILE means a file of the kernel's source.
SOURCE_LINK = re.compile(r'<a href="srctree/([^"]+)"')
SOURCE_URL = "https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree"
# Links in documentation that comes from the kernel's macros and from core. Their targets are pages of
# those crates or hidden items, which the site does not have.
FOREIGN_LINK = re.compile(r'<a href="(?:vtable|Ord#[\w-]+|#tymethod\.__pin_data)"[^>]*>(.*?)</a>', re.S)


def _run(rust: Target, built: Path, folder: Path, crate: str, *options: str) -> bool:
    """Runs rustdoc on a crate that was built. Returns whether it gave no errors."""
    # Macros read the environment variables.
    variables, arguments = doctests.command((built / f"rust/{crate}/.{crate}.o.cmd").read_text())
    argv = ["env", "RUSTC_BOOTSTRAP=1", *(f"{name}={value}" for name, value in variables.items()),
            "rustdoc", "-Zunstable-options", *options, *arguments, "--out-dir", str(folder)]
    command = sandbox.command(rust.root, ["sh", "-c", f"cd {built} && {shlex.join(argv)}"],
                              read=[TOP, built], write=[folder],
                              binds=packagedkernel.kernel_binds(rust.root, rust.version,
                                                                rust.kernel))
    return subprocess.run(command).returncode == 0


def make(target: Target, folder: Path) -> bool:
    """Writes the pages into a folder. Returns whether rustdoc gave no errors."""
    built, rust = build.modules_of(target, "rust"), rustkernel.prepare(target)
    folder.mkdir(exist_ok=True)
    good = True
    for crate, more in CRATES.items():
        good &= _run(rust, built, folder, crate, "-Drustdoc::all", "-Arustdoc::private_doc_tests",
                     "--enable-index-page", *more)
    return good


def items(target: Target, folder: Path, crates: Iterable[str]) -> dict[str, dict]:
    """Returns what rustdoc says of the public items of each crate, in the form of rustdoc's JSON."""
    built, rust = build.modules_of(target, "rust"), rustkernel.prepare(target)
    folder.mkdir(exist_ok=True)
    found = {}
    for crate in crates:
        if not _run(rust, built, folder, crate, "--output-format=json"):
            raise Failure(f"rustdoc failed for the crate {crate}")
        found[crate] = json.loads((folder / f"{crate}.json").read_text())
    return found


def link_to_kernel(target: Target, folder: Path) -> list[str]:
    """Points srctree links to the kernel's source on the web. Returns a message for each lost file."""
    headers = target.unpacked(target.headers)
    lost = []
    for path in sorted(folder.rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        lost += [f"{path.relative_to(folder)}: the kernel has no {name}"
                 for name in SOURCE_LINK.findall(text) if not (headers / name).exists()]
        series = kernels.series_of(target.version)
        text = SOURCE_LINK.sub(rf'<a href="{SOURCE_URL}/\1?h=v{series}"', text)
        path.write_text(FOREIGN_LINK.sub(r"\1", text), encoding="utf-8")
    return lost
