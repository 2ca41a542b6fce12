// SPDX-License-Identifier: GPL-2.0
//! Memory: buffer objects, and the host's resources that they back.
use kernel::{device::Bound, prelude::*};

use crate::memory::table::Resources;

pub(crate) mod backing;
pub(crate) mod callbacks;
pub(crate) mod format;
pub(crate) mod gem;
pub(crate) mod host_resource;
pub(crate) mod keeper;
pub(crate) mod resource;
pub(crate) mod table;

/// A device's resources.
#[pin_data]
pub(crate) struct Memory {
    /// The device sees memory through the DMA API, not by physical address.
    pub(crate) use_dma_addr: bool,
    #[pin]
    pub(crate) resources: Resources,
}

impl Memory {
    pub(crate) fn new(vdev: &virtio::Device<Bound>) -> impl PinInit<Self> {
        let use_dma_addr = vdev.uses_dma_addresses();
        pin_init!(Self {
            use_dma_addr,
            resources <- Resources::new(),
        })
    }
}
