// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A plane is added to a device that user space may already see.
//!
//! expect: E0308: mismatched types
use drm::{
    kms::{
        plane::{DriverPlane, Type, UnregisteredPlane},
        KmsDriver,
    },
    Device,
};
use kernel::prelude::*;

/// Adds a plane too late.
pub fn plane_after_setup<T: KmsDriver, P: DriverPlane<Driver = T>>(
    dev: &Device<T>,
    args: P::Args,
) -> Result {
    UnregisteredPlane::<P>::new(dev, 1, &[], Type::Primary, None, args)?;
    Ok(())
}
