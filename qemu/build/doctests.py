# SPDX-License-Identifier: GPL-2.0
"""Makes KUnit cases of the examples in the documentation of the Rust crates. Kbuild runs this program.

    doctests.py OUTPUT COMMAND...

A COMMAND is the file in which Kbuild has saved how it compiled a crate (.NAME.o.cmd). rustdoc finds the
examples, and completes each to a program. The program goes into a module of its own in OUTPUT, which
rust/kunit/doctests.rs includes. Examples that are marked no_run are only compiled. An example that is
marked compile_fail is compiled here, and must give the error that its mark names.
"""
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

RUN, NO_RUN, COMPILE_FAIL = "run", "no_run", "compile_fail"

# rustdoc calls it as the compiler. It saves the program that it gets, and leaves one that succeeds.
SAVE = """#!/bin/sh
cat >{folder}/$$.rs
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\n' >"$2"
chmod +x "$2"
"""
# Compiles only programs with one of the names. It compiles them as libraries, because the kernel's
# crates have no code that calls a main function.
JUDGE = """#!/bin/sh
text=$(cat)
case "$text" in {names}) ;; *) exit 0 ;; esac
for word; do
	shift
	case "$word" in --crate-type=bin) word=--crate-type=rlib ;; esac
	set -- "$@" "$word"
done
printf '%s\\n' "$text" | rustc -Zcrate-attr=no_std --emit=metadata "$@"
"""

# A line of rustdoc's output: file, item, line, and the kind of test.
RESULT = re.compile(r"^test (\S+) - (?:(.*) )?\(line (\d+)\)( - compile(?: fail)?)? \.\.\. (\w+)$", re.M)
# In a program: the function of an example, and the beginning of the main function.
NAME = re.compile(r"\bfn (_doctest_main_\w+)\(\)")
BEGIN = re.compile(r"^fn main\(\) \{", re.M)

# The lines of a program have the same distances as those in the documentation.
MODULE = """
macro_rules! assert {{
    ($condition:expr $(,)?) => {{
        ::kunit::check!({fail}, $condition)
    }};
}}
macro_rules! assert_eq {{
    ($left:expr, $right:expr $(,)?) => {{
        ::kunit::check_eq!({fail}, $left, $right)
    }};
}}
mod {module} {{
{program}
}}
"""
# What the assertions of a module call with a message.
FAIL = '|args| ::kunit::doctest::fail(c"{file}", line!() - crate::{module}::MAIN + {line}, args)'
MAIN = "pub(crate) const MAIN: u32 = line!(); pub(crate) fn main() {"
SUITE = """
pub mod {crate}_suite {{
{functions}
    kunit::suite!(pub, c"virtgpu_rs_{crate}_doctests", [{names}]);
}}
"""
FUNCTION = """
    fn {case}(test: &::kunit::Test) {{
        ::kunit::doctest::run(test, crate::{module}::main)
    }}
"""


class Failure(Exception):
    """The examples are not as they should be."""


@dataclass
class Example:
    """An example in the documentation of a crate."""
    file: str
    item: str
    line: int
    kind: str

    @property
    def prefix(self) -> str:
        """The beginning of the name of the program's function, without the number of the program."""
        return f"_doctest_main_{re.sub('[^0-9A-Za-z]', '_', self.file)}_{self.line}_"


