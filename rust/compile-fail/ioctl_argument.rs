// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The argument of an ioctl has a type for which not all bytes are valid.
//!
//! expect: E0277: the trait bound `bool: kernel::transmute::FromBytes` is not satisfied
use drm::{ioctl::internal, Device, Driver, File};
use kernel::prelude::*;

fn handler<T: Driver>(_: &Device<T>, _: &mut bool, _: &File<T::File>) -> Result<u32> {
    Ok(0)
}

/// Calls a handler as the table of ioctls does.
///
/// # Safety
///
/// None suffices.
pub unsafe fn ioctl_argument<T: Driver>(
    dev: *mut internal::drm_device,
    data: *mut internal::ffi::c_void,
    file: *mut internal::drm_file,
) {
    // SAFETY: None, but this does not compile.
    unsafe { internal::call::<T, bool>(handler::<T>, dev, data, file) };
}
