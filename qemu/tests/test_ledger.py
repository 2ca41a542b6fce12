# SPDX-License-Identifier: GPL-2.0
from qemu.lint import ledger


def counted(tmp_path, monkeypatch, text):
    monkeypatch.setattr(ledger, "TOP", tmp_path)
    path = tmp_path / "file.rs"
    path.write_text(text)
    count = ledger.Count()
    ledger.count_file(path, count)
    return count


def test_a_block_needs_an_argument(tmp_path, monkeypatch):
    count = counted(tmp_path, monkeypatch, "fn f() {\n    unsafe { g() }\n}\n")
    assert (count.blocks, count.unargued) == (1, ["file.rs:2"])
    count = counted(tmp_path, monkeypatch, "// SAFETY: as tested.\nunsafe { g() }\n")
    assert (count.blocks, count.unargued) == (1, [])


def test_the_type_of_a_function_needs_none(tmp_path, monkeypatch):
    count = counted(tmp_path, monkeypatch, 'type F = unsafe extern "C" fn(u32);\nunsafe fn g() {}\n')
    assert (count.functions, count.unargued) == (1, ["file.rs:2"])
