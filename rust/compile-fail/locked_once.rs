// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A closure that can run only once is run under locks that may have to be taken anew.
//!
//! expect: E0507: cannot move out of `buffer`, a captured variable in an `FnMut` closure
use drm::{Device, Driver};
use kernel::prelude::*;

/// Gives something away while nobody can commit.
pub fn locked_once<T: Driver>(dev: &Device<T>, buffer: KBox<u32>) -> Result {
    dev.with_modeset_locks(|| {
        drop(buffer);
        Ok(())
    })
}
