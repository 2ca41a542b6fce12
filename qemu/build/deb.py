# SPDX-License-Identifier: GPL-2.0
"""Makes the Debian package of the C driver, and checks it with lintian.

The package has the driver's sources, and DKMS builds the module on the machine that installs it.
"""
import re
import shutil
import subprocess
from email.utils import formatdate
from pathlib import Path

from qemu.base import kernels, outfolder, report, sandbox
from qemu.base.paths import TOP
from qemu.base.report import Failure, step
from qemu.images import roots

NAME = "virtgpu-dkms"
PACKAGING = TOP / "qemu/packages/dkms"
# KUnit tests, which are no part of the module, and what Kbuild leaves in drm/.
LEFT_OUT = ("tests", "*.o", "*.o.d", "*.ko", "*.mod", "*.mod.c", ".*.cmd", "modules.order",
            "Module.symvers")
CHANGELOG = """\
{name} ({version}) unstable; urgency=medium

  * Packaged from the sources: docs/changes.md has the changes.

 -- The virtgpu authors <maintainers@virtgpu.example>  {date}
"""


def root() -> Path:
    return roots.stable_root("deb", "debhelper, dh-dkms, lintian", roots.HERE / "deb-root.packages")


def version() -> str:
    """Returns the driver's version, which `modinfo` shows, too."""
    source = TOP / "drm/drv.c"
    match = re.search(r'^MODULE_VERSION\("(.+)"\);$', source.read_text(), re.M)
    if not match:
        raise Failure(f"{source} has no MODULE_VERSION()")
    return match[1]


def time_of_commit() -> int:
    """Returns the time of the last commit, so that the same sources make the same package."""
    done = subprocess.run(["git", "-C", TOP, "log", "-1", "--format=%ct"], capture_output=True,
                          text=True, check=False)
    if done.returncode:
        raise Failure(f"the package needs the time of the last commit: {done.stderr}")
    return int(done.stdout)


def write_tree(folder: Path, time: int) -> None:
    """Writes the package's source tree; the changelog has this time."""
    shutil.copytree(PACKAGING, folder)
    shutil.copytree(TOP / "drm", folder / "drm", ignore=shutil.ignore_patterns(*LEFT_OUT))
    dkms = folder / f"debian/{NAME}.dkms"
    dkms.write_text(dkms.read_text().replace("#KERNELS#", kernels.pattern()))
    (folder / "debian/changelog").write_text(CHANGELOG.format(
        name=NAME, version=version(), date=formatdate(time).replace("-0000", "+0000")))


def make(folder: Path) -> Path:
    """Makes the package in a folder and returns its path; a complaint of lintian is an error."""
    scratch = folder / "build"
    shutil.rmtree(scratch, ignore_errors=True)
    tree = scratch / f"{NAME}-{version()}"
    write_tree(tree, time_of_commit())
    package = f"{NAME}_{version()}_all.deb"
    status = [(root() / "var/lib/dpkg", "/var/lib/dpkg")]
    with step(package):
        # -d: nothing is compiled, so the root lacks build-essential.
        sandbox.run(root(), ["dpkg-buildpackage", "-b", "-d", "-us", "-uc"], write=[scratch],
                    cwd=tree, binds=status)
        text = sandbox.run(root(), ["lintian", "--allow-root", "--fail-on=error,warning,info",
                                    "--display-info", next(scratch.glob("*.changes"))],
                           read=[scratch], cwd=scratch, binds=status)
    if text.strip():
        report.say(text.rstrip())
    return shutil.copy(scratch / package, folder / package)


def main() -> int:
    print(make(outfolder.claim("deb")))
    return 0


if __name__ == "__main__":
    report.main(main)
