# SPDX-License-Identifier: GPL-2.0
"""Tests what coverage counts, and which lines may be left out with a reason."""
import pytest

from qemu.base.report import Failure
from qemu.harness import coverage

SOURCE = """int f(int n)
{
	if (n)
		return -EINVAL;
	n = g();
	if (n)
		return -EINVAL;
	return 0;
}
"""


@pytest.fixture
def files(tmp_path):
    """One file; line 4 did not run, line 7 did."""
    (tmp_path / "f.c").write_text(SOURCE)
    counts = {3: 2, 4: 0, 5: 2, 6: 2, 7: 1, 8: 1}
    branches = {3: [0, 2], 6: [1, 1]}
    lines = [{"line_number": number, "count": count,
              "branches": [{"count": taken} for taken in branches.get(number, ())]}
             for number, count in counts.items()]
    return coverage.read_files({"files": [{"file": "f.c", "lines": lines}]}, tmp_path)


def reasons(tmp_path, text):
    path = tmp_path / "reasons.txt"
    path.write_text(text)
    return coverage.read_reasons(path)


def test_counts(files):
    (file,) = files
    assert len(file.counts) == 6 and file.unreached == [4]
    assert (file.branches, file.taken) == (4, 3)
    assert coverage.listing(files, set()) == "f.c:4: return -EINVAL;"
    assert coverage.table(files, set()).splitlines()[-1].split() == [
        "all", "6", "83.3%", "1", ".", "4", "75.0%"]


def test_named_line_is_not_listed(files, tmp_path):
    named, wrong = coverage.explain(files, reasons(
        tmp_path, "# Nobody calls it so.\nf.c: { | if (n) | return -EINVAL;\n"))
    assert (named, wrong) == ({("f.c", 4)}, [])
    assert coverage.listing(files, named) == ""


def test_a_line_that_ran_may_not_be_named(files, tmp_path):
    named, wrong = coverage.explain(files, reasons(
        tmp_path, "# Wrong.\nf.c: n = g(); | if (n) | return -EINVAL;\n"))
    assert not named and wrong == ["reasons.txt:2: f.c:5 did run"]


def test_a_reason_that_fits_two_places_has_to_be_right_for_both(files, tmp_path):
    _, wrong = coverage.explain(files, reasons(tmp_path, "# Wrong.\nf.c: return -EINVAL;\n"))
    assert wrong == ["reasons.txt:2: f.c:7 did run"]


@pytest.mark.parametrize("name", ["f.c: return 1;", "g.c: return 0;"])
def test_named_lines_have_to_exist(files, tmp_path, name):
    _, wrong = coverage.explain(files, reasons(tmp_path, f"# Gone.\n{name}\n"))
    assert len(wrong) == 1 and "has no such lines" in wrong[0]


@pytest.mark.parametrize("text", ["f.c: return 0;\n", "# Reason.\n\nf.c: return 0;\n",
                                  "# Reason.\nf.c\n"])
def test_a_line_without_a_reason_is_an_error(tmp_path, text):
    with pytest.raises(Failure):
        reasons(tmp_path, text)


def test_the_reasons_of_the_tree_fit_the_driver():
    files = []
    for path in coverage.DRIVER.rglob("*.[ch]"):
        text = path.read_text().splitlines()
        name = str(path.relative_to(coverage.DRIVER))
        files.append(coverage.File(name, text, dict.fromkeys(range(1, len(text) + 1), 0)))
    named, wrong = coverage.explain(files, coverage.read_reasons(coverage.UNREACHED))
    assert named and not wrong
