# SPDX-License-Identifier: GPL-2.0
"""Makes the patches in docs/upstream/rust/, which add the crates to the kernel's tree.

    rustseries.py           writes the patches
    rustseries.py build     applies them one after the other to the kernel's source. After each patch it
                            runs checkpatch, and builds the crate `kernel` with DRM and virtio built in

The patches are made of the crates. `make lint` fails if the patches in the repository are not those that
this makes, so they have the code that the tests run.
"""
import difflib
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qemu.base import choice, outfolder, report, sandbox
from qemu.base.paths import TOP
from qemu.base.report import Failure, say, step
from qemu.images import environment, kernelsource, rustkernel, upstreamdrm
from qemu.images.target import Target
from qemu.lint import checkpatch, inkernel

FOLDER = TOP / "docs/upstream/rust"
VIRTIO = TOP / "rust/virtio"
HELPERS = TOP / "rust/bindings/helpers.c"
AUTHORS = "The virtgpu authors <maintainers@virtgpu.example>"
# The files of the kernel that the patches change.
CHANGED = ("MAINTAINERS", "rust/bindings/bindings_helper.h", "rust/helpers/helpers.c",
           "rust/kernel/lib.rs")
# The kernel needs these to have the crates.
OPTIONS = (*upstreamdrm.OPTIONS, "VIRTIO_MENU=y", "VIRTIO_PCI=y")
WANTED = (*upstreamdrm.WANTED, "VIRTIO=y")
# Columns of a patch's description.
MESSAGE_WIDTH = 72
# checkpatch requires an entry in MAINTAINERS in each patch that adds a file. The first patch has it.
IGNORED = "FILE_PATH_CHANGES"
# Sentences of a file that only make sense in this repository, and what replaces them.
ELSEWHERE = {
    "bind.rs": (
        " docs/upstream/virtio-reset-lock.patch would make that unnecessary, and excludes\n"
        "//! it, because it takes the two locks in the opposite order.", "")}
# Until the queues are added, nothing uses the functions for them.
UNUSED_YET = "#[allow(dead_code)] // Used by the next patch.\n"


@dataclass(frozen=True)
class Step:
    """A patch, described for its reviewers."""
    name: str
    subject: str
    why: str
    # The modules of the crate that it adds, and the items that the crate then exports.
    modules: tuple[str, ...] = ()
    # The patch also adds the helpers in C, and what bindgen reads.
    has_helpers: bool = False


STEPS = (
    Step("helpers", "rust: helpers: Add helpers for virtio", """\
The abstractions for virtio drivers in Rust, which follow, need the C headers
of virtio in the bindings, and inline functions of virtio core as helpers.

Most of them call one inline function or one of the bus's operations. Others
are macros in C, like the accesses to the configuration space, or loops with
macros, like the wait for resets of the PCI bus.""", has_helpers=True),
    Step("bytes", "rust: virtio: Add structs that are sent as bytes", """\
Requests and responses of a virtio device are structs of its protocol. A
driver sends them as bytes. Padding is not initialized memory, which must not
be sent, and not every type is valid for all bytes that a device may answer.

The macro byte_structs!() declares such structs. It does not compile if a
field may not be sent or received, or if there is padding.""", ("bytes",)),
    Step("bus", "rust: virtio: Add the bus: devices and drivers", """\
Add the abstractions of struct virtio_device and struct virtio_driver.

What the driver has started on a device belongs to the binding of the device
(devres). It ends in the right order when the driver leaves, whatever the
driver does with the values that stand for it.

Accesses to the configuration space are checked: at compile time against the
struct of the kind of device, at run time against the size of the space,
because virtio-pci calls BUG() for an access beyond its end.

A PCI reset calls the driver without the lock of the virtio device. Probe
and remove therefore hold the lock of the parent, too.""",
         ("bind", "config", "device", "driver", "rings")),
    Step("virtqueue", "rust: virtio: Add virtqueues", """\
Add virtqueues that own their buffers. Virtqueue::add() takes a Chain, which
has a request, a payload, room for the response, and data of the driver.
Virtqueue::get_buf() returns it when the device has used it. In between there
is no value for it, so safe code can neither access nor free memory that the
device uses.

The queues end with the binding of the device: they are taken away from their
users, the device is reset, and then their memory is freed.""", ("virtqueue",)),
    Step("wait", "rust: virtio: Add wait queues", """\
Add wait queues for drivers that wait for an answer of the device, with and
without a time limit, and killable.""", ("wait",)),
    Step("lock", "rust: virtio: Add a spin lock for softirqs", """\
A driver that takes answers off a virtqueue in softirq saves the switch to
another thread. It shares data with process context, which must not be
interrupted by a softirq that waits for the same lock.

SpinLockBh disables softirqs while it is held. In a panic, when interrupts
are disabled, try_lock() leaves softirqs alone.""", ("lock",)),
)


