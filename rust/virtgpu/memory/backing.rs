// SPDX-License-Identifier: GPL-2.0
//! What backs a resource: the pages of buffer objects, as the host is told of them.
use kernel::{prelude::*, sync::Arc};
use virtio::gpu::{MemEntry, Wire};

use crate::{
    device::{Device, Object},
    memory::keeper::{Keeper, Kept},
    transport::{cmd, command::Chain},
};

/// Bytes of a piece of a list of pages.
const PIECE: usize = 32768;

/// Buffer objects behind one resource; the whole list is sent again with each new one.
pub(super) const MAX_PARTS: usize = 8;

/// Entries of a resource with several buffer objects: hosts look for a row from the start of the
/// list, so that sharing a resource should not make it long.
pub(super) const MAX_GROUP_ENTRIES: usize = 2048;

/// QEMU and vhost-user-gpu refuse longer lists.
const MAX_ENTRIES: usize = 16384;

/// A buffer object that backs a resource, or a part of it.
pub(super) struct Part {
    pub(super) keeper: Arc<Keeper>,
    /// Bytes that the host was told about.
    pub(super) size: u64,
    pub(super) entries: KVec<MemEntry>,
    /// The command that takes it away, made when there was memory.
    pub(super) detach: Chain,
}

impl Part {
    pub(super) fn new(dev: &Device, bo: &Object, id: u32) -> Result<Self> {
        let mut entries = KVec::new();
        let mut size = 0;
        bo.for_each_segment(dev.memory.use_dma_addr || bo.is_imported(), |segment| {
            if entries.len() == MAX_ENTRIES {
                drm::drm_err_ratelimited!(
                    dev,
                    "resource {}: its memory is in more pieces than the {} that hosts take\n",
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
        Ok(Self {
            keeper: bo.keeper().ok_or(ENOENT)?,
            size,
            entries,
            detach: cmd::detach_backing(id)?,
        })
    }
}

/// What the host is to know of a resource.
#[derive(PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing yet.
    New,
    /// It was told to make it, and is told again after a reset.
    Made,
    /// It was told to destroy it, or never had it. A reset does not bring it back.
    Ended,
}

/// The pages that back a resource, one buffer object behind the other.
pub(super) struct Backing {
    pub(super) parts: KVec<Part>,
    pub(super) stage: Stage,
}

impl Backing {
    pub(super) fn entries(&self) -> usize {
        self.parts.iter().map(|part| part.entries.len()).sum()
    }

    /// Where a buffer object begins, in bytes.
    pub(super) fn offset(&self, keeper: &Arc<Keeper>) -> u64 {
        self.parts
            .iter()
            .take_while(|part| !Arc::ptr_eq(&part.keeper, keeper))
            .map(|part| part.size)
            .sum()
    }

    /// Tells the host of all of it, once it has none.
    pub(super) fn attach(&self, id: u32) -> Result<Chain> {
        let mut pieces = KVec::new();
        for part in self.parts.iter() {
            for entries in part
                .entries
                .chunks(PIECE / core::mem::size_of::<MemEntry>())
            {
                let mut bytes = KVec::with_capacity(core::mem::size_of_val(entries), GFP_KERNEL)?;
                for entry in entries {
                    bytes.extend_from_slice(entry.as_bytes(), GFP_KERNEL)?;
                }
                pieces.push(bytes, GFP_KERNEL)?;
            }
        }
        cmd::attach_backing(id, pieces, self.entries() as u32)
    }
}
