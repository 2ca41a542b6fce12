# SPDX-License-Identifier: GPL-2.0
"""Tests .gitlab-ci.yml and LAVA's job: each target of make exists, each value is accepted.

Debian has no schema of GitLab's files, so this also checks the keywords and the names of jobs.
"""
import re
import subprocess
from pathlib import Path

import junitparser
import pytest
import yaml

from qemu.base import choice, kernels, seed
from qemu.base.report import Failure
from qemu.harness import lavacases, shards, suites
from qemu.mutants import mutants

TOP = Path(__file__).resolve().parent.parent.parent
FILE = yaml.safe_load((TOP / ".gitlab-ci.yml").read_text(encoding="utf-8"))
LAVA = yaml.safe_load((TOP / "qemu/ci/lava-job.yaml").read_text(encoding="utf-8"))
GLOBAL = ("stages", "workflow", "variables", "default")
TEMPLATES = {name: job for name, job in FILE.items() if name.startswith(".")}
JOBS = {name: job for name, job in FILE.items() if name not in GLOBAL and name not in TEMPLATES}
KEYWORDS = {"stage", "script", "before_script", "image", "timeout", "interruptible", "retry", "needs",
            "rules", "when", "parallel", "artifacts", "extends", "variables", "allow_failure"}
ARTIFACTS = {"when", "expire_in", "reports", "paths"}
PARALLEL_LIMIT = 200


def extended(job: dict) -> dict:
    """Returns a job with what its templates say."""
    names = job.get("extends", [])
    merged: dict = {}
    for name in [names] if isinstance(names, str) else names:
        merged |= extended(TEMPLATES[name])
    return merged | job


def matrix(job: dict) -> list[dict[str, list[str]]]:
    """Returns the entries of a job's matrix; each value is a list."""
    return [{key: value if isinstance(value, list) else [value] for key, value in entry.items()}
            for entry in job.get("parallel", {}).get("matrix", [])]


def lines(job: dict) -> list[str]:
    script = job["script"]
    return [script] if isinstance(script, str) else script


def targets() -> set[str]:
    """Returns the targets of the Makefile, as make itself has read them."""
    text = subprocess.run(["make", "-npq", "-C", TOP, "help"], stdout=subprocess.PIPE,
                          text=True).stdout
    return set(re.search(r"^\.PHONY: (.*)$", text, re.M)[1].split())


def assignments(line: str) -> dict[str, str]:
    return dict(re.findall(r"\b([A-Z_]+)=(\S+)", line))


