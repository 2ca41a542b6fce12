// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Files of fences. Programs use them to pass fences to each other and to drivers.
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
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use drm::dma_buf::{sync_file, Fence};
/// use kernel::fs::file::{flags::O_CLOEXEC, FileDescriptorReservation};
///
/// /// Gives a fence to the program that called an ioctl.
/// fn export(fence: &Fence) -> Result<u32> {
///     // If the second step fails, the number is given back.
///     let fd = FileDescriptorReservation::get_unused_fd_flags(O_CLOEXEC)?;
///     let file = sync_file::create(fence)?;
///     let number = fd.reserved_fd();
///     fd.fd_install(file);
///     Ok(number)
/// }
/// # use doctests::Copies;
/// # doctests::drm(|dev| {
/// # let context = drm::dma_buf::FenceContext::<Copies>::new(1);
/// # let copy = context.new_fence_allocation(dev, 0)?.new_fence();
/// # drop(sync_file::create(copy.as_fence())?);
/// # Ok(())
/// # });
/// ```
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
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use drm::dma_buf::sync_file;
///
/// // No file has this number.
/// assert!(matches!(sync_file::get_fence(-1), Err(EINVAL)));
/// ```
pub fn get_fence(fd: i32) -> Result<ARef<Fence>> {
    // SAFETY: The function has no requirements.
    let raw = unsafe { bindings::helper_sync_file_get_fence(fd) };
    // SAFETY: The function has returned a reference, or null.
    unsafe { Fence::from_owned(raw) }.ok_or(EINVAL)
}
