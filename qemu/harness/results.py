# SPDX-License-Identifier: GPL-2.0
"""Test results: parses igt_runner's output, follows a run, and stores results with their origin."""
import json
import os
import re
import subprocess
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from qemu.base import cache
from qemu.base.paths import TOP
from qemu.base.report import say
from qemu.host import kernelmessages

# The parts of the checkout that decide results.
SOURCES = ("drm", "rust", "uapi", "igt-tests", "qemu", "Kbuild")
LOG_LINES = 60
GOOD, SKIPPED, LOST = "pass", "skip", "lost"
# The result that igt_runner gives to a test that it never started.
NOT_RUN = "notrun"

WANTED = re.compile(r"igt@(\S+)$")
STARTED = re.compile(r"\[(\d+)/(\d+)\] (?:\([^)]*\) )?(\w+)(?: \(([^)]*)\))?")
ENDED = re.compile(r"(Subtest|Dynamic subtest) (\S+): (SUCCESS|FAIL|SKIP|CRASH|TIMEOUT)\b")
WORDS = {"SUCCESS": GOOD}
PICTURE = re.compile(r"see ([\w.-]+\.png)")


@dataclass
class Outcome:
    """The result of one test; the log has what a person needs to analyse a failure."""
    result: str
    seconds: float = 0
    log: str = ""
    pictures: list[str] = field(default_factory=list)


def _tail(text: str) -> str:
    return "\n".join(text.rstrip().splitlines()[-LOG_LINES:])


def _of_runner(name: str, entry: dict) -> Outcome:
    """Converts one entry of igt_runner's results.json."""
    result = entry["result"]
    dmesg = entry.get("dmesg", "")
    out = entry.get("out", "") + entry.get("err", "")
    complaint = kernelmessages.complaints(dmesg.splitlines())
    if name.startswith("virtgpu_"):
        # Our tests make the driver report errors on purpose.
        result = {"dmesg-warn": "pass", "dmesg-fail": "fail"}.get(result, result)
    if complaint and result in (GOOD, SKIPPED):
        result = "dmesg-fail"
    elif result == NOT_RUN:
        result = LOST
    times = entry.get("time", {})
    seconds = float(times.get("end", 0)) - float(times.get("start", 0))
    good = result in (GOOD, SKIPPED)
    log = _tail(out) if good and result == SKIPPED else "" if good else "\n".join(
        filter(None, (_tail(out), complaint or _tail(dmesg))))
    return Outcome(result, round(seconds, 2), log, sorted(set(PICTURE.findall(out))))


def parse(folder: Path) -> tuple[dict[str, Outcome], set[str]]:
    """Returns the results by name, and the kernel messages that belong to a test.

    A test of the list without a result is lost.
    """
    results, messages = {}, set()
    data, wanted = folder / "results/results.json", folder / "results/list.txt"
    if data.exists():
        for name, entry in json.loads(data.read_text())["tests"].items():
            name = name.removeprefix("igt@")
            # A test without a result did not end; it counts as lost below.
            if "result" in entry:
                results[name] = _of_runner(name, entry)
            messages |= {kernelmessages.bare(line) for line in entry.get("dmesg", "").splitlines()}
    if wanted.exists():
        for line in wanted.read_text().splitlines():
            name = line.removeprefix("igt@")
            if not any(found == name or found.startswith(name + "@") for found in results):
                results[name] = Outcome(LOST)
    return results, messages


class Progress:
    """Follows a run: prints its progress, and keeps results in case the guest is lost."""

    def __init__(self, what: str):
        self._what, self._last, self._rest = what, 0.0, b""
        self._test = ""
        self.results: dict[str, Outcome] = {}

    def __call__(self, data: bytes) -> None:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._line(line.decode(errors="replace"))

    def _line(self, line: str) -> None:
        if match := WANTED.match(line):
            self.results[match[1]] = Outcome(LOST)
        elif match := STARTED.search(line):
            number, total, name, sub = match.groups("")
            self._test = f"{name}@{sub}" if sub else name
            self.results[self._test] = Outcome("crash")
            if time.monotonic() - self._last > 10:
                self._last = time.monotonic()
                say(f"    {self._what} {number}/{total}: {name} {sub}")
        elif match := ENDED.search(line):
            kind, name, word = match.groups()
            result = Outcome(WORDS.get(word, word.lower()))
            if kind.startswith("Dynamic"):
                # The dynamic subtests count instead of the test itself.
                self.results.pop(self._test, None)
                self.results[f"{self._test}@{name}"] = result
            elif self._test in self.results:
                self.results[self._test] = result


def _git(*argv: str) -> str:
    done = subprocess.run(["git", "-C", str(TOP), *argv], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def sources() -> str:
    """Returns a hash of everything in the checkout that decides results."""
    files = sorted(path for part in SOURCES for path in
                   ([TOP / part] if (TOP / part).is_file() else (TOP / part).rglob("*"))
                   if path.is_file() and "__pycache__" not in path.parts)
    return cache.key(*(part for path in files for part in (str(path.relative_to(TOP)), path)))


@dataclass
class Header:
    """The origin of results: only results with comparable headers may be compared."""
    kernel: str
    accelerator: str
    scope: str
    sources: str
    commit: str = ""
    seed: int = 0

    @classmethod
    def now(cls, kernel: str, accelerator: str, scope: str, seed: int) -> "Header":
        return cls(kernel, accelerator, scope, sources(), _git("describe", "--always", "--dirty"), seed)

    def comparable(self, other: "Header") -> bool:
        return ((self.kernel, self.accelerator, self.scope, self.sources)
                == (other.kernel, other.accelerator, other.scope, other.sources))


@dataclass
class SuiteResults:
    """The results of one guest, and what went wrong outside of tests."""
    results: dict[str, Outcome] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    seconds: float = 0

    @property
    def finished(self) -> bool:
        """Whether every test ended; if not, a continued run repeats the suite."""
        return not any(result.result == LOST for result in self.results.values())


@dataclass
class Record:
    """The results of one driver, saved after each suite."""
    driver: str
    header: Header
    suites: dict[str, SuiteResults] = field(default_factory=dict)
    complete: bool = False
    # SHARD= of the run; empty if it was not divided, or is merged.
    shard: str = ""

    @property
    def results(self) -> dict[str, Outcome]:
        return {name: result for suite in self.suites.values()
                for name, result in suite.results.items()}

    @property
    def trouble(self) -> list[str]:
        return [line for suite in self.suites.values() for line in suite.trouble]

    def words(self) -> dict[str, str]:
        return {name: result.result for name, result in self.results.items()}

    def save(self, path: Path) -> None:
        """Writes the file in one step, so that an interruption leaves no partial file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self), indent=1))
        os.replace(partial, path)

    @classmethod
    def load(cls, path: Path) -> "Record | None":
        """Returns None if there is no file, or if another version of this tool wrote it."""
        try:
            data = json.loads(path.read_text())
            suites = {name: SuiteResults({test: Outcome(**result) for test, result
                                          in suite["results"].items()},
                                         suite["trouble"], suite["seconds"])
                      for name, suite in data["suites"].items()}
            return cls(data["driver"], Header(**data["header"]), suites, data["complete"],
                       data["shard"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
