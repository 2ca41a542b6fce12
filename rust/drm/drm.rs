// SPDX-License-Identifier: GPL-2.0 OR MIT
//! DRM drivers in Rust, mode setting included, for kernels whose own `kernel::drm` is not there.
//!
//! Names and shapes are upstream's `kernel::drm` and its posted mode-setting work wherever those
//! have a name for a thing.

pub mod debugfs;
pub mod device;
pub mod driver;
pub mod file;
pub mod gem;
pub mod ioctl;
pub mod kms;
pub mod rect;
pub mod workqueue;

pub use device::{Device, UnregisteredDevice};
pub use driver::{Driver, DriverInfo, Registration};
pub use file::File;
pub use rect::Rect;

/// A message about a device, as `drm_err()` and its siblings in C print it.
#[macro_export]
macro_rules! drm_err {
    ($dev:expr, $($arg:tt)*) => { kernel::dev_err!($dev.as_device(), $($arg)*) };
}

/// As [`drm_err!`], for what a device can cause again and again: at most ten in five seconds.
#[macro_export]
macro_rules! drm_err_ratelimited {
    ($dev:expr, $($arg:tt)*) => {
        if $crate::may_print() {
            $crate::drm_err!($dev, $($arg)*)
        }
    };
}

#[doc(hidden)]
pub fn may_print() -> bool {
    // SAFETY: Counts in a place of its own.
    unsafe { drm_bindings::helper_ratelimit() }
}

/// See [`drm_err!`].
#[macro_export]
macro_rules! drm_info {
    ($dev:expr, $($arg:tt)*) => { kernel::dev_info!($dev.as_device(), $($arg)*) };
}

/// See [`drm_err!`].
#[macro_export]
macro_rules! drm_warn {
    ($dev:expr, $($arg:tt)*) => { kernel::dev_warn!($dev.as_device(), $($arg)*) };
}

/// Warns, with a backtrace, if what never should be is, and says whether it is; C: `WARN_ON()`.
pub fn warn_on(condition: bool) -> bool {
    // SAFETY: Can be called anywhere.
    unsafe { drm_bindings::helper_warn_on(condition) }
}

pub(crate) fn errno(result: kernel::error::Result) -> kernel::ffi::c_int {
    match result {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}
