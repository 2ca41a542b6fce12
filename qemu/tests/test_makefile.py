# SPDX-License-Identifier: GPL-2.0
"""Tests that `make clean` removes all files that builds in the tree leave, and no others, and that
`make help` shows every target.
"""
import re
import shutil
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
# Files that `make KDIR=...` leaves: C and Rust, and the modules of the tests.
LEFT = """
.module-common.o ..module-common.o.cmd Module.symvers .Module.symvers.cmd modules.order
.modules.order.cmd drm/virtgpu.ko drm/.virtgpu.ko.cmd drm/virtgpu.mod drm/.virtgpu.mod.cmd
drm/virtgpu.mod.c drm/virtgpu.mod.o drm/.virtgpu.mod.o.cmd drm/virtgpu.o drm/memory/gem.o
drm/memory/.gem.o.cmd drm/memory/.gem.o.d drm/modules.order rust/virtgpu_rs.ko
rust/bindings/generated.rs rust/bindings/.generated.rs.cmd rust/bindings/libdrm_bindings.rmeta
rust/drm/libdrm.rmeta rust/drm/drm.o igt-tests/kernel/failalloc.ko out/report/index.html
""".split()


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_clean(tmp_path):
    kept = ("Makefile", "Kbuild", "drm/Kbuild", "drm/memory/gem.c", "drm/memory/gem.h",
            "rust/drm/drm.rs", "drm/compat/Makefile", "igt-tests/lib/module.c", ".git/x.o")
    for name in (*LEFT, *kept):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    shutil.copy(TOP / "Makefile", tmp_path)
    subprocess.run(["make", "-s", "clean"], cwd=tmp_path, check=True)
    assert files(tmp_path) == set(kept)


def test_help_has_each_target():
    text = (TOP / "Makefile").read_text(encoding="utf-8")
    phony = set(text.partition(".PHONY: ")[2].replace("\\\n", "").split())
    shown = subprocess.run(["make", "-s", "help"], cwd=TOP, check=True, stdout=subprocess.PIPE,
                           text=True).stdout
    assert phony - {"help", "bootstrap"} == set(re.findall(r"^  make (\S+)", shown, re.M))
    assert shown.count("\n\n") >= 5 and "  DRIVER=" in shown
