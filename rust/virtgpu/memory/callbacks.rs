// SPDX-License-Identifier: GPL-2.0
//! What the memory part needs from the parts above it.
use drm::file::HandleFile;
use kernel::{error::Result, sync::Arc};

use crate::{
    device::{Device, Object, VirtGpuFile},
    memory::keeper::Keeper,
};

/// Implemented by the driver.
pub(crate) trait Callbacks {
    /// A group of buffer objects that back one resource together.
    type Group: Group;

    /// Called when a file got a handle of an object.
    ///
    /// # Errors
    ///
    /// The error that user space gets.
    fn opened(bo: &Object, file: &HandleFile<VirtGpuFile>) -> Result;

    /// Called when a file closes a handle of an object.
    fn closed(bo: &Object, file: &HandleFile<VirtGpuFile>);

    /// Called when the host is out of memory: has it destroy something that can be created again.
    /// Returns false if there is nothing. Called without locks of buffer objects and resources.
    fn make_room(dev: &Device) -> bool;

    /// Waits until the device is up and calls `f`; repeats that if `f` fails because the device was
    /// reset meanwhile. The caller must hold no lock that a reset takes, because this waits for the
    /// end of a reset.
    ///
    /// # Errors
    ///
    /// Those of `f`; `ENODEV` if the device is gone, `ERESTARTSYS` if the program is killed.
    fn while_up<R>(dev: &Device, f: impl FnMut() -> Result<R>) -> Result<R>;

    /// Returns whether the host has renderers.
    fn renders(dev: &Device) -> bool;

    /// Called when the host refuses to create a resource again after a reset, so that another one
    /// has to take its place. Must not wait for the host.
    fn lost(dev: &Device);
}

/// A group of buffer objects that back one resource together.
pub(crate) trait Group: Send + Sync + 'static {
    /// Called when a buffer object is freed: removes it from the group.
    fn leave(self: Arc<Self>, keeper: &Arc<Keeper>);
}
