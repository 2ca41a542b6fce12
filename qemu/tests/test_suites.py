# SPDX-License-Identifier: GPL-2.0
"""Tests the table of suites, and the guest of a program that runs alone."""
import pytest

from qemu.base import choice
from qemu.base.paths import TOP
from qemu.base.report import Failure
from qemu.harness import onetest, suites


def names(scope, driver):
    return [suite.name for suite in suites.choose(scope, driver)]


def test_each_driver_has_its_suites():
    assert {"own", "power", "hostile", "panic", "igt"} <= set(names("check", "rust"))
    assert {"gl", "hostile-gl", "blob"} <= set(names("check", "rust")) & set(names("check", "c"))
    assert set(choice.SAMPLES) <= set(names("check", "rust"))
    assert not set(choice.SAMPLES) & set(names("check", "c"))


def test_each_kind_has_its_suites():
    kinds = {suite.name: suite.kind for suite in suites.ALL}
    assert kinds["panic"] == kinds["bounce-panic"] == suites.Kind.PANIC
    assert kinds["igt"] == kinds["igt-suspend"] == suites.Kind.IGT
    assert kinds["readme"] == suites.Kind.README and kinds["shell"] == suites.Kind.SHELL
    assert kinds["guide"] == suites.Kind.GUIDE
    assert {kind for name, kind in kinds.items() if name in ("own", "gl", "packed", "desktops")} == {
        suites.Kind.PROGRAMS}
    assert [suite.name for suite in suites.ALL if suite.suspends] == ["igt-suspend", "igt-suspend"]


def test_no_suite_comes_twice():
    for scope in ("check", "full", "debug", "endurance"):
        for driver in ("c", "rust", "stock"):
            assert len(names(scope, driver)) == len(set(names(scope, driver)))


def test_endurance_has_the_driver_and_a_sample():
    assert names("endurance", "c") == ["endurance"]
    assert names("endurance", "rust") == ["endurance", "endurance-bochs"]
    assert suites.choose("endurance", "rust")[1].options("rust").driver == "bochs"
    assert suites.options_for("virtgpu_endurance", "rust").driver == "rust"


def test_an_unknown_suite_is_rejected_with_the_known_ones():
    with pytest.raises(Failure, match="rust has no suite readme: it is one of own, "):
        suites.choose("check", "rust", ["readme"])


def test_suites_of_other_scopes_can_be_named():
    assert [suite.tests for suite in suites.choose("full", "c", ["igt"])] == ["full.list"]
    assert [suite.name for suite in suites.choose("check", "c", ["packed"])] == ["packed"]


def test_a_program_alone_gets_its_guest():
    assert suites.options_for("virtgpu_hostile", "c").fake == {"blob": False}
    assert suites.options_for("virtgpu_prime", "c").connected == 2
    assert suites.options_for("drm_virtgpu", "c").gpu == "venus"
    assert suites.options_for("kms_flip", "c").connected == 1
    assert suites.options_for("virtgpu_hostile", "stock").module_params == ""


def test_names_of_tests():
    assert onetest.split("igt@gl@virtgpu_render@shared") == ("gl", "virtgpu_render", "shared")
    assert onetest.split("virtgpu_damage@one-clip") == ("", "virtgpu_damage", "one-clip")
    assert onetest.split("igt@kms_flip@a@pipe-a") == ("", "kms_flip", "a")
    with pytest.raises(Failure, match="give a test"):
        onetest.split("")


def test_the_samples_are_for_the_newest_kernel(monkeypatch):
    monkeypatch.setenv("KVER", "7.2")
    assert not set(choice.SAMPLES) & set(names("check", "rust"))
    monkeypatch.setenv("KVER", "7.3")
    assert set(choice.SAMPLES) <= set(names("check", "rust"))


def test_each_sample_has_a_device_and_a_module():
    for sample, device in choice.SAMPLES.items():
        options = suites.options_for(sample, "rust")
        assert options.driver == sample and options.device == device
        assert options.heads == 1 and (TOP / f"rust/samples/{sample}.rs").exists()
