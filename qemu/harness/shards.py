# SPDX-License-Identifier: GPL-2.0
"""Divides the suites of a run into shards that take about the same time on machines of one kind.

The division depends only on this file and on the suites, so each machine computes the same one.
"""
import dataclasses
import math

from qemu.base.choice import Shard
from qemu.base.report import Failure
from qemu.harness.suites import Kind, Suite

# Seconds with TCG on two idle cores: until a guest runs its first test, of a test of IGT, and of a test
# in the other lists. Only the ratios of the numbers in this file matter.
BOOT, IGT_TEST, LISTED_TEST = 20, 0.8, 4
KINDS = {Kind.PANIC: 40, Kind.README: 60, Kind.SHELL: 60, Kind.GUIDE: 450}
PROGRAMS = {
    "drm_virtgpu": 10,
    "virtgpu_badrender": 140,
    "virtgpu_bounce": 60,
    "virtgpu_bounce_render": 30,
    "virtgpu_client": 15,
    "virtgpu_client_render": 10,
    "virtgpu_clients": 31,
    "virtgpu_cursor": 17,
    "virtgpu_damage": 4,
    "virtgpu_debug": 4,
    "virtgpu_desktops": 2000,
    "virtgpu_display": 17,
    "virtgpu_endurance": 27,
    "virtgpu_fuzz": 41,
    "virtgpu_glclients": 60,
    "virtgpu_handover": 1,
    "virtgpu_host": 5,
    "virtgpu_hostile": 170,
    "virtgpu_hostmem": 20,
    "virtgpu_ioctl": 1,
    "virtgpu_kunit": 7,
    "virtgpu_liar": 110,
    "virtgpu_lifecycle": 75,
    "virtgpu_misuse": 1,
    "virtgpu_nomem": 200,
    "virtgpu_nomem_render": 5,
    "virtgpu_power": 60,
    "virtgpu_prime": 3,
    "virtgpu_race": 3,
    "virtgpu_random": 28,
    "virtgpu_render": 15,
    "virtgpu_stream": 15,
    "virtgpu_vblank": 10,
    "virtgpu_zerocopy": 20,
}


def duration(suite: Suite) -> float:
    """Returns the expected duration of a suite in seconds."""
    if suite.kind in KINDS:
        return KINDS[suite.kind]
    each = IGT_TEST if suite.kind is Kind.IGT else LISTED_TEST
    return BOOT + sum(PROGRAMS[name] for name in suite.programs) + each * len(suite.listed)


def _spread(items, cost, count: int) -> list[list]:
    """Spreads items over `count` lists: the longest one first, each to the list with the least."""
    lists: list[list] = [[] for _ in range(count)]
    load = [0.0] * count
    for item in sorted(items, key=cost, reverse=True):
        least = load.index(min(load))
        lists[least].append(item)
        load[least] += cost(item)
    return lists


def _divide(suite: Suite, count: int) -> list[Suite]:
    """Divides a suite into at most `count` parts, if its tests can run in several guests."""
    if suite.kind is Kind.IGT:
        count = max(1, min(count, len(suite.listed)))
        return [dataclasses.replace(suite, names=suite.listed[start::count])
                for start in range(count)]
    if suite.kind is Kind.PROGRAMS and suite.programs:
        parts = _spread(suite.programs, PROGRAMS.__getitem__, min(count, len(suite.programs)))
        return [_with_programs(suite, part) for part in parts]
    return [suite]


def _with_programs(suite: Suite, names) -> Suite:
    return dataclasses.replace(suite, programs=tuple(one for one in suite.programs if one in names))


def _join(whole: Suite, parts: list[Suite]) -> Suite:
    """Joins parts of a suite that are in the same shard, because one guest can run both."""
    names = {name for part in parts for name in part.names}
    programs = {name for part in parts for name in part.programs}
    return dataclasses.replace(_with_programs(whole, programs),
                               names=tuple(name for name in whole.listed if name in names))


def plan(chosen: list[Suite], count: int) -> list[list[Suite]]:
    """Divides suites into `count` shards.

    A suite that takes longer than a shard should is divided, too.
    """
    fair = sum(map(duration, chosen)) / count
    parts = [part for suite in chosen
             for part in _divide(suite, math.ceil(duration(suite) / fair))]
    if len(parts) < count:
        raise Failure(f"SHARD=.../{count}: there is no work for {count} shards, at most for "
                      f"{len(parts)}")
    return [[_join(suite, mine) for suite in chosen
             if (mine := [part for part in shard if part.name == suite.name])]
            for shard in _spread(parts, duration, count)]


def part(chosen: list[Suite], shard: Shard) -> list[Suite]:
    """Returns what one shard runs."""
    return plan(chosen, shard.count)[shard.number - 1]


def describe(suite: Suite, chosen: list[Suite]) -> str:
    """Returns the name of a suite, and what a shard runs of it if it is divided."""
    whole = next(one for one in chosen if one.name == suite.name)
    if suite.programs != whole.programs:
        return f"{suite.name} ({', '.join(suite.programs)})"
    if suite.names and suite.names != whole.listed:
        return f"{suite.name} ({len(suite.names)} of {len(whole.listed)} tests)"
    return suite.name
