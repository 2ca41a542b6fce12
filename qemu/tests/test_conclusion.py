# SPDX-License-Identifier: GPL-2.0
"""Tests the messages about results."""
from qemu.harness import conclusion
from qemu.harness.expectations import BETTER, FAIL, UNEXPECTED_SKIP
from qemu.harness.results import Outcome


def test_why_a_test_skipped():
    igt = ("Opened device: /dev/dri/card0\nTest requirement not met in function x, file y:100:\n"
           "Test requirement: offset > 0\nPCI Express Capability not found\n"
           "Subtest reset-bound: SKIP (0.000s)\n")
    assert conclusion.skip_reason(igt) == "Test requirement: offset > 0"
    ours = "Starting subtest: x\nno head\nSubtest x: SKIP (0.0s)\nStarting subtest: x\nSubtest x: SKIP (0.0s)"
    assert conclusion.skip_reason(ours) == "no head"
    assert conclusion.skip_reason("") == "no reason given"


def test_what_fails_a_run_says_what_to_do():
    assert "rust-fails" not in conclusion.explain("a@b", BETTER, Outcome("pass"), "rust")
    assert "c-fails.txt" in conclusion.explain("a@b", BETTER, Outcome("pass"), "rust")
    assert conclusion.explain("a@b", FAIL, Outcome("crash"), "c") == "FAILED: a@b (crash)"
    assert "no head" in conclusion.explain("a@b", UNEXPECTED_SKIP, Outcome("skip", 0, "no head"), "c")


def test_a_failure_says_why():
    ours = "Starting subtest: x\n1 of 2\nvirtgpu_x.c:7: got EIO, not 0\ntidied up\nSubtest x: FAIL (1s)\n"
    assert conclusion.fail_reason(ours) == "virtgpu_x.c:7: got EIO, not 0"
    igt = "igt-DEBUG: y\n(a:1) CRITICAL: Failed assertion: ret == 0\nStack trace:\n  #0 x\n"
    assert conclusion.fail_reason(igt) == "(a:1) CRITICAL: Failed assertion: ret == 0"
    assert conclusion.fail_reason("passed\n[ 1] WARNING: x at y\n[ 1] Call Trace:") == "[ 1] WARNING: x at y"
    assert conclusion.fail_reason("the guest was lost") == "the guest was lost"
    assert conclusion.explain("a@b", FAIL, Outcome("fail", 0, "why"), "c") == "FAILED: a@b (fail: why)"


def test_the_table_counts_what_fails_a_run():
    text = conclusion.table({"a@1": "pass", "a@2": BETTER, "a@3": UNEXPECTED_SKIP, "b@1": "skip"})
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines()[1:]}
    assert rows == {"a": ["1", ".", "2", "."], "b": [".", ".", ".", "1"]}
