# SPDX-License-Identifier: GPL-2.0
import pytest

from qemu.build import doctests

SAID = """
running 4 tests
test /top/rust/drm/rect.rs - rect::Rect::new (line 35) - compile fail ... ok
test /top/rust/drm/rect.rs - rect::Rect::new (line 28) ... ok
test /top/rust/drm/drm.rs - (line 9) ... ok
test /top/rust/drm/kms/modes.rs - kms::modes::Mode<T,N>::size (line 40) - compile ... FAILED

test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out
"""

PROGRAM = """#![allow(unused)]
#[allow(unused_extern_crates)]
extern crate r#drm;
fn main() { #[allow(non_snake_case)] fn _doctest_main__top_rust_drm_rect_rs_28_0() {
assert!(true);
} _doctest_main__top_rust_drm_rect_rs_28_0() }"""

RESULT = """#![allow(unused)]
fn main() { #[allow(non_snake_case)] fn _doctest_main__top_rust_drm_rect_rs_28_0() \
-> Result<(), impl core::fmt::Debug> {
Err::<(), i32>(5)
} _doctest_main__top_rust_drm_rect_rs_28_0().unwrap() }"""


def found(said=SAID):
    return doctests.examples(said)


def test_kinds_come_from_rustdocs_output():
    assert [(one.item, one.line, one.kind) for one in found()] == [
        ("", 9, "run"), ("kms::modes::Mode<T,N>::size", 40, "no_run"),
        ("rect::Rect::new", 28, "run"), ("rect::Rect::new", 35, "compile_fail")]


def test_ignored_examples_are_errors():
    with pytest.raises(doctests.Failure, match="instead of ignore"):
        found("test /top/rust/drm/rect.rs - rect::Rect::new (line 28) ... ignored\n")


def test_names_of_cases_do_not_depend_on_lines_or_generics():
    assert doctests.case_names(found()) == [
        "drm", "kms_modes_Mode_size", "rect_Rect_new", "rect_Rect_new_2"]


def test_command_of_a_crate_becomes_one_of_rustdoc():
    saved = ("savedcmd_rust/drm/drm.o := OBJTREE=/kernel rustc -Zcrate-attr='feature(a, b)' -L rust/drm "
             "--emit=metadata=rust/drm/libdrm.rmeta --out-dir rust/drm --crate-name drm /top/drm.rs  ; "
             "/kernel/objtool --orc rust/drm/drm.o\n"
             "rest\n")
    assert doctests.command(saved) == (
        {"OBJTREE": "/kernel"},
        ["-Zcrate-attr=feature(a, b)", "-L", "rust/drm", "--crate-name", "drm", "/top/drm.rs"])


def test_only_examples_that_run_are_cases():
    others = [PROGRAM.replace("rect_rs_28", name)
              for name in ("drm_rs_9", "rect_rs_35", "kms_modes_rs_40")]
    text = doctests.generate("drm", found(), [PROGRAM, *others])
    assert 'c"virtgpu_rs_drm_doctests", [drm, rect_Rect_new]' in text
    # It is compiled, but nothing calls it.
    assert "mod drm_kms_modes_Mode_size {" in text and "rect_rs_35" not in text
    assert 'c"rust/drm/rect.rs", line!() - crate::drm_rect_Rect_new::MAIN + 28' in text


def test_program_without_an_example_is_an_error():
    with pytest.raises(doctests.Failure, match="28: rustdoc made 0 programs"):
        doctests.generate("drm", [found()[2]], [])
    with pytest.raises(doctests.Failure, match="28: rustdoc made 2 programs"):
        doctests.generate("drm", [found()[2]], [PROGRAM, PROGRAM.replace("28_0", "28_1")])


def test_error_of_an_example_is_reported():
    example = found()[2]
    text = doctests.contents(RESULT, example, "rust/drm/rect.rs")
    assert "unwrap" not in text and "#![" not in text
    assert ('::kunit::doctest::end(_doctest_main__top_rust_drm_rect_rs_28_0(), '
            'c"rust/drm/rect.rs", 28)') in text


def test_unknown_form_of_program_is_an_error():
    with pytest.raises(doctests.Failure, match="another form"):
        doctests.contents("fn start() {}", found()[2], "rust/drm/rect.rs")


@pytest.fixture
def crate(tmp_path, monkeypatch):
    """Replaces rustdoc by a script that prints a text, and returns the arguments that it gets."""
    def make(text: str):
        script = tmp_path / "bin/rustdoc"
        script.parent.mkdir(exist_ok=True)
        script.write_text(f"#!/bin/sh\necho \"$*\" >>{tmp_path}/arguments\ncat <<'E'\n{text}\nE\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
        path = tmp_path / ".drm.o.cmd"
        path.write_text("savedcmd_drm.o := rustc --out-dir rust/drm /top/drm.rs\n")
        return path
    return make


def test_failure_of_rustdoc_is_an_error(crate, tmp_path):
    with pytest.raises(doctests.Failure, match="no crate"):
        doctests.rustdoc(crate("error: no crate"), tmp_path, doctests.SAVE)


def test_example_that_compiles_although_it_must_not_is_an_error(crate, tmp_path):
    said = SAID.replace("compile fail ... ok", "compile fail ... FAILED")
    with pytest.raises(doctests.Failure, match="marked `compile_fail`"):
        doctests.judge(crate(f"failures:\nmarked `compile_fail`\n{said}"), tmp_path, found())
    arguments = (tmp_path / "arguments").read_text()
    assert "--no-run" in arguments and "/top/drm.rs" in arguments


def test_nothing_is_judged_without_examples_that_must_not_compile(tmp_path):
    doctests.judge(tmp_path / "none", tmp_path, [one for one in found() if one.kind == "run"])
