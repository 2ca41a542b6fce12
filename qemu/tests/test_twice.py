# SPDX-License-Identifier: GPL-2.0
import pytest

from qemu.base.report import Failure
from qemu.lint import twice


def test_only_code_is_counted(tmp_path):
    path = tmp_path / "file.rs"
    path.write_text("// SPDX\n//! About.\n\nfn f() {\n    g(); // Why.\n}\n"
                    "#[cfg(kunit)]\nmod tests {\n    fn t() {}\n}\n")
    assert twice.lines(path) == 3
    path = tmp_path / "file.c"
    path.write_text('/*\n * About.\n */\nint f(void)\n{\n\treturn g("//");\n}\n')
    assert twice.lines(path) == 4


def test_every_part_has_files():
    for part in (*twice.PARTS, *twice.CRATES):
        for pattern in (*part.c, *part.rust):
            assert twice._files(pattern), pattern  # pylint: disable=protected-access


def test_a_commit_that_nobody_made_fails(monkeypatch):
    monkeypatch.setattr(twice, "FOUND", {"C": ("drm/virtgpu: one",), "Rust": ("rust: other",)})
    known = {"drm/virtgpu: one", "rust: other"}
    assert "| C 1 | drm/virtgpu: one |" in twice.faults_table(known)
    with pytest.raises(Failure):
        twice.faults_table(known - {"rust: other"})
