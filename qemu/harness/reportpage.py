# SPDX-License-Identifier: GPL-2.0
"""Writes the report of a run to out/report/: JUnit XML, and an HTML page."""
import html
import shutil
from pathlib import Path

import junitparser

from qemu.harness import compare
from qemu.harness.expectations import BAD_VERDICTS, KNOWN, SKIP
from qemu.harness.results import Record

STYLE = """body { font: 15px/1.4 sans-serif; margin: 2em; max-width: 110em }
table { border-collapse: collapse } td, th { padding: .15em .8em; text-align: left; vertical-align: top }
tr:nth-child(even) { background: #f4f4f4 } pre { background: #eee; padding: .6em; overflow-x: auto }
.bad { color: #b00; font-weight: bold } .known { color: #a60 } .skip { color: #777 }
.pass { color: #070 } img { max-width: 60em; border: 1px solid #999 }"""


def junit(record: Record, verdicts: dict[str, str]) -> junitparser.JUnitXml:
    """Returns JUnit XML with a test suite per guest and a test case per test."""
    xml = junitparser.JUnitXml(f"virtgpu {record.driver}")
    for name, suite in record.suites.items():
        cases = junitparser.TestSuite(name)
        for key, value in vars(record.header).items():
            cases.add_property(key, str(value))
        for test, result in suite.results.items():
            program, _, subtest = test.partition("@")
            case = junitparser.TestCase(subtest or program, f"{record.driver}.{program}",
                                        result.seconds)
            verdict = verdicts.get(test, result.result)
            if verdict in BAD_VERDICTS:
                failure = junitparser.Failure(f"{verdict}: {result.result}")
                failure.text = result.log
                case.result = [failure]
            elif verdict in (SKIP, KNOWN):
                case.result = [junitparser.Skipped(f"{verdict}: {result.result}")]
            cases.add_testcase(case)
        for text in suite.trouble:
            case = junitparser.TestCase("trouble", f"{record.driver}.{name}")
            failure = junitparser.Failure(text.splitlines()[0])
            failure.text = text
            case.result = [failure]
            cases.add_testcase(case)
        xml.add_testsuite(cases)
    return xml


def _pictures(names: list[str], suite: Path, folder: Path, driver: str) -> str:
    """Copies a test's pictures into the report and returns their HTML."""
    found = ""
    for name in names:
        if (suite / name).exists():
            target = f"{driver}-{suite.name}-{name}"
            shutil.copy(suite / name, folder / target)
            found += f'<br><img src="{target}" alt="host, guest and difference">'
    return found


def _row(name: str, verdict: str, result, pictures: str) -> str:
    kind = "bad" if verdict in BAD_VERDICTS else verdict
    log = f"<details><summary>log</summary><pre>{html.escape(result.log)}</pre></details>" \
        if result.log else ""
    return (f'<tr><td>{html.escape(name)}</td><td class="{kind}">{verdict}</td>'
            f"<td>{result.result}</td><td>{result.seconds:.1f}</td><td>{log}{pictures}</td></tr>")


def _tables(record: Record, verdicts: dict[str, str], runs: Path, folder: Path) -> str:
    parts = []
    for name, suite in record.suites.items():
        # Failures come first.
        tests = sorted(suite.results.items(),
                       key=lambda item: (verdicts[item[0]] not in BAD_VERDICTS, item[0]))
        rows = "".join(
            _row(test, verdicts[test], result,
                 _pictures(result.pictures, runs / name, folder, record.driver))
            for test, result in tests)
        bad = sum(verdicts[test] in BAD_VERDICTS for test in suite.results)
        trouble = "".join(f'<pre class="bad">{html.escape(text)}</pre>' for text in suite.trouble)
        parts.append(
            f"<details{' open' if bad or trouble else ''}><summary><b>{name}</b>: "
            f"{len(suite.results)} results, {bad} bad, {suite.seconds:.0f} s</summary>{trouble}"
            "<table><tr><th>test</th><th>verdict</th><th>result</th><th>seconds</th><th></th></tr>"
            f"{rows}</table></details>")
    return "".join(parts)


def _section(record: Record, verdicts: dict[str, str], folder: Path, runs: Path) -> str:
    header = "".join(f"<tr><th>{key}</th><td>{html.escape(str(value))}</td></tr>"
                     for key, value in vars(record.header).items())
    shard = f", shard {record.shard}" if record.shard else ""
    return (f"<h2>{record.driver}{shard}</h2><table>{header}</table>"
            f"{_tables(record, verdicts, runs, folder)}")


def write(out: Path, records: list[Record], verdicts: dict[str, dict[str, str]],
          lines: list[str], folders: dict[str, Path]) -> Path:
    """Writes the report and returns its page. The last record is of the current run, `lines` are its
    failures. `verdicts` and the `folders` of the runs are by driver."""
    folder = out / "report"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for record in records:
        junit(record, verdicts[record.driver]).write(
            str(folder / f"junit-{record.driver}.xml"), pretty=True)
    comparison = ("<h2>Drivers side by side</h2><pre>"
                  f"{html.escape(compare.side_by_side(records))}</pre>" if len(records) > 1 else "")
    failures = (f'<h2>Failures</h2><pre class="bad">{html.escape(chr(10).join(lines))}</pre>'
                if lines else '<p class="pass">Nothing failed.</p>')
    sections = "".join(_section(record, verdicts[record.driver], folder,
                                folders[record.driver])
                       for record in reversed(records))
    page = folder / "index.html"
    page.write_text(
        f"<!DOCTYPE html><meta charset=utf-8><title>virtgpu: {records[-1].driver}</title>"
        f"<style>{STYLE}</style><h1>virtgpu: {records[-1].driver}</h1>{failures}{comparison}"
        f"{sections}")
    return page