def _inserted(text: str, before: str, new: str) -> str:
    """Inserts lines before a line that occurs once."""
    if text.count(before) != 1:
        raise Failure(f"the kernel's source has no single {before!r}")
    return text.replace(before, new + before)


def _maintained(text: str) -> str:
    """Adds the files to virtio core's section."""
    head, mark, rest = text.partition("\nVIRTIO CORE\n")
    if not mark:
        raise Failure("MAINTAINERS has no section VIRTIO CORE")
    after = "F:\ttools/virtio/\n"
    new = "F:\trust/helpers/virtio.c\nF:\trust/kernel/virtio*\n"
    return head + mark + rest.replace(after, new + after, 1)


def _header(text: str, names: list[str]) -> str:
    """Adds headers of virtio to what bindgen reads."""
    lines = "".join(f"#include <linux/{name}.h>\n" for name in names)
    return _inserted(text, "#include <linux/wait.h>\n", lines)


def _top(text: str, modules: set[str]) -> str:
    """Returns the crate's first file as it is when only some modules have been added."""
    lines = []
    for line in text.splitlines(keepends=True):
        match = re.match(r"(?:pub )?(?:mod (\w+);|use (\w+)::)", line)
        if match and (match[1] or match[2]) not in modules:
            continue
        if line in ("mod bind;\n", "mod rings;\n") and "virtqueue" not in modules:
            line = UNUSED_YET + line
        lines.append(line)
    kept = "".join(lines)
    if "driver" not in modules:
        kept = kept.partition("\n/// Declares a kernel module")[0].rstrip() + "\n"
    return kept


def sources() -> dict[str, str]:
    """Returns the files of the crate, as they are in the kernel."""
    found = {}
    for path in sorted(VIRTIO.glob("*.rs")):
        text = path.read_text()
        if path.name in ELSEWHERE:
            old, new = ELSEWHERE[path.name]
            if text.count(old) != 1:
                raise Failure(f"{path.name} does not say {old!r}")
            text = text.replace(old, new)
        found[path.stem] = inkernel.module(text, "virtio")
    return found


def states(kernel: Mapping[str, str], files: dict[str, str], helpers: str) -> list[dict[str, str]]:
    """Returns the contents of all files after each step, beginning with the kernel's own."""
    now = dict(kernel)
    found = [dict(now)]
    modules: set[str] = set()
    headers = re.findall(r"^#include <linux/(virtio(?:_(?!gpu)\w+)?)\.h>$",
                         (TOP / "rust/bindings/helper.h").read_text(), re.M)
    for one in STEPS:
        if one.has_helpers:
            now["MAINTAINERS"] = _maintained(now["MAINTAINERS"])
            now["rust/bindings/bindings_helper.h"] = _header(
                now["rust/bindings/bindings_helper.h"], headers)
            now["rust/helpers/virtio.c"] = helpers
            now["rust/helpers/helpers.c"] = _inserted(
                now["rust/helpers/helpers.c"], '#include "vmalloc.c"\n',
                '#if defined(CONFIG_PCI) && defined(CONFIG_VIRTIO)\n#include "virtio.c"\n#endif\n')
        if one.modules and not modules:
            now["rust/kernel/lib.rs"] = _inserted(
                now["rust/kernel/lib.rs"], "pub mod workqueue;\n",
                '#[cfg(all(CONFIG_PCI, CONFIG_VIRTIO = "y"))]\npub mod virtio;\n')
        modules |= set(one.modules)
        if modules:
            now["rust/kernel/virtio.rs"] = _top(files["virtio"], modules)
        for name in one.modules:
            now[f"rust/kernel/virtio/{name}.rs"] = files[name]
        found.append(dict(now))
    return found


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Returns the changes as git writes them."""
    text = ""
    for path in sorted(after):
        if before.get(path) == after[path]:
            continue
        is_new = path not in before
        lines = list(difflib.unified_diff(before.get(path, "").splitlines(keepends=True),
                                          after[path].splitlines(keepends=True),
                                          "/dev/null" if is_new else f"a/{path}", f"b/{path}"))
        text += f"diff --git a/{path} b/{path}\n" + ("new file mode 100644\n" if is_new else "")
        text += "".join(lines)
    return text


def patch(number: int, one: Step, changes: str) -> str:
    """Returns a patch as `git format-patch` writes it."""
    why = "\n\n".join(textwrap.fill(text, MESSAGE_WIDTH) for text in one.why.split("\n\n"))
    return (f"From: {AUTHORS}\nSubject: [PATCH {number}/{len(STEPS)}] {one.subject}\n\n{why}\n\n"
            f"Signed-off-by: {AUTHORS}\n---\n{changes}")


def _format(files: dict[str, str], folder: Path) -> dict[str, str]:
    """Formats Rust sources with rustfmt, by the kernel's rules."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(TOP / "rustfmt.toml", folder / ".rustfmt.toml")
    for name, text in files.items():
        (folder / f"{name}.rs").write_text(text)
    # Without the first file, which would have rustfmt look for the others in another folder.
    names = [folder / f"{name}.rs" for name in files if name != "virtio"]
    sandbox.run(rustkernel.root(), ["rustfmt", "--config", "skip_children=true", *names], write=[folder])
    return {name: (folder / f"{name}.rs").read_text() for name in files}


