# SPDX-License-Identifier: GPL-2.0
from qemu.base.paths import TOP
from qemu.lint import rustitems

RESULT = {"resolved_path": {"name": "kernel::error::Result", "id": 9, "args": None}}


def item(name: str, inner: dict, docs: str = "", line: int = 1) -> dict:
    return {"name": name, "crate_id": 0, "docs": docs, "inner": inner,
            "span": {"filename": str(TOP / "rust/drm/a.rs"), "begin": [line, 0], "end": [line, 9]}}


def function(name: str, docs: str = "", output=None, **more) -> dict:
    return item(name, {"function": {"sig": {"inputs": [], "output": output}}}, docs, **more)


def struct(docs: str = "", fields=(), stripped: bool = True) -> dict:
    return item("Type", {"struct": {"kind": {"plain": {"fields": list(fields),
                                                       "has_stripped_fields": stripped}}}}, docs)


def impl(of: int, members, trait=None) -> dict:
    return item("", {"impl": {"trait": trait, "items": members,
                              "for": {"resolved_path": {"name": "Type", "id": of}}}})


def said(*items: dict) -> list[str]:
    index = {str(number): one for number, one in enumerate(items)}
    return rustitems.complaints({"drm": {"index": index}})


def test_something_must_be_said():
    assert said(function("f", "Does a thing.")) == [
        "rust/drm/a.rs:1: f needs one of the sections # Examples, # Invariants, # Errors, # Context"]
    for section in rustitems.SECTIONS:
        assert not said(function("f", f"Does a thing.\n\n# {section}\n\nThis."))


def test_section_is_a_heading():
    assert said(function("f", "See # Examples.")) and said(function("f", "## Examples\n"))


def test_result_needs_its_errors():
    assert said(function("f", "# Context\n\nAny.", RESULT)) == [
        "rust/drm/a.rs:1: f returns a result, so its documentation needs a section # Errors"]
    assert not said(function("f", "# Errors\n\n`ENOMEM`.", RESULT))


def test_wrapper_names_its_c_function(tmp_path):
    path = tmp_path / "a.rs"
    path.write_text("fn before() { bindings::drm_before() }\nfn f() {\n    bindings::drm_f()\n}\n")
    one = function("f", "Does a thing.\n\n# Context\n\nAny.")
    one["span"] = {"filename": str(path), "begin": [2, 0], "end": [4, 1]}
    assert said(one) == [
        f"{path}:2: f calls a C function, so its documentation must name its C counterpart"]
    one["docs"] += " C: `drm_f()`."
    assert not said(one)


def test_context_of_a_type_is_that_of_its_methods():
    method = function("f", line=7)
    assert len(said(struct("# Invariants\n\nOne."), impl(0, [2]), method)) == 1
    assert not said(struct("# Context\n\nAny."), impl(0, [2]), method)
    trait = item("Trait", {"trait": {"items": [1]}}, "# Context\n\nAny.")
    assert not said(trait, method)


def test_trait_has_the_documentation_of_its_implementations():
    assert not said(struct("# Context\n\nAny."), impl(0, [2], {"name": "Drop"}), function("drop"))


def test_plain_structs_are_documented_by_their_fields():
    assert not said(struct(fields=[4], stripped=False))
    assert said(struct(fields=[4])) and said(struct(stripped=False))
