// SPDX-License-Identifier: GPL-2.0
//! What the render part needs from the parts above it.
use crate::device::Device;

/// Implemented by the driver.
pub(crate) trait Callbacks {
    /// Called when there is one context less. Does not sleep.
    fn context_gone(dev: &Device);
}
