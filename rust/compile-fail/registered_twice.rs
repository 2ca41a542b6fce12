// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A device is registered twice.
//!
//! expect: E0382: use of moved value: `drm`
use drm::{Driver, Registration, UnregisteredDevice};
use kernel::{
    device::{Bound, Device},
    prelude::*,
};

/// Registers it twice.
pub fn registered_twice<T>(dev: &Device<Bound>, drm: UnregisteredDevice<T>) -> Result
where
    T: for<'a> Driver<RegistrationData<'a> = ()>,
{
    let _first = Registration::new(dev, drm, (), 0)?;
    let _second = Registration::new(dev, drm, (), 0)?;
    Ok(())
}
