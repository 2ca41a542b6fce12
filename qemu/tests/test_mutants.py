# SPDX-License-Identifier: GPL-2.0
"""Tests the logic of mutants: patches, verdicts, reports of a guest, random changes."""
import os
import re
import subprocess

import pytest

from qemu.mutants import generate, patch, mutants, runner
from qemu.mutants.patch import Hunk, Misfit, Mutant
from qemu.mutants.runner import Course, Outcome

PATCH = """SPDX-License-Identifier: GPL-2.0
Nothing is drawn,
ever.

Test: virtgpu_damage@one-clip

--- a/drm/transport/encode.c
+++ b/drm/transport/encode.c
@@ -3,3 +3,3 @@
 one
-two
+three
 four
"""


def mutant(name: str, *tests: str, guest: str = "virtgpu_damage") -> Mutant:
    return Mutant(name, "c", "", tests or ("virtgpu_damage@one-clip",), guest,
                  (Hunk("drm/transport/encode.c", "a", "b"),))


def test_patch_is_read():
    found = patch.parse("c/nothing", PATCH)
    assert found.what == "Nothing is drawn, ever."
    assert found.tests == ("virtgpu_damage@one-clip",)
    assert found.guest == "virtgpu_damage"
    assert found.hunks == (Hunk("drm/transport/encode.c", "one\ntwo\nfour\n", "one\nthree\nfour\n"),)


def test_patch_names_its_guest():
    text = PATCH.replace("clip\n", "clip\nGuest: virtgpu_zerocopy\n", 1)
    assert patch.parse("c/nothing", text).guest == "virtgpu_zerocopy"


def test_mutants_of_samples_name_them_as_guest():
    text = PATCH.replace("b/drm/transport/encode.c", "b/rust/samples/cirrus.rs")
    assert patch.parse("rust/nothing", text).module == "rust"
    text = text.replace("clip\n", "clip\nGuest: cirrus\n", 1)
    assert patch.parse("rust/nothing", text).module == "cirrus"


@pytest.mark.parametrize("old, new", [
    ("Test: virtgpu_damage@one-clip", "Test: virtgpu_damage"),
    ("Nothing is drawn,\never.\n", ""),
    ("drm/", "qemu/"),
    ("+three", "+two"),
    (" four", "four"),
])
def test_bad_patches_are_rejected(old, new):
    with pytest.raises(Misfit):
        patch.parse("c/nothing", PATCH.replace(old, new))


def test_rust_patches_change_rust():
    with pytest.raises(Misfit):
        patch.parse("rust/nothing", PATCH)


def test_several_hunks_are_applied_one_after_the_other():
    hunks = (Hunk("f", "one\n", "two\n"), Hunk("f", "two\nthree\n", "four\n"))
    assert patch.apply(hunks, {"f": "one\nthree\n"}.__getitem__) == {"f": "four\n"}


@pytest.mark.parametrize("text", ["nothing of it\n", "one\none\n"])
def test_what_is_not_there_once_does_not_fit(text):
    with pytest.raises(Misfit):
        patch.apply((Hunk("f", "one\n", "two\n"),), {"f": text}.__getitem__)


def test_tests_are_known():
    assert patch.has_test("virtgpu_damage@one-clip")
    assert patch.has_test("virtgpu_clients@modetest")
    assert patch.has_test("virtgpu_panic@panic-screen")
    assert patch.has_test("virtgpu_kunit@connector")
    assert not patch.has_test("virtgpu_damage@nothing")
    assert not patch.has_test("virtgpu_nothing@one-clip")


def test_all_patches_fit():
    assert mutants.misfits() == []


# Files with declarations only, so a mutant in them could not be noticed.
WITHOUT_LOGIC = {
    "drm/transport/trace.c",
    "rust/virtgpu/device.rs",
    "rust/virtgpu/display/mod.rs",
    "rust/virtgpu/memory/callbacks.rs",
    "rust/virtgpu/memory/mod.rs",
    "rust/virtgpu/render/callbacks.rs",
    "rust/virtgpu/render/mod.rs",
    "rust/virtgpu/virtgpu.rs",
}


@pytest.mark.parametrize("driver", ["c", "rust"])
def test_every_part_has_a_mutant(driver):
    changed = {path for each in patch.load_all()[0] for path in each.files}
    assert set(generate.files(driver, [])) - changed - WITHOUT_LOGIC == set()


