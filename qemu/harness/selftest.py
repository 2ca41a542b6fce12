# SPDX-License-Identifier: GPL-2.0
"""Checks that a run fails on kernel errors: provokes each kind in a guest.

    selftest.py [--debug] [KIND...]

Each kind is a subtest of virtgpu_complain, which provokes the error with complain.ko and itself
passes. The run must fail, and its report must show the error.
"""
import argparse
import re
from dataclasses import dataclass

from qemu.base import choice, outfolder, report
from qemu.harness import check
from qemu.harness.expectations import BAD_VERDICTS, Expectations
from qemu.harness.results import Outcome, SuiteResults
from qemu.harness.suites import Suite
from qemu.images import environment, smallkernel

PROGRAM = "virtgpu_complain"


@dataclass(frozen=True)
class Complaint:
    """One kind of kernel error, and the part of the message that the report must show."""
    name: str
    shows: str
    # The guest survives, so it can be shared with other kinds.
    is_survived: bool = True
    # Only the debug kernel detects it.
    needs_debug: bool = False


COMPLAINTS = (
    Complaint("warn", r"WARNING: .*complain"),
    Complaint("refcount", r"refcount_t: addition on 0"),
    # A taint has no message.
    Complaint("taint", r"taint"),
    Complaint("list", r"list_del corruption", False),
    Complaint("bug", r"kernel BUG at", False),
    Complaint("oops", r"BUG: kernel NULL pointer dereference", False),
    Complaint("stall", r"rcu: INFO: |watchdog: BUG: soft lockup", False),
    Complaint("hung", r"INFO: task .* blocked", False),
    Complaint("lockdep", r"possible circular locking", needs_debug=True),
    Complaint("sleep", r"BUG: sleeping function called", needs_debug=True),
    Complaint("kasan", r"BUG: KASAN: ", needs_debug=True),
)


def groups(complaints: list[Complaint]) -> list[list[Complaint]]:
    """Groups the kinds that share a guest."""
    together = [one for one in complaints if one.is_survived]
    return ([together] if together else []) + [[one] for one in complaints if not one.is_survived]


def shown(ended: SuiteResults) -> str:
    """Returns everything that the report shows about a run's failures."""
    expected = Expectations()
    logs = [result.log for name, result in ended.results.items()
            if expected.verdict(name, result.result) in BAD_VERDICTS]
    return "\n".join([*logs, *ended.trouble])


def verdict(complaint: Complaint, ended: SuiteResults, is_alone: bool) -> str:
    """Returns an empty string if the run fails for this reason, else what is wrong."""
    result = ended.results.get(f"{PROGRAM}@{complaint.name}", Outcome("not run"))
    failed = Expectations().verdict("", result.result) in BAD_VERDICTS
    if not failed and not (is_alone and ended.trouble):
        return f"the test counts as {result.result}, the run does not fail"
    text = shown(ended) if is_alone else result.log + "\n".join(ended.trouble)
    if not re.search(complaint.shows, text):
        return f"the run fails, but does not show {complaint.shows!r}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--debug", action="store_true", help="use the debug kernel")
    parser.add_argument("kinds", nargs="*", metavar="KIND",
                        help=f"one of {', '.join(one.name for one in COMPLAINTS)}")
    args = parser.parse_args()
    wanted = [one for one in COMPLAINTS if (one.name in args.kinds if args.kinds
                                            else args.debug or not one.needs_debug)]
    target = environment.prepare(choice.kernel())
    if args.debug:
        target = smallkernel.prepare(target, smallkernel.DEBUG)
    run = check.Run(choice.driver(), target, outfolder.claim("selftest"),
                    scope="debug" if args.debug else "check")
    bad = 0
    for group in groups(wanted):
        names = "-".join(one.name for one in group)
        suite = Suite(f"complain-{names}", (PROGRAM,), 120)
        ended = run.programs(suite, [f"{PROGRAM}@{one.name}" for one in group])
        for one in group:
            wrong = verdict(one, ended, len(group) == 1)
            bad += bool(wrong)
            print(f"{'FAILED' if wrong else 'noticed':<8}{one.name:<10}{wrong}")
    print(f"{len(wanted) - bad} passed, {bad} failed, 0 skipped")
    return 1 if bad else 0


if __name__ == "__main__":
    report.main(main)
