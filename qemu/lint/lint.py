# SPDX-License-Identifier: GPL-2.0
"""Runs the checkers: checkpatch and sparse over the C, rustfmt, clippy and rustdoc over the Rust, pylint
and mypy over the Python, shellcheck over scripts. Also checks that the parts of the drivers and of the
tools use only the parts below them, that the mutants apply to the sources and the patches for the kernel
to its source, that the patches with the Rust crates are what the crates give, that links in Markdown
have targets, that the documentation of the Rust crates is complete, and that the kernel's script
understands MAINTAINERS.

    lint.py [unit|rustfmt]

With "unit" it runs only the unit tests of the tools, with "rustfmt" it formats the Rust.
"""
import os
import shutil
import subprocess
import sys

from qemu.base import report, sandbox
from qemu.base.paths import GUEST, TOP
from qemu.build import build, client, kunit
from qemu.docs import links, rustdoc
from qemu.images import environment, kernelsource, rustkernel
from qemu.images.target import Target
from qemu.lint import (checkpatch, folders, layers, lintroot, maintainers, rustitems, rustseries,
                       upstream)
from qemu.mutants import mutants

PACKAGING = "qemu/packages/dkms/debian/virtgpu-dkms"
SCRIPTS = (".ci/run", "qemu/bootstrap.sh", "qemu/images/initramfs.sh", "qemu/packages/install.sh",
           "qemu/packages/dkms/build.sh",
           *(f"{PACKAGING}.{script}" for script in ("initramfs-hook", "postinst", "postrm")),
           *(str(path.relative_to(TOP)) for path in sorted(GUEST.iterdir()) if not path.suffix))

LAVA_JOBS = ("qemu/ci/lava-job.yaml",)
YAML = (".gitlab-ci.yml", *LAVA_JOBS)

# Rules of checkpatch that do not apply: kernel-doc describes the locks, mainline's uapi returns ENOSYS,
# and not every new file needs an entry in a file list.
IGNORED = "UNCOMMENTED_DEFINITION,ENOSYS,FILE_PATH_CHANGES"
# In drm/compat/, too: macros that give initializers two members, or drop arguments.
IGNORED_IN_COMPAT = f"{IGNORED},COMPLEX_MACRO,MACRO_ARG_UNUSED"


def c_style(target: Target) -> bool:
    files = sorted([*(TOP / "drm").rglob("*.[ch]"), *(TOP / "rust/bindings").glob("*.[ch]"),
                    *(TOP / "rust/virtgpu_c").glob("*.c"), *(TOP / "rust/kunit").glob("*.[ch]")])
    compat = [path for path in files if TOP / "drm/compat" in path.parents]
    text = "".join(checkpatch.complaints(target, ["--max-line-length=100", f"--ignore={ignored}", "-f"],
                                         some, TOP)
                   for ignored, some in ((IGNORED, [path for path in files if path not in compat]),
                                         (IGNORED_IN_COMPAT, compat)))
    if text:
        report.say(text)
    return not text


def sparse(target: Target) -> bool:
    """Runs sparse through cgcc, because the header packages lack what Kbuild's C=2 needs."""
    folder = build.out(target.version) / "sparse"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    # This sparse does not know the keyword __typeof_unqual__; __typeof__ is equivalent for it.
    text = build.make_modules(target, folder, [
        "CC=cgcc", "CHECK=sparse -D__typeof_unqual__=__typeof__"], env={"REAL_CC": "gcc-14"})
    # This sparse cannot evaluate the constants in the kernel's MODULE_*() macros.
    lines = [line for line in text.splitlines() if "bad constant expression" not in line]
    for line in lines:
        report.say(line)
    return not lines


def parts_in_order() -> bool:
    lines = layers.complaints() + folders.complaints()
    for line in lines:
        report.say(line)
    return not lines


def mutants_fit() -> bool:
    misfits = mutants.misfits()
    for line in misfits:
        report.say(line)
    return not misfits


def patches_fit(target: Target) -> bool:
    misfits = upstream.misfits(target)
    for line in misfits:
        report.say(line)
    return not misfits


