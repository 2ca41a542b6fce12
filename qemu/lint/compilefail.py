# SPDX-License-Identifier: GPL-2.0
"""Checks that misuses of the abstraction crates do not compile and give the expected error, and that a
driver for upstream's `kernel::drm` compiles with them."""
import re
import shutil
import subprocess
from pathlib import Path

from qemu.base import choice, report, sandbox
from qemu.base.paths import TOP
from qemu.base.report import Failure
from qemu.build import build
from qemu.images import environment, packagedkernel, rustkernel
from qemu.images.target import Target
from qemu.lint import ported

PROGRAMS = TOP / "rust/compile-fail"
KBUILD = """
obj-m := {objects}
{flags}
"""


def is_old(crates: Path) -> bool:
    """Returns whether the crates were built for a kernel that rust/compat adds something to."""
    return any((crates / "rust/compat").glob("lib*_compat.rmeta"))


def compile_all(target: Target, crates: Path, folder: Path, programs: dict[str, str]) -> dict:
    """Compiles every program alone; returns the compiler's errors of each, empty on success."""
    where = crates / "rust"
    flags = " ".join(f"-L {where}/{crate}" for crate in ("bindings", "virtio", "drm"))
    # rust/compat replaces what the kernel's crates lack, see rust/compat/Makefile.
    for path in (where / "compat").glob("lib*_compat.rmeta"):
        name = path.stem.removeprefix("lib").removesuffix("_compat")
        flags += f" -L {path.parent} --extern {name}={path}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, text in programs.items():
        (folder / f"{name}.rs").write_text(text)
    (folder / "Kbuild").write_text(KBUILD.format(
        objects=" ".join(f"{name}.o" for name in programs),
        flags="\n".join(f"RUSTFLAGS_{name}.o := {flags} --extern virtio --extern drm"
                        for name in programs)))
    said = {}
    for name in programs:
        argv = ["make", "-s", "-C", f"/usr/lib/modules/{target.version}/build", f"M={folder}",
                f"CC={target.gcc}", f"{name}.o"]
        command = sandbox.command(
            target.root, argv, read=[crates], write=[folder],
            binds=packagedkernel.kernel_binds(target.root, target.version, target.kernel))
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        said[name] = done.stderr if done.returncode else ""
    return said


def expected(name: str) -> str:
    found = re.findall(r"^//! expect: (.*)$", (PROGRAMS / f"{name}.rs").read_text(), re.M)
    if len(found) != 1:
        raise Failure(f"{name}.rs must have one line that begins with //! expect:")
    return found[0]


def verdict(name: str, said: str) -> str:
    """Returns an empty string if the result is the expected one, else what is wrong."""
    wanted = expected(name)
    errors = [f"{code + ': ' if code else ''}{text}" for code, text in
              re.findall(r"^error(?:\[(E\d+)\])?: (.*)$", said, re.M)
              if not text.startswith("aborting")]
    if wanted == "nothing":
        return f"does not compile: {errors}" if said else ""
    if len(errors) == 1 and errors[0].startswith(wanted):
        return ""
    return f"expected {wanted!r}, the compiler said {errors}"


def main() -> int:
    target = environment.prepare(choice.kernel())
    crates = build.modules_of(target, "rust")
    programs = {path.stem: path.read_text() for path in sorted(PROGRAMS.glob("*.rs"))}
    driver = ported.DRIVER.stem
    # A driver is written for the newest kernel.
    ports = {} if is_old(crates) else {driver: ported.port(ported.DRIVER.read_text())}
    said = compile_all(rustkernel.prepare(target), crates, crates.parent / "compile-fail",
                       {**programs, **ports})
    lines = {name: (verdict(name, said[name]), expected(name)) for name in programs}
    for name in ports:
        lines[name] = said[name], "compiles with the crate drm"
    bad = 0
    for name, (wrong, text) in lines.items():
        bad += bool(wrong)
        print(f"{'FAILED' if wrong else 'ok':<7} {name:<24} {wrong or text}")
    print(f"{len(lines) - bad} passed, {bad} failed, 0 skipped")
    return 1 if bad else 0


if __name__ == "__main__":
    report.main(main)