def make(target: Target, folder: Path) -> dict[str, str]:
    """Returns the patches by the names of their files."""
    source = kernelsource.tool(target, *CHANGED)
    kernel = {name: (source / name).read_text() for name in CHANGED}
    raw = {path.stem: path.read_text() for path in VIRTIO.glob("*.rs")}
    headers = ("linux/pci.h", "linux/platform_device.h", "linux/scatterlist.h", "linux/virtio.h",
               "linux/virtio_config.h", "xen/xen.h")
    helpers = ("// SPDX-License-Identifier: GPL-2.0\n\n"
               + "".join(f"#include <{name}>\n" for name in headers) + "\n"
               + inkernel.helpers(HELPERS.read_text(), inkernel.helpers_of(raw.values())))
    found = states(kernel, _format(sources(), folder), helpers)
    return {f"{number:04}-rust-virtio-{one.name}.patch": patch(number, one, difference(before, after))
            for number, (one, before, after) in enumerate(zip(STEPS, found, found[1:]), 1)}


def stale(target: Target, folder: Path) -> list[str]:
    """Returns a message for each patch that is not what the crates give."""
    wanted = make(target, folder)
    there = {path.name: path.read_text() for path in FOLDER.glob("*.patch")}
    return [f"docs/upstream/rust/{name} is not what the crates give: run `make upstream-series`"
            for name in sorted(wanted.keys() | there.keys()) if wanted.get(name) != there.get(name)]


def _configure(target: Target, root: Path, folder: Path) -> None:
    """Unpacks the kernel's source into a folder, and configures it."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "source").mkdir(parents=True)
    kernelsource.unpack_tree(target, folder / "source")
    (folder / "options").write_text("".join(f"CONFIG_{one}\n" for one in OPTIONS))
    _make(target, root, folder, f"KCONFIG_ALLCONFIG={folder}/options", "allnoconfig")
    config = (folder / "out/.config").read_text().splitlines()
    lost = [one for one in WANTED if f"CONFIG_{one}" not in config]
    if lost:
        raise Failure(f"the kernel cannot be configured with {', '.join(lost)}")
    with step("the kernel's crates, without the patches"):
        _make(target, root, folder, "modules_prepare")


def _make(target: Target, root: Path, folder: Path, *argv: str) -> str:
    return sandbox.run(root, ["make", "-s", "-C", folder / "source", f"O={folder}/out",
                              f"CC={target.gcc}", f"HOSTCC={target.gcc}", f"-j{os.cpu_count()}",
                              "KRUSTFLAGS=-Dwarnings", *argv], write=[folder])


def build(target: Target, folder: Path) -> int:
    """Applies, checks and builds each patch; returns how many are not good."""
    root = rustkernel.root()
    _configure(target, root, folder)
    bad = 0
    for path in sorted(FOLDER.glob("*.patch")):
        says = checkpatch.complaints(target, [f"--ignore={IGNORED}"], [path], FOLDER)
        sandbox.run(target.root, ["busybox", "patch", "-p1", "-i", path], read=[FOLDER],
                    write=[folder], cwd=folder / "source")
        try:
            with step(path.name):
                says += _make(target, root, folder, "rust/")
        except Failure as failure:
            says += str(failure)
        print(f"{path.name}: {says.strip() or 'applies, checkpatch does not complain, builds'}")
        bad += bool(says.strip())
    return bad


def main() -> int:
    target = environment.prepare(choice.kernel())
    folder = outfolder.claim("rust-series")
    if sys.argv[1:] == ["build"]:
        return 1 if build(target, folder / "build") else 0
    patches = make(target, folder / "format")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.patch"):
        path.unlink()
    for name, text in patches.items():
        (FOLDER / name).write_text(text)
        say(f"docs/upstream/rust/{name}")
    return 0


if __name__ == "__main__":
    report.main(main)
