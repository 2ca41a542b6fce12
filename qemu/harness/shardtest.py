# SPDX-License-Identifier: GPL-2.0
"""Tests the shards of `make check` with guests: runs two suites as a whole of two shards, one of them
divided, and merges the results. A merge must fail if a shard is missing or is of other sources.
"""
import dataclasses
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from qemu.base import choice, outfolder, report, seed
from qemu.base.choice import Shard
from qemu.base.report import say
from qemu.harness import shards, suites
from qemu.harness.results import Record

# A suite of one program, and one that is divided.
SUITES = ("pair", "vga")
COUNT = 2
TOTAL = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.M)


def program(name: str, *argv: str, **env: str) -> subprocess.CompletedProcess:
    """Runs a program of this folder for the two suites; shows its messages."""
    only = [word for suite in SUITES for word in ("--only", suite)]
    done = subprocess.run([sys.executable, "-m", f"qemu.harness.{name}", "check", *argv, *only],
                          env={**os.environ, **env}, text=True, stdout=subprocess.PIPE,
                          stderr=None if name == "check" else subprocess.STDOUT)
    say(done.stdout)
    return done


def total(text: str) -> tuple[int, ...]:
    match = TOTAL.search(text)
    return tuple(map(int, match.groups())) if match else ()


def folder_of(driver: str, number: int) -> Path:
    return outfolder.OUT / outfolder.of_run("check", driver, choice.kernel(), Shard(number, COUNT))


def refused(driver: str, message: str, *folders: Path) -> str:
    """Returns what is wrong if a merge of these folders does not fail with this message."""
    done = program("merge", *map(str, folders), "--driver", driver)
    good = done.returncode == 1 and message in done.stdout
    return "" if good else f"the merge must fail with {message!r}, but ended with {done.returncode}"


def missing_shard(driver: str) -> str:
    return refused(driver, f"shard 2/{COUNT} is missing", folder_of(driver, 1))


def other_sources(driver: str, scratch: Path) -> str:
    second = folder_of(driver, 2)
    record = Record.load(second / "part.json")
    assert record
    header = dataclasses.replace(record.header, sources="0123456789abcdef")
    dataclasses.replace(record, header=header).save(scratch / "part.json")
    return refused(driver, "was made from other sources", folder_of(driver, 1), scratch)


def merged(driver: str, totals: list[tuple[int, ...]]) -> str:
    """Merges both shards; returns what is wrong with the result."""
    done = program("merge", "--driver", driver,
                   *(str(folder_of(driver, number)) for number in range(1, COUNT + 1)))
    added = tuple(sum(column) for column in zip(*totals))
    if total(done.stdout) != added or done.returncode != bool(added[1]):
        return f"the merged run has {total(done.stdout)}, the shards have {totals}"
    record = Record.load(outfolder.OUT / outfolder.of_run("check", driver, choice.kernel())
                         / "part.json")
    names = {"@".join(name.split("@")[:2]) for name in record.results} if record else set()
    wanted = {f"{suite.name}@{one}" for suite in suites.choose("check", driver, SUITES)
              for one in suite.programs}
    return "" if names == wanted else f"the merged run lacks {wanted - names}"


def main() -> int:
    driver = choice.driver()
    if choice.shard():
        raise report.Failure("`make shardtest` chooses its shards: run it without SHARD=")
    divided = [len(one) for one in shards.plan(suites.choose("check", driver, SUITES), COUNT)]
    assert sum(divided) > len(SUITES), "no suite is divided"
    number = str(seed.choose())
    totals = []
    for index in range(1, COUNT + 1):
        shutil.rmtree(folder_of(driver, index), ignore_errors=True)
        done = program("check", "--driver", driver, SHARD=f"{index}/{COUNT}", VIRTGPU_SEED=number)
        totals.append(total(done.stdout))
    scratch = outfolder.claim("shardtest")
    wrong = {"shards": "" if all(one and not one[1] for one in totals) else "a shard failed"}
    if not wrong["shards"]:
        wrong |= {"missing": missing_shard(driver), "sources": other_sources(driver, scratch),
                  "merged": merged(driver, totals)}
    for name, text in wrong.items():
        print(f"shardtest@{name}: {'fail: ' + text if text else 'pass'}")
    bad = sum(map(bool, wrong.values()))
    print(f"{len(wrong) - bad} passed, {bad} failed, 0 skipped")
    return 1 if bad else 0


if __name__ == "__main__":
    report.main(main)
