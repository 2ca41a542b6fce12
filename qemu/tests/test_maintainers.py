# SPDX-License-Identifier: GPL-2.0
"""Tests that MAINTAINERS names existing files. `make lint` runs the kernel's own script on it."""
from pathlib import Path

from qemu.lint import maintainers

TOP = Path(__file__).resolve().parent.parent.parent
TEXT = """Preamble

	F: *Files*

Maintainers List
----------------

ONE
M:	A <a@example.org>
S:	Maintained
F:	drm/
F:	*.c

TWO
S:	Orphan
F:	b
X:	b/c
"""


def test_sections(tmp_path):
    path = tmp_path / "MAINTAINERS"
    path.write_text(TEXT)
    assert maintainers.sections(path) == {"ONE": ["drm/", "*.c"], "TWO": ["b"]}
    (tmp_path / "drm").mkdir()
    (tmp_path / "x.c").touch()
    assert maintainers.matches(tmp_path, "drm/") == [tmp_path / "drm"]
    assert maintainers.example(tmp_path, ["drm/", "*.c"]) == Path("x.c")
    (tmp_path / "drm/y.c").touch()
    assert maintainers.example(tmp_path, ["drm/", "*.c"]) == Path("drm/y.c")


def test_every_pattern_names_something():
    sections = maintainers.sections(TOP / "MAINTAINERS")
    assert len(sections) > 5
    assert not [pattern for patterns in sections.values() for pattern in patterns
                if not maintainers.matches(TOP, pattern)]
