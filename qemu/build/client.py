# SPDX-License-Identifier: GPL-2.0
"""Builds and tests the crate `virtgpu` for user space with its programs, offline, with Debian's crates.

As a program it does what `make client` does: tests, examples in the documentation, misuses that must not
compile, clippy, rustfmt and rustdoc. It leaves programs and man pages in out/client.
"""
import os
import re
import shutil
import subprocess
from pathlib import Path

from qemu.base import cache, report, sandbox
from qemu.base.outfolder import OUT
from qemu.base.paths import TOP
from qemu.base.report import Failure, step
from qemu.images import roots

SOURCES = TOP / "rust/client"
# What `make client` has built.
BUILT = OUT / "client"
# What a guest gets: programs of the crate, tests on a device, and examples under other names.
PROGRAMS = ("virtgpu-info", "virtgpu-top", "virtgpu_client", "virtgpu_client_render")
EXAMPLES = ("picture", "stream", "poll", "guide")
# The program of the guide is another example.
GUIDE = TOP / "docs/client.md"
# Where Debian's packages put crates.
CONFIG = """
[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "/usr/share/cargo/registry"
[build]
target-dir = "{target}"
"""


def root() -> Path:
    return roots.stable_root("client", "cargo and Debian's crates", roots.HERE / "client-root.packages")


def folder() -> Path:
    """Returns the folder of this checkout's builds of the crate."""
    path = cache.root() / f"client-{cache.key(str(TOP))}"
    (path / "home").mkdir(parents=True, exist_ok=True)
    (path / "home/config.toml").write_text(CONFIG.format(target=path / "target"))
    return path


def _copy_sources(path: Path) -> Path:
    """Copies the sources, because cargo writes a file with the versions next to them."""
    shutil.rmtree(path / "rust", ignore_errors=True)
    shutil.rmtree(path / "uapi", ignore_errors=True)
    shutil.copytree(SOURCES, path / "rust/client", ignore=shutil.ignore_patterns("target"))
    shutil.copytree(TOP / "uapi", path / "uapi")
    (path / "rust/client/examples/guide.rs").write_text(guide(GUIDE.read_text()))
    return path / "rust/client"


def guide(text: str) -> str:
    """Returns the program that the steps of a guide make."""
    blocks = re.findall(r"^```rust\n(.*?)^```$", text, re.M | re.S)
    if not blocks:
        raise Failure(f"{GUIDE.relative_to(TOP)} has no program")
    # In a guide, each step has the `use` that it needs.
    return ("//! The program of the guide.\n#![allow(clippy::items_after_statements)]\n"
            f"fn main() -> virtgpu::Result<()> {{\n{''.join(blocks)}Ok(())\n}}\n")


def _command(path: Path, argv) -> list[str]:
    """Returns the command that runs a program of the root in the copy of the sources."""
    command = sandbox.command(root(), argv, write=[path])
    at = command.index("--")
    variables = {"CARGO_HOME": path / "home", "CARGO_NET_OFFLINE": "true", "CC": "gcc-14"}
    command[at:at] = ["--chdir", str(path / "rust/client"),
                      *(word for name, value in variables.items()
                        for word in ("--setenv", name, str(value)))]
    return command


def _run(path: Path, *argv: str) -> None:
    done = subprocess.run(_command(path, argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        raise Failure(f"`{' '.join(argv)}` failed with status {done.returncode}:\n{done.stdout[-8000:]}")


def programs() -> Path:
    """Builds the programs, and returns a folder with them for a guest.

    They are built as the tests are, so that each crate is compiled once.
    """
    path = folder()
    with step("client"), cache.locked(path):
        _copy_sources(path)
        _run(path, "cargo", "build", "--quiet", "--workspace", "--bins", "--examples")
        built, found = path / "target/debug", path / "programs"
        found.mkdir(exist_ok=True)
        sources = {name: built / name for name in PROGRAMS}
        sources |= {f"virtgpu-example-{name}": built / "examples" / name for name in EXAMPLES}
        for name, source in sources.items():
            # Another run may copy the folder at this time.
            _run(path, "strip", "-o", str(path / "stripped"), str(source))
            (path / "stripped").replace(found / name)
    return found


def complaints() -> list[str]:
    """Checks the style and the documentation; returns what is wrong."""
    path = folder()
    found = []
    with cache.locked(path):
        _copy_sources(path)
        for argv in (("cargo", "clippy", "--quiet", "--workspace", "--all-targets", "--", "-Dwarnings"),
                     ("env", "RUSTDOCFLAGS=-Dwarnings", "cargo", "doc", "--quiet", "--workspace",
                      "--no-deps")):
            try:
                _run(path, *argv)
            except Failure as failure:
                found.append(str(failure))
    return found


def test() -> None:
    """Runs the tests that need no device; fails if one does."""
    path = folder()
    with step("tests of the client"), cache.locked(path):
        _copy_sources(path)
        _run(path, "cargo", "test", "--quiet", "--workspace")


def man_pages(to: Path) -> None:
    """Makes the man pages of the programs."""
    path = folder()
    (path / "man").mkdir(exist_ok=True)
    with cache.locked(path):
        _run(path, "cargo", "run", "--quiet", "-p", "virtgpu-tools", "--bin", "virtgpu-manpages", "--",
             str(path / "man"))
    shutil.copytree(path / "man", to, dirs_exist_ok=True)


def main() -> int:
    test()
    wrong = complaints()
    for text in wrong:
        report.say(text)
    shutil.rmtree(BUILT, ignore_errors=True)
    shutil.copytree(programs(), BUILT)
    man_pages(BUILT / "man")
    print(f"programs and man pages: {os.path.relpath(BUILT)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    report.main(main)
