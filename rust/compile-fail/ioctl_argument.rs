// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The argument of an ioctl has a type for which not all bytes are valid.
//!
//! expect: E0277: the trait bound `bool: Argument` is not satisfied
use drm::{
    ioctl::{DrmIoctlDescriptor, IOWR, RENDER_ALLOW},
    Device, Driver, File, Ioctl,
};
use kernel::prelude::*;

fn switch<T: Driver>(_: &Device<T, Ioctl>, _: &mut bool, _: &File<T::File>) -> Result<u32> {
    Ok(0)
}

/// An entry of a table.
pub fn ioctl_argument<T: Driver>() -> DrmIoctlDescriptor<T> {
    DrmIoctlDescriptor::new::<bool, _, _>(IOWR::<bool>(0x40), RENDER_ALLOW, c"SWITCH", switch::<T>)
}
