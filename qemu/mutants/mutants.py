# SPDX-License-Identifier: GPL-2.0
"""Breaks the driver on purpose, one place at a time, and checks that a test notices.

    mutants.py [NAME...]        DRIVER=c|rust|both

The mutants are the patches in qemu/mutants/. An interrupted run continues where it stopped; mutants
whose driver or test has changed since then run again.
"""
import contextlib
import json
import sys
from pathlib import Path

from qemu.base import cache, choice, outfolder, report
from qemu.base.paths import TOP
from qemu.base.report import Failure, say
from qemu.build import build
from qemu.images import environment
from qemu.images.target import Environment
from qemu.mutants import patch
from qemu.mutants.patch import Mutant
from qemu.mutants.runner import Outcome, Runner
from qemu.mutants.workshop import Workshop, fingerprint

RESULTS = outfolder.OUT / "mutants.json"
DRIVERS = {"c": ("c",), "rust": ("rust",), choice.BOTH: ("c", "rust")}


def misfits() -> list[str]:
    """Returns messages about patches that do not apply to the working tree."""
    return patch.load_all()[1]


def choose(mutants: list[Mutant], names: list[str]) -> list[Mutant]:
    """Returns the named mutants, or all without names; a name may omit the folder."""
    known = {mutant.name for mutant in mutants}
    short = {name.split("/")[1] for name in known}
    unknown = [name for name in names if name not in known | short]
    if unknown:
        raise Failure(f"no such mutant: {', '.join(unknown)}; known are:\n  "
                      + "\n  ".join(sorted(known)))
    return [mutant for mutant in mutants
            if not names or mutant.name in names or mutant.name.split("/")[1] in names]


class Results:
    """The result of each mutant, kept from run to run; runs of two drivers may share the file."""

    def __init__(self, path: Path, keys: dict[str, str]):
        self.path, self.keys = path, keys
        self.results: dict[str, dict] = {}
        path.parent.mkdir(exist_ok=True)
        with self._changed() as data:
            # Drop results of other sources.
            data["results"] = {name: result for name, result in data["results"].items()
                               if result["key"] == keys.get(name, result["key"])}

    @contextlib.contextmanager
    def _changed(self):
        """Yields the content of the file for changes, with the file locked."""
        with cache.locked(self.path):
            data: dict = {"todo": [], "results": {}}
            if self.path.exists():
                data = json.loads(self.path.read_text())
            yield data
            partial = self.path.with_suffix(".partial")
            partial.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")
            partial.rename(self.path)
            self.results = data["results"]

    def begin(self, mutants: list[Mutant]) -> list[Mutant]:
        """Returns what a full run must still do: the rest of an interrupted run, or everything."""
        with self._changed() as data:
            mine = {mutant.name for mutant in mutants}
            left = mine & set(data["todo"])
            todo = [mutant for mutant in mutants
                    if mutant.name in left or mutant.name not in data["results"]] or mutants
            data["todo"] = sorted(set(data["todo"]) - mine | {mutant.name for mutant in todo})
        return todo

    def add(self, mutant: Mutant, outcome: Outcome) -> None:
        with self._changed() as data:
            data["results"][mutant.name] = {
                "key": self.keys[mutant.name], "verdict": outcome.verdict, "how": outcome.how,
                "test": outcome.test, "seconds": outcome.seconds}
            if mutant.name in data["todo"]:
                data["todo"].remove(mutant.name)

    def of(self, mutants: list[Mutant], verdict: str) -> list[Mutant]:
        return [mutant for mutant in mutants
                if self.results.get(mutant.name, {}).get("verdict") == verdict]

    def how(self, mutant: Mutant) -> str:
        return self.results[mutant.name]["how"]


def score(noticed: int, total: int) -> str:
    percent = 100 * noticed // total if total else 0
    return f"mutation score: {noticed} of {total} noticed ({percent} %)"


