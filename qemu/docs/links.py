# SPDX-License-Identifier: GPL-2.0
"""Finds dead links in the Markdown of the checkout, and in the site that `make docs` builds.

It checks only links within the checkout or the site, because a test must not depend on the network.
"""
import re
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# An inline link or image in Markdown.
LINK = re.compile(r"\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.*?)#*$", re.M)


class Page(HTMLParser):
    """The links and the anchors of an HTML page."""

    def __init__(self, text: str):
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if value and (name == "href" or (name == "src" and tag == "img")):
                self.targets.append(value)
            elif name == "id" or (name == "name" and tag == "a"):
                self.anchors.add(value)


@lru_cache(maxsize=None)
def _page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def without_code(text: str) -> str:
    """Removes the code blocks of Markdown, because they contain no links and no headings."""
    return re.sub(r"^( *)(```+).*?^ *\2$", "", text, flags=re.M | re.S)


def slug(heading: str) -> str:
    """Returns the anchor of a heading, as GitHub and myst-parser form it."""
    words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


@lru_cache(maxsize=None)
def _markdown_anchors(path: Path) -> frozenset[str]:
    text = without_code(path.read_text(encoding="utf-8"))
    return frozenset(slug(heading) for heading in HEADING.findall(text))


def _anchors(path: Path):
    """Returns the anchors of a file, or None if its type is unknown."""
    if path.suffix == ".md":
        return _markdown_anchors(path)
    return _page(path).anchors if path.suffix == ".html" else None


def _has(anchors, fragment: str) -> bool:
    """Returns whether an anchor exists. rustdoc writes the lines of a source file as 12-34."""
    lines = re.fullmatch(r"(\d+)-(\d+)", fragment)
    if lines:
        return anchors.issuperset(lines.groups())
    # rustdoc percent-encodes some anchors in both places.
    return fragment in anchors or unquote(fragment) in anchors


def _is_dead(page: Path, link: str) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return False
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir() and page.suffix == ".html":
        target /= "index.html"
    if not target.exists():
        return True
    anchors = _anchors(target) if parts.fragment else None
    return anchors is not None and not _has(anchors, parts.fragment)


def _dead(page: Path, targets, top: Path) -> list[str]:
    return [f"{page.relative_to(top)}: {link} leads nowhere"
            for link in dict.fromkeys(targets) if _is_dead(page, link)]


def markdown_of(top: Path) -> list[Path]:
    """Returns the Markdown files of a checkout."""
    return sorted([*top.glob("*.md"), *top.glob("docs/*.md"), *top.glob("*/README.md")])


def dead_in_markdown(files, top: Path) -> list[str]:
    """Returns a message for each dead link in Markdown files below a folder."""
    found: list[str] = []
    for path in files:
        text = without_code(path.read_text(encoding="utf-8"))
        found += _dead(path, LINK.findall(text), top)
    return found


def dead_in_site(site: Path) -> list[str]:
    """Returns a message for each dead link in the pages of a site."""
    found: list[str] = []
    for path in sorted(site.rglob("*.html")):
        found += _dead(path, _page(path).targets, site)
    return found
