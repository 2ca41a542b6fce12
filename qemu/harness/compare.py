# SPDX-License-Identifier: GPL-2.0
"""Compares drivers; only results of the same sources, kernel and accelerator are comparable."""
from pathlib import Path

from qemu.base import choice, outfolder
from qemu.harness.results import Record
from qemu.harness.suites import ALL

# Our two drivers; their results must be equal.
OURS = ("c", "rust")
# Tests that are not compared: suites that only one of our two drivers has, and KUnit suites, which
# test a driver's own functions.
ALONE = ("virtgpu_kunit@",
         *(f"{suite.name}@" for suite in ALL if len(set(suite.drivers) & set(OURS)) == 1))


def others(record: Record, out: Path) -> list[Record]:
    """Returns the complete results of other drivers that are comparable with these."""
    found = []
    for driver in choice.DRIVERS:
        folder = outfolder.of_run(record.header.scope, driver, choice.kernel())
        other = Record.load(out / folder / "results.json")
        if (driver != record.driver and other and other.complete
            and other.header.comparable(record.header)):
            found.append(other)
    return found


def rows(records: list[Record]) -> list[tuple[str, list[str]]]:
    """Returns the tests whose results differ between drivers, with the result of each driver."""
    words = [record.words() for record in records]
    names = sorted({name for results in words for name in results if not name.startswith(ALONE)})
    found = ((name, [results.get(name, "-") for results in words]) for name in names)
    return [(name, results) for name, results in found if len(set(results)) > 1]


def side_by_side(records: list[Record]) -> str:
    """Formats the number of each result by driver, and the tests that differ."""
    records = sorted(records, key=lambda record: choice.DRIVERS.index(record.driver))
    words = [list(record.words().values()) for record in records]
    lines = [f"{'':<12}" + "".join(f"{record.driver:>8}" for record in records)]
    for kind in sorted({result for results in words for result in results}):
        lines.append(f"{kind:<12}" + "".join(f"{results.count(kind):>8}" for results in words))
    lines += ["", "Where they differ:"]
    lines += [f"  {name:<72}" + "".join(f"{result:>12}" for result in results)
              for name, results in rows(records)]
    return "\n".join(lines)


def differences(record: Record, found: list[Record], known: list[str], excused) -> list[str]:
    """Returns the differences between our two drivers; each is an error. Tests in `known` are left
    out because they failed anyway, and those that `excused` accepts because their results vary."""
    other = next((one for one in found if {one.driver, record.driver} == set(OURS)), None)
    if not other:
        return []
    return [f"{name}: {results[0]} in {record.driver}, {results[1]} in {other.driver}"
            for name, results in rows([record, other])
            if name not in known and not excused(name)]
