// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver makes up an entry of its table of ioctls.
//!
//! expect: E0423: cannot initialize a tuple struct which contains private fields
use core::marker::PhantomData;
use drm::{ioctl::DrmIoctlDescriptor, Driver};

/// An entry with a function that nobody has checked.
pub fn ioctl_by_hand<T: Driver>() -> DrmIoctlDescriptor<T> {
    DrmIoctlDescriptor((), PhantomData)
}
