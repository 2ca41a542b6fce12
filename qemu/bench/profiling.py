# SPDX-License-Identifier: GPL-2.0
"""Attributes the instructions that instructions.c counted to functions of the guest's kernel."""
import bisect
from collections import Counter

# Functions with a smaller share are not listed.
LEAST = 0.004


def symbols(kallsyms: str):
    """Returns the addresses and names of all functions, in order."""
    found = sorted((int(address, 16), name + (f" {module[0]}" if module else ""))
                   for address, kind, name, *module in map(str.split, kallsyms.splitlines())
                   if kind in "tTwW")
    return [address for address, _ in found], [name for _, name in found]


def _shares(found: Counter, total: float) -> list:
    return [f"{count:>9.0f}  {count / total:>6.1%}  {name}"
            for name, count in found.most_common() if count >= LEAST * total]


def _steps(profile: str, addresses, names):
    """Yields the instructions of each step, by function."""
    found: Counter[str] = Counter()
    for line in profile.splitlines():
        if line == "end":
            yield found
            found = Counter()
            continue
        address, count = line.split()
        at = bisect.bisect_right(addresses, int(address, 16)) - 1
        found[names[at] if at >= 0 else "?"] += int(count)


def table(profile: str, kallsyms: str) -> str:
    """Formats modules and functions by instructions per step, averaged over steps near the median."""
    steps = sorted(_steps(profile, *symbols(kallsyms)), key=lambda step: step.total())
    steps = steps[len(steps) * 3 // 8:len(steps) * 5 // 8 + 1]
    found: Counter[str] = Counter()
    for step in steps:
        for name, count in step.items():
            found[name] += count / len(steps)
    total = sum(found.values())
    modules: Counter[str] = Counter()
    for name, count in found.items():
        modules[name.partition(" ")[2] or "the kernel itself"] += count
    return "\n".join([f"{total:>9.0f}  all", *_shares(modules, total), "", *_shares(found, total)])
