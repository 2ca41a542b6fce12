// SPDX-License-Identifier: GPL-2.0
//! The memory part: buffer objects, and the host resources that they back.
//!
//! [`gem`] has the buffer objects and [`resource`] the resources. [`host_resource`] is what the
//! host has of a resource, [`table`] lists all of these, and [`backing`] and [`keeper`] are about
//! the pages.
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

/// The memory part of a device.
#[pin_data]
pub(crate) struct Memory {
    /// The device gets DMA addresses, not physical addresses.
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
