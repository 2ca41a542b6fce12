// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The data of a registration borrows from the binding of the device, which a forgotten registration could
//! outlive.
//!
//! expect: E0521: borrowed data escapes outside of function
use drm::{Driver, Registration, UnregisteredDevice};
use kernel::{
    device::{Bound, Device},
    prelude::*,
};

/// Registers a device with the bound device as the data.
pub fn data_borrows_binding<T>(dev: &Device<Bound>, drm: UnregisteredDevice<T>) -> Result
where
    T: for<'a> Driver<RegistrationData<'a> = &'a Device<Bound>>,
{
    core::mem::forget(Registration::new(dev, drm, dev, 0)?);
    Ok(())
}
