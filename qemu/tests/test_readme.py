# SPDX-License-Identifier: GPL-2.0
"""Tests that the commands for users are found in the README."""
import pytest

from qemu.base.paths import TOP
from qemu.base.report import Failure
from qemu.harness import readme
from qemu.host import kernelmessages

TEXT = """
## Before
```
make no
```
## In your own guest

words
```
make KDIR=x
modprobe -r y
makeup
```
more words
## After
```
make neither
```
"""


def test_lines_are_those_of_the_section():
    assert readme.lines(TEXT) == ["make KDIR=x", "modprobe -r y", "makeup"]


def test_only_make_runs_in_the_build_root():
    assert readme.split(readme.lines(TEXT)) == (["make KDIR=x"], ["modprobe -r y", "makeup"])


def test_a_second_block_is_not_left_out_silently():
    with pytest.raises(Failure, match="2 blocks"):
        readme.lines(TEXT.replace("more words", "```\nrmmod\n```"))


def test_a_renamed_section_is_noticed():
    with pytest.raises(Failure, match="no section"):
        readme.lines(TEXT.replace("In your own guest", "Elsewhere"))


def test_the_real_readme():
    text = (TOP / "README.md").read_text(encoding="utf-8")
    made, run = readme.split(readme.lines(text))
    assert made and run


def test_only_what_the_kernel_says_with_our_module_counts():
    log = ["[    1.0] WARNING: of the old driver", "[    2.0] virtgpu: loading out-of-tree module",
           "[    3.0] WARNING: of ours"]
    before = readme.messages_before_ours(log)
    assert kernelmessages.complaints(log, before).startswith("[    3.0] WARNING: of ours")
    assert kernelmessages.complaints(log[:2], before) == ""
