# SPDX-License-Identifier: GPL-2.0
"""Tests what is built of the crate for user space."""
from qemu.build import client
from qemu.harness import suites


def test_each_program_has_a_source():
    sources = {path.stem for path in client.SOURCES.glob("*/src/bin/*.rs")}
    assert set(client.PROGRAMS) <= sources
    assert {path.stem for path in (client.SOURCES / "examples").glob("*.rs")} == set(client.EXAMPLES)


def test_examples_are_short():
    for name in client.EXAMPLES:
        assert len((client.SOURCES / f"examples/{name}.rs").read_text().splitlines()) < 100


def test_each_test_program_runs_in_a_suite():
    run = {program for suite in suites.ALL if suite.needs_client for program in suite.programs}
    assert run == {name for name in client.PROGRAMS if name.startswith("virtgpu_")}


def test_commands_run_in_the_copy_of_the_sources(monkeypatch, tmp_path):
    monkeypatch.setattr(client, "root", lambda: tmp_path)
    command = client._command(tmp_path, ["cargo", "test"])
    assert command[command.index("--chdir") + 1] == str(tmp_path / "rust/client")
    assert command[-2:] == ["cargo", "test"] and "--unshare-net" in command
