# SPDX-License-Identifier: GPL-2.0
"""Tests that patches for the kernel are compared with the output of patch."""
from qemu.lint import upstream

PATCH = """Subject: [PATCH] A change

---
--- a/drivers/one.c
+++ b/drivers/one.c
@@ -1,1 +1,1 @@
-a
+b
--- a/include/two.h
+++ b/include/two.h
@@ -1,1 +1,1 @@
-c
+d
"""


def test_files():
    assert upstream.changed_files(PATCH) == ["drivers/one.c", "include/two.h"]
    assert upstream.patched_files("patching file drivers/one.c\npatching file include/two.h\n") \
        == upstream.changed_files(PATCH)


def test_each_patch_changes_a_file():
    patches = list(upstream.PATCHES.glob("*.patch"))
    assert patches and all(upstream.changed_files(path.read_text()) for path in patches)
