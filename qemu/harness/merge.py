# SPDX-License-Identifier: GPL-2.0
"""Merges the results of all shards of a run into one record, one table and one report.

    merge.py [check|full|debug] [--driver c|rust|stock] [--only SUITE] [FOLDER...]

A FOLDER has the results of one shard, as `make check SHARD=2/4` leaves them in out/. Without folders,
those in out/ are merged. --only is what the shards were given.
"""
import argparse
import os
import shutil
from pathlib import Path

from qemu.base import choice, outfolder, report
from qemu.base.choice import Shard
from qemu.base.report import Failure
from qemu.harness import conclusion, results, shards, suites
from qemu.harness.results import LOST, Header, Outcome, Record, SuiteResults
from qemu.harness.suites import Suite


def found(scope: str, driver: str, out: Path) -> list[Path]:
    """Returns the folders of shards in out/."""
    return sorted(out.glob(f"{outfolder.of_run(scope, driver, choice.kernel())}-shard-*-of-*"))


def origin(header: Header) -> dict[str, str]:
    """Returns what must be the same for all shards."""
    return {"kernel": header.kernel, "accelerator": header.accelerator, "scope": header.scope,
            "commit": header.commit, "seed": str(header.seed), "sources": header.sources}


def read(folders: list[Path], name: str) -> dict[Path, Record]:
    """Returns the record of each folder."""
    records = {}
    for folder in folders:
        record = Record.load(folder / name)
        if not record or not record.shard:
            raise Failure(f"{folder} has no results of a shard")
        if not record.complete:
            raise Failure(f"shard {record.shard} in {folder} was interrupted: "
                          f"{conclusion.again(record)}")
        records[folder] = record
    return records


def same_origin(records: dict[Path, Record], driver: str, scope: str, sources: str) -> None:
    """Fails if two shards cannot be of the same run, or are not of this checkout."""
    first, *rest = records
    for folder, record in records.items():
        if (record.driver, record.header.scope) != (driver, scope):
            raise Failure(f"{folder} has results of {record.driver} in {record.header.scope}, not of "
                          f"{driver} in {scope}")
        if record.header.sources != sources:
            raise Failure(f"{folder} was made from other sources than this checkout has")
    wanted = origin(records[first].header)
    for folder in rest:
        other = origin(records[folder].header)
        for key, value in wanted.items():
            if other[key] != value:
                advice = " (give all shards the same VIRTGPU_SEED=)" if key == "seed" else ""
                raise Failure(f"the shards are of different runs: {key} is {value} in {first}, but "
                              f"{other[key]} in {folder}{advice}")


def in_order(records: dict[Path, Record]) -> list[tuple[Path, Record]]:
    """Returns the records by the number of their shards; each must be there once."""
    counts = sorted({int(record.shard.partition("/")[2]) for record in records.values()})
    if len(counts) > 1:
        raise Failure(f"the folders are of runs in {' and '.join(map(str, counts))} shards: name "
                      "the folders of one run in SHARDS=")
    by_number: dict[int, tuple[Path, Record]] = {}
    for folder, record in records.items():
        number = int(record.shard.partition("/")[0])
        if number in by_number:
            raise Failure(f"shard {record.shard} is there twice: {by_number[number][0]}, {folder}")
        by_number[number] = folder, record
    for number in range(1, counts[0] + 1):
        if number not in by_number:
            _, one = next(iter(by_number.values()))
            target = conclusion.TARGETS[one.header.scope]
            raise Failure(f"shard {number}/{counts[0]} is missing: run make {target} "
                          f"DRIVER={one.driver} SHARD={number}/{counts[0]} "
                          f"VIRTGPU_SEED={one.header.seed}")
    return [by_number[number] for number in sorted(by_number)]


def _moved(outcome: Outcome, number: int, source: Path, target: Path) -> Outcome:
    """Copies the pictures of a test; shards that have a part of one suite use the same names."""
    names = []
    for name in outcome.pictures:
        if (source / name).exists():
            target.mkdir(parents=True, exist_ok=True)
            names.append(f"shard{number}-{name}")
            shutil.copy(source / name, target / names[-1])
    return Outcome(outcome.result, outcome.seconds, outcome.log, names)


def merge(ordered: list[tuple[Path, Record]], chosen: list[Suite], folder: Path) -> Record:
    """Returns one record of all shards; copies their pictures into a folder."""
    _, first = ordered[0]
    merged = Record(first.driver, first.header, complete=True)
    for suite in chosen:
        merged.suites[suite.name] = SuiteResults()
    for number, (source, record) in enumerate(ordered, 1):
        planned = {suite.name for suite in shards.part(chosen, Shard(number, len(ordered)))}
        if set(record.suites) != planned:
            raise Failure(f"shard {record.shard} in {source} has the suites "
                          f"{', '.join(record.suites)}, not {', '.join(sorted(planned))}")
        for name, part in record.suites.items():
            whole = merged.suites[name]
            whole.seconds = round(whole.seconds + part.seconds, 1)
            whole.trouble += part.trouble
            for test, outcome in part.results.items():
                # A guest that was lost before its first test has only this result.
                if test == "run" and outcome.result == LOST:
                    test = f"run-of-shard-{number}"
                if test in whole.results:
                    raise Failure(f"two shards have a result of {test}")
                whole.results[test] = _moved(outcome, number, source / name, folder / name)
    return merged


def merge_driver(driver: str, args: argparse.Namespace) -> int:
    """Merges the shards of a driver, and returns an exit status."""
    name = "part.json" if args.only else "results.json"
    chosen = suites.choose(args.scope, driver, args.only)
    folders = args.folders or found(args.scope, driver, outfolder.OUT)
    if not folders:
        raise Failure(f"out/ has no shards of {driver} to merge: run "
                      f"make {conclusion.TARGETS[args.scope]} DRIVER={driver} SHARD=1/2 and "
                      "SHARD=2/2 first")
    records = read([Path(os.path.abspath(folder)) for folder in folders], name)
    same_origin(records, driver, args.scope, results.sources())
    ordered = in_order(records)
    folder = outfolder.claim(outfolder.of_run(args.scope, driver, choice.kernel()))
    merged = merge(ordered, chosen, folder)
    merged.save(folder / name)
    return conclusion.conclude(merged, folder, bool(args.only), outfolder.OUT)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    drivers = (*choice.DRIVERS, choice.BOTH)
    parser.add_argument("scope", nargs="?", default="check", choices=list(conclusion.TARGETS))
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--driver", default=choice.driver(drivers), choices=drivers)
    parser.add_argument("--only", action="append")
    args = parser.parse_intermixed_args()
    # The second one is compared with the first.
    chosen = ("c", "rust") if args.driver == choice.BOTH else (args.driver,)
    statuses = [merge_driver(driver, args) for driver in chosen]
    return max(statuses)


if __name__ == "__main__":
    report.main(main)
