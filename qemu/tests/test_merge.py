# SPDX-License-Identifier: GPL-2.0
"""Tests that the results of shards are merged, and which are rejected."""
import dataclasses
import sys

import pytest

from qemu.base import outfolder
from qemu.base.choice import Shard
from qemu.base.report import Failure
from qemu.harness import merge, results, shards, suites
from qemu.harness.results import LOST, Header, Outcome, Record, SuiteResults

HEADER = Header("7.3.4", "tcg", "check", "abc", "1234", 7)
SUITES = ["vga", "pair"]


def chosen():
    return suites.choose("check", "c", SUITES)


@pytest.fixture
def out(tmp_path, monkeypatch):
    """The folder out/ with the results of two shards of two suites."""
    monkeypatch.setattr(outfolder, "OUT", tmp_path)
    monkeypatch.setattr(results, "sources", lambda: "abc")
    monkeypatch.delenv("KVER", raising=False)
    for number in (1, 2):
        record = Record("c", HEADER, complete=True, shard=f"{number}/2")
        folder = tmp_path / f"check-c-shard-{number}-of-2"
        for suite in shards.part(chosen(), Shard(number, 2)):
            tests = {f"{suite.prefix}{name}@x": Outcome("pass", 1) for name in suite.programs}
            record.suites[suite.name] = SuiteResults(tests, [], 10)
        if "vga" in record.suites:
            next(iter(record.suites["vga"].results.values())).pictures.append("differs.png")
            (folder / "vga").mkdir(parents=True)
            (folder / "vga/differs.png").write_text(f"shard {number}")
        record.save(folder / "part.json")
    return tmp_path


def change(out, number: int, **changes) -> None:
    path = out / f"check-c-shard-{number}-of-2/part.json"
    dataclasses.replace(Record.load(path), **changes).save(path)


def change_header(out, number: int, **changes) -> None:
    change(out, number, header=dataclasses.replace(HEADER, **changes))


def run(monkeypatch, *argv) -> int:
    monkeypatch.setattr(sys, "argv", ["merge", "check", *map(str, argv), "--driver=c",
                                      *(f"--only={name}" for name in SUITES)])
    return merge.main()


def test_guests_that_were_lost_before_a_test(out, monkeypatch, capsys):
    for number in (1, 2):
        path = out / f"check-c-shard-{number}-of-2/part.json"
        record = Record.load(path)
        # Both shards have a part of this suite.
        name = SUITES[0]
        record.suites[name] = SuiteResults({"run": Outcome(LOST)})
        record.save(path)
    assert run(monkeypatch) == 1
    assert {"run-of-shard-1", "run-of-shard-2"} <= set(Record.load(out / "check-c/part.json").results)
    capsys.readouterr()


def test_two_shards(out, monkeypatch, capsys):
    assert run(monkeypatch) == 0
    assert "\n7 passed, 0 failed, 0 skipped\n" in capsys.readouterr().out
    record = Record.load(out / "check-c/part.json")
    assert record.shard == "" and record.complete and record.header == HEADER
    assert list(record.suites) == SUITES and record.suites["vga"].seconds == 20
    assert {name.split("@")[1] for name in record.results} == {
        name for suite in chosen() for name in suite.programs}
    assert (out / "report/junit-c.xml").read_text().count("<testcase") == 7


def test_pictures_of_both_shards_are_kept(out, monkeypatch):
    assert run(monkeypatch) == 0
    for number in (1, 2):
        text = f"shard {number}"
        assert (out / f"check-c/vga/shard{number}-differs.png").read_text() == text
        assert (out / f"report/c-vga-shard{number}-differs.png").read_text() == text


def test_a_failure_and_trouble_fail_the_whole(out, monkeypatch, capsys):
    record = Record.load(out / "check-c-shard-2-of-2/part.json")
    suite = record.suites["vga"]
    suite.trouble.append("vga: it broke")
    next(iter(suite.results.values())).result = "fail"
    change(out, 2, suites=record.suites)
    assert run(monkeypatch) == 1
    assert "\n6 passed, 2 failed, 0 skipped\n" in capsys.readouterr().out


def test_folders_can_be_named(out, monkeypatch, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (out / "check-c-shard-2-of-2").rename(elsewhere)
    with pytest.raises(Failure, match="shard 2/2 is missing: run make check DRIVER=c SHARD=2/2 "
                                      "VIRTGPU_SEED=7"):
        run(monkeypatch)
    assert run(monkeypatch, out / "check-c-shard-1-of-2", elsewhere) == 0


@pytest.mark.parametrize("what, other, message", [
    ("sources", "xyz", "check-c-shard-2-of-2 was made from other sources"),
    ("kernel", "7.2.1", "kernel is 7.3.4 in .*, but 7.2.1 in .*2-of-2"),
    ("accelerator", "kvm", "accelerator is tcg"),
    ("scope", "full", "results of c in full, not of c in check"),
    ("commit", "5678", "commit is 1234"),
    ("seed", 8, "seed is 7 in .*, but 8 in .*give all shards the same VIRTGPU_SEED="),
])
def test_shards_of_different_runs(out, monkeypatch, what, other, message):
    change_header(out, 2, **{what: other})
    with pytest.raises(Failure, match=message):
        run(monkeypatch)


def test_both_shards_of_other_sources_than_the_checkout(out, monkeypatch):
    change_header(out, 1, sources="xyz")
    change_header(out, 2, sources="xyz")
    with pytest.raises(Failure, match="other sources than this checkout has"):
        run(monkeypatch)


def test_another_driver(out, monkeypatch):
    change(out, 2, driver="rust")
    with pytest.raises(Failure, match="results of rust in check, not of c in check"):
        run(monkeypatch)


def test_an_interrupted_shard(out, monkeypatch):
    change(out, 2, complete=False)
    with pytest.raises(Failure, match="interrupted: make check DRIVER=c SHARD=2/2 CONTINUE=1"):
        run(monkeypatch)


def test_a_shard_twice(out, monkeypatch):
    change(out, 2, shard="1/2")
    with pytest.raises(Failure, match="shard 1/2 is there twice"):
        run(monkeypatch)


def test_shards_of_another_division(out, monkeypatch):
    change(out, 2, shard="2/3")
    with pytest.raises(Failure, match="runs in 2 and 3 shards"):
        run(monkeypatch)


def test_a_shard_without_one_of_its_suites(out, monkeypatch):
    record = Record.load(out / "check-c-shard-2-of-2/part.json")
    record.suites.pop("vga")
    change(out, 2, suites=record.suites)
    with pytest.raises(Failure, match="shard 2/2 in .* has the suites .*, not "):
        run(monkeypatch)


def test_no_shards(out, monkeypatch):
    (out / "none").mkdir()
    with pytest.raises(Failure, match="none has no results of a shard"):
        run(monkeypatch, out / "none")
    monkeypatch.setenv("KVER", "7.2")
    with pytest.raises(Failure, match="no shards of c to merge: run make check DRIVER=c SHARD=1/2"):
        run(monkeypatch)


def test_folders_after_options(out, monkeypatch):
    assert run(monkeypatch, "--driver=c", *sorted(out.glob("check-c-shard-*"))) == 0
