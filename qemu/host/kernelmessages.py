# SPDX-License-Identifier: GPL-2.0
"""Matches kernel messages and taints that mean that something went wrong."""
import re

# After one of these the kernel is unreliable, so the run ends.
FATAL = re.compile(
    r"\bBUG: (?!KASAN|KFENCE|KCSAN|sleeping function|scheduling while atomic"
    r"|workqueue lockup|Invalid wait context)"
    r"|kernel BUG at |Oops: |Kernel panic|general protection fault"
    r"|Unable to handle kernel|INFO: task .* blocked .*for more than"
    r"|rcu: INFO: .*detected .*stall|watchdog: BUG: ")
# Each of these fails the test during which it appears. Lockdep's reports begin with "WARNING: " or
# "[ BUG: ", those of slab debugging with "BUG name (".
BAD = re.compile(
    FATAL.pattern
    + r"|\bWARNING: |\bBUG: |\[ BUG: |BUG [\w:-]+ \((Not tainted|Tainted)|refcount_t: "
    r"|list_(add|del) corruption|UBSAN: |KASAN: |KFENCE: |ODEBUG: "
    r"|DMA-API: .*(: |\])device driver |INFO: trying to register non-static key"
    r"|INFO: lockdep is turned off|workqueue lockup|Voluntary context switch within RCU"
    r"|DEBUG_LOCKS_WARN_ON|kmemleak: .* new suspected|Trying to vfree|Bad page state"
    r"|Unknown symbol|self-detected stall")
EXCERPT = 40
# Lines before a fatal message that say why, for example which list is corrupt.
REASON = 3

# Bits of /proc/sys/kernel/tainted, and those that are no fault: our modules are neither signed nor
# built with the kernel, and KUnit sets "test".
TAINTS = {0: "proprietary module", 1: "module loaded by force", 2: "unsupported CPU",
          3: "module unloaded by force", 4: "machine check", 5: "bad page", 6: "user request",
          7: "oops", 8: "ACPI table overridden", 9: "warning", 10: "staging driver",
          11: "firmware workaround", 12: "out-of-tree module", 13: "unsigned module",
          14: "soft lockup", 15: "live patch", 16: "auxiliary", 17: "struct randomization",
          18: "test"}
HARMLESS = {10, 11, 12, 13, 17, 18}


def excerpt(lines: list[str], pattern: re.Pattern, but: str = "", before: int = 0) -> str:
    """Returns the lines from the first match on, and some before it; skips matches with `but`."""
    for number, line in enumerate(lines):
        if pattern.search(line) and not (but and but in line):
            return "\n".join(lines[max(0, number - before):number + EXCERPT])
    return ""


def bare(line: str) -> str:
    """Returns a message with its time, without the level and padding that igt_runner adds."""
    return re.sub(r"^(<\d+>)?\s*\[\s*", "", line).strip()


def complaints(lines: list[str], known=frozenset()) -> str:
    """Returns the first kernel error that is not in `known`, with the lines after it."""
    for number, line in enumerate(lines):
        if BAD.search(line) and bare(line) not in known:
            return "\n".join(lines[number:number + EXCERPT])
    return ""


def taint(before: int, after: int) -> str:
    """Returns the faults that a taint mask has and an earlier one has not."""
    found = [TAINTS.get(bit, f"bit {bit}") for bit in range(64)
             if (after & ~before) >> bit & 1 and bit not in HARMLESS]
    return ", ".join(found)
