# SPDX-License-Identifier: GPL-2.0
"""Runs the commands of README.md's section "In your own guest", and checks the picture.

The guest starts with the kernel's own driver and the console on it. It has no compiler, so the lines
that call make run in the build root, where `uname -r` prints the guest's kernel and gcc is the compiler
of that kernel. All other lines run in the guest, in a folder with the results of make.
"""
import re
import shutil
from pathlib import Path

from qemu.base import choice, report, sandbox
from qemu.base.paths import TOP
from qemu.build import build
from qemu.host import jobs, kernelmessages
from qemu.host.machine import Options
from qemu.images import environment, packagedkernel
from qemu.images.target import Environment

SECTION = "In your own guest"
TEST = "readme@own-guest"
# The parts of a clone that the build needs.
SOURCES = ("Kbuild", "Makefile", "drm", "rust", "uapi")
JOB = """
cd /host/tests/checkout
grep virtio_gpudrmfb /proc/fb || {{ echo "the console is not on the kernel's own driver"; exit 1; }}
set -ex
{lines}
set +x
if grep -q '^virtio_gpu ' /proc/modules; then
    echo "the kernel's own driver is still there"
    exit 1
fi
grep '^virtgpu ' /proc/modules
/host/tests/virtgpu_display --run-subtest flips
"""


def lines(text: str) -> list[str]:
    """Returns the commands of the section's code block."""
    section = re.search(rf"^## {SECTION}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    if not section:
        raise report.Failure(f"README.md has no section {SECTION!r}")
    blocks = re.findall(r"^```\n(.*?)^```$", section[1], re.M | re.S)
    if len(blocks) != 1:
        raise report.Failure(f"README.md: {len(blocks)} blocks of commands under {SECTION!r}, not 1")
    return blocks[0].splitlines()


def split(commands: list[str]) -> tuple[list[str], list[str]]:
    """Splits the commands into those for the build root and those for the guest."""
    made = [line for line in commands if re.match(r"make\b", line)]
    return made, [line for line in commands if line not in made]


def make_in_build_root(target: Environment, commands: list[str], checkout: Path) -> None:
    """Runs the lines that call make, in a copy of the sources."""
    shutil.rmtree(checkout, ignore_errors=True)
    answers = checkout.with_name("answers")
    shutil.rmtree(answers, ignore_errors=True)
    answers.mkdir(parents=True)
    (answers / "uname").write_text(f"#!/bin/sh\necho {target.version}\n")
    (answers / "uname").chmod(0o755)
    (answers / "gcc").symlink_to("/usr/bin/gcc-14")
    checkout.mkdir()
    for name in SOURCES:
        source = TOP / name
        if source.is_dir():
            shutil.copytree(source, checkout / name)
        else:
            shutil.copy(source, checkout)
    text = "\n".join(("set -e", f"export PATH={answers}:$PATH", *commands))
    sandbox.run(target.root, ["sh", "-c", text], read=[answers], write=[checkout], cwd=checkout,
                binds=packagedkernel.kernel_binds(target.root, target.version, target.kernel))


def messages_before_ours(log: list[str]) -> set[str]:
    """Returns the kernel messages before our module is loaded.

    They do not count, because mainline's driver of 7.3 warns in drm_mm_takedown() when it is removed
    while the console uses it.
    """
    ours = next((number for number, line in enumerate(log) if " virtgpu: loading " in line), len(log))
    return {kernelmessages.bare(line) for line in log[:ours]}


def own_guest(target: Environment, folder: Path) -> dict[str, str]:
    """Returns {test: pass or fail}; the folder has the logs, the output goes to the terminal."""
    folder.mkdir(parents=True, exist_ok=True)
    commands = lines((TOP / "README.md").read_text(encoding="utf-8"))
    made, run = split(commands)
    tests = folder / "tests"
    shutil.rmtree(tests, ignore_errors=True)
    shutil.copytree(build.tests(target), tests)
    with report.step("the README's make"):
        make_in_build_root(target, made, folder / "checkout")
    shutil.copytree(folder / "checkout", tests / "checkout")
    result = jobs.run(target, Options(driver="stock"), JOB.format(lines="\n".join(run)), folder,
                      300, tests=tests, sink=report.pass_on)
    complaint = jobs.ended_badly(result, messages_before_ours(result.log.lines()))
    if complaint:
        report.say(complaint)
    return {TEST: "fail" if complaint or result.status else "pass"}


def main() -> int:
    target = environment.prepare(choice.kernel())
    results = own_guest(target, TOP / "out/readme")
    for name, result in results.items():
        print(f"{name}: {result}")
    return 0 if all(result == "pass" for result in results.values()) else 1


if __name__ == "__main__":
    report.main(main)
