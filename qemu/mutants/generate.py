# SPDX-License-Identifier: GPL-2.0
"""Breaks the driver at random, and counts how often a test notices.

    generate.py [FILE...]         DRIVER=c|rust|both COUNT=20 VIRTGPU_SEED=

The changes are the usual ones, in single lines: a condition negated, a statement dropped, a constant
increased by one. A change that does not compile, or compiles to the same code, does not count. Each
change is tested with the tests of the patches in qemu/mutants/ that change the same file, with a few
tests for all, and with the KUnit suites. A survivor means that a test is missing, or that the change
has no visible effect.
"""
import difflib
import os
import random
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from qemu.base import choice, outfolder, report, seed
from qemu.base.paths import TOP
from qemu.base.report import Failure
from qemu.build import build
from qemu.harness import suites
from qemu.images import environment
from qemu.images.target import Environment
from qemu.mutants import patch
from qemu.mutants.patch import SOURCES, Hunk, Mutant
from qemu.mutants.mutants import drivers
from qemu.mutants.runner import PANIC, Outcome, Runner
from qemu.mutants.workshop import Workshop

# Sources that are not in the module, or not in the one with the KUnit suites, and the line where the
# tests of a Rust source begin.
NOT_THE_DRIVER = {"device_tests", "dma_buf_tests", "drm_tests", "virtio_tests", "window_tests"}
NOT_FOR_KUNIT = {"drm/drv.c", "drm/transport/trace.c"}
UNIT_TESTS = "#[cfg(kunit)]"

# Tests that cover a bit of everything; each change runs them first.
BASIC = ("virtgpu_damage@edge-clips", "virtgpu_display@two-heads", "virtgpu_cursor@image",
         "virtgpu_ioctl@resource-info", "virtgpu_debug@debugfs", "virtgpu_lifecycle@rebind")

# Lines that do not change behaviour: messages, comments, declarations of names.
WORDS = re.compile(r'^\s*(//|/?\*|#)|"|drm_(err|dbg|info|warn)|seq_print|MODULE_|EXPORT_|trace_'
                   r"|^\s*(pub\(crate\) )?(use|mod|type|struct|enum|impl|fn|static_assert|lockdep_)\b"
                   r"|WARN_ON|mutex_init|spin_lock_init")
# Declarations must not be dropped as statements.
DECLARATION = re.compile(r"^\s*(const|static|struct|unsigned|enum|u8|u16|u32|u64|s32|s64|int|long|bool"
                         r"|void|char|size_t|ktime_t|dma_addr_t|pgprot_t|uuid_t|LIST_HEAD|DEFINE_\w+"
                         r"|let|return|goto|break|continue|case|default|else|mutex_\w+|spin_\w+)\b")

Change = Callable[[re.Match], str]


@dataclass(frozen=True)
class Operator:
    """A kind of change: the pattern that it replaces in a line, and the replacement."""
    name: str
    pattern: re.Pattern
    change: Change


def swap(name: str, pairs: dict[str, str], form: str = r" (?:{}) ") -> Operator:
    """Returns an operator that replaces each word by another."""
    words = "|".join(re.escape(word) for word in sorted(pairs, key=len, reverse=True))
    pattern = re.compile(form.format(words))
    return Operator(name, pattern,
                    lambda match: match[0].replace(match[0].strip(), pairs[match[0].strip()]))


