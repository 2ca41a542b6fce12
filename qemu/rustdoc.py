# SPDX-License-Identifier: GPL-2.0
"""The documentation of the Rust crates that others use, by the compiler's own command line."""
import shlex
import subprocess
from pathlib import Path

import build
import rustkernel
import sandbox
import setup

TOP = setup.HERE.parent
CRATES = ("virtio", "drm")


def make(found, folder: Path) -> bool:
    """Writes the pages into a folder; was rustdoc content?"""
    built = build.modules_of(found, "rust")
    folder.mkdir(exist_ok=True)
    rust = rustkernel.prepare(found)
    good = True
    for crate in CRATES:
        saved = (built / f"rust/{crate}/.{crate}.o.cmd").read_text().partition("\n")[0]
        words = [word for word in shlex.split(saved.partition(" := ")[2])
                 if not word.startswith(("--emit=", "OBJTREE=", "RUST_MODFILE="))]
        words[words.index("--out-dir") + 1] = str(folder)
        argv = ["env", "RUSTC_BOOTSTRAP=1", "rustdoc", "-Drustdoc::all",
                "-Arustdoc::private_doc_tests", *words[1:]]
        command = sandbox.command(rust["root"], ["sh", "-c", f"cd {built} && {shlex.join(argv)}"],
                                  read=[TOP, built], write=[folder],
                                  binds=setup.kernel_binds(rust["root"], rust["version"],
                                                           rust["kernel"]))
        good &= subprocess.run(command).returncode == 0
    return good
