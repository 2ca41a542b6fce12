// SPDX-License-Identifier: GPL-2.0
//! PRIME: buffers that are exported to other drivers.
use drm::uapi;
use kernel::prelude::*;

use crate::{
    device::Object,
    memory::{format, gem},
};

/// Returns the host's name of a buffer, by which other virtio devices know it. A dumb buffer that was
/// never shown gets a resource for that.
///
/// # Errors
///
/// `ENODEV` if the host has no name for it; those of [`gem::resource`].
pub(super) fn uuid(bo: &Object) -> Result<[u8; 16]> {
    if !bo.dev().memory.has_uuid {
        return Err(ENODEV);
    }
    let resource = gem::resource(bo, format::default().number)?;
    let is_shared = resource
        .kind()
        .blob()
        .is_none_or(|blob| blob.has_flag(uapi::VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE));
    if resource.is_refused() || !is_shared {
        return Err(ENODEV);
    }
    resource.uuid()
}
