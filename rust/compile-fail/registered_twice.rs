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
pub fn registered_twice<T: Driver>(dev: &Device<Bound>, drm: UnregisteredDevice<T>) -> Result {
    let _first = Registration::new(dev, drm)?;
    let _second = Registration::new(dev, drm)?;
    Ok(())
}