@pytest.mark.parametrize("status, warned, wanted", [
    (0, False, "survived"), (98, False, "noticed"), (1, False, "noticed"), (139, False, "noticed"),
    (124, False, "noticed"), (137, False, "noticed"), (0, True, "noticed"), (77, False, "unusable"),
    (79, False, "error"), (127, False, "error"),
])
def test_only_failures_count(status, warned, wanted):
    assert runner.verdict(status, warned)[0] == wanted


def test_a_silent_judge_says_nothing_of_the_driver():
    assert runner.verdict(98, False, "lib/judge.c:50: the judge does not answer")[0] == "error"


@pytest.mark.parametrize("status, warned", [(77, False), (79, False), (98, False), (0, True)])
def test_a_control_run_has_to_pass(status, warned):
    assert runner.control_error(status, warned)
    assert not runner.control_error(0, False)


def course(text: str, *given: Mutant) -> Course:
    found = Course(list(given))
    found("\n".join(f"mutants: {line.strip()}" for line in text.strip().splitlines())
          .encode() + b"\n")
    return found


CLIP = "virtgpu_damage@one-clip"
CONTROL = f"begin unbroken {CLIP} 600\nend unbroken {CLIP} 0 0 3\n"


def run(name: str, status: int, warned: int = 0) -> str:
    return (f"load {name}\nbegin {name} {CLIP} 42\nsaid how it went\n"
            f"end {name} {CLIP} {status} {warned} 3\n")


def after(name: str) -> str:
    return f"load unbroken\n{CONTROL}over {name}\n"


def test_noticed_after_a_control_run():
    found = course(CONTROL + run("c/a", 98) + after("c/a") + "over everything", mutant("c/a"))
    assert found.finished
    assert found.settle("the guest ended") == []
    assert found.outcomes == {"c/a": Outcome("noticed", "exit status 98: how it went", CLIP, 3)}


def test_survivors_need_no_second_control_run():
    found = course(CONTROL + run("c/a", 0) + "over c/a\n" + run("c/b", 0) + "over c/b",
                   mutant("c/a"), mutant("c/b"))
    assert [found.outcomes[name].verdict for name in ("c/a", "c/b")] == ["survived"] * 2


def test_a_test_that_fails_on_the_unbroken_driver_is_no_measure():
    found = course(f"begin unbroken {CLIP} 600\nend unbroken {CLIP} 77 0 3\nover everything",
                   mutant("c/a"), mutant("c/b", "virtgpu_damage@dirtyfb"))
    left = found.settle("the guest ended")
    assert found.outcomes["c/a"].verdict == "error"
    assert [each.name for each in left] == ["c/b"]


def test_a_later_mutant_in_a_spoiled_guest_is_run_again_first():
    broken = f"load unbroken\nbegin unbroken {CLIP} 600\nend unbroken {CLIP} 98 0 3\n"
    given = [mutant("c/a"), mutant("c/b"), mutant("c/c")]
    found = course(CONTROL + run("c/a", 98) + after("c/a") + run("c/c", 98) + broken, *given)
    left = found.settle("the guest ended")
    assert [each.name for each in left] == ["c/c", "c/b"]
    # If it was the only mutant in its guest, the result counts.
    found = course(CONTROL + run("c/c", 98) + broken, *left)
    assert [each.name for each in found.settle("the guest ended")] == ["c/b"]
    assert found.outcomes["c/c"].verdict == "noticed"


def test_a_lost_guest_counts_only_in_the_test_and_alone():
    begun = CONTROL + f"load c/a\nbegin c/a {CLIP} 42"
    found = course(begun, mutant("c/a"))
    assert found.settle("BUG: something") == []
    assert found.outcomes["c/a"].verdict == "noticed"
    found = course(CONTROL + "load c/a", mutant("c/a"))
    found.settle("BUG: something")
    assert found.outcomes["c/a"].verdict == "unusable"
    found = course(CONTROL + run("c/a", 98) + after("c/a") + f"load c/b\nbegin c/b {CLIP} 42",
                   mutant("c/a"), mutant("c/b"))
    assert [each.name for each in found.settle("BUG: something")] == ["c/b"]


def test_the_reason_is_the_fatal_line():
    assert runner.reason("[1.3] ACPI: IRQ 4\n[31.3] BUG: unable to handle\n[31.4] #PF"
                         ) == "[31.3] BUG: unable to handle"
    assert runner.reason("the guest hangs") == "the guest hangs"
    assert runner.reason("") == ""


