# SPDX-License-Identifier: GPL-2.0
"""Runs the commands of docs/writing-a-driver.md, one after the other, in a copy of the checkout.

All of them must succeed. The commands that run whole suites are left out, because `make check` runs
these suites; it is only checked that they exist.
"""
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from qemu.base import choice, outfolder, report
from qemu.base.paths import TOP
from qemu.base.report import Failure, say
from qemu.harness import suites

GUIDE = TOP / "docs/writing-a-driver.md"
TEST = "guide@writing-a-driver"
# Seconds that one command may take: the first one builds all modules.
LIMIT = 1800
# What a clone does not have.
IGNORED = shutil.ignore_patterns(".git", "out", "__pycache__")
RUNS_SUITES = ("-m", "qemu.harness.check")


def commands(text: str) -> list[str]:
    """Returns the commands of a guide: the lines of the code blocks that name no language."""
    # Other blocks are matched, too, so that the end of one is not taken for the start of another.
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    lines = "".join(body for language, body in blocks if not language)
    return lines.replace("\\\n", " ").splitlines()


def suites_of(command: str) -> list[str]:
    """Returns the suites that a command runs; none for another kind of command."""
    words = shlex.split(command)
    if tuple(words[1:3]) != RUNS_SUITES:
        return []
    names = [value for option, value in zip(words, words[1:]) if option == "--only"]
    driver = dict(zip(words, words[1:])).get("--driver", choice.driver())
    return [suite.name for suite in suites.choose("check", driver, names or None)]


def copy(folder: Path) -> Path:
    """Copies the checkout into a folder. The files keep their times, so that little is built again."""
    checkout = folder / "checkout"
    shutil.rmtree(checkout, ignore_errors=True)
    shutil.copytree(TOP, checkout, ignore=IGNORED, symlinks=True)
    return checkout


def run(text: str, folder: Path) -> dict[str, str]:
    """Runs the commands of a guide; returns {test: pass or fail}. The output goes to the terminal."""
    found = commands(text)
    if not found:
        raise Failure(f"{GUIDE.name} has no commands")
    checkout = copy(folder)
    # The Python that has Debian's modules.
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "python3").unlink(missing_ok=True)
    (tools / "python3").symlink_to("/usr/bin/python3")
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    for command in found:
        if suites_of(command):
            continue
        say(f"$ {command}")
        try:
            subprocess.run(command, shell=True, cwd=checkout, env=environment, check=True,
                           stdin=subprocess.DEVNULL, timeout=LIMIT)
        except subprocess.SubprocessError as error:
            say(str(error))
            return {TEST: "fail"}
    return {TEST: "pass"}


def main() -> int:
    choice.main()
    results = run(GUIDE.read_text(encoding="utf-8"), outfolder.claim("guide"))
    for name, result in results.items():
        print(f"{name}: {result}")
    return 0 if all(result == "pass" for result in results.values()) else 1


if __name__ == "__main__":
    report.main(main)
