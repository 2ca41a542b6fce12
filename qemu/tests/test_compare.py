# SPDX-License-Identifier: GPL-2.0
"""Tests the comparison of drivers."""
from qemu.harness import compare
from qemu.harness.results import Header, Outcome, Record, SuiteResults


def record(driver, sources="abc", complete=True, **words):
    header = Header("7.3.4", "tcg", "check", sources)
    return Record(driver, header, {"own": SuiteResults(
        {name.replace("__", "@"): Outcome(word) for name, word in words.items()})}, complete)


def never(_name):
    return False


def test_where_ours_differ_is_an_error():
    c, rust = record("c", a__x="pass", a__y="pass"), record("rust", a__x="fail", a__y="pass")
    assert compare.differences(c, [rust], [], never) == ["a@x: pass in c, fail in rust"]
    assert compare.differences(rust, [c], ["a@x"], never) == []
    assert compare.differences(rust, [c], [], lambda name: name == "a@x") == []


def test_a_test_that_only_one_has_is_a_difference():
    c, rust = record("c", a__x="pass"), record("rust")
    assert compare.differences(c, [rust], [], never) == ["a@x: pass in c, - in rust"]


def test_mainline_may_differ():
    c, stock = record("c", a__x="pass"), record("stock", a__x="fail")
    assert compare.differences(c, [stock], [], never) == []
    assert "a@x" in compare.side_by_side([c, stock])


def test_suites_of_one_driver_are_not_compared():
    assert "bochs@" in compare.ALONE
    assert "gl@" not in compare.ALONE and "pair@" not in compare.ALONE
    c, rust = record("c", readme__shell="pass", virtgpu_kunit__queue="pass"), record("rust")
    assert compare.differences(c, [rust], [], never) == []


def test_others_are_of_the_same_sources_and_complete(tmp_path):
    own = record("c")
    for driver, sources, complete in (("rust", "abc", True), ("stock", "xyz", True)):
        record(driver, sources, complete).save(tmp_path / f"check-{driver}/results.json")
    assert [one.driver for one in compare.others(own, tmp_path)] == ["rust"]
    record("rust", complete=False).save(tmp_path / "check-rust/results.json")
    assert compare.others(own, tmp_path) == []
