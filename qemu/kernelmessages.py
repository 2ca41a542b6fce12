# SPDX-License-Identifier: GPL-2.0
"""What a kernel prints and sets when something went wrong in it: messages and taint."""
import re

# After one of these the guest cannot be trusted any more, so the run ends.
FATAL = re.compile(
    r"BUG: (?!KASAN|KFENCE|KCSAN|sleeping function|scheduling while atomic"
    r"|workqueue lockup|Invalid wait context)"
    r"|kernel BUG at |Oops: |Kernel panic|general protection fault"
    r"|Unable to handle kernel|INFO: task .* blocked .*for more than"
    r"|rcu: INFO: .*detected .*stall|watchdog: BUG: ")
# Each of these fails the test during which it appears. Lockdep begins its reports with "WARNING: "
# or "[ BUG: ", the slab debugging with "BUG name (".
BAD = re.compile(
    FATAL.pattern
    + r"|\bWARNING: |\bBUG: |\[ BUG: |BUG [\w:-]+ \((Not tainted|Tainted)|refcount_t: "
    r"|list_(add|del) corruption|UBSAN: |KASAN: |KFENCE: |ODEBUG: "
    r"|DMA-API: .*(: |\])device driver |INFO: trying to register non-static key"
    r"|INFO: lockdep is turned off|workqueue lockup|Voluntary context switch within RCU"
    r"|DEBUG_LOCKS_WARN_ON|kmemleak: .* new suspected|Trying to vfree|Bad page state"
    r"|Unknown symbol|self-detected stall")
EXCERPT = 40
# Lines before a fatal message that tell the reason, e.g. which list is corrupt.
REASON = 3

# Bits of /proc/sys/kernel/tainted, and whether a bit is a fault. Our modules are neither signed nor
# built with the kernel, and KUnit taints the kernel with "test".
TAINTS = {0: "proprietary module", 1: "module loaded by force", 2: "unsupported CPU",
          3: "module unloaded by force", 4: "machine check", 5: "bad page", 6: "user request",
          7: "oops", 8: "ACPI table overridden", 9: "warning", 10: "staging driver",
          11: "firmware workaround", 12: "out-of-tree module", 13: "unsigned module",
          14: "soft lockup", 15: "live patch", 16: "auxiliary", 17: "struct randomization",
          18: "test"}
HARMLESS = {10, 11, 12, 13, 17, 18}


def excerpt(lines: list[str], pattern: re.Pattern, but: str = "", before: int = 0) -> str:
    """The lines from the first match on, and some before it; except matches with `but` in them."""
    for number, line in enumerate(lines):
        if pattern.search(line) and not (but and but in line):
            return "\n".join(lines[max(0, number - before):number + EXCERPT])
    return ""


def bare(line: str) -> str:
    """A message with its time but without its level and padding, which igt_runner adds."""
    return re.sub(r"^(<\d+>)?\s*\[\s*", "", line).strip()


def complaints(lines: list[str], known=frozenset()) -> str:
    """The first complaint of the kernel that is not among `known`, with what follows it."""
    for number, line in enumerate(lines):
        if BAD.search(line) and bare(line) not in known:
            return "\n".join(lines[number:number + EXCERPT])
    return ""


def taint(before: int, after: int) -> str:
    """The faults that a taint mask tells of and an earlier one did not."""
    found = [TAINTS.get(bit, f"bit {bit}") for bit in range(64)
             if (after & ~before) >> bit & 1 and bit not in HARMLESS]
    return ", ".join(found)
