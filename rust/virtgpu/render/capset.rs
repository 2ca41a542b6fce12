// SPDX-License-Identifier: GPL-2.0
//! Capability sets: descriptions of the host's renderers, which user space interprets.
use drm::uapi;
use kernel::{
    device::Bound,
    new_mutex,
    prelude::*,
    sync::{Arc, Mutex, SetOnce},
};

use crate::{
    device::{Device, VirtGpu},
    gpu,
    memory::{access, callbacks::Callbacks},
    transport::encode,
};

/// More than the protocol defines.
const MAX_COUNT: usize = 32;
/// The highest number of a renderer that contexts can have.
const MAX_ID: u32 = 63;
/// The largest known capset has a few kilobytes.
const MAX_SIZE: u32 = 1 << 20;

/// Bits of virgl's second capset, by the offset of their word: streams may copy guest memory, directly
/// or by other objects; and copies by other objects, also from the host.
const TRANSFERS: [(usize, u32); 2] = [(392, 1 << 17 | 1 << 26), (688, 1 << 7)];

/// The capset of a renderer on the host.
#[derive(Clone, Copy)]
pub(super) struct Capset {
    id: u32,
    max_version: u32,
    max_size: u32,
}

impl Capset {
    /// Returns what the host says about a renderer, if it can be used.
    fn checked(info: &gpu::CapsetInfo) -> Option<Self> {
        (info.capset_id != 0 && info.capset_max_size <= MAX_SIZE).then_some(Self {
            id: info.capset_id,
            max_version: info.capset_max_version,
            max_size: info.capset_max_size,
        })
    }
}

/// A capset that was read from the host. It does not change.
struct Copied {
    id: u32,
    version: u32,
    data: Arc<KVVec<u8>>,
}

/// The capsets of a device.
#[pin_data]
pub(crate) struct Capsets {
    list: SetOnce<KVec<Capset>>,
    #[pin]
    copies: Mutex<KVec<Copied>>,
}

fn mask(list: &[Capset]) -> u64 {
    list.iter()
        .filter(|capset| capset.id <= MAX_ID)
        .fold(0, |mask, capset| mask | 1 << capset.id)
}

fn find(list: &[Capset], id: u32, version: u32) -> Option<&Capset> {
    list.iter()
        .find(|capset| capset.id == id && capset.max_version >= version)
}

impl Capsets {
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            list: SetOnce::new(),
            copies <- new_mutex!(KVec::new()),
        })
    }

    fn list(&self) -> &[Capset] {
        self.list.as_ref().map_or(&[], |list| &list[..])
    }

    /// Returns whether the host has no renderers that can be used.
    pub(super) fn is_empty(&self) -> bool {
        self.list().is_empty()
    }

    /// Returns a mask with a bit for each number of a renderer that contexts can be created for.
    pub(crate) fn mask(&self) -> u64 {
        mask(self.list())
    }

    /// Returns whether a context can be created for a renderer.
    pub(super) fn is_known(&self, id: u64) -> bool {
        id <= u64::from(MAX_ID) && self.mask() & 1 << id != 0
    }

    /// Returns the capset of a renderer, if it has this version.
    pub(super) fn find(&self, id: u32, version: u32) -> Option<&Capset> {
        find(self.list(), id, version)
    }
}

/// Reads which renderers the host has. A renderer for which the host returns an error is left out.
///
/// # Errors
///
/// `ENOMEM`, `ENODEV`, `ETIMEDOUT`.
pub(crate) fn read(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    let mut count = vdev.read_config(&gpu::CONFIG_NUM_CAPSETS)? as usize;
    if count > MAX_COUNT {
        drm::drm_err!(
            dev,
            "the device has {} capsets, only the first {} are used\n",
            count,
            MAX_COUNT
        );
        count = MAX_COUNT;
    }
    let mut list = KVec::with_capacity(count, GFP_KERNEL)?;
    for index in 0..count {
        let info = match encode::get_capset_info(dev, index as u32) {
            Ok(info) => info,
            Err(error) if error == ENODEV || error == ETIMEDOUT => return Err(error),
            Err(_) => continue,
        };
        match Capset::checked(&info) {
            Some(capset) => list.push(capset, GFP_KERNEL)?,
            None => drm::drm_err!(
                dev,
                "capset {} is not used, because it has {} bytes\n",
                info.capset_id,
                info.capset_max_size
            ),
        }
    }
    dev.render.capsets.list.populate(list);
    Ok(())
}

/// Hides the capabilities by which streams read and write guest memory, because only the renderer
/// knows which memory that is. With bounce buffers the driver has to know. User space then uses
/// ioctls, as with hosts that do not have these capabilities.
fn hide_transfers(id: u32, data: &mut [u8]) {
    if id != uapi::VIRTGPU_DRM_CAPSET_VIRGL2 {
        return;
    }
    for (offset, bits) in TRANSFERS {
        let word = data
            .get_mut(offset..)
            .and_then(|rest| rest.first_chunk_mut());
        if let Some(word) = word {
            *word = (u32::from_le_bytes(*word) & !bits).to_le_bytes();
        }
    }
}