@pytest.fixture
def setting(monkeypatch):
    """Sets variables as a job does, and nothing else that the tools read."""
    for name in ("DRIVER", "KVER", "GPU", "SHARD", "TURNS", "VIRTGPU_ACCEL", "VIRTGPU_SEED"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch.setenv


def test_stages_and_keywords():
    for name, job in (*JOBS.items(), *TEMPLATES.items(), ("default", FILE["default"])):
        assert set(job) <= KEYWORDS, name
        assert set(job.get("artifacts", {})) <= ARTIFACTS, name
    for name, job in JOBS.items():
        assert extended(job)["stage"] in FILE["stages"], name
        assert job.get("script"), name
    assert {extended(job)["stage"] for job in JOBS.values()} == set(FILE["stages"])


def test_needs_are_jobs_of_earlier_stages():
    for name, job in JOBS.items():
        for need in extended(job).get("needs", []):
            stages = [FILE["stages"].index(extended(JOBS[one])["stage"]) for one in (need, name)]
            assert stages[0] < stages[1]


@pytest.mark.parametrize("name", JOBS)
def test_targets_exist(name):
    known = targets()
    for line in lines(JOBS[name]):
        words = line.split()
        assert words[0] == "make"
        wanted = [word for word in words[1:] if "=" not in word]
        assert wanted and set(wanted) <= known, line


@pytest.mark.parametrize("name", JOBS)
def test_values_are_accepted(name, setting):
    for entry in matrix(JOBS[name]):
        for key, values in entry.items():
            assert len(values) == len(set(values)), key
            for value in values:
                # A number would be converted: 7.30 is 7.3.
                assert isinstance(value, str), f"{key}: {value!r} needs quotes"
                if key == "SUITES":
                    suites.choose("check", "c", value.split())
                    suites.choose("check", "rust", value.split())
                else:
                    assert key in ("DRIVER", "KVER", "GPU", "SHARD")
                    setting(key, value)
                    choice.main()
    for line in lines(JOBS[name]):
        for key, value in assignments(line).items():
            assert key in ("KVER", "TURNS", "FUZZ_SECONDS", "COUNT")
            setting(key, value)
            assert key == "KVER" or int(value) > 0
            choice.main()


def test_a_wrong_value_is_noticed(setting):
    setting("SHARD", "5/4")
    with pytest.raises(Failure):
        choice.main()
    with pytest.raises(Failure):
        suites.choose("check", "c", ["no-such-device"])
    assert "no-such-target" not in targets() and "check" in targets()


@pytest.mark.parametrize("name", [name for name, job in JOBS.items() if "SHARD" in str(matrix(job))])
def test_no_shard_is_missing(name):
    scope = {"make check": "check", "make check-debug": "debug",
             "make check-full KVER=7.3": "full"}[lines(JOBS[name])[0]]
    for entry in matrix(JOBS[name]):
        numbers = [tuple(map(int, value.split("/"))) for value in entry["SHARD"]]
        count = len(numbers)
        assert sorted(numbers) == [(number, count) for number in range(1, count + 1)]
        for driver in entry["DRIVER"]:
            assert shards.plan(suites.choose(scope, driver), count)


def test_shards_are_merged():
    merged = [(["c", "rust"] if entry["DRIVER"] == [choice.BOTH] else entry["DRIVER"], entry["KVER"])
              for entry in matrix(JOBS["merge-shards"])]
    assert merged == [(entry["DRIVER"], entry["KVER"]) for entry in matrix(JOBS["check"])]
    assert JOBS["merge-shards"]["needs"] == ["check"] and JOBS["merge-shards"]["when"] == "always"


def test_each_supported_kernel_is_tested():
    for driver in ("c", "rust"):
        found = {kernel for entry in matrix(JOBS["check"]) if driver in entry["DRIVER"]
                 for kernel in entry["KVER"]}
        assert found == set(kernels.of_driver(driver))
    assert set(matrix(JOBS["compile"])[0]["KVER"]) == set(kernels.of_driver())


def test_matrices_are_small_enough():
    for name, job in JOBS.items():
        for entry in matrix(job):
            size = 1
            for values in entry.values():
                size *= len(values)
            assert size <= PARALLEL_LIMIT, name


def test_mutants_take_these_drivers():
    assert set(matrix(JOBS["mutants"])[0]["DRIVER"]) <= set(mutants.DRIVERS)


def test_the_nightly_schedule():
    found = {word for job in JOBS.values() if extended(job)["stage"] == "nightly"
             for line in lines(job) for word in line.split()}
    assert {"check-debug", "check-full", "fuzz", "mutants", "mutate"} <= found
    only = [{"if": '$CI_PIPELINE_SOURCE == "schedule"'}]
    for job in JOBS.values():
        assert (extended(job).get("rules") == only) == (extended(job)["stage"] == "nightly")
    first = FILE["workflow"]["rules"][0]
    assert first["if"] == only[0]["if"] and "$CI_" in first["variables"]["VIRTGPU_SEED"]


def test_the_seed_of_a_change_is_that_of_ci_run(setting):
    number = FILE["variables"]["VIRTGPU_SEED"]
    setting("VIRTGPU_SEED", number)
    assert seed.choose() == int(number)
    assert f"VIRTGPU_SEED={number}\n" in (TOP / ".ci/run").read_text()


def test_results_and_pictures_are_kept():
    for name in ("check", "devices", "debug-kernel", "full"):
        found = [TEMPLATES[".files"], TEMPLATES[".results"]]
        assert ".results" in JOBS[name]["extends"]
        assert found[1]["extends"] == ".files"
        assert found[1]["artifacts"]["reports"] == {"junit": "out/report/junit-*.xml"}
        assert {"out/*/*.json", "out/*/*/*.png"} <= set(found[0]["artifacts"]["paths"])
    for job in JOBS.values():
        for path in extended(job).get("artifacts", {}).get("paths", []):
            assert path.startswith("out/")


def test_the_job_of_lava(setting):
    for name, value in LAVA["environment"].items():
        assert isinstance(value, str), name
        setting(name, value)
    choice.main()
    assert seed.choose() == int(FILE["variables"]["VIRTGPU_SEED"])
    number = choice.shard()
    assert all(word in LAVA["job_name"] for word in
               (choice.driver(), choice.kernel(), f"shard {number}"))
    test = next(action["test"] for action in LAVA["actions"] if "test" in action)
    script = "\n".join(test["definitions"][0]["repository"]["run"]["steps"])
    found = re.findall(r"\bmake ([a-z-]+)$", script, re.M)
    assert found == ["check"] and set(found) <= targets()
    module = re.search(r"-m qemu\.harness\.(\w+)", script)[1]
    assert (TOP / f"qemu/harness/{module}.py").exists()
    assert (TOP / LAVA["metadata"]["path"]).exists()


def test_cases_for_lava(tmp_path):
    xml, suite = junitparser.JUnitXml("x"), junitparser.TestSuite("own")
    for name, result in (("a@b", []), ("c", [junitparser.Failure("FAIL")]),
                         ("d", [junitparser.Skipped("known")])):
        case = junitparser.TestCase(name, "c.virtgpu_x")
        case.result = result
        suite.add_testcase(case)
    xml.add_testsuite(suite)
    xml.write(str(tmp_path / "junit.xml"))
    assert lavacases.cases(tmp_path / "junit.xml") == [
        "virtgpu_x.a.b pass", "virtgpu_x.c fail", "virtgpu_x.d skip"]
    with pytest.raises(Failure, match="the tests did not run to the end"):
        lavacases.cases(tmp_path / "none.xml")
