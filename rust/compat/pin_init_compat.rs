// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The crate `pin_init` of Linux 7.2, with additions of 7.3.
pub use pin_init::*;

/// Initializes memory by an initializer.
///
/// # Safety
///
/// The requirements of [`PinInit::__pinned_init`].
#[inline(always)]
pub unsafe fn raw_try_init<T, E>(slot: *mut T, init: impl PinInit<T, E>) -> Result<(), E> {
    // SAFETY: By the requirements of this function.
    unsafe { init.__pinned_init(slot) }
}