def test_a_warning_counts_and_ends_the_guest():
    found = course(CONTROL + run("c/a", 0, 1), mutant("c/a"), mutant("c/b"))
    assert [each.name for each in found.settle("the guest ended")] == ["c/b"]
    assert found.outcomes["c/a"].how.startswith("the kernel warned")


def test_a_guest_that_does_nothing_is_not_repeated_for_ever():
    found = course("load c/a\nstuck unbroken", mutant("c/a"), mutant("c/b"))
    assert [each.name for each in found.settle("the guest ended")] == ["c/b"]
    found = Course([mutant("c/a")])
    assert found.settle("the guest hangs") == []
    assert found.outcomes["c/a"].verdict == "error"


def test_output_in_pieces_and_of_others():
    found = Course([mutant("c/a")])
    for piece in (b"mutants: load c/", b"a\nsomething else\nmutants: refu", b"sed c/a\n"):
        found(piece)
    assert found.outcomes["c/a"].verdict == "unusable"


PROGRAM = """#!/bin/sh
grep -q "fails $2" "$ROOT/host/virtgpu.ko" && exit 98
exit 0
"""


def job(tmp_path, listed: str, is_for_kunit=False, **modules: str) -> list[str]:
    """Runs the guest's job with a program that fails if the module's file says so; returns reports."""
    commands, folder = tmp_path / "bin", tmp_path / "host/tests/mutants"
    for path in (commands, folder, tmp_path / "tmp"):
        path.mkdir(parents=True)
    for name in ("modprobe", "rmmod", "insmod", "udevadm"):
        (commands / name).write_text("#!/bin/sh\n")
        (commands / name).chmod(0o755)
    (folder / "../prog").write_text(PROGRAM)
    (folder / "../prog").chmod(0o755)
    for name, text in {"unbroken": "good", **modules}.items():
        (folder / f"{name}.ko").write_text(text)
    (tmp_path / "host/virtgpu.ko").write_text("good")
    (folder / "list").write_text(listed)
    script = re.sub(r"(?<!\w)/(host|tmp)/", rf"{tmp_path}/\1/",
                    runner.job(is_for_kunit))
    done = subprocess.run(["sh", "-c", script], check=True, text=True, capture_output=True,
                          env={"PATH": f"{commands}:{os.environ['PATH']}", "ROOT": str(tmp_path),
                               "VIRTGPU_MODULE": "virtgpu.ko"})
    return [" ".join(line.split()[1:5]) for line in done.stdout.splitlines()
            if line.split()[1] in ("end", "over")]


def test_the_job_runs_the_unbroken_driver_where_it_has_to(tmp_path):
    told = job(tmp_path, "a prog@t1\nb prog@t1\nc prog@t2 prog@t1\n",
               a="fails t1", b="fails t1", c="fails t1")
    assert told == [
        "end unbroken prog@t1 0", "end a prog@t1 98", "over a",
        # Another mutant was noticed since the control run, so the control run is repeated.
        "end b prog@t1 98", "end unbroken prog@t1 0", "over b",
        # None was noticed since the last control run.
        "end unbroken prog@t2 0", "end c prog@t2 0", "end c prog@t1 98", "over c",
        "over everything"]


def test_the_job_gives_a_spoiled_guest_up(tmp_path):
    told = job(tmp_path, "a prog@t1\nb prog@t1\nc prog@t2\n", unbroken="fails t1", a="fails t1",
               b="fails t1")
    # The driver that the guest booted with passes t1, but not the one that is loaded again.
    assert told == ["end unbroken prog@t1 0", "end a prog@t1 98", "over a", "end b prog@t1 98",
                    "end unbroken prog@t1 98"]


def test_the_job_exchanges_the_suites_and_not_the_driver(tmp_path):
    suites, driver = tmp_path / "host/tests/virtgpu_kunit.ko", tmp_path / "host/virtgpu.ko"
    assert job(tmp_path, "a prog@t1\n", is_for_kunit=True, a="fails t1") == [
        "end unbroken prog@t1 0", "end a prog@t1 0", "over a", "over everything"]
    assert (suites.read_text(), driver.read_text()) == ("fails t1", "good")


def test_kunit_has_a_module_of_its_own():
    assert mutant("c/a", "virtgpu_kunit@queue").is_for_kunit
    assert not mutant("c/a").is_for_kunit


