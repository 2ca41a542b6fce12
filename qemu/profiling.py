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


def _steps(profile: str, addresses, names):
    """What each step executed, by function."""
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
    """Modules and functions by instructions of a step, those near the median on average."""
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