def command(saved: str) -> tuple[dict[str, str], list[str]]:
    """Returns the environment and the arguments of a saved command, for rustdoc."""
    # Some kernels run objtool after the compiler.
    line = saved.partition("\n")[0].partition(" := ")[2].partition(" ; ")[0]
    # The minimal Python of the build root has no shlex.
    words = subprocess.run(["sh", "-c", f"printf '%s\\n' {line}"], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    compiler = next(number for number, word in enumerate(words)
                    if word.endswith(("rustc", "clippy-driver")))
    variables = dict(word.split("=", 1) for word in words[:compiler])
    argv = [word for word in words[compiler + 1:] if not word.startswith("--emit=")]
    at = argv.index("--out-dir")
    return variables, argv[:at] + argv[at + 2:]


def examples(said: str) -> list[Example]:
    """Returns the examples that rustdoc's output names."""
    found = []
    for file, item, line, kind, result in RESULT.findall(said):
        if result == "ignored":
            raise Failure(f"{file}:{line}: use no_run or text instead of ignore")
        kinds = {"": RUN, " - compile": NO_RUN, " - compile fail": COMPILE_FAIL}
        found.append(Example(file, item, int(line), kinds[kind]))
    return sorted(found, key=lambda one: (one.file, one.line))


def rustdoc(crate: Path, folder: Path, builder: str, *more: str) -> str:
    """Has rustdoc test a crate with a shell script in place of the compiler; returns its output."""
    script = folder / "builder"
    script.write_text(builder)
    script.chmod(0o755)
    variables, argv = command(crate.read_text())
    done = subprocess.run(
        ["rustdoc", "--test", "-Zunstable-options", "--test-builder", script, *more, *argv],
        env={**os.environ, **variables, "RUSTC_BOOTSTRAP": "1"}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if not re.search(r"^test result: ", done.stdout, re.M):
        raise Failure(f"rustdoc failed:\n{done.stdout}")
    return done.stdout


def program_of(example: Example, programs: list[str]) -> str:
    """Returns the program that rustdoc has made of an example."""
    found = [text for text in programs if re.search(rf"\bfn {example.prefix}\d+\(\)", text)]
    if len(found) != 1:
        raise Failure(f"{example.file}:{example.line}: rustdoc made {len(found)} programs of it")
    return found[0]


def contents(program: str, example: Example, file: str) -> str:
    """Returns a program as the contents of a module, whose `main` reports an error of the example."""
    name = NAME.search(program)
    if not name or not BEGIN.search(program):
        raise Failure(f"{example.file}:{example.line}: rustdoc's programs have another form than "
                      "qemu/build/doctests.py expects")
    program = re.sub(r"^#!\[.*\]\n", "", program, flags=re.M)
    program = program.replace(f"{name[1]}().unwrap() }}",
                              f'::kunit::doctest::end({name[1]}(), c"{file}", {example.line}) }}')
    return BEGIN.sub(MAIN, program, count=1).rstrip()


def case_names(found: list[Example]) -> list[str]:
    """Returns a name for each example, which does not depend on lines."""
    names: list[str] = []
    for example in found:
        base = re.sub(r"<.*>", "", example.item) or Path(example.file).stem
        base = re.sub(r"\W+", "_", base).strip("_")
        number = sum(re.fullmatch(rf"{base}(_\d+)?", name) is not None for name in names)
        names.append(f"{base}_{number + 1}" if number else base)
    return names


def generate(crate: str, found: list[Example], programs: list[str]) -> str:
    """Returns the modules of the examples of a crate, and their suite."""
    text, functions = "", {}
    for example, case in zip(found, case_names(found)):
        if example.kind == COMPILE_FAIL:
            continue
        file = example.file[example.file.rindex("rust/"):]
        module = f"{crate}_{case}"
        program = contents(program_of(example, programs), example, file)
        fail = FAIL.format(file=file, line=example.line, module=module)
        text += MODULE.format(fail=fail, module=module, program=program)
        if example.kind == RUN:
            functions[case] = FUNCTION.format(case=case, module=module)
    return text + SUITE.format(crate=crate, functions="".join(functions.values()),
                               names=", ".join(functions))


def judge(crate: Path, folder: Path, found: list[Example]) -> None:
    """Compiles the examples that must not compile; fails if one does, or has another error."""
    names = [f"*{example.prefix}*" for example in found if example.kind == COMPILE_FAIL]
    if not names:
        return
    said = rustdoc(crate, folder, JUDGE.format(names="|".join(names)), "--no-run")
    if "test result: ok" not in said:
        raise Failure(said[said.find("failures:"):])


def main() -> int:
    output, *commands = map(Path, sys.argv[1:])
    text = "// Generated by qemu/build/doctests.py from the documentation of the crates.\n"
    folder = output.with_suffix("").resolve()
    folder.mkdir(exist_ok=True)
    for path in commands:
        for old in folder.iterdir():
            old.unlink()
        try:
            found = examples(rustdoc(path, folder, SAVE.format(folder=folder)))
            programs = [one.read_text() for one in folder.glob("*.rs")]
            judge(path, folder, found)
            text += generate(path.name.split(".")[1], found, programs)
        except Failure as failure:
            print(f"error: {failure}", file=sys.stderr)
            return 1
    output.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
