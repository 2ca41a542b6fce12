# SPDX-License-Identifier: GPL-2.0
"""Tests how the sources of the crates become patches for the kernel."""
import pytest

from qemu.base.report import Failure
from qemu.lint import inkernel, rustseries

SOURCE = """\
// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A part, see [`Thing`](crate::Thing) and [`table!`](crate::table).

// Why the attribute is there.
#![cfg_attr(doctest, no_std)]

use core::ptr;

use drm_bindings as bindings;
use kernel::{prelude::*, types::Opaque};

use crate::{other, Thing};

/// A function.
///
/// ```
/// use part::Thing;
/// part::table!(Thing);
/// ```
///
/// ```
/// # doctests::probe(|_| Ok(()));
/// ```
fn f() {
    let class = kernel::static_lock_class!();
    let raw: *mut kernel::bindings::device = ptr::null_mut();
    unsafe { bindings::helper_device_unlock(raw) }
    kernel::ffi::c_int::MAX
}

#[macro_export]
macro_rules! table {
    ($($t:tt)*) => {
        kernel::module_driver!($crate::Thing, $($t)*);
    };
}
"""

IN_KERNEL = """\
// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A part, see [`Thing`](crate::part::Thing) and [`table!`](crate::table).

use core::ptr;

use crate::{bindings, prelude::*, types::Opaque};

use super::{other, Thing};

/// A function.
///
/// ```
/// use kernel::part::Thing;
/// kernel::table!(Thing);
/// ```
///
/// ```ignore
/// # doctests::probe(|_| Ok(()));
/// ```
fn f() {
    let class = kernel::static_lock_class!();
    let raw: *mut bindings::device = ptr::null_mut();
    unsafe { bindings::device_unlock(raw) }
    crate::ffi::c_int::MAX
}

#[macro_export]
macro_rules! table {
    ($($t:tt)*) => {
        $crate::module_driver!($crate::part::Thing, $($t)*);
    };
}
"""

HELPERS = """\
/* About the file. */
#include <linux/a.h>

/* About one. */
int helper_one(struct device *dev)
{
\treturn one(dev);
}

struct sg_table *helper_two(const struct a_long_name_of_a_type *first_argument, unsigned int second,
\t\t\t    void *last)
{
\treturn two(first_argument, second, last);
}

int helper_three(void)
{
\treturn helper_one(NULL);
}
"""


def test_a_crate_becomes_a_module():
    assert inkernel.module(SOURCE, "part") == IN_KERNEL


def test_other_uses_of_the_bindings_are_noticed():
    with pytest.raises(Failure, match="drm_bindings"):
        inkernel.module("use drm_bindings::foo;\n", "part")


def test_long_comments_are_filled():
    long, short = "word " * 22, "word " * 18
    text = f"    /// {long.strip()}\n    /// end.\n    ///\n    /// | {long}|\n    /// {short.strip()}\n"
    filled = inkernel.fill_comments(text).splitlines()
    assert filled[0] == f"    /// {short.strip()}" and filled[1] == "    /// word word word word end."
    assert filled[2:] == text.splitlines()[2:]


def test_examples_are_not_filled():
    text = f"/// ```\n/// {'word ' * 22}\n/// ```\n"
    assert inkernel.fill_comments(text) == text


def test_helpers():
    assert inkernel.helpers_of(["bindings::helper_one(x)", "helper_no()"]) == {"one"}
    text = inkernel.helpers(HELPERS, {"one", "two"})
    assert text.startswith("/* About one. */\n__rust_helper int rust_helper_one(struct device *dev)\n{\n")
    assert ("__rust_helper struct sg_table *rust_helper_two(const struct a_long_name_of_a_type "
            "*first_argument,\n\t\t\t\t\t       unsigned int second, void *last)\n") in text


@pytest.mark.parametrize("name, message", [("none", "no helper none"), ("three", "calls another one")])
def test_helpers_that_cannot_be_converted_are_noticed(name, message):
    with pytest.raises(Failure, match=message):
        inkernel.helpers(HELPERS, {name})


def test_changes_are_written_as_git_does():
    text = rustseries.difference({"b": "1\n", "c": "same\n"}, {"b": "2\n", "a": "x\n", "c": "same\n"})
    assert text == ("diff --git a/a b/a\nnew file mode 100644\n--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+x\n"
                    "diff --git a/b b/b\n--- a/b\n+++ b/b\n@@ -1 +1 @@\n-1\n+2\n")


def kernel():
    return {"MAINTAINERS": "\nVIRTIO CORE\nF:\ttools/virtio/\n\nOTHER\nF:\ttools/virtio/\n",
            "rust/bindings/bindings_helper.h": "#include <linux/wait.h>\n",
            "rust/helpers/helpers.c": '#include "vmalloc.c"\n',
            "rust/kernel/lib.rs": "pub mod workqueue;\n"}


def test_each_file_of_the_crate_is_in_a_patch():
    files = {path.stem: path.read_text() for path in rustseries.VIRTIO.glob("*.rs")}
    states = rustseries.states(kernel(), files, "helpers\n")
    assert len(states) == len(rustseries.STEPS) + 1
    added = {path for path in states[-1] if path.startswith("rust/kernel/virtio")}
    assert added == {"rust/kernel/virtio.rs", *(f"rust/kernel/virtio/{name}.rs" for name in files
                                                if name != "virtio")}
    assert states[-1]["rust/kernel/virtio.rs"] == files["virtio"]
    assert "rust/kernel/virtio.rs" not in states[1]
    assert states[-1]["MAINTAINERS"].count("virtio*") == 1
    for before, after in zip(states, states[1:]):
        assert rustseries.difference(before, after)


def test_another_kernel_is_noticed():
    with pytest.raises(Failure, match="no single"):
        rustseries.states({**kernel(), "rust/kernel/lib.rs": "\n"}, {"virtio": "", "bytes": ""}, "")


def test_patches_have_what_checkpatch_wants():
    for number, one in enumerate(rustseries.STEPS, 1):
        text = rustseries.patch(number, one, "changes")
        assert text.startswith("From: ") and f"Subject: [PATCH {number}/{len(rustseries.STEPS)}]" in text
        assert f"Signed-off-by: {rustseries.AUTHORS}\n---\nchanges" in text
        assert all(len(line) <= 75 for line in text.splitlines())
