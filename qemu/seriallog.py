# SPDX-License-Identifier: GPL-2.0
"""The guest's kernel log: kept whole, and searched for what must not be in it."""
import re
from pathlib import Path

# What ends a run early, for the guest is not to be trusted any more.
FATAL = re.compile(r"BUG: |Oops: |Kernel panic|general protection fault|Unable to handle kernel"
                   r"|INFO: task .* blocked .*for more than|rcu: INFO: .* detected stalls"
                   r"|watchdog: BUG")
# What fails a run at its end.
BAD = re.compile(FATAL.pattern + r"|WARNING: .* at |WARNING: CPU|refcount_t: |list_(add|del) corr"
                 r"|UBSAN: |KASAN: |possible (circular|recursive) locking|suspicious RCU usage"
                 r"|sleeping function called from invalid context|kmemleak: .* new suspected")
EXCERPT = 40


class SerialLog:
    def __init__(self, path: Path):
        self.path = path

    def lines(self):
        if not self.path.exists():
            return []
        return self.path.read_text(errors="replace").splitlines()

    def excerpt(self, pattern, but: str = "") -> str:
        """The lines from the first match on, without `but` in it; empty when there is none."""
        lines = self.lines()
        for number, line in enumerate(lines):
            if pattern.search(line) and not (but and but in line):
                return "\n".join(lines[number:number + EXCERPT])
        return ""

    def fatal(self) -> str:
        return self.excerpt(FATAL)

    def bad(self, but: str = "") -> str:
        return self.excerpt(BAD, but)
