// SPDX-License-Identifier: GPL-2.0
//! The memory part: buffer objects, and the host resources that they back.
//!
//! [`gem`] has the buffer objects, of which those of [`vram`] have no pages, and [`resource`] the resources. [`host_resource`] is what the
//! host has of a resource, of one of the kinds of [`kind`]. [`table`] lists all of these. [`backing`],
//! [`keeper`] and [`arrival`] are about the pages.
use kernel::{
    device::Bound,
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{Atomic, Full, Relaxed},
        SpinLock,
    },
};
use virtio::wait::WaitQueue;

use crate::{
    device::Device,
    gpu,
    memory::{arrival::Arrivals, table::Resources},
};
pub(crate) mod arrival;
pub(crate) mod backing;
pub(crate) mod blob;
pub(crate) mod callbacks;
pub(crate) mod format;
pub(crate) mod gem;
pub(crate) mod host_resource;
pub(crate) mod keeper;
pub(crate) mod kind;
pub(crate) mod prime;
pub(crate) mod resource;
pub(crate) mod table;
pub(crate) mod vram;

/// The memory part of a device.
#[pin_data]
pub(crate) struct Memory {
    /// The device gets DMA addresses, not physical addresses.
    pub(crate) use_dma_addr: bool,
    /// Resources may be plain memory.
    pub(crate) has_blob: bool,
    /// Resources have UUIDs, by which other virtio devices know them.
    pub(crate) has_uuid: bool,
    /// Memory of the host can be mapped.
    pub(crate) has_host_visible: Atomic<bool>,
    /// Alignment of the sizes of blobs in bytes, or 0.
    pub(crate) blob_alignment: u32,
    /// The host shows the guest's pages without a copy; false once the host has refused.
    zero_copy: Atomic<bool>,
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
    pub(crate) fn new(vdev: &virtio::Device<Bound>, blob_alignment: u32) -> impl PinInit<Self> {
        let use_dma_addr = vdev.uses_dma_addresses();
        let has_blob = vdev.has_feature(gpu::F_RESOURCE_BLOB);
        let has_uuid = vdev.has_feature(gpu::F_RESOURCE_UUID);
        pin_init!(Self {
            use_dma_addr,
            has_blob,
            has_uuid,
            has_host_visible: Atomic::new(false),
            blob_alignment,
            zero_copy: Atomic::new(false),
            resources <- Resources::new(),
            arrived <- WaitQueue::new(),
            ended_arrivals <- new_spinlock!(None),
        })
    }
}

/// Sets what depends on how memory is mapped for the device. `has_3d` tells whether the host has
/// renderers, which cannot show blobs that are not their own. With bounce buffers the pages that the
/// host would show are copies.
pub(crate) fn init(dev: &Device, has_3d: bool) {
    let zero_copy = dev.memory.has_blob && !has_3d && !bounces(dev);
    dev.memory.zero_copy.store(zero_copy, Relaxed);
}

/// Returns whether the host shows the guest's pages without a copy.
pub(crate) fn has_zero_copy(dev: &Device) -> bool {
    dev.memory.zero_copy.load(Relaxed)
}

/// Copies pixels from now on, because the host cannot show the guest's pages.
pub(crate) fn stop_zero_copy(dev: &Device) {
    if dev.memory.zero_copy.xchg(false, Full) {
        drm::drm_info!(
            dev,
            "the host cannot show the guest's memory: pixels are copied\n"
        );
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
