# SPDX-License-Identifier: GPL-2.0
"""`make docs`: builds one site, out/docs/, from the guides, the kernel-doc comments in C and rustdoc.

It fails on a warning of kernel-doc, Sphinx or rustdoc, and on a dead link within the site.
"""
import re
import shutil
from pathlib import Path

from qemu.base import choice, report, sandbox
from qemu.base.paths import TOP
from qemu.base.report import Failure, step
from qemu.build import build
from qemu.docs import links, rustdoc
from qemu.images import environment, kernelsource, roots
from qemu.images.target import Target

SITE = TOP / "out/docs"
# Folders below drm/ that get no pages, because they are not part of the driver itself.
LEFT_OUT = ("tests", "compat")
KERNEL_DOC = "tools/docs/kernel-doc"


def root() -> Path:
    return roots.stable_root("docs", "sphinx, myst-parser", roots.HERE / "docs-root.packages")


def c_sources() -> dict[str, list[Path]]:
    """Returns the pages of the C driver, each a source file and its header: {name in drm/: files}."""
    pages: dict[str, list[Path]] = {}
    for path in sorted((TOP / "drm").rglob("*.[ch]")):
        name = path.relative_to(TOP / "drm").with_suffix("")
        if name.parts[0] not in LEFT_OUT:
            pages.setdefault(str(name), []).append(path)
    return pages


def site_links(text: str) -> str:
    """Rewrites the links of the README for the site, where all guides are in one folder."""
    return re.sub(r"\]\(docs/", "](", text)


def write_guides(folder: Path) -> None:
    """Copies docs/, and the README as one more guide."""
    shutil.copytree(TOP / "docs", folder)
    (folder / "readme.md").write_text(site_links((TOP / "README.md").read_text()))
    for path in folder.glob("*.md"):
        path.write_text(path.read_text().replace("](../README.md", "](readme.md"))


def write_c(target: Target, folder: Path) -> None:
    """Writes a page for each file of the C driver that has kernel-doc comments."""
    tools = kernelsource.tool(target, KERNEL_DOC, "tools/lib/python/*")

    def kernel_doc(*argv) -> str:
        return sandbox.run(root(), ["python3", "-B", tools / KERNEL_DOC, *argv], read=[TOP, tools])

    kernel_doc("-none", "-Wall", "-Werror", TOP / "drm")
    for name, files in c_sources().items():
        text = kernel_doc("-rst", *files)
        if ".. c:" in text:
            page = folder / f"{name}.rst"
            page.parent.mkdir(parents=True, exist_ok=True)
            title = f"drm/{name}"
            page.write_text(f"{title}\n{'=' * len(title)}\n\n{text}")


def make_site(target: Target) -> list[str]:
    """Builds the site. Returns a message for each dead link."""
    work = build.out(target.version) / "docs"
    shutil.rmtree(work, ignore_errors=True)
    shutil.rmtree(SITE, ignore_errors=True)
    SITE.mkdir(parents=True)
    with step("guides and kernel-doc"):
        write_guides(work / "source")
        write_c(target, work / "source/c")
        sandbox.run(root(), ["sphinx-build", "-q", "-W", "--keep-going", "-d", work / "doctrees",
                             work / "source", SITE], write=[work, SITE])
    with step("rustdoc"):
        if not rustdoc.make(target, SITE / "rust"):
            raise Failure("rustdoc complains, see above")
    return rustdoc.link_to_kernel(target, SITE / "rust") + links.dead_in_site(SITE)


def main() -> int:
    target = environment.chosen_kernel(choice.kernel())
    dead = make_site(target)
    for line in dead:
        report.say(line)
    print(f"{SITE / 'index.html'}: " + (f"{len(dead)} dead links" if dead else "no dead links"))
    return 1 if dead else 0


if __name__ == "__main__":
    report.main(main)
