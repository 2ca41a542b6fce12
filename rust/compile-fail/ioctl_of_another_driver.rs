// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver has the ioctls of another driver, which would get devices and files of the wrong type.
//!
//! expect: E0308: mismatched types
use drm::{ioctl::DrmIoctlDescriptor, Driver};

/// Takes the table of `A` for one of `B`.
pub fn ioctl_of_another_driver<A: Driver, B: Driver>() -> &'static [DrmIoctlDescriptor<B>] {
    A::IOCTLS
}
