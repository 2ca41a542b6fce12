// SPDX-License-Identifier: GPL-2.0
//! The memory part: buffer objects, and the host resources that they back.
//!
//! [`gem`] has the buffer objects and [`resource`] the resources. [`host_resource`] is what the
//! host has of a resource, of one of the kinds of [`kind`]. [`table`] lists all of these. [`backing`],
//! [`keeper`] and [`arrival`] are about the pages.
use kernel::{device::Bound, new_spinlock, prelude::*, sync::SpinLock};
use virtio::wait::WaitQueue;

use crate::{
    device::Device,
    memory::{arrival::Arrivals, table::Resources},
};
pub(crate) mod arrival;
pub(crate) mod backing;
pub(crate) mod callbacks;
pub(crate) mod format;
pub(crate) mod gem;
pub(crate) mod host_resource;
pub(crate) mod keeper;
pub(crate) mod kind;
pub(crate) mod resource;
pub(crate) mod table;

/// The memory part of a device.
#[pin_data]
pub(crate) struct Memory {
    /// The device gets DMA addresses, not physical addresses.
    pub(crate) use_dma_addr: bool,
    #[pin]
    pub(crate) resources: Resources,
    /// Tasks that wait for the end of an arrival.
    #[pin]
    arrived: WaitQueue,
    /// Arrivals that are over and are to be dropped.
    #[pin]
    ended_arrivals: SpinLock<Option<KBox<Arrivals>>>,
}

impl Memory {
    pub(crate) fn new(vdev: &virtio::Device<Bound>) -> impl PinInit<Self> {
        let use_dma_addr = vdev.uses_dma_addresses();
        pin_init!(Self {
            use_dma_addr,
            resources <- Resources::new(),
            arrived <- WaitQueue::new(),
            ended_arrivals <- new_spinlock!(None),
        })
    }
}

/// Returns whether the device may see copies of memory in bounce buffers.
pub(crate) fn bounces(dev: &Device) -> bool {
    dev.memory.use_dma_addr && dev.has_dma_limit()
}

/// Returns whether some of the mapped memory has to be synchronized between device and CPU.
pub(crate) fn needs_sync(dev: &Device) -> bool {
    dev.memory.use_dma_addr && dev.needs_dma_sync()
}
