// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The argument of an ioctl has a type for which not all bytes are valid.
//!
//! expect: E0277: the trait bound `bool: kernel::transmute::FromBytes` is not satisfied
use drm::{ioctl::Handler, Device, Driver, File};
use kernel::prelude::*;

/// The handler of an ioctl.
pub struct Switch;

impl<T: Driver> Handler<T> for Switch {
    type Argument = bool;

    fn handle(_: &Device<T>, _: &mut bool, _: &File<T::File>) -> Result<u32> {
        Ok(0)
    }
}
