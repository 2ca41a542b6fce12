// SPDX-License-Identifier: GPL-2.0
//! The memory part: buffer objects, and the host resources that they back.
//!
//! [`gem`] has the buffer objects, and [`vram`] is about those without pages. [`resource`] has the
//! resources, and [`host_resource`] what the host has of each of them. [`kind`] has their kinds, and
//! [`table`] lists them. [`backing`], [`keeper`], [`access`] and [`arrival`] are about the pages.
use kernel::{
    device::Bound,
    new_spinlock,
    prelude::*,
    sync::{atomic::Atomic, SpinLock},
};
use virtio::wait::WaitQueue;

use crate::{
    gpu,
    memory::{arrival::Arrivals, keeper::Remains, table::Resources},
};

pub(crate) mod access;
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
    pub(in crate::memory) zero_copy: Atomic<bool>,
    #[pin]
    pub(crate) resources: Resources,
    /// Tasks that wait for the end of an arrival.
    #[pin]
    arrived: WaitQueue,
    /// Arrivals that are over and are to be dropped.
    #[pin]
    ended_arrivals: SpinLock<Option<KBox<Arrivals>>>,
    #[pin]
    pub(crate) remains: Remains,
}

impl Memory {
    pub(crate) fn new(
        vdev: &virtio::Device<Bound>,
        blob_alignment: u32,
    ) -> impl PinInit<Self, Error> {
        let use_dma_addr = vdev.uses_dma_addresses();
        let has_blob = vdev.has_feature(gpu::F_RESOURCE_BLOB);
        let has_uuid = vdev.has_feature(gpu::F_RESOURCE_UUID);
        try_pin_init!(Self {
            use_dma_addr,
            has_blob,
            has_uuid,
            has_host_visible: Atomic::new(false),
            blob_alignment,
            zero_copy: Atomic::new(false),
            resources <- Resources::new(),
            arrived <- WaitQueue::new(),
            ended_arrivals <- new_spinlock!(None),
            remains <- Remains::new(),
        })
    }
}
