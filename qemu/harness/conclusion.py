# SPDX-License-Identifier: GPL-2.0
"""Says how a run ended: the table, what differs between drivers, why it failed, the report."""
import re
from pathlib import Path

from qemu.base import choice, outfolder
from qemu.base.paths import TOP
from qemu.harness import compare, reportpage, suites
from qemu.harness.expectations import (BAD_VERDICTS, BETTER, FAIL, FOLDER, KNOWN, PASS, SKIP,
                                       Expectations)
from qemu.harness.results import Outcome, Record
from qemu.host import kernelmessages

# The target of make of each scope.
TARGETS = {"check": "check", "full": "check-full", "debug": "check-debug",
           suites.DESKTOPS: "check-desktops", suites.ENDURANCE: "check-endurance"}
# Matches what our tests print at a check that failed.
FAILED_CHECK = re.compile(r"^\S+\.(c|rs):\d+: ")


def table(verdicts: dict[str, str]) -> str:
    """Formats a table with a row per program."""
    kinds = (PASS, KNOWN, FAIL, SKIP)
    rows: dict[str, dict[str, int]] = {}
    for name, verdict in verdicts.items():
        row = rows.setdefault(name.split("@")[0], dict.fromkeys(kinds, 0))
        row[FAIL if verdict in BAD_VERDICTS else verdict] += 1
    lines = [f"{'':<28}{'pass':>6}{'known':>7}{'FAIL':>6}{'skip':>6}"]
    for name, row in sorted(rows.items()):
        cells = "".join(f"{row[kind] or '.':>{width}}" for kind, width in
                        zip(kinds, (6, 7, 6, 6)))
        lines.append(f"{name:<28}{cells}")
    return "\n".join(lines)


def skip_reason(log: str) -> str:
    """Returns the reason that a skipped test printed."""
    lines = [line for line in log.splitlines()
             if line and not re.match(r"(Starting s|S)ubtest[: ]", line)]
    unmet = [line for line in lines if line.startswith("Test requirement: ")]
    return unmet[-1] if unmet else lines[-1] if lines else "no reason given"


def fail_reason(log: str) -> str:
    """Returns the line of a failed test's log that says most about the failure; may be empty."""
    lines = [line.strip() for line in log.splitlines()
             if line.strip() and not re.match(r"(Starting s|S)ubtest[: ]", line)]
    for pattern in (kernelmessages.BAD, re.compile("Failed assertion: "), FAILED_CHECK):
        for line in lines:
            if pattern.search(line):
                return line
    return lines[-1] if lines else ""


def explain(name: str, verdict: str, result: Outcome, driver: str) -> str:
    """Returns one line about a test that fails the run."""
    files = f"{FOLDER.relative_to(TOP)}/{'c' if driver == 'rust' else driver}"
    if verdict == BETTER:
        return f"UNEXPECTED PASS: {name}: remove it from {files}-fails.txt"
    if verdict == FAIL:
        reason = fail_reason(result.log)
        return f"FAILED: {name} ({result.result}{': ' if reason else ''}{reason})"
    return (f"UNEXPECTED SKIP: {name}: {skip_reason(result.log)} "
            f"(if this is right: {files}-may-skip.txt)")


def expectations(record: Record, driver: str) -> Expectations:
    """Returns the expectations of a driver in a run like the one of this record."""
    header = record.header
    return Expectations.of_run(driver, header.accelerator, header.kernel,
                               header.scope in suites.DEBUGGED)


def again(record: Record) -> str:
    """Returns the command that continues an interrupted run."""
    shard = f" SHARD={record.shard}" if record.shard else ""
    return f"make {TARGETS[record.header.scope]} DRIVER={record.driver}{shard} CONTINUE=1"


def conclude(record: Record, folder: Path, is_part: bool, out: Path) -> int:
    """Prints the table, differences and failures; writes the report and returns an exit status.

    `folder` is the folder of the run. Only a whole run is compared with those of other drivers.
    """
    others = [] if is_part else compare.others(record, out)
    verdicts = {one.driver: expectations(record, one.driver).verdicts(one.words())
                for one in (*others, record)}
    own = verdicts[record.driver]
    print(table(own))
    if others:
        print("\n" + compare.side_by_side([*others, record]))
    bad = sorted(name for name, verdict in own.items() if verdict in BAD_VERDICTS)
    ours = [expectations(record, driver) for driver in compare.OURS]
    differ = compare.differences(record, others, bad,
                                 lambda name: any(one.is_excused(name) for one in ours))
    lines = [*(f"DIFFERENT: {text}" for text in differ),
             *(explain(name, own[name], record.results[name], record.driver) for name in bad),
             *(f"TROUBLE: {text}" for text in record.trouble)]
    for line in lines:
        print(line)
    folders = {one.driver: out / outfolder.of_run(one.header.scope, one.driver, choice.kernel())
               for one in others}
    page = reportpage.write(out, [*others, record], verdicts, lines,
                            {**folders, record.driver: folder})
    failed = [name for name in bad if own[name] == FAIL]
    if failed:
        print(f"To run one test alone with the same seed: make test DRIVER={record.driver} "
              f"VIRTGPU_SEED={record.header.seed} NAME=igt@{failed[0]}")
    if not all(suite.finished for suite in record.suites.values()):
        print(f"A guest was lost. To run only the unfinished suites: {again(record)}")
    count = list(own.values()).count
    if count(KNOWN):
        print(f"{count(KNOWN)} failures are expected, each with its reason in "
              f"{FOLDER.relative_to(TOP)}; they count as skipped")
    print(f"Every result with its log and pictures: {page}")
    total = len(bad) + len(record.trouble) + len(differ)
    print(f"{count(PASS)} passed, {total} failed, {count(SKIP) + count(KNOWN)} skipped")
    return 1 if total else 0
