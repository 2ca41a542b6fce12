# SPDX-License-Identifier: GPL-2.0
"""Which functions of the guest's kernel executed the instructions that counter.c counted."""
import bisect
from collections import Counter

# What is not worth a line.
LEAST = 0.004


def symbols(kallsyms: str):
    """Addresses and names of all functions, in order."""
    found = sorted((int(address, 16), name + (f" {module[0]}" if module else ""))
                   for address, kind, name, *module in map(str.split, kallsyms.splitlines())
                   if kind in "tTwW")
    return [address for address, _ in found], [name for _, name in found]


def _shares(found: Counter, total: float) -> list:
    return [f"{count:>9.0f}  {count / total:>6.1%}  {name}"
            for name, count in found.most_common() if count >= LEAST * total]


def table(profile: str, kallsyms: str, steps: int) -> str:
    """Modules and functions by instructions of a step, the first scenario's."""
    addresses, names = symbols(kallsyms)
    found = Counter()
    for line in profile.splitlines():
        if line == "end":
            break
        address, count = line.split()
        at = bisect.bisect_right(addresses, int(address, 16)) - 1
        found[names[at] if at >= 0 else "?"] += int(count) / steps
    total = sum(found.values())
    modules = Counter()
    for name, count in found.items():
        modules[name.partition(" ")[2] or "the kernel itself"] += count
    return "\n".join([f"{total:>9.0f}  all", *_shares(modules, total), "", *_shares(found, total)])
