# SPDX-License-Identifier: GPL-2.0
"""Makes the Debian packages of both drivers, and checks them with lintian.

A package has a driver's sources, and DKMS builds the module on the machine that installs it.
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
# The package of each driver.
PACKAGES = {"c": NAME, "rust": "virtgpu-rust-dkms"}
PACKAGING = TOP / "qemu/packages/dkms"
# KUnit tests, which are no part of the module, and what Kbuild leaves in drm/.
LEFT_OUT = ("tests", "*.o", "*.o.d", "*.ko", "*.mod", "*.mod.c", ".*.cmd", "modules.order",
            "Module.symvers", "*.rmeta", "generated.rs")
# Parts of rust/ that are no part of the module.
RUST_LEFT_OUT = ("client", "compile-fail", "kunit", "samples", "upstream", "*_tests.rs", "README.md")
# The C driver's tracepoints, which the Rust driver has, too.
TRACE = ("trace.h", "names.h")
# The files of the C package that the Rust package has with the name of its module.
ADAPTED = {"virtgpu-replaces.conf": "virtgpu_rs-replaces.conf", "virtgpu.conf": "virtgpu_rs.conf",
           "virtgpu-dracut.conf": "virtgpu_rs-dracut.conf",
           **{f"debian/{NAME}.{kind}": f"debian/{PACKAGES['rust']}.{kind}"
              for kind in ("initramfs-hook", "postinst", "postrm")}}
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


def for_rust(text: str) -> str:
    """Returns a file of the C package with the name of the module in Rust."""
    return re.sub(r"\bvirtgpu\b", "virtgpu_rs", text)


def _fill_in(path: Path) -> None:
    """Replaces what depends on the supported kernels. Only the package in Rust has a list of them."""
    names = kernels.of_driver("rust")
    driver = "rust" if path.name.startswith(PACKAGES["rust"]) else "c"
    text = path.read_text().replace("#KERNELS#", kernels.pattern(driver))
    text = text.replace("#SERIES#", " and ".join(reversed(names)))
    path.write_text(text.replace("#SOURCES#", " | ".join(f"linux-source-{name}" for name in names)))


def write_tree(folder: Path, time: int) -> None:
    """Writes the source tree of both packages; the changelog has this time."""
    shutil.copytree(PACKAGING, folder)
    shutil.copytree(TOP / "drm", folder / "drm", ignore=shutil.ignore_patterns(*LEFT_OUT))
    shutil.copytree(TOP / "rust", folder / "rust",
                    ignore=shutil.ignore_patterns(*LEFT_OUT, *RUST_LEFT_OUT))
    for name in TRACE:
        target = folder / "trace/drm/transport" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TOP / "drm/transport" / name, target)
    for source, name in ADAPTED.items():
        shutil.copy(folder / source, folder / name)
        (folder / name).write_text(for_rust((folder / source).read_text()))
    for name in ("control", *(f"{package}.dkms" for package in PACKAGES.values())):
        _fill_in(folder / "debian" / name)
    (folder / "debian/changelog").write_text(CHANGELOG.format(
        name=NAME, version=version(), date=formatdate(time).replace("-0000", "+0000")))


def make(folder: Path) -> dict[str, Path]:
    """Makes the packages in a folder and returns their paths by driver; a complaint of lintian is an
    error."""
    scratch = folder / "build"
    shutil.rmtree(scratch, ignore_errors=True)
    tree = scratch / f"{NAME}-{version()}"
    write_tree(tree, time_of_commit())
    packages = {driver: f"{name}_{version()}_all.deb" for driver, name in PACKAGES.items()}
    status = [(root() / "var/lib/dpkg", "/var/lib/dpkg")]
    with step(", ".join(packages.values())):
        # -d: nothing is compiled, so the root lacks build-essential.
        sandbox.run(root(), ["dpkg-buildpackage", "-b", "-d", "-us", "-uc"], write=[scratch],
                    cwd=tree, binds=status)
        text = sandbox.run(root(), ["lintian", "--allow-root", "--fail-on=error,warning,info",
                                    "--display-info", next(scratch.glob("*.changes"))],
                           read=[scratch], cwd=scratch, binds=status)
    if text.strip():
        report.say(text.rstrip())
    return {driver: Path(shutil.copy(scratch / name, folder / name))
            for driver, name in packages.items()}


def main() -> int:
    for path in make(outfolder.claim("deb")).values():
        print(path)
    return 0


if __name__ == "__main__":
    report.main(main)
