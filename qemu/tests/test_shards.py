# SPDX-License-Identifier: GPL-2.0
"""Tests how suites are divided into shards."""
import pytest

from qemu.base.choice import Shard
from qemu.base.report import Failure
from qemu.harness import shards, suites

RUNS = [(scope, driver, count) for scope in ("check", "full", "debug")
        for driver in ("c", "rust", "stock") for count in (1, 2, 3, 4, 6, 8)]


def work(chosen) -> list[tuple[str, ...]]:
    """Returns everything that suites run: programs, tests of lists, and suites of other kinds."""
    found = []
    for suite in chosen:
        found += [(suite.name, name) for name in (*suite.programs, *suite.listed)]
        if not suite.programs and not suite.listed:
            found.append((suite.name,))
    return sorted(found)


@pytest.mark.parametrize("scope, driver, count", RUNS)
def test_everything_runs_once(scope, driver, count):
    chosen = suites.choose(scope, driver)
    plan = shards.plan(chosen, count)
    assert len(plan) == count and all(plan)
    assert work(suite for shard in plan for suite in shard) == work(chosen)
    for shard in plan:
        assert len({suite.name for suite in shard}) == len(shard)


@pytest.mark.parametrize("scope, driver, count", RUNS)
def test_shards_take_about_the_same_time(scope, driver, count):
    chosen = suites.choose(scope, driver)
    seconds = [sum(map(shards.duration, shard)) for shard in shards.plan(chosen, count)]
    # The longest piece that cannot be divided further.
    longest = max(shards.PROGRAMS[name] for suite in chosen for name in suite.programs)
    fair = sum(map(shards.duration, chosen)) / count
    assert max(seconds) <= max(1.25 * fair, longest + 2 * shards.BOOT + 0.25 * fair)


def test_one_shard_is_the_whole():
    chosen = suites.choose("check", "c")
    assert work(shards.part(chosen, Shard(1, 1))) == work(chosen)


def test_programs_keep_their_order():
    whole = next(suite for suite in suites.ALL if suite.name == "own")
    for number in (1, 2, 3):
        for part in shards.part([whole], Shard(number, 3)):
            order = [whole.programs.index(name) for name in part.programs]
            assert order == sorted(order) and part.seconds == whole.seconds


def test_each_program_has_a_duration():
    names = {name for suite in suites.ALL for name in suite.programs}
    assert names == set(shards.PROGRAMS)


def test_parts_are_described():
    chosen = suites.choose("check", "c", ["own", "igt", "pair"])
    text = [shards.describe(suite, chosen) for shard in shards.plan(chosen, 8) for suite in shard]
    assert "own (virtgpu_nomem)" in text and "pair" in text
    assert any(line.startswith("igt (") and line.endswith(" tests)") for line in text)


def test_more_shards_than_work():
    with pytest.raises(Failure, match="no work for 9999 shards, at most for"):
        shards.part(suites.choose("check", "c"), Shard(1, 9999))
    with pytest.raises(Failure, match="no work for 2 shards, at most for 1"):
        shards.part(suites.choose("desktops", "c"), Shard(1, 2))
