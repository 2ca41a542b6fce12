// SPDX-License-Identifier: GPL-2.0
//! PRIME: buffers that are exported to other drivers.
use drm::uapi;
use kernel::prelude::*;

use crate::memory::resource::Resource;

/// Returns the host's name of a buffer, given its own resource. Other virtio devices know it by that.
///
/// # Errors
///
/// `ENODEV` if the host has no name for it; those of [`Resource::uuid`].
pub(super) fn uuid(resource: &Resource) -> Result<[u8; 16]> {
    let is_shared = resource
        .kind()
        .blob()
        .is_none_or(|blob| blob.has_flag(uapi::VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE));
    if resource.is_refused() || !is_shared {
        return Err(ENODEV);
    }
    resource.uuid()
}