COMMON = (
    swap("relation", {"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">"}),
    swap("logic", {"&&": "||", "||": "&&"}),
    swap("arithmetic", {"+": "-", "-": "+", "<<": ">>", ">>": "<<"}),
    swap("truth", {"true": "false", "false": "true"}, r"\b(?:{})\b"),
    Operator("constant", re.compile(r"(?<![\w.\"])\d+(?![\w.])"),
             lambda match: str(int(match[0]) + 1)),
)

OPERATORS = {
    "c": (*COMMON,
          Operator("negate", re.compile(r"\b(if|while) \(((?:[^()]|\([^()]*\))+)\)(?= \{|$)"),
                   lambda match: f"{match[1]} (!({match[2]}))"),
          Operator("drop", re.compile(r"^(\t+)[\w*&][^=;]*(?:=[^;]+|\([^;]*\)|\+\+|--);$"),
                   lambda match: f"{match[1]};"),
          Operator("result", re.compile(r"return (?:ret|-E\w+);$"), lambda match: "return 0;"),
          Operator("failure", re.compile(r"return 0;$"), lambda match: "return -EIO;"),
          Operator("goto", re.compile(r"goto \w+;$"), lambda match: ";")),
    "rust": (*COMMON,
             Operator("negate", re.compile(r"\bif (?!let )([^{}]+) \{$"),
                      lambda match: f"if !({match[1]}) {{"),
             Operator("drop", re.compile(r"^( +)[a-z_*][\w.*:\[\]]*(?:\(.*\)| [-+|]?= .*);$"),
                      lambda match: ""),
             Operator("failure", re.compile(r"^( +)return Err\(.*\);$"), lambda match: ""),
             Operator("question", re.compile(r"^( +)([a-z_][^=]*\))\?;$"),
                      lambda match: f"{match[1]}let _ = {match[2]};")),
}


@dataclass(frozen=True)
class Candidate:
    """A file with one changed line."""
    path: str
    number: int
    operator: str
    line: str
    changed: str

    def text(self, lines: list[str]) -> str:
        return "\n".join([*lines[:self.number], self.changed, *lines[self.number + 1:]]) + "\n"


def starts_statement(lines: list[str], number: int) -> bool:
    """Returns whether a line begins a statement, rather than continuing the line before."""
    before = next((line.strip() for line in reversed(lines[:number]) if line.strip()), "")
    return not before or before.endswith(("{", "}", ";", ":", "*/")) or before.startswith("//") or (
        before.startswith(("if (", "else")) and before.count("(") == before.count(")"))


def candidates(driver: str, path: str, text: str) -> Iterator[Candidate]:
    """Yields every change to a file, in the order of its lines."""
    lines = text.splitlines()
    inside = False
    for number, line in enumerate(lines):
        if line.startswith(UNIT_TESTS):
            break
        comment = inside or line.lstrip().startswith("/*")
        inside = comment and "*/" not in line
        if comment or WORDS.search(line):
            continue
        for operator in OPERATORS[driver]:
            if operator.name == "drop" and (DECLARATION.match(line)
                                            or not starts_statement(lines, number)):
                continue
            for match in operator.pattern.finditer(line):
                changed = line[:match.start()] + operator.change(match) + line[match.end():]
                yield Candidate(path, number, operator.name, line, changed)


def pick(found: list[Candidate], number: int) -> list[Candidate]:
    """Returns all candidates in a random order, which the seed decides."""
    return random.Random(number).sample(found, len(found))


def files(driver: str, names: list[str]) -> list[str]:
    """Returns the sources to change: the named ones, or all that the default kernel's driver has."""
    pattern = "*.c" if driver == "c" else "*.rs"
    folder = TOP / SOURCES[driver]
    left_out = {folder / "tests", folder / "compat"}
    known = sorted(str(path.relative_to(TOP)) for path in folder.rglob(pattern)
                   if path.stem not in NOT_THE_DRIVER and not left_out & set(path.parents))
    return [path for path in known if not names or path in names]


def kunit_tests(driver: str) -> tuple[str, ...]:
    """Returns all of a driver's KUnit suites, as tests."""
    text = (patch.TESTS / f"{patch.KUNIT.rstrip('@')}.c").read_text()
    table = re.search(rf"#define SUITES_OF_{driver.upper()}\(X\)((?:.*\\\n)*.*\n)", text)
    return tuple(f"{patch.KUNIT}{name}" for name in re.findall(r"X\((\w+)\)", table[1])
                 ) if table else ()


def tests_of(path: str, patches: list[Mutant]) -> dict[str, tuple[str, ...]]:
    """Returns the tests of a file, by the program that decides the guest; quick ones first."""
    found = {BASIC[0].partition("@")[0]: dict.fromkeys(BASIC)}
    for patch in patches:
        if path in patch.files and patch.tests != (PANIC,) and not patch.is_for_kunit:
            guest = next((other for other in found
                          if suites.options_for(other, patch.driver)
                          == suites.options_for(patch.guest, patch.driver)), patch.guest)
            found.setdefault(guest, {}).update(dict.fromkeys(patch.tests))
    return {guest: tuple(tests) for guest, tests in found.items()}


@dataclass
class Trial:
    """A change that was compiled, and its result."""
    candidate: Candidate
    diff: str
    hunk: Hunk
    outcome: Outcome | None = None

    @property
    def name(self) -> str:
        return f"{Path(self.candidate.path).stem}-{self.candidate.number + 1}-" \
               f"{self.candidate.operator}"

    @property
    def is_noticed(self) -> bool:
        # A module that cannot be loaded would fail every test.
        return self.outcome is not None and self.outcome.verdict in ("noticed", "unusable")


def compile_some(workshop: Workshop, driver: str, found: list[Candidate], count: int,
                 modules: Path) -> list[Trial]:
    """Compiles changes until `count` of them give different code; returns these."""
    trials: dict[str, Trial] = {}
    for candidate in found:
        if len(trials) == count:
            break
        text = patch.read_source(candidate.path)
        changed = candidate.text(text.splitlines())
        diff = "".join(difflib.unified_diff(
            text.splitlines(keepends=True), changed.splitlines(keepends=True),
            f"a/{candidate.path}", f"b/{candidate.path}"))
        trial = Trial(candidate, diff, Hunk(candidate.path, text, changed))
        if trial.name in trials:
            continue
        try:
            workshop.make({candidate.path: changed}, modules / f"{driver}/{trial.name}.ko")
        except Failure:
            continue
        if not workshop.is_same(candidate.path):
            trials[trial.name] = trial
    return list(trials.values())


def mutants_of(trials: list[Trial], driver: str, patches: list[Mutant]) -> list[list[Mutant]]:
    """Returns the mutants to run, by stage: a stage has one kind of guest for each change."""
    stages: list[list[Mutant]] = []
    for trial in trials:
        for stage, (guest, tests) in enumerate(tests_of(trial.candidate.path, patches).items()):
            if stage == len(stages):
                stages.append([])
            stages[stage].append(Mutant(f"{driver}/{trial.name}", driver, trial.diff, tests, guest,
                                        (trial.hunk,)))
    return stages


def try_suites(target: Environment, driver: str, trials: list[Trial], folder: Path, tell) -> None:
    """Runs the KUnit suites on changes."""
    tests = kunit_tests(driver)
    mutants = [(trial, Mutant(f"{driver}/{trial.name}", driver, trial.diff, tests,
                              tests[0].partition("@")[0], (trial.hunk,)))
               for trial in trials if trial.candidate.path not in NOT_FOR_KUNIT]
    if not mutants:
        return
    modules = folder / "modules-kunit"
    (modules / driver).mkdir(parents=True, exist_ok=True)
    with Workshop(target, driver, is_for_kunit=True) as workshop:
        workshop.control(modules / "unbroken.ko")
        with report.step(f"KUnit tests for {len(mutants)} changes"):
            for trial, mutant in mutants:
                workshop.make({trial.candidate.path: trial.hunk.new}, modules / f"{mutant.name}.ko")
    Runner(target, driver, modules, build.tests(target, driver), folder / "run",
           tell).run([mutant for _, mutant in mutants])


def run_driver(target: Environment, driver: str, names: list[str], count: int,
               number: int) -> list[Trial]:
    """Builds and runs random mutants of one driver."""
    folder = outfolder.claim(f"mutate-{driver}")
    modules = folder / "modules"
    (modules / driver).mkdir(parents=True, exist_ok=True)
    everything = [candidate for path in files(driver, names)
                  for candidate in candidates(driver, path, patch.read_source(path))]
    if not everything:
        return []
    with Workshop(target, driver) as workshop:
        workshop.control(modules / "unbroken.ko")
        with report.step(f"{count} of {len(everything)} changes to the {driver} driver"):
            trials = compile_some(workshop, driver, pick(everything, number), count, modules)
    by_name = {f"{driver}/{trial.name}": trial for trial in trials}

    def tell(mutant: Mutant, outcome: Outcome) -> None:
        trial = by_name[mutant.name]
        trial.outcome = outcome
        print(f"{'noticed' if trial.is_noticed else outcome.verdict:<9} {mutant.name:<40} "
              f"{outcome.test:<32} {outcome.how[:80]}")

    runner = Runner(target, driver, modules, build.tests(target), folder / "run", tell)
    for stage in mutants_of(trials, driver, patch.load_all()[0]):
        runner.run([mutant for mutant in stage if not by_name[mutant.name].is_noticed])
    try_suites(target, driver, [trial for trial in trials if not trial.is_noticed], folder, tell)
    return trials


def summary(trials: list[Trial]) -> str:
    """Returns the survivors, and a line per file: how many were noticed, of how many."""
    lines = []
    for trial in trials:
        if not trial.is_noticed:
            how = trial.outcome.how if trial.outcome else "not run"
            lines += [f"survived: {trial.name} {how}", trial.diff]
    rows: dict[str, list[bool]] = {}
    for trial in trials:
        rows.setdefault(trial.candidate.path, []).append(trial.is_noticed)
    lines += [f"{path:<36} {sum(row):>3} of {len(row):>3}" for path, row in sorted(rows.items())]
    noticed = sum(trial.is_noticed for trial in trials)
    lines.append(f"random changes: {noticed} of {len(trials)} noticed "
                 f"({100 * noticed // max(1, len(trials))} %)")
    return "\n".join(lines)


def main() -> int:
    names, wanted = sys.argv[1:], drivers()
    known = [path for driver in wanted for path in files(driver, [])]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Failure(f"no such source: {', '.join(unknown)}; known are:\n  " + "\n  ".join(known))
    count = int(os.environ.get("COUNT") or 20)
    number = seed.choose()
    print(seed.replay(number))
    target = environment.prepare(choice.kernel())
    trials = [trial for driver in wanted
              for trial in run_driver(target, driver, names, count, number)]
    text = summary(trials)
    (outfolder.OUT / "mutate.txt").write_text(f"{seed.replay(number)}\n{text}\n")
    print(text)
    # Survivors do not fail the run, because some changes have no visible effect.
    return 0


if __name__ == "__main__":
    report.main(main)
