# SPDX-License-Identifier: GPL-2.0
"""Tests that the commands of the guide for writing a driver are found and run."""
import pytest

from qemu.base.report import Failure
from qemu.harness import guide

TEXT = """
```
echo one >>said
echo two \\
    >>said
```
words
```rust
let no = "command";
```
```
python3 -m qemu.harness.check --driver rust --only bochs
echo three >>said
```
"""


@pytest.fixture(name="checkout")
def _checkout(tmp_path, monkeypatch):
    top = tmp_path / "top"
    top.mkdir()
    monkeypatch.setattr(guide, "TOP", top)
    return tmp_path / "folder/checkout"


def test_commands_are_in_blocks_without_a_language():
    assert guide.commands(TEXT) == [
        "echo one >>said", "echo two      >>said",
        "python3 -m qemu.harness.check --driver rust --only bochs", "echo three >>said"]


def test_suites_must_exist():
    assert guide.suites_of("python3 -m qemu.harness.check --driver rust --only bochs") == ["bochs"]
    assert not guide.suites_of("python3 -m qemu.interactive.vm --driver bochs -- true")
    with pytest.raises(Failure, match="no suite nobody"):
        guide.suites_of("python3 -m qemu.harness.check --driver rust --only nobody")


def test_commands_run_in_a_copy(checkout):
    checkout.parent.mkdir()
    assert guide.run(TEXT, checkout.parent) == {guide.TEST: "pass"}
    assert (checkout / "said").read_text() == "one\ntwo\nthree\n"
    assert not (guide.TOP / "said").exists()


def test_the_first_failure_ends_the_run(checkout):
    checkout.parent.mkdir()
    assert guide.run(TEXT.replace("echo two", "false"), checkout.parent) == {guide.TEST: "fail"}
    assert (checkout / "said").read_text() == "one\n"


def test_the_real_guide():
    found = guide.commands(guide.GUIDE.read_text(encoding="utf-8"))
    assert [command for command in found if guide.suites_of(command)]
    assert [command for command in found if "--driver mine" in command]


def test_a_guide_without_commands_is_noticed(checkout):
    with pytest.raises(Failure, match="no commands"):
        guide.run("words", checkout.parent)