def test_all_suites_are_tried():
    for driver, only in (("c", "virtgpu_kunit@fence"), ("rust", "virtgpu_kunit@drm")):
        tests = generate.kunit_tests(driver)
        assert only in tests and "virtgpu_kunit@queue" in tests
        assert all(patch.has_test(test) for test in tests)
    assert "virtgpu_kunit@drm" not in generate.kunit_tests("c")


def test_grouped_by_guest_and_test():
    given = [mutant("c/a", "virtgpu_display@clone", guest="virtgpu_display"),
             mutant("c/b", "virtgpu_hostile@lies", guest="virtgpu_hostile"),
             mutant("c/c", "virtgpu_damage@dirtyfb"), mutant("c/d", runner.PANIC)]
    names = [[each.name for each in members] for members in runner.group(given, "c")]
    assert names == [["c/c", "c/a"], ["c/b"], ["c/d"]]


def test_names_are_chosen():
    given = [mutant("c/a"), mutant("c/b")]
    assert mutants.choose(given, []) == given
    assert mutants.choose(given, ["b"]) == mutants.choose(given, ["c/b"]) == given[1:]
    with pytest.raises(mutants.Failure, match="c/a"):
        mutants.choose(given, ["e"])


def test_interrupted_runs_go_on(tmp_path):
    given = [mutant("c/a"), mutant("c/b")]
    keys = {"c/a": "1", "c/b": "1"}
    results = mutants.Results(tmp_path / "mutants.json", keys)
    assert results.begin(given) == given
    results.add(given[0], Outcome("noticed", ""))
    again = mutants.Results(tmp_path / "mutants.json", keys)
    assert again.begin(given) == given[1:]
    again.add(given[1], Outcome("survived", ""))
    assert again.of(given, "noticed") == given[:1]
    # All are done: the next run starts again; a mutant that changed runs in any case.
    assert again.begin(given) == given
    for each in given:
        again.add(each, Outcome("noticed", ""))
    changed = mutants.Results(tmp_path / "mutants.json", {**keys, "c/b": "2"})
    assert changed.begin(given) == given[1:]


def test_score():
    assert mutants.score(88, 92) == "mutation score: 88 of 92 noticed (95 %)"
    assert mutants.score(0, 0) == "mutation score: 0 of 0 noticed (0 %)"


C = """/* if (comment) */
static int f(void)
{
\tint ret = 0;

\tif (a < 1 && b) {
\t\tg(a,
\t\t  b);
\t\tret = h(a);
\t\tgoto out;
\t}
\tdrm_err(dev, "1 < 2\\n");
out:
\treturn ret;
}
"""

RUST = """fn f() -> Result {
    // if comment {
    if a == 0 {
        return Err(EINVAL);
    }
    self.g(1)?;
    self.h();
    Ok(())
}
"""


def changes(driver: str, text: str) -> list[tuple[int, str, str]]:
    return [(found.number + 1, found.operator, found.changed.strip())
            for found in generate.candidates(driver, "f", text)]


def test_changes_of_c():
    assert changes("c", C) == [
        (4, "constant", "int ret = 1;"),
        (6, "relation", "if (a <= 1 && b) {"), (6, "logic", "if (a < 1 || b) {"),
        (6, "constant", "if (a < 2 && b) {"), (6, "negate", "if (!(a < 1 && b)) {"),
        (9, "drop", ";"), (10, "goto", ";"), (14, "result", "return 0;")]


def test_changes_of_rust():
    assert changes("rust", RUST) == [
        (3, "relation", "if a != 0 {"), (3, "constant", "if a == 1 {"),
        (3, "negate", "if !(a == 0) {"), (4, "failure", ""),
        (6, "constant", "self.g(2)?;"), (6, "question", "let _ = self.g(1);"), (7, "drop", "")]


def test_a_change_is_of_one_line():
    first = next(generate.candidates("c", "f", C))
    assert first.text(C.splitlines()) == C.replace("ret = 0", "ret = 1")


def test_a_seed_decides_the_order():
    found = list(generate.candidates("c", "f", C))
    assert generate.pick(found, 1) == generate.pick(found, 1)
    assert any(generate.pick(found, seed) != generate.pick(found, 1) for seed in range(2, 9))
    assert sorted(map(repr, generate.pick(found, 1))) == sorted(map(repr, found))
