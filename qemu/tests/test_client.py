# SPDX-License-Identifier: GPL-2.0
"""Tests what is built of the crate for user space."""
import pytest

from qemu.base.report import Failure
from qemu.build import client
from qemu.harness import suites


EXAMPLES = {path.stem for path in (client.SOURCES / "examples").glob("*.rs")}


def test_each_program_has_a_source():
    sources = {path.stem for path in client.SOURCES.glob("*/src/bin/*.rs")}
    assert set(client.PROGRAMS) <= sources
    assert EXAMPLES | {"guide"} == set(client.EXAMPLES)


def test_examples_are_short():
    for name in EXAMPLES:
        assert len((client.SOURCES / f"examples/{name}.rs").read_text().splitlines()) < 100


def test_each_test_program_runs_in_a_suite():
    run = {program for suite in suites.ALL if suite.needs_client for program in suite.programs}
    assert run == {name for name in client.PROGRAMS if name.startswith("virtgpu_")}


def test_commands_run_in_the_copy_of_the_sources(monkeypatch, tmp_path):
    monkeypatch.setattr(client, "root", lambda: tmp_path)
    command = client._command(tmp_path, ["cargo", "test"])
    assert command[command.index("--chdir") + 1] == str(tmp_path / "rust/client")
    assert command[-2:] == ["cargo", "test"] and "--unshare-net" in command


def test_the_guide_is_a_program():
    text = "# Title\n\n```rust\nlet a = 1;\n```\n\n```toml\nx = 1\n```\n\n```rust\nlet b = a;\n```\n"
    assert client.guide(text).endswith(
        "\nfn main() -> virtgpu::Result<()> {\nlet a = 1;\nlet b = a;\nOk(())\n}\n")
    with pytest.raises(Failure, match="docs/client.md has no program"):
        client.guide("# Title\n")
    assert "Submission::new(&commands)" in client.guide(client.GUIDE.read_text())
