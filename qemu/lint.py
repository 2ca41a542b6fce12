#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""checkpatch and sparse over the C, rustfmt, clippy and rustdoc over the Rust, pylint and mypy over the
Python, shellcheck over scripts; do the parts of the drivers know only those below them, and is what the
mutants change still there?

    lint.py [unit]

With "unit" it only runs the tests of the tools' own logic.
"""
import inspect
import os
import shlex
import shutil
import subprocess
import sys

import build
import cache
import kernelsource
import layers
import lintroot
import mutants
import report
import rustkernel
import sandbox
import setup

TOP = setup.HERE.parent
SCRIPTS = (".ci/run", "qemu/bootstrap.sh", "qemu/guest/init", "qemu/guest/initramfs-init",
           "qemu/guest/desktop", "qemu/guest/panic", "qemu/guest/runner")

# Rules of checkpatch that our sources answer otherwise: locks are described in kernel-doc,
# ENOSYS is mainline's answer of this uapi, and a file list is not ours to update per commit.
IGNORED = "UNCOMMENTED_DEFINITION,ENOSYS,FILE_PATH_CHANGES"


def make_checkpatch(found):
    """Fetches checkpatch, which only the kernel's source package has."""
    def make(folder):
        kernelsource.unpack(found, folder, "scripts/checkpatch.pl", "scripts/spelling.txt",
                            "scripts/const_structs.checkpatch")
    return make


def checkpatch(found) -> bool:
    name = cache.key(inspect.getsource(make_checkpatch))
    folder = cache.entry(f"checkpatch-{found['version']}-{name}", make_checkpatch(found))
    files = sorted([*(TOP / "drm").rglob("*.[ch]"), *(TOP / "rust/bindings").glob("*.[ch]")])
    argv = ["perl", folder / "scripts/checkpatch.pl", "--no-tree", "--strict", "--terse", "--quiet",
            "--no-summary", "--max-line-length=100", f"--ignore={IGNORED}", "-f", *files]
    command = sandbox.command(found["root"], argv, read=[TOP, folder])
    return subprocess.run(command).returncode == 0


def sparse(found) -> bool:
    """By cgcc: the header packages lack what Kbuild's own C=2 needs."""
    folder = build.out(found["version"]) / "sparse"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    # The definition is of a keyword newer than this sparse; the difference does not matter to it.
    text = build.make_modules(found, folder, [
        "CC=cgcc", "CHECK=sparse -D__typeof_unqual__=__typeof__"], env={"REAL_CC": "gcc-14"})
    # This sparse cannot evaluate the constants in the kernel's MODULE_*() macros.
    lines = [line for line in text.splitlines() if "bad constant expression" not in line]
    for line in lines:
        report.say(line)
    return not lines


def parts_in_order() -> bool:
    lines = layers.complaints()
    for line in lines:
        report.say(line)
    return not lines


def mutants_fit() -> bool:
    misfits = mutants.misfits()
    for line in misfits:
        report.say(line)
    return not misfits


def rustfmt(found) -> bool:
    files = sorted((TOP / "rust").rglob("*.rs"))
    root = rustkernel.prepare(found)["root"]
    command = sandbox.command(root, ["rustfmt", "--edition", "2021", "--check", *files],
                              read=[TOP])
    return subprocess.run(command).returncode == 0


def clippy(found) -> bool:
    """Over the drivers, and over the driver with its KUnit tests."""
    texts = []
    # KUnit itself is another module, which is not there.
    tests = ["VIRTGPU_KUNIT=rust", "KBUILD_MODPOST_WARN=1"]
    for name, more in (("clippy", []), ("clippy-kunit", tests)):
        folder = build.out(found["version"]) / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        texts.append(build.make_modules(rustkernel.prepare(found), folder, ["CLIPPY=1", *more]))
    text = "\n".join(line for line in "".join(texts).splitlines() if "modpost: " not in line)
    if text:
        report.say(text)
    return not text


def rustdoc(found) -> bool:
    """The documentation of the crates that others use, by the compiler's own command line."""
    built = build.modules_of(found, "rust")
    folder = build.out(found["version"]) / "rustdoc"
    folder.mkdir(exist_ok=True)
    rust = rustkernel.prepare(found)
    good = True
    for crate in ("virtio", "drm"):
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


def main() -> int:
    if sys.argv[1:] == ["unit"]:
        return 0 if lintroot.pytest() else 1
    found = setup.prepare(os.environ.get("KVER", ""))
    verdicts = {"checkpatch": checkpatch(found), "sparse": sparse(found),
                "rustfmt": rustfmt(found), "clippy": clippy(found),
                "rustdoc": rustdoc(found),
                "pylint": lintroot.pylint(), "mypy": lintroot.mypy(), "pytest": lintroot.pytest(),
                "shellcheck": lintroot.shellcheck(SCRIPTS), "parts": parts_in_order(),
                "mutants": mutants_fit()}
    for name, good in verdicts.items():
        print(f"{name}: {'no complaints' if good else 'complaints, see above'}")
    return 0 if all(verdicts.values()) else 1


if __name__ == "__main__":
    report.main(main)
