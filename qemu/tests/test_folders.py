# SPDX-License-Identifier: GPL-2.0
"""Tests that the folders of the tools import each other in one direction."""
import re

import qemu
from qemu.lint import folders

ORDER = ("base", "host", "lint")


def write(top, folder, text):
    (top / folder).mkdir(exist_ok=True)
    (top / folder / "one.py").write_text(text)


def test_imports_are_read():
    text = ("import os\nfrom pathlib import Path\nfrom qemu.base import report\n"
            "import qemu.host.machine\n\n\ndef late():\n    from qemu.lint.lint import main\n")
    assert folders.imports(text) == {"base", "host", "lint"}


def test_imports_run_in_one_direction(tmp_path):
    write(tmp_path, "base", "import os\n")
    write(tmp_path, "host", "from qemu.base import report\nfrom qemu.host import vnc\n")
    write(tmp_path, "tests", "from qemu.lint import lint\n")
    assert folders.complaints(tmp_path, ORDER) == []
    write(tmp_path, "base", "from qemu.host import machine\n")
    assert folders.complaints(tmp_path, ORDER) == [
        "qemu/base/one.py imports from host, which does not come before it"]


def test_a_folder_has_a_place(tmp_path):
    write(tmp_path, "more", "")
    assert folders.complaints(tmp_path, ORDER) == ["qemu/more is not in ORDER of qemu/lint/folders.py"]


def test_the_tools_keep_their_order():
    assert folders.complaints() == []


def test_the_list_for_readers_is_the_same():
    lines = re.findall(r"^    ([a-z, ]+?)(?:  +\S.*)?$", qemu.__doc__, re.M)
    assert tuple(name for line in lines for name in line.split(", ")) == folders.ORDER