def build_once(workshop: Workshop, mutant: Mutant, modules: Path) -> None:
    """Compiles a mutant, unless an interrupted run has already done so."""
    made, wanted = modules / f"{mutant.name}.key", workshop.key(mutant)
    if made.exists() and made.read_text() == wanted:
        return
    made.unlink(missing_ok=True)
    workshop.make(patch.apply(mutant.hunks, patch.read_source),
                  modules / f"{mutant.name}.ko")
    made.write_text(wanted)


def run_driver(target: Environment, driver: str, mutants: list[Mutant], results: Results) -> None:
    """Builds and runs the mutants of one driver."""
    tests = build.tests(target, driver)
    folder = outfolder.claim(f"mutants-{driver}")

    def tell(mutant: Mutant, outcome: Outcome) -> None:
        results.add(mutant, outcome)
        word = outcome.verdict if outcome.verdict == "noticed" else outcome.verdict.upper()
        print(f"{word:<9} {mutant.name:<36} {outcome.test or mutant.tests[0]:<36} "
              f"{outcome.how[:80]}")

    kinds = [(True, driver), (False, driver), *((False, sample) for sample in choice.SAMPLES)]
    for is_for_kunit, module in kinds:
        members = [mutant for mutant in mutants
                   if (mutant.is_for_kunit, mutant.module) == (is_for_kunit, module)]
        if not members:
            continue
        modules = folder / ("modules-kunit" if is_for_kunit else f"modules-{module}")
        (modules / driver).mkdir(parents=True, exist_ok=True)
        built = []
        with Workshop(target, driver, is_for_kunit, module) as workshop:
            workshop.control(modules / "unbroken.ko")
            with report.step(f"{len(members)} mutants of the {driver} driver"):
                for mutant in members:
                    try:
                        build_once(workshop, mutant, modules)
                        built.append(mutant)
                    except Failure as failure:
                        say(str(failure))
                        tell(mutant, Outcome("error", "it does not compile"))
        Runner(target, driver, modules, tests, folder / "run", tell).run(built)


def summary(mutants: list[Mutant], results: Results) -> int:
    """Prints the score and what is left to do; returns the exit status."""
    noticed, survivors = results.of(mutants, "noticed"), results.of(mutants, "survived")
    errors = results.of(mutants, "unusable") + results.of(mutants, "error")
    for title, members in (("survived, no test notices it", survivors),
                           ("not tried", errors)):
        for mutant in members:
            print(f"{title}: {', '.join(mutant.files)}: {mutant.what} "
                  f"(qemu/mutants/{mutant.name}.patch, {mutant.tests[0]}) {results.how(mutant)}")
    print(score(len(noticed), len(noticed) + len(survivors)))
    return 1 if survivors or errors else 0


def drivers() -> tuple[str, ...]:
    """Returns the drivers that DRIVER= names."""
    return DRIVERS[choice.driver(tuple(DRIVERS), default=choice.BOTH)]


def main() -> int:
    names = sys.argv[1:]
    wanted = drivers()
    mutants, bad = patch.load_all()
    if bad:
        raise Failure("\n".join(bad))
    chosen = [mutant for mutant in choose(mutants, names) if mutant.driver in wanted]
    if not chosen:
        raise Failure(f"none of these is a mutant of the {', '.join(wanted)} driver")
    results = Results(RESULTS, {mutant.name: fingerprint(mutant) for mutant in chosen})
    todo = chosen if names else results.begin(chosen)
    if len(todo) < len(chosen):
        say(f"    continuing with {len(todo)} of {len(chosen)}; "
            f"remove {RESULTS.relative_to(TOP)} to start again")
    target = environment.prepare(choice.kernel())
    for driver in wanted:
        members = [mutant for mutant in todo if mutant.driver == driver]
        if members:
            run_driver(target, driver, members, results)
    return summary(chosen, results)


if __name__ == "__main__":
    report.main(main)
