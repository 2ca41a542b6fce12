# SPDX-License-Identifier: GPL-2.0
"""Tests which results the self-test accepts."""
from qemu.harness import selftest
from qemu.harness.results import Outcome, SuiteResults

WARN = selftest.COMPLAINTS[0]
BUG = next(one for one in selftest.COMPLAINTS if one.name == "bug")


def ended(result, log="", trouble=()):
    return SuiteResults({"virtgpu_complain@warn": Outcome(result, 0, log)}, list(trouble))


def test_a_pass_is_not_accepted():
    assert "does not fail" in selftest.verdict(WARN, ended("pass", "WARNING: complain"), False)
    assert "does not fail" in selftest.verdict(WARN, ended("pass"), True)


def test_a_failure_has_to_show_why():
    assert "does not show" in selftest.verdict(WARN, ended("fail", "nothing"), False)
    assert selftest.verdict(WARN, ended("fail", "WARNING: x at complain_warn"), False) == ""


def test_a_guest_that_breaks_is_enough():
    lost = SuiteResults({"virtgpu_complain@bug": Outcome("crash")}, ["kernel BUG at x"])
    assert selftest.verdict(BUG, lost, True) == ""


def test_what_is_survived_shares_a_guest():
    found = selftest.groups(list(selftest.COMPLAINTS))
    assert [one.name for one in found[0]][:2] == ["warn", "refcount"]
    assert all(len(group) == 1 for group in found[1:])
