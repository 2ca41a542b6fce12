// SPDX-License-Identifier: GPL-2.0
//! Memory of the host: buffer objects without pages in the guest.
//!
//! For the guest to see such an object, the host maps it into a window: a range of addresses that
//! belongs to the device. It is mapped when it is created or, if the program wishes, when it is first
//! used, and stays mapped until it is freed.
use drm::{
    gem::{BaseObject, Caching, Place},
    uapi, UnregisteredDevice,
};
use kernel::{
    device::Bound,
    prelude::*,
    sync::{atomic::Relaxed, Arc},
};

use crate::{
    device::{Object, VirtGpu},
    gpu::{self, cmd, Wire},
    memory::resource::Resource,
    transport::{
        answer::had_no_effect,
        command::{wake, Waiter},
        encode,
    },
};

/// What an object without pages has of the window.
pub(super) struct Mapping {
    /// Its place, as long as the host may map it there.
    place: Option<Arc<Place<VirtGpu>>>,
    /// Why it could not be mapped.
    error: Option<Error>,
}

impl Mapping {
    pub(super) const NONE: Self = Self {
        place: None,
        error: None,
    };

    /// Returns whether the host was told to map it, and could not.
    pub(super) fn is_tried(&self) -> bool {
        self.error.is_some()
    }
}

/// Finds the device's window, if it has one.
///
/// # Errors
///
/// `EBUSY` if another driver has claimed it.
pub(crate) fn find_window(
    vdev: &virtio::Device<Bound>,
    drm: &UnregisteredDevice<VirtGpu>,
) -> Result {
    let Some(window) = vdev
        .shared_memory(gpu::SHM_ID_HOST_VISIBLE)
        .filter(|window| drm.memory.has_blob && window.length != 0)
    else {
        return Ok(());
    };
    match drm.set_window(vdev.as_ref(), gpu::SHM_ID_HOST_VISIBLE) {
        Ok(()) => (),
        Err(EINVAL) => {
            drm::drm_err!(
                drm,
                "the host-visible memory is not valid: 0x{:x}, 0x{:x} bytes\n",
                window.address,
                window.length
            );
            return Ok(());
        }
        Err(error) => {
            drm::drm_err!(drm, "another driver has claimed the host-visible memory\n");
            return Err(error);
        }
    }
    drm.memory.has_host_visible.store(true, Relaxed);
    Ok(())
}

/// Returns how the host wants memory to be cached.
fn caching(map_info: u32) -> Caching {
    match map_info & gpu::MAP_CACHE_MASK {
        gpu::MAP_CACHE_WC => Caching::WriteCombined,
        gpu::MAP_CACHE_UNCACHED => Caching::Uncached,
        _ => Caching::Cached,
    }
}

/// Has the host map the blob at its place, which stays reserved if the host may still do that.
fn tell(bo: &Object, resource: &Resource, mapping: &mut Mapping) -> Result {
    let dev = bo.dev();
    let place = Arc::new(dev.reserve_place(bo.size())?, GFP_KERNEL)?;
    let waiter = Waiter::new(cmd::RESOURCE_MAP_BLOB)?;
    let chain = encode::map_blob(resource.id, place.offset())?;
    dev.transport.ctrl.submit(dev, wake(chain, &waiter));
    dev.transport.ctrl.kick(dev);
    mapping.place = Some(place.clone());
    let mapped = match dev.transport.ctrl.wait_for_end(dev, &waiter) {
        Ok((Ok(()), chain)) => {
            let info = gpu::MapInfo::read(chain.response()).ok_or(EIO)?;
            bo.set_place(place, caching(info.map_info))
        }
        Ok((Err(error), chain)) => {
            if had_no_effect(&chain) {
                mapping.place = None;
            }
            Err(error)
        }
        Err(error) => Err(error),
    };
    mapping.error = mapped.err();
    mapped
}

/// Reserves a place in the window and has the host map the blob there, unless this was tried before.
///
/// # Errors
///
/// `EOPNOTSUPP` for a blob that is never mapped; `EINVAL` for one that the host has refused; `ENOSPC`;
/// those of the answer.
pub(super) fn place(bo: &Object, resource: &Resource, mapping: &mut Mapping) -> Result {
    let blob = resource.kind().blob().ok_or(EINVAL)?;
    if !blob.has_flag(uapi::VIRTGPU_BLOB_FLAG_USE_MAPPABLE) {
        // Another virtio device does without the memory, if it knows the name of the blob.
        return Err(match bo.dev().memory.has_uuid {
            true => EOPNOTSUPP,
            false => EIO,
        });
    }
    if let Some(error) = mapping.error {
        return Err(error);
    }
    if mapping.place.is_some() {
        return Ok(());
    }
    if resource.is_refused() || !bo.dev().memory.has_host_visible.load(Relaxed) {
        return Err(EINVAL);
    }
    tell(bo, resource, mapping)
}

/// Has the host unmap a blob that is about to be destroyed, if it may have mapped it.
pub(super) fn unmap(mapping: &Mapping, resource: &Resource) {
    if mapping.place.is_none() {
        return;
    }
    let dev = resource.dev();
    if let Ok(chain) = encode::unmap_blob(&dev.transport.pool, resource.id) {
        dev.transport.ctrl.submit(dev, chain);
    }
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, Test};

    pub(crate) fn memory_is_cached_as_the_host_says(test: &Test) {
        for (info, wanted) in [
            (0, Caching::Cached),
            (1, Caching::Cached),
            (2, Caching::Uncached),
            (3, Caching::WriteCombined),
            (0x13, Caching::WriteCombined),
            (0xf, Caching::Cached),
        ] {
            expect!(test, caching(info) == wanted);
        }
    }
}
