# SPDX-License-Identifier: GPL-2.0
"""Tests the scripts that are jobs of guests."""
import re
import subprocess

from qemu.base.paths import GUEST, TOP
from qemu.host import jobs


def test_a_script_gets_its_variables_unchanged(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "GUEST", tmp_path)
    (tmp_path / "say").write_text('#!/bin/sh\nprintf "%s|" "$FIRST" "$SECOND" "$NONE"\n')
    text = jobs.script("say", FIRST="it's $HOME \\n", SECOND=7, NONE="")
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "it's $HOME \\n|7||"


def test_every_script_exists_and_is_used():
    sources = "".join(path.read_text() for path in (TOP / "qemu").glob("[!t]*/*.py"))
    jobs_named = set(re.findall(r'jobs\.script\(\s*"(\w+)"', sources))
    others = set(re.findall(r'GUEST / "([\w-]+)"', sources))
    assert jobs_named | others == {path.name for path in GUEST.iterdir() if not path.suffix}
