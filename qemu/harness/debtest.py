# SPDX-License-Identifier: GPL-2.0
"""Tests the package of the Rust driver without installing it: dpkg must not install it beside the other
one; its build script runs in a root with the compilers, as DKMS does; and a guest loads the module.

The headers are those of the distribution, without the metadata of the kernel's Rust crates.
"""
import shutil
from pathlib import Path

from qemu.base import choice, kernels, outfolder, report, sandbox
from qemu.base.report import Failure, step
from qemu.build import build, deb
from qemu.harness import check
from qemu.harness.expectations import BAD_VERDICTS
from qemu.harness.suites import Suite
from qemu.images import environment, kernelsource, packagedkernel, rustkernel
from qemu.images.target import Environment, Target

MODULE = "rust/virtgpu_rs.ko"
SUITE = Suite("package", ("virtgpu_display",), 300, {"connected": 2})


def kernel_binds(target: Target, root: Path) -> list[tuple[Path, Path]]:
    """Returns the binds of the headers. Unlike in other builds, they leave /usr/src/rustc-* visible."""
    found = [(source, Path(where)) for source, where in
             packagedkernel.kernel_binds(root, target.version, target.kernel) if where != "/usr/src"]
    for headers in (target.kernel / "usr/src").glob("linux-headers-*"):
        where = Path("usr/src") / headers.name
        (root / where).mkdir(exist_ok=True)
        found.append((headers, "/" / where))
    return found


def script(target: Target, sources: Path, archive: Path, root: Path) -> str:
    """Runs the build script of the unpacked package for a kernel and returns its output."""
    return sandbox.run(root, ["sh", sources / "build.sh", target.version,
                              f"/usr/lib/modules/{target.version}/build", archive],
                       read=[archive.parent], write=[sources],
                       binds=kernel_binds(target, root))


def unpack(package: Path, root: Path, folder: Path) -> Path:
    """Unpacks a package and returns the folder that DKMS copies and builds in."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    sandbox.run(root, ["dpkg-deb", "-x", package, folder], read=[package.parent], write=[folder])
    return folder / f"usr/src/virtgpu-rust-{deb.version()}"


# What dpkg knows about a package that is installed.
INSTALLED = """\
Package: {name}
Status: install ok installed
Priority: optional
Section: kernel
Maintainer: The virtgpu authors <maintainers@virtgpu.example>
Architecture: all
Version: 0
Description: the other driver
"""


def conflict(packages: dict[str, Path], folder: Path) -> str:
    """Returns what is wrong if dpkg would install a package beside the one of the other driver."""
    for driver, other in (("c", "rust"), ("rust", "c")):
        database = folder / f"dpkg-{driver}"
        shutil.rmtree(database, ignore_errors=True)
        for name in ("info", "triggers", "updates"):
            (database / name).mkdir(parents=True)
        installed = deb.PACKAGES[other]
        (database / "status").write_text(INSTALLED.format(name=installed))
        (database / f"info/{installed}.list").write_text("/.\n")
        wanted = f"{deb.PACKAGES[driver]} conflicts with {installed}"
        try:
            sandbox.run(deb.root(), ["dpkg", f"--admindir={database}", "--force-depends", "--no-act",
                                     "-i", packages[driver]], write=[folder])
        except Failure as failure:
            if wanted in str(failure):
                continue
            return str(failure)
        return f"dpkg must say {wanted!r}, but installs both"
    return ""


def without_source(target: Target, sources: Path, root: Path) -> str:
    """Returns what is wrong with the message if the kernel's source is not installed."""
    try:
        script(target, sources, sources.parent / "missing.tar.xz", root)
    except Failure as failure:
        wanted = f"Install linux-source-{kernels.series_of(target.version)}."
        return "" if wanted in str(failure) else f"the message lacks {wanted!r}: {failure}"
    return "the build must fail without the kernel's source"


def information(module: Path, root: Path) -> dict[str, str]:
    """Returns what modinfo shows; of several lines with one name the first."""
    text = sandbox.run(root, ["modinfo", module], read=[module.parent])
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        found.setdefault(name, value.strip())
    return found


def built(target: Target, sources: Path, root: Path) -> str:
    """Builds the module; returns what is wrong with it."""
    with step(f"{deb.PACKAGES['rust']} for {target.version}"):
        script(target, sources, kernelsource.package(target) / kernelsource.SOURCE, root)
    found = information(sources / MODULE, root)
    wanted = {"version": deb.version(), "alias": "virtio:d00000010v*"}
    wrong = [f"{name} is {found.get(name)}" for name, value in wanted.items()
             if found.get(name) != value]
    if found.get("vermagic", "").split()[:1] != [target.version]:
        wrong.append(f"vermagic is {found.get('vermagic')}")
    return "; ".join(wrong)


def shows_pictures(target: Environment, module: Path, folder: Path) -> str:
    """Loads the module in a guest and runs a test that shows pictures; returns what is wrong."""
    modules = folder / "modules"
    modules.mkdir(exist_ok=True)
    sandbox.run(target.root, ["strip", "--strip-debug", "-o", modules / module.name, module],
                read=[module.parent], write=[modules])
    run = check.Run("rust", target, folder, modules=modules, tests=build.tests(target))
    ended = run.programs(SUITE)
    bad = [name for name, outcome in ended.results.items()
           if run.expected.verdict(name, outcome.result) in BAD_VERDICTS]
    return "; ".join([*bad, *ended.trouble])


def main() -> int:
    choice.check_driver("rust", choice.kernel())
    target = environment.prepare(choice.kernel())
    folder = outfolder.claim("debtest")
    root = rustkernel.root()
    packages = deb.make(folder)
    sources = unpack(packages["rust"], deb.root(), folder / "unpacked")
    tests = {"conflict": lambda: conflict(packages, folder),
             "without-source": lambda: without_source(target, sources, root),
             "builds": lambda: built(target, sources, root),
             "shows-pictures": lambda: shows_pictures(target, sources / MODULE, folder)}
    passed = 0
    # Each needs those before it.
    for name, run in tests.items():
        wrong = run()
        print(f"package@{name}: {'fail: ' + wrong if wrong else 'pass'}")
        if wrong:
            print(f"{passed} passed, 1 failed, 0 skipped")
            return 1
        passed += 1
    print(f"{passed} passed, 0 failed, 0 skipped")
    return 0


if __name__ == "__main__":
    report.main(main)
