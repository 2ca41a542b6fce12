# SPDX-License-Identifier: GPL-2.0
"""Tests that the README and the table of contents of the site link to every guide."""
import re

from qemu.docs import site

GUIDES = {path.name for path in (site.TOP / "docs").glob("*.md")}


def test_the_readme_links_to_each_guide():
    text = (site.TOP / "README.md").read_text(encoding="utf-8")
    assert GUIDES == set(re.findall(r"\]\(docs/([\w-]+\.md)[#)]", text))


def test_the_index_links_to_each_guide():
    text = (site.TOP / "docs/index.md").read_text(encoding="utf-8")
    assert GUIDES - {"index.md"} == set(re.findall(r"\]\(([\w-]+\.md)[#)]", text))


def test_links_of_the_readme_fit_the_site():
    assert site.site_links("[a](docs/a.md) ![b](docs/b.png) docs/c.md") == "[a](a.md) ![b](b.png) docs/c.md"


def test_a_source_and_its_header_are_one_page():
    pages = site.c_sources()
    assert all(len(files) <= 2 for files in pages.values())
    assert any(len(files) == 2 for files in pages.values())
    assert not any(name.startswith(("tests/", "compat/")) for name in pages)