def rust_series_current(target: Target) -> bool:
    """Checks that the patches in docs/upstream/rust/ are those that the crates give."""
    lines = rustseries.stale(target, build.out(target.version) / "rust-series")
    for line in lines:
        report.say(line)
    return not lines


def rustfmt(check: bool = True) -> bool:
    """Formats the Rust. With `check` it only prints what it would change."""
    files = sorted((TOP / "rust").rglob("*.rs"))
    command = sandbox.command(rustkernel.root(), ["rustfmt", *(["--check"] if check else []), *files],
                              read=[TOP], write=[] if check else [TOP / "rust"])
    return subprocess.run(command).returncode == 0


def clippy(target: Target) -> bool:
    """Runs clippy on the drivers, and on the driver with its KUnit tests."""
    texts = []
    # KUnit's symbols are unresolved here, because kunit.ko is not part of this build.
    tests = ["VIRTGPU_KUNIT=rust", f"DOCTESTS={kunit.DOCTESTS}", "KBUILD_MODPOST_WARN=1"]
    for name, more in (("clippy", []), ("clippy-kunit", tests)):
        folder = build.out(target.version) / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        texts.append(build.make_modules(rustkernel.prepare(target), folder, ["CLIPPY=1", *more]))
    text = "\n".join(line for line in "".join(texts).splitlines() if "modpost: " not in line)
    if text:
        report.say(text)
    return not text


def rust_documents(target: Target) -> bool:
    return rustdoc.make(target, build.out(target.version) / "rustdoc")


def rust_items_documented(target: Target) -> bool:
    folder = build.out(target.version) / "rustdoc-json"
    lines = rustitems.complaints(rustdoc.items(target, folder, rustitems.CRATES))
    for line in lines:
        report.say(line)
    return not lines


def client_style() -> bool:
    """Runs clippy and rustdoc on the crate for user space and its programs."""
    texts = client.complaints()
    for text in texts:
        report.say(text)
    return not texts


def maintainers_listed(target: Target) -> bool:
    """Checks that get_maintainer.pl finds each section of MAINTAINERS by one of its files."""
    folder = kernelsource.tool(target, maintainers.SCRIPT)
    lost = [name for name, patterns in maintainers.sections(TOP / "MAINTAINERS").items()
            if name not in maintainers.found_for(target.root, folder, TOP,
                                                 maintainers.example(TOP, patterns))]
    for name in lost:
        report.say(f"get_maintainer.pl does not find the section {name} of MAINTAINERS")
    return not lost


def links_lead_somewhere() -> bool:
    dead = links.dead_in_markdown(links.markdown_of(TOP), TOP)
    for line in dead:
        report.say(line)
    return not dead


def main() -> int:
    if sys.argv[1:] == ["unit"]:
        return 0 if lintroot.pytest() else 1
    if sys.argv[1:] == ["rustfmt"]:
        return 0 if rustfmt(check=False) else 1
    target = environment.prepare(os.environ.get("KVER", ""))
    verdicts = {"checkpatch": c_style(target), "sparse": sparse(target),
                "rustfmt": rustfmt(), "clippy": clippy(target),
                "rustdoc": rust_documents(target), "items": rust_items_documented(target),
                "pylint": lintroot.pylint(), "mypy": lintroot.mypy(), "pytest": lintroot.pytest(),
                "shellcheck": lintroot.shellcheck(SCRIPTS), "yamllint": lintroot.yamllint(YAML),
                "LAVA": lintroot.lava_schema(LAVA_JOBS), "parts": parts_in_order(),
                "mutants": mutants_fit(), "upstream": patches_fit(target),
                "series": rust_series_current(target),
                "client": client_style(),
                "links": links_lead_somewhere(), "MAINTAINERS": maintainers_listed(target)}
    for name, good in verdicts.items():
        print(f"{name}: {'no complaints' if good else 'complaints, see above'}")
    return 0 if all(verdicts.values()) else 1


if __name__ == "__main__":
    report.main(main)
