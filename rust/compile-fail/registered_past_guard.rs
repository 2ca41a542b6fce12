// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A device is used as a registered one after the unplug no longer waits for that.
//!
//! expect: E0515: cannot return value referencing local variable `guard`
use drm::{Device, Driver, Ioctl, Registered};

/// Keeps the device and drops the guard.
pub fn registered_past_guard<T: Driver>(dev: &Device<T, Ioctl>) -> Option<&Device<T, Registered>> {
    let guard = dev.registration_guard()?;
    Some(&guard)
}
