# SPDX-License-Identifier: GPL-2.0
"""Tests that dead links are reported, and good links are not."""
from qemu.docs import links, rustdoc
from qemu.docs.links import dead_in_markdown, dead_in_site, markdown_of, slug
from qemu.images.target import Target

HTML = '<a href="{}">x</a>'


def test_slugs_are_as_github_forms_them():
    assert slug("What it needs") == "what-it-needs"
    assert slug("2. A file, and `three` lines") == "2-a-file-and-three-lines"
    assert slug("See [the README](README.md)") == "see-the-readme"


def write(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_markdown(tmp_path):
    top = write(tmp_path, README_md="# Top\n[a](docs/a.md) [b](docs/b.md)\n![p](docs/p.png)\n",
                docs__a_md="# A\n[up](../README.md#top) [x](#a) [y](#b) [z](../README.md#no)\n"
                "[web](https://example.org/none)\n```\n# B\n[code](none.md)\n```\n")
    assert dead_in_markdown(markdown_of(top), top) == [
        "README.md: docs/b.md leads nowhere", "README.md: docs/p.png leads nowhere",
        "docs/a.md: #b leads nowhere", "docs/a.md: ../README.md#no leads nowhere"]


def test_site(tmp_path):
    site = write(tmp_path, index_html=HTML.format("a.html#here") + HTML.format("a.html#there")
                 + HTML.format("c/") + HTML.format("d/") + '<img src="none.svg">',
                 a_html='<p id="here"></p>' + HTML.format("https://example.org/#x"),
                 c__index_html="<p></p>")
    assert dead_in_site(site) == [
        "index.html: a.html#there leads nowhere", "index.html: d/ leads nowhere",
        "index.html: none.svg leads nowhere"]


def test_lines_of_a_source_and_quoted_anchors(tmp_path):
    site = write(tmp_path, a_html=HTML.format("b.html#3-5") + HTML.format("b.html#3-6")
                 + HTML.format("b.html#x%3Cy"), b_html='<a id="3"></a><a id="5"></a><a id="x%3Cy"></a>')
    assert dead_in_site(site) == ["a.html: b.html#3-6 leads nowhere"]


def test_links_to_the_kernel(tmp_path):
    headers = tmp_path / "kernel/usr/src/linux-headers-7.3.4+deb13-common/include"
    headers.mkdir(parents=True)
    (headers / "a.h").touch()
    link = '<a href="srctree/include/{}">x</a>'
    site = write(tmp_path / "site", a_html=link.format("a.h") + link.format("b.h")
                 + '<a href="vtable">y</a>')
    found = Target(version="7.3.4+deb13-amd64", kernel=tmp_path / "kernel", root=tmp_path,
                   suite="trixie-backports", package="7.3.4-1~bpo13+1", gcc="gcc-14")
    assert rustdoc.link_to_kernel(found, site) == ["a.html: the kernel has no include/b.h"]
    assert (site / "a.html").read_text() == (
        f'<a href="{rustdoc.SOURCE_URL}/include/a.h?h=v7.3">x</a>'
        f'<a href="{rustdoc.SOURCE_URL}/include/b.h?h=v7.3">x</a>y')


def test_a_page_is_read_once(tmp_path):
    site = write(tmp_path, a_html=HTML.format("a.html"))
    links._page.cache_clear()
    dead_in_site(site)
    dead_in_site(site)
    assert links._page.cache_info().misses == 1
