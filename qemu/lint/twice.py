# SPDX-License-Identifier: GPL-2.0
"""What writing the driver twice taught: the lines of each part in C and in Rust, and the faults of one
driver that the other one showed.

    twice.py [--docs]

Comments, blank lines, KUnit tests and what only older kernels need are not counted. --docs writes the
tables to docs/rust.md. Needs the history of the repository.
"""
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from qemu.base import tables
from qemu.base.paths import TOP
from qemu.base.report import Failure
from qemu.lint import ledger

DOCS = TOP / "docs" / "rust.md"


@dataclass(frozen=True)
class Part:
    """A part of both drivers, by the folders or files that it has in each."""
    name: str
    c: tuple[str, ...]
    rust: tuple[str, ...]


# The Rust driver has the protocol in gpu.rs, the C driver uses the kernel's header.
PARTS = (
    Part("transport", ("drm/transport",), ("rust/virtgpu/transport", "rust/virtgpu/gpu.rs")),
    Part("memory", ("drm/memory",), ("rust/virtgpu/memory",)),
    Part("display", ("drm/display",), ("rust/virtgpu/display",)),
    Part("render", ("drm/render",), ("rust/virtgpu/render",)),
    Part("probe, power, resets, debugfs", ("drm/*.[ch]",), ("rust/virtgpu/[!g]*.rs",)),
)
# What only the driver in Rust needs. The crates are of use for other drivers, except virtgpu_c.
CRATES = (
    Part("crate `virtgpu_c`", (), ("rust/virtgpu_c",)),
    Part("crate `drm`", (), ("rust/drm",)),
    Part("crate `virtio`", (), ("rust/virtio",)),
    Part("C helpers of the crates", ("rust/bindings/*.[ch]",), ()),
)

# Subjects of commits that fix a fault of one driver which the other driver did not have.
FOUND = {
    "C": (
        "drm/virtgpu: a PCI reset waits for all of a probe",
        "drm/virtgpu: pm: a resume that failed keeps the saved heads",
        "drm/virtgpu: creating resources again after a reset waits for memory",
        "drm/virtgpu: no mapping of host memory outlives the device",
    ),
    "Rust": (
        "rust: life: the device is judged as soon as it has answered",
        "rust: virtgpu: a resource is not lost for lack of memory",
        "rust: drm: a device signals the fences that its driver leaves behind",
        "rust: drm, virtio: faults that a review of the new parts found",
        "rust: virtgpu: faults that a comparison with the C driver found",
        "rust: drm: no reservation is taken under the lock of the mappings",
    ),
}


def _files(pattern: str) -> list[Path]:
    """Returns the sources below a folder, or those that a pattern matches."""
    folder = TOP / pattern
    return sorted(path for path in (folder.rglob("*") if folder.is_dir() else TOP.glob(pattern))
                  if path.suffix in (".c", ".h", ".rs") and not path.name.endswith(ledger.TEST_FILE))


def lines(path: Path) -> int:
    """Counts the lines with code."""
    code = ledger.blank(ledger.TESTS.sub("", path.read_text()))
    return sum(bool(line.strip()) for line in code.splitlines())


def _sum(patterns: tuple[str, ...]) -> int:
    return sum(lines(path) for pattern in patterns for path in _files(pattern))


def _unsafe(patterns: tuple[str, ...]) -> int:
    """Counts the lines in unsafe blocks, as the ledger does."""
    count = ledger.Count()
    for pattern in patterns:
        for path in _files(pattern):
            if path.suffix == ".rs":
                ledger.count_file(path, count)
    return len(count.unsafe_lines)


def parts_table() -> str:
    """Returns the table of lines, with a row for the sum of the parts that both drivers have."""
    rows = [(part.name, _sum(part.c), _sum(part.rust), _unsafe(part.rust)) for part in PARTS]
    rows.append(("**driver**", sum(row[1] for row in rows), sum(row[2] for row in rows),
                 sum(row[3] for row in rows)))
    rows += [(part.name, _sum(part.c), _sum(part.rust), _unsafe(part.rust)) for part in CRATES]
    return "\n".join(["| part | C | Rust | in unsafe blocks |", "|---|---|---|---|",
                      *(f"| {name} | {c} | {rust} | {unsafe} |" for name, c, rust, unsafe in rows)])


def history() -> set[str]:
    """Returns the subjects of all commits."""
    return set(subprocess.run(["git", "log", "--format=%s"], cwd=TOP, check=True, text=True,
                              capture_output=True).stdout.splitlines())


def faults_table(known: set[str]) -> str:
    """Returns the table of the commits in FOUND, with their numbers. They must be known."""
    rows = []
    for language, subjects in FOUND.items():
        for number, subject in enumerate(subjects, 1):
            if subject not in known:
                raise Failure(f"no commit has the subject: {subject}")
            rows.append(f"| {language} {number} | {subject} |")
    return "\n".join(["| fault in | commit |", "|---|---|", *rows])


def main() -> int:
    found = {"twice": parts_table(), "twice-faults": faults_table(history())}
    for name, text in found.items():
        print(text)
        if "--docs" in sys.argv:
            tables.put(DOCS, name, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
