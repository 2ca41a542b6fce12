// SPDX-License-Identifier: GPL-2.0
//! What memory needs from the parts above it.
use kernel::{error::Result, sync::Arc};

use crate::{device::Device, memory::keeper::Keeper};

/// Implemented by the driver.
pub(crate) trait Callbacks {
    /// What buffer objects share a resource in.
    type Shared: Shared;

    /// Has the host destroy something that is made again when it is needed, because it is out of
    /// memory. Returns whether there was something.
    fn make_room(dev: &Device) -> bool;

    /// Runs `f` on a device that is up, and again if it fails because the device was not. A program
    /// waits here for the end of a reset, so that the caller must hold no lock that a reset takes.
    ///
    /// # Errors
    ///
    /// Those of `f`; `ENODEV` when the device has gone, `ERESTARTSYS` when the program is killed.
    fn while_up<R>(dev: &Device, f: impl FnMut() -> Result<R>) -> Result<R>;

    /// The host has refused to make a resource again after a reset. Another one has to take its
    /// place.
    fn lost(dev: &Device);
}

/// What several buffer objects have a place in.
pub(crate) trait Shared: Send + Sync + 'static {
    /// A buffer object that goes gives up its place.
    fn leave(self: Arc<Self>, keeper: &Arc<Keeper>);
}
