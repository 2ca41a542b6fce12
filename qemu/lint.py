#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""checkpatch and sparse over the driver, shellcheck over the scripts."""
import os
import shutil
import subprocess
import sys

import build
import report
import sandbox
import setup

TOP = setup.HERE.parent
SCRIPTS = (".ci/run", "qemu/bootstrap.sh", "qemu/guest/init", "qemu/guest/initramfs-init",
           "qemu/guest/desktop")

# Rules of checkpatch that our sources answer otherwise: locks are described in kernel-doc,
# ENOSYS is mainline's answer of this uapi, and a file list is not ours to update per commit.
IGNORED = "UNCOMMENTED_DEFINITION,ENOSYS,FILE_PATH_CHANGES"


def checkpatch(found) -> bool:
    base, _, _ = found["version"].partition("-amd64")
    script = f"/usr/src/linux-headers-{base}-common/scripts/checkpatch.pl"
    if not (found["kernel"] / script[1:]).exists():
        script = f"/usr/lib/linux-kbuild-{base}/scripts/checkpatch.pl"
    if not (found["kernel"] / script[1:]).exists():
        report.say("checkpatch: not in the kernel's header packages, skipped")
        return True
    files = sorted((TOP / "drm").glob("*.[ch]"))
    argv = ["perl", script, "--no-tree", "--strict", "--terse", "--quiet",
            "--max-line-length=100", f"--ignore={IGNORED}", "-f", *files]
    command = sandbox.command(found["root"], argv, read=[TOP],
                              binds=setup.kernel_binds(found["root"], found["version"],
                                                       found["kernel"]))
    return subprocess.run(command).returncode == 0


def sparse(found) -> bool:
    folder = build.out(found["version"]) / "sparse"
    folder.mkdir(exist_ok=True)
    text = build.make_modules(found, folder, ["C=2", "CHECK=sparse -Werror"])
    if text.strip():
        report.say(text.rstrip())
    return "warning:" not in text


def shellcheck() -> bool:
    if not shutil.which("shellcheck"):
        report.say("shellcheck: not installed, skipped")
        return True
    return subprocess.run(["shellcheck", "-s", "sh", *SCRIPTS], cwd=TOP).returncode == 0


def main() -> int:
    found = setup.prepare(os.environ.get("KVER", ""))
    verdicts = {"checkpatch": checkpatch(found), "sparse": sparse(found),
                "shellcheck": shellcheck()}
    for name, good in verdicts.items():
        print(f"{name}: {'no complaints' if good else 'complaints, see above'}")
    return 0 if all(verdicts.values()) else 1


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    report.main(main)
