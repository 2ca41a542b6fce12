// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Files of fences, by which programs pass fences to each other and to drivers.
//!
//! C header: [`include/linux/sync_file.h`](srctree/include/linux/sync_file.h)
use core::ptr::NonNull;

use drm_bindings as bindings;
use kernel::{fs::File, prelude::*, sync::aref::ARef};

use super::Fence;

/// Creates a file of a fence, which a
/// [`FileDescriptorReservation`](kernel::fs::file::FileDescriptorReservation) can give to the program. C:
/// `sync_file_create()`.
///
/// # Errors
///
/// `ENOMEM`.
///
/// # Context
///
/// May sleep.
pub fn create(fence: &Fence) -> Result<ARef<File>> {
    // SAFETY: The fence is valid. The function takes a reference of its own.
    let sync_file = unsafe { bindings::sync_file_create(fence.as_raw()) };
    if sync_file.is_null() {
        return Err(ENOMEM);
    }
    // SAFETY: It was created above.
    let file = NonNull::new(unsafe { (*sync_file).file }).ok_or(ENOMEM)?;
    // SAFETY: The reference that was returned is moved into the `ARef`. No other thread knows the file yet.
    Ok(unsafe { ARef::from_raw(file.cast()) })
}

/// Returns the fence of a file, given by its descriptor; C: `sync_file_get_fence()`.
///
/// # Errors
///
/// `EINVAL` if it is not a file of a fence.
///
/// # Context
///
/// May sleep.
pub fn get_fence(fd: i32) -> Result<ARef<Fence>> {
    // SAFETY: The function has no requirements.
    let raw = unsafe { bindings::sync_file_get_fence(fd) };
    // SAFETY: The function has returned a reference, or null.
    unsafe { Fence::from_owned(raw) }.ok_or(EINVAL)
}
