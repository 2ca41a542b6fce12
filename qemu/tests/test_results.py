# SPDX-License-Identifier: GPL-2.0
"""Tests results: from igt_runner, from a lost guest, stored and read again."""
import json

from qemu.harness import results
from qemu.harness.results import Header, Outcome, Progress, Record, SuiteResults


def parsed(tmp_path, tests, wanted=()):
    (tmp_path / "results").mkdir()
    (tmp_path / "results/results.json").write_text(json.dumps({"tests": tests}))
    (tmp_path / "results/list.txt").write_text("".join(f"igt@{name}\n" for name in wanted))
    return results.parse(tmp_path)


def entry(result, **rest):
    return {"result": result, "out": "", "err": "", "dmesg": "",
            "time": {"start": 1.0, "end": 3.5}, **rest}


def test_a_result(tmp_path):
    found, _ = parsed(tmp_path, {"igt@kms_a@one": entry("pass", out="fine")})
    assert found == {"kms_a@one": Outcome("pass", 2.5)}


def test_a_test_without_a_result_is_lost(tmp_path):
    found, _ = parsed(tmp_path, {"igt@kms_a@one@pipe-a": entry("pass")}, ["kms_a@one", "kms_b@two"])
    assert found["kms_b@two"].result == "lost"
    assert "kms_a@one" not in found


def test_a_test_that_was_never_started_is_lost(tmp_path):
    found, _ = parsed(tmp_path, {"igt@kms_a@one": entry("notrun")})
    assert found["kms_a@one"].result == "lost"


def test_messages_alone_are_no_result(tmp_path):
    found, _ = parsed(tmp_path, {"igt@kms_a@one": {"dmesg": "<6> [1.0] x"}}, ["kms_a@one"])
    assert found["kms_a@one"].result == "lost"


def test_a_complaint_of_the_kernel_fails_a_test_that_passes(tmp_path):
    dmesg = "<6> [1.0] fine\n<4> [2.000000] WARNING: x at y\n<4> [2.1] Call Trace:\n"
    found, known = parsed(tmp_path, {"igt@virtgpu_a@one": entry("pass", dmesg=dmesg)})
    assert found["virtgpu_a@one"].result == "dmesg-fail"
    assert "WARNING: x at y" in found["virtgpu_a@one"].log
    assert "2.000000] WARNING: x at y" in known


def test_errors_that_our_tests_provoke_are_no_complaint(tmp_path):
    dmesg = "<3>[    2.000000] [drm] *ERROR* the host did not answer\n"
    found, _ = parsed(tmp_path, {"igt@virtgpu_a@one": entry("dmesg-warn", dmesg=dmesg),
                                 "igt@kms_a@one": entry("dmesg-warn", dmesg=dmesg)})
    assert found["virtgpu_a@one"].result == "pass"
    assert found["kms_a@one"].result == "dmesg-warn"


def test_a_failure_shows_its_end_and_its_pictures(tmp_path):
    out = "\n".join(f"line {number}" for number in range(200)) + "\n5 pixels differ; see differs-001-head0.png\n"
    found, _ = parsed(tmp_path, {"igt@virtgpu_a@one": entry("fail", out=out)})
    assert found["virtgpu_a@one"].pictures == ["differs-001-head0.png"]
    assert "line 199" in found["virtgpu_a@one"].log
    assert "line 1\n" not in found["virtgpu_a@one"].log


def test_what_a_broken_guest_came_to():
    progress = Progress("own")
    progress(b"igt@virtgpu_a@one\nigt@virtgpu_a@two\nigt@virtgpu_b@three\n")
    progress(b"[1/3] virtgpu_a (one)\nSubtest one: SUCC")
    progress(b"ESS (0.1s)\n[2/3] virtgpu_a (two)\nDynamic subtest x: FAIL (0.1s)\n")
    assert {name: result.result for name, result in progress.results.items()} == {
        "virtgpu_a@one": "pass", "virtgpu_a@two@x": "fail", "virtgpu_b@three": "lost"}
    progress(b"[3/3] virtgpu_b (three)\n")
    assert progress.results["virtgpu_b@three"].result == "crash"


def header(**changes):
    return Header(**{"kernel": "7.3.4", "accelerator": "tcg", "scope": "check", "sources": "abc",
                     "commit": "1", "seed": 7, **changes})


def test_only_results_of_the_same_sources_and_kernel_are_compared():
    assert header().comparable(header(commit="2", seed=8))
    for other in ({"kernel": "7.2"}, {"accelerator": "kvm"}, {"scope": "full"}, {"sources": "x"}):
        assert not header().comparable(header(**other))


def test_saved_and_read_again(tmp_path):
    record = Record("c", header(), {"own": SuiteResults(
        {"a@b": Outcome("fail", 1.5, "why", ["x.png"])}, ["trouble"], 3)})
    record.save(tmp_path / "results.json")
    assert Record.load(tmp_path / "results.json") == record
    assert not list(tmp_path.glob("*.partial"))


def test_half_a_file_is_no_record(tmp_path):
    (tmp_path / "results.json").write_text('{"driver": "c", "head')
    assert Record.load(tmp_path / "results.json") is None
    assert Record.load(tmp_path / "none.json") is None


def test_a_suite_with_a_lost_test_has_to_run_again():
    assert SuiteResults({"a": Outcome("fail")}).finished
    assert not SuiteResults({"a": Outcome("pass"), "b": Outcome("lost")}).finished


def test_sources_are_what_decides_results(tmp_path, monkeypatch):
    (tmp_path / "drm").mkdir()
    (tmp_path / "drm/a.c").write_text("one")
    (tmp_path / "README.md").write_text("one")
    monkeypatch.setattr(results, "TOP", tmp_path)
    first = results.sources()
    (tmp_path / "README.md").write_text("two")
    assert results.sources() == first
    (tmp_path / "drm/a.c").write_text("two")
    assert results.sources() != first
