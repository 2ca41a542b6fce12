// SPDX-License-Identifier: GPL-2.0
//! The backing of a resource: lists of the pages of buffer objects, in the form that the host gets.
use kernel::{prelude::*, sync::Arc, transmute::AsBytes};

use crate::{
    device::{Device, Object},
    gpu::MemEntry,
    memory::keeper::{HasKeeper, Keeper},
    transport::{command::Chain, encode},
};

/// Limit of the number of buffer objects behind one resource, because the whole list is sent again
/// with each new one.
pub(super) const MAX_PARTS: usize = 8;

/// Limit of the number of entries of a resource with several buffer objects, because hosts search
/// for each row from the start of the list.
pub(super) const MAX_GROUP_ENTRIES: usize = 2048;

/// Limit of the number of entries. QEMU and vhost-user-gpu refuse longer lists.
const MAX_ENTRIES: usize = 16384;

/// A buffer object in a backing.
pub(super) struct Part {
    pub(super) keeper: Arc<Keeper>,
    /// Size of the pages that the host gets, in bytes.
    pub(super) size: u64,
    pub(super) entries: KVVec<MemEntry>,
    /// The command that detaches it. It is allocated in advance, because detaching must not fail.
    pub(super) detach: Chain,
}

impl Part {
    /// Makes the part of a buffer object whose pages the host does not get yet.
    pub(super) fn unmapped(bo: &Object, id: u32) -> Result<Self> {
        Ok(Self {
            keeper: bo.keeper().ok_or(ENOENT)?,
            size: 0,
            entries: KVVec::new(),
            detach: encode::detach_backing(id)?,
        })
    }

    /// Makes the part of a buffer object.
    pub(super) fn new(dev: &Device, bo: &Object, id: u32) -> Result<Self> {
        let mut part = Self::unmapped(bo, id)?;
        part.map(dev, bo, id)?;
        Ok(part)
    }

    /// Lists the pages of the buffer object.
    pub(super) fn map(&mut self, dev: &Device, bo: &Object, id: u32) -> Result {
        let mut entries = KVVec::new();
        let mut size = 0;
        bo.for_each_segment(dev.memory.use_dma_addr || bo.is_imported(), |segment| {
            if entries.len() == MAX_ENTRIES {
                drm::drm_err_ratelimited!(
                    dev,
                    "resource {}: its memory has more than {} pieces, which hosts do not accept\n",
                    id,
                    MAX_ENTRIES
                );
                return Err(ENOMEM);
            }
            size += u64::from(segment.length);
            Ok(entries.push(
                MemEntry {
                    addr: segment.address,
                    length: segment.length,
                    padding: 0,
                },
                GFP_KERNEL,
            )?)
        })?;
        self.entries = entries;
        self.size = size;
        Ok(())
    }
}

/// Whether the host is to have a resource.
#[derive(PartialEq, Eq)]
pub(super) enum Stage {
    /// It does not have it yet, or was told to destroy it and may be told to create it again.
    New,
    /// It was told to create it, and is told again after a reset.
    Made,
    /// It was told to destroy it for good, or never had it. A reset does not create it again.
    Ended,
}

/// The buffer objects that back a resource, one behind the other.
pub(super) struct Backing {
    pub(super) parts: KVec<Part>,
    pub(super) stage: Stage,
}

impl Backing {
    pub(super) fn entries(&self) -> usize {
        self.parts.iter().map(|part| part.entries.len()).sum()
    }

    /// Returns where a buffer object begins, in bytes.
    pub(super) fn offset(&self, keeper: &Arc<Keeper>) -> u64 {
        self.parts
            .iter()
            .take_while(|part| !Arc::ptr_eq(&part.keeper, keeper))
            .map(|part| part.size)
            .sum()
    }

    /// Returns the list of its pages as bytes.
    pub(super) fn bytes(&self) -> Result<KVVec<u8>> {
        let mut bytes = KVVec::with_capacity(self.entries() * size_of::<MemEntry>(), GFP_KERNEL)?;
        for entry in self.parts.iter().flat_map(|part| part.entries.iter()) {
            bytes.extend_from_slice(entry.as_bytes(), GFP_KERNEL)?;
        }
        Ok(bytes)
    }

    /// Makes the command that attaches all of it. The host must have no backing then.
    pub(super) fn attach(&self, id: u32) -> Result<Chain> {
        encode::attach_backing(id, self.bytes()?, self.entries() as u32)
    }
}
