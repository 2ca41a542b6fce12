// SPDX-License-Identifier: GPL-2.0 OR MIT
//! DRM drivers in Rust, including mode setting, for kernels without `kernel::drm`.
//!
//! Names and types follow upstream's `kernel::drm` and the mode-setting patches posted for it, as
//! far as these have a name for a thing. All `unsafe` code of a driver is here and in the crate
//! `virtio`.
//!
//! Some code makes up for what DRM core lacks. It names the patch in docs/upstream/ that would make it
//! unnecessary: commits without a worker and vblank timers in [`kms`], a failed registration in
//! [`driver`], and the mount of huge pages in `bindings/helpers.c`.

// rustdoc does not apply the compiler's option that adds this to the crate.
#![cfg_attr(doctest, no_std)]
#![warn(clippy::multiple_unsafe_ops_per_block)]

pub mod debugfs;
pub mod device;
pub mod dma_buf;
pub mod driver;
pub mod event;
pub mod file;
pub mod gem;
pub mod ioctl;
pub mod kms;
pub mod mm;
pub mod rect;
pub mod syncobj;
pub mod sysfb;
pub mod task;
pub mod uapi;
pub mod workqueue;

pub use device::{
    Device, DeviceContext, Ioctl, Normal, Registered, RegistrationGuard, UnregisteredDevice,
};
pub use driver::{Driver, DriverInfo, Registration};
pub use file::File;
pub use rect::Rect;

pub(crate) mod private {
    #[doc(hidden)]
    pub trait Sealed {}
}

/// Prints a message about a device; C: `drm_err()`.
///
/// # Context
///
/// Any.
///
/// # Examples
///
/// ```no_run
/// use drm::{Device, Driver};
///
/// fn report<T: Driver>(dev: &Device<T>, head: u32) {
///     drm::drm_err!(dev, "head {head} does not answer\n");
/// }
/// ```
#[macro_export]
macro_rules! drm_err {
    ($dev:expr, $($arg:tt)*) => { kernel::dev_err!($dev.as_device(), $($arg)*) };
}

/// Does the same as [`drm_err!`], but prints at most ten messages in five seconds. For messages
/// that a device can cause repeatedly.
///
/// # Context
///
/// Any.
///
/// # Examples
///
/// ```no_run
/// use drm::{Device, Driver};
///
/// fn report<T: Driver>(dev: &Device<T>, kind: u32) {
///     drm::drm_err_ratelimited!(dev, "the device sends an answer of the unknown type {kind:#x}\n");
/// }
/// ```
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
    // SAFETY: The function has no requirements; its state has its own lock.
    unsafe { drm_bindings::helper_ratelimit() }
}

/// Prints a message about a device, see [`drm_err!`].
///
/// # Context
///
/// Any.
#[macro_export]
macro_rules! drm_info {
    ($dev:expr, $($arg:tt)*) => { kernel::dev_info!($dev.as_device(), $($arg)*) };
}

/// Prints a message about a device, see [`drm_err!`].
///
/// # Context
///
/// Any.
#[macro_export]
macro_rules! drm_warn {
    ($dev:expr, $($arg:tt)*) => { kernel::dev_warn!($dev.as_device(), $($arg)*) };
}

/// Warns with a backtrace if a condition that must never be true is true. Returns the condition. C:
/// `WARN_ON()`.
///
/// # Context
///
/// Any.
///
/// # Examples
///
/// ```
/// let (used, size) = (3, 16);
/// if drm::warn_on(used > size) {
///     return;
/// }
/// # assert!(!drm::warn_on(used > size));
/// ```
pub fn warn_on(condition: bool) -> bool {
    // SAFETY: The function has no requirements.
    unsafe { drm_bindings::helper_warn_on(condition) }
}

/// Returns the result of a C function that waits. Such a function returns the time that is left, or 0 after
/// the time-out, or a negative errno.
pub(crate) fn waited(left: kernel::ffi::c_long) -> kernel::error::Result {
    use kernel::error::{code, Error};

    match left {
        0 => Err(code::EBUSY),
        left if left < 0 => Err(Error::from_errno(left as i32)),
        _ => Ok(()),
    }
}

pub(crate) fn errno(result: kernel::error::Result) -> kernel::ffi::c_int {
    match result {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}
