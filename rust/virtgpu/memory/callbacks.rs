// SPDX-License-Identifier: GPL-2.0
//! What memory needs from the parts above it.
use kernel::{error::Result, sync::Arc};

use crate::{device::Device, memory::keeper::Keeper};

/// Implemented by the driver.
pub(crate) trait Callbacks {
    /// What several buffer objects back together.
    type Shared: Shared;

    /// The host is out of memory: has it destroy something that can be made again. Returns whether
    /// there was anything. Called without locks of buffer objects and resources.
    fn make_room(dev: &Device) -> bool;

    /// Runs `f` on a device that is up, and again if it fails because the device was not. A program
    /// waits here for the end of a reset, so that the caller must hold no lock that a reset takes.
    ///
    /// # Errors
    ///
    /// Those of `f`; `ENODEV` when the device has gone, `ERESTARTSYS` when the program is killed.
    fn while_up<R>(dev: &Device, f: impl FnMut() -> Result<R>) -> Result<R>;

    /// After a reset the host refuses to make a resource again. Another one has to take its place.
    /// May not wait for the host.
    fn lost(dev: &Device);
}

/// Something that several buffer objects back together.
pub(crate) trait Shared: Send + Sync + 'static {
    /// A buffer object goes, and backs it no longer.
    fn leave(self: Arc<Self>, keeper: &Arc<Keeper>);
}
