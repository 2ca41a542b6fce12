# SPDX-License-Identifier: GPL-2.0
"""Makes an RPM package of the C driver for one kernel with Debian's rpm, and checks it with rpmlint.

This is best effort, because the package is built with the headers of a kernel of Debian, and no guest of
a distribution with RPM installs it.
"""
import datetime
import shutil
import tarfile
from pathlib import Path

from qemu.base import choice, kernels, outfolder, report, sandbox
from qemu.base.paths import TOP
from qemu.base.report import step
from qemu.build import deb
from qemu.images import environment, packagedkernel, roots
from qemu.images.target import Target

SPEC = TOP / "qemu/packages/rpm/kmod-virtgpu.spec"
RPMLINT = SPEC.parent / "rpmlint.toml"
# The files that the Debian package has, too.
SHARED = ("virtgpu-replaces.conf", "virtgpu.conf", "virtgpu-dracut.conf")


def root() -> Path:
    return roots.stable_root("rpm", "rpm, rpmlint, compiler", roots.HERE / "rpm-root.packages")


def spec(time: int) -> str:
    """Returns the spec file for the current version; the changelog has this time."""
    date = datetime.datetime.fromtimestamp(time, datetime.timezone.utc)
    text = SPEC.read_text()
    for name, value in {"VERSION": deb.version(), "KERNELS": kernels.pattern(),
                        "SERIES": " or ".join(reversed(kernels.of_driver())),
                        "DATE": date.strftime("%a %b %d %Y")}.items():
        text = text.replace(f"#{name}#", value)
    return text


def write_sources(folder: Path) -> None:
    """Writes the archive with the sources, as the spec file unpacks it."""
    name = f"virtgpu-{deb.version()}"
    tree = folder / name
    shutil.copytree(TOP / "drm", tree / "drm", ignore=shutil.ignore_patterns(*deb.LEFT_OUT))
    for path in (TOP / "COPYING", *(deb.PACKAGING / one for one in SHARED)):
        shutil.copy(path, tree)
    with tarfile.open(folder / f"{name}.tar.gz", "w:gz") as archive:
        archive.add(tree, name)
    shutil.rmtree(tree)


def make(target: Target, folder: Path) -> Path:
    """Makes the package for a kernel in a folder and returns its path; a complaint of rpmlint is an
    error."""
    scratch = folder / "build"
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch / "SOURCES").mkdir(parents=True)
    write_sources(scratch / "SOURCES")
    (scratch / SPEC.name).write_text(spec(deb.time_of_commit()))
    with step(f"kmod-virtgpu for {target.version}"):
        # --nodeps: the root's packages are Debian's, of which rpm knows nothing.
        sandbox.run(root(), ["rpmbuild", "-bb", "--nodeps", "--define", f"_topdir {scratch}",
                             "--define", f"_dbpath {scratch}/db",
                             "--define", f"kversion {target.version}", scratch / SPEC.name],
                    write=[scratch], cwd=scratch,
                    binds=packagedkernel.kernel_binds(root(), target.version, target.kernel))
        package = next((scratch / "RPMS").rglob("*.rpm"))
        text = sandbox.run(root(), ["rpmlint", "--strict", "--config", RPMLINT, package],
                           read=[scratch, RPMLINT.parent], cwd=scratch)
    report.say(text.rstrip())
    return Path(shutil.copy(package, folder / package.name))


def main() -> int:
    print(make(environment.chosen_kernel(choice.kernel()), outfolder.claim("rpm")))
    return 0


if __name__ == "__main__":
    report.main(main)
