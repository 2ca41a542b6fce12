# SPDX-License-Identifier: GPL-2.0
"""Builds mutants: in a copy of the sources, one mutant at a time is compiled.

The build of the unchanged sources is kept and copied back before each mutant with the modification
times of its files, because make then compiles only what the mutant changes.
"""
import hashlib
import os
import shutil
from pathlib import Path

from qemu.base import cache, report, sandbox
from qemu.base.paths import TOP
from qemu.build import build, kunit
from qemu.images import candidate, rustkernel
from qemu.images.target import Target
from qemu.mutants.patch import Mutant

# The folders that a driver is compiled from. The Rust driver uses a header of the C driver.
PARTS = {"c": ("drm", "uapi"), "rust": ("drm", "rust", "uapi")}
# The folder whose modules are built; the others are only read.
BUILT = {"c": "drm", "rust": "rust"}

# A short version of the top-level Makefile: only the part that builds modules.
MAKEFILE = """# SPDX-License-Identifier: GPL-2.0
modules:
	$(MAKE) -C $(KDIR) M=$(CURDIR) MO=$(MO) modules
"""


def sources(driver: str) -> dict[str, bytes]:
    """Returns the files of the working tree that a module is built from, by path."""
    found = {"Makefile": MAKEFILE.encode(),
             "Kbuild": f"# SPDX-License-Identifier: GPL-2.0\nobj-m += {BUILT[driver]}/\n".encode()}
    for part in PARTS[driver]:
        for path in sorted((TOP / part).rglob("*")):
            if path.is_file():
                found[str(path.relative_to(TOP))] = path.read_bytes()
    return found


def fingerprint(mutant: Mutant) -> str:
    """Returns a hash of everything that decides a mutant's result: driver, change and test."""
    digest = hashlib.sha256(repr(mutant).encode())
    files = sources(mutant.driver)
    tests = TOP / "igt-tests"
    programs = {test.split("@")[0] for test in mutant.tests}
    for path in (*sorted(tests.glob("lib/*")), *sorted(tests.glob("*.py")),
                 *sorted(tests.glob("kernel/*.c")),
                 *(tests / f"{program}.c" for program in sorted(programs))):
        if path.is_file():
            files[str(path)] = path.read_bytes()
    for name, data in sorted(files.items()):
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return digest.hexdigest()[:16]


class Workshop:
    """The folder where the mutants of a driver are built; a context manager that locks it.

    For KUnit it builds the module with the suites, which contains the driver. `module` is a sample to
    build instead of the driver."""

    def __init__(self, target: Target, driver: str, is_for_kunit: bool = False, module: str = ""):
        self.driver = driver
        self.given = target if is_for_kunit else None
        if is_for_kunit:
            self.target = kunit.builder(target, driver)
        else:
            self.target = (rustkernel.prepare if driver == "rust" else candidate.compiling)(target)
        name = f"mutants-{driver}" + ("-kunit" if is_for_kunit else "")
        self.folder = build.out(target.version) / name
        self.top = self.folder / "source"
        self.build = self.folder / "build"
        self.unbroken = self.folder / "unbroken"
        self.module = kunit.SUITES[driver] if is_for_kunit else build.MODULES[module or driver]
        self.folder.mkdir(exist_ok=True)
        self._lock = cache.locked(self.folder)
        self._sources_key = ""

    def __enter__(self):
        self._lock.__enter__()
        self._refresh()
        return self

    def __exit__(self, *args):
        self._lock.__exit__(*args)

    def key(self, mutant: Mutant) -> str:
        """Returns a hash of everything that a mutant's module is built from."""
        return cache.key(self._sources_key, repr(mutant.hunks))

    def _refresh(self) -> None:
        """Updates the copy, writes only files that changed, and builds it."""
        wanted = sources(self.driver)
        self._sources_key = cache.key(self.target.version, repr(sorted(wanted.items())))
        for path in self.top.rglob("*"):
            if path.is_file() and str(path.relative_to(self.top)) not in wanted:
                path.unlink()
        for name, data in wanted.items():
            path = self.top / name
            if not path.exists() or path.read_bytes() != data:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        # An interrupted run may have left objects of a mutant.
        if self.unbroken.exists():
            self._put_back()
        self.build.mkdir(exist_ok=True)
        what = "KUnit tests of the unbroken" if self.given else "unbroken"
        with report.step(f"{what} {self.driver} driver"):
            self._make()
        partial = self.folder / "unbroken.partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(self.build, partial, symlinks=True)
        shutil.rmtree(self.unbroken, ignore_errors=True)
        partial.rename(self.unbroken)

    def _put_back(self) -> None:
        shutil.rmtree(self.build, ignore_errors=True)
        shutil.copytree(self.unbroken, self.build, symlinks=True)

    def _make(self) -> None:
        # A mutant may leave something unused, which is no error here.
        extra = kunit.arguments(self.given, self.driver, self.build) if self.given else []
        build.make_modules(self.target, self.build,
                           ["W=", "KRUSTFLAGS=--cap-lints=warn", *extra], top=self.top)

    def _strip(self, path: Path, to: Path, *options: str) -> Path:
        sandbox.run(self.target.root, ["strip", "--strip-debug", *options, "-o", to, path],
                    read=[self.folder], write=[to.parent])
        return to

    def control(self, to: Path) -> Path:
        """Writes the unbroken module, stripped."""
        return self._strip(self.unbroken / self.module, to)

    def make(self, changed: dict[str, str], to: Path) -> Path:
        """Builds a module with changed files; raises Failure if it does not compile."""
        before = {name: (self.top / name).stat() for name in changed}
        unbroken = {name: (self.top / name).read_bytes() for name in changed}
        self._put_back()
        try:
            for name, text in changed.items():
                (self.top / name).write_text(text)
            self._make()
            return self._strip(self.build / self.module, to)
        finally:
            for name, data in unbroken.items():
                (self.top / name).write_bytes(data)
                os.utime(self.top / name, ns=(before[name].st_atime_ns, before[name].st_mtime_ns))

    def object_of(self, source: str) -> str:
        """Returns the object that a source file is compiled into."""
        if self.driver == "rust":
            return "rust/virtgpu/virtgpu.o"
        return str(Path(source).with_suffix(".o"))

    def code(self, folder: Path, source: str) -> bytes:
        """Returns the code and data of a source file's object, without line information."""
        scratch = self.folder / "stripped.o"
        self._strip(folder / self.object_of(source), scratch, "-R", ".comment", "-R", ".note*")
        return scratch.read_bytes()

    def is_same(self, source: str) -> bool:
        """Returns whether the last mutant's code equals that of the unbroken driver."""
        return self.code(self.build, source) == self.code(self.unbroken, source)
