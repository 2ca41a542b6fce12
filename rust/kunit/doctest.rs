// SPDX-License-Identifier: GPL-2.0 OR MIT
//! What the examples in documentation need to be KUnit cases.
//!
//! `qemu/build/doctests.py` makes a case of each example. An example does not get a [`Test`], because it
//! shows the code of a driver, so its assertions find the test here. A failed assertion does not end the
//! example, because the example's values must be dropped.
use core::{fmt, ptr};
use kernel::sync::atomic::{Atomic, Relaxed};

use crate::Test;

/// The test whose example runs, or null.
static CURRENT: Atomic<*mut Test> = Atomic::new(ptr::null_mut());

/// Runs an example as a test.
pub fn run(test: &Test, example: fn()) {
    CURRENT.store(ptr::from_ref(test).cast_mut(), Relaxed);
    example();
    CURRENT.store(ptr::null_mut(), Relaxed);
}

/// Records that an assertion of the running example has failed.
#[doc(hidden)]
pub fn fail(file: &'static core::ffi::CStr, line: u32, args: fmt::Arguments<'_>) {
    let test = CURRENT.load(Relaxed);
    // SAFETY: The pointer is null or that of `run`, which waits for the example. KUnit runs one test at a
    // time, and examples leave no code behind that runs later.
    if let Some(test) = unsafe { test.as_ref() } {
        test.fail(file, line, args);
    }
}

/// Ends an example that returns a result. An error fails the test.
pub fn end<E: fmt::Debug>(
    result: core::result::Result<(), E>,
    file: &'static core::ffi::CStr,
    line: u32,
) {
    if let Err(error) = result {
        fail(file, line, format_args!("The example returned {error:?}\n"));
    }
}