/// Returns the copy of a capset, or reads it from the host. Waits for the answer.
///
/// # Errors
///
/// `EBUSY` if the host does not answer, `ENOMEM`.
pub(super) fn get(dev: &Device, capset: &Capset, version: u32) -> Result<Arc<KVVec<u8>>> {
    VirtGpu::while_up(dev, || {
        let mut copies = dev.render.capsets.copies.lock();
        if let Some(copied) = copies
            .iter()
            .find(|copied| copied.id == capset.id && copied.version == version)
        {
            return Ok(copied.data.clone());
        }
        let mut data = encode::get_capset(dev, capset.id, version, capset.max_size as usize)
            .map_err(|error| if error == ETIMEDOUT { EBUSY } else { error })?;
        if access::bounces(dev) {
            hide_transfers(capset.id, &mut data);
        }
        let data = Arc::new(data, GFP_KERNEL)?;
        copies.push(
            Copied {
                id: capset.id,
                version,
                data: data.clone(),
            },
            GFP_KERNEL,
        )?;
        Ok(data)
    })
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, expect_eq, Test};

    fn info(capset_id: u32, capset_max_size: u32) -> gpu::CapsetInfo {
        gpu::CapsetInfo {
            capset_id,
            capset_max_version: 1,
            capset_max_size,
            ..gpu::CapsetInfo::zeroed()
        }
    }

    fn capset(id: u32, max_version: u32) -> Capset {
        Capset {
            id,
            max_version,
            max_size: 64,
        }
    }

    fn capset_of_any_size_is_not_used(test: &Test) {
        expect!(test, Capset::checked(&info(1, 308)).is_some());
        expect!(test, Capset::checked(&info(1, 0)).is_some());
        expect!(test, Capset::checked(&info(1, 1 << 20)).is_some());
        expect!(test, Capset::checked(&info(1, (1 << 20) + 1)).is_none());
        // The number 0 stands for the host's default.
        expect!(test, Capset::checked(&info(0, 308)).is_none());
    }

    fn mask_has_a_bit_for_each_renderer(test: &Test) {
        expect_eq!(test, mask(&[]), 0);
        expect_eq!(
            test,
            mask(&[capset(1, 1), capset(2, 2), capset(63, 1)]),
            6 | 1 << 63
        );
        // There is no bit for this one.
        expect_eq!(test, mask(&[capset(64, 1), capset(u32::MAX, 1)]), 0);
    }

    fn known_renderers_are_those_of_the_mask(test: &Test) -> Result {
        let capsets = KBox::pin_init(Capsets::new(), GFP_KERNEL)?;
        expect!(test, capsets.is_empty() && !capsets.is_known(2));
        let mut list = KVec::new();
        list.push(capset(2, 2), GFP_KERNEL)?;
        list.push(capset(63, 1), GFP_KERNEL)?;
        capsets.list.populate(list);
        expect!(test, capsets.is_known(2) && capsets.is_known(63));
        for id in [0, 1, 3, 62, 64, 66, 1 << 32 | 2, u64::MAX] {
            expect!(test, !capsets.is_known(id));
        }
        Ok(())
    }

    fn capset_is_found_by_its_version(test: &Test) {
        let list = [capset(1, 1), capset(2, 2)];
        expect!(test, find(&list, 2, 2).is_some());
        expect!(test, find(&list, 2, 0).is_some());
        expect!(test, find(&list, 2, 3).is_none());
        expect!(test, find(&list, 1, 2).is_none());
        expect!(test, find(&list, 3, 0).is_none());
    }

    fn words(data: &[u8]) -> Option<(u32, u32)> {
        let word = |offset: usize| {
            data.get(offset..)?
                .first_chunk()
                .map(|w| u32::from_le_bytes(*w))
        };
        Some((word(392)?, word(688)?))
    }

    fn transfers_of_virgl_are_hidden(test: &Test) -> Result {
        let mut data = KVec::from_elem(0xff, 692, GFP_KERNEL)?;
        hide_transfers(2, &mut data);
        expect_eq!(test, words(&data), Some((!(1 << 17 | 1 << 26), !(1 << 7))));
        expect!(test, data.iter().filter(|byte| **byte != 0xff).count() == 3);
        // Another renderer's bits mean something else.
        let mut data = KVec::from_elem(0xff, 692, GFP_KERNEL)?;
        hide_transfers(1, &mut data);
        expect!(test, data.iter().all(|byte| *byte == 0xff));
        Ok(())
    }

    /// An older host's capset ends before the words, or within one.
    fn short_capset_is_left_alone(test: &Test) -> Result {
        for len in [0, 392, 395, 688, 691] {
            let mut data = KVec::from_elem(0xff, len, GFP_KERNEL)?;
            hide_transfers(2, &mut data);
            let changed = data.iter().filter(|byte| **byte != 0xff).count();
            expect_eq!(test, changed, if len > 395 { 2 } else { 0 });
        }
        Ok(())
    }

    kunit::suite!(
        c"virtgpu_rs_capset",
        [
            capset_of_any_size_is_not_used,
            mask_has_a_bit_for_each_renderer,
            known_renderers_are_those_of_the_mask,
            capset_is_found_by_its_version,
            transfers_of_virgl_are_hidden,
            short_capset_is_left_alone,
        ]
    );
}
