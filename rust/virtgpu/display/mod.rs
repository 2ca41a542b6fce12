// SPDX-License-Identifier: GPL-2.0
//! The display part: heads, and what is shown on them.
//!
//! A head is an [`output`]: a CRTC with a [`primary`] plane, a [`cursor`] plane and a
//! [`connector`]. A framebuffer ([`fb`]) is shown by a host resource, which it usually shares with
//! other framebuffers of the head ([`swapchain`]). docs/frame.md follows a frame from the commit to
//! the host.
use kernel::{
    device::Bound,
    prelude::*,
    sync::{atomic::Atomic, Arc},
};

use crate::{
    display::{output::Output, swapchain::Swapchains},
    gpu,
};

pub(crate) mod connector;
pub(crate) mod cursor;
pub(crate) mod damage;
pub(crate) mod fb;
pub(crate) mod hotplug;
pub(crate) mod kms;
pub(crate) mod output;
pub(crate) mod panic;
pub(crate) mod primary;
pub(crate) mod redraw;
pub(crate) mod swapchain;

/// The display part of a device.
pub(crate) struct Display {
    pub(crate) outputs: KVec<Arc<Output>>,
    /// The host has EDIDs.
    pub(crate) has_edid: bool,
    /// The device was reset since the display information was read.
    pub(crate) windows_stale: Atomic<bool>,
    /// The host has lost commands, so the next redraw sends everything again.
    is_stale: Atomic<bool>,
}

impl Display {
    /// Sets up `count` heads.
    pub(crate) fn new(vdev: &virtio::Device<Bound>, count: usize) -> Result<Self> {
        let mut outputs = KVec::with_capacity(count, GFP_KERNEL)?;
        for index in 0..count {
            outputs.push(Output::new(index as u32)?, GFP_KERNEL)?;
        }
        Ok(Self {
            outputs,
            has_edid: vdev.has_feature(gpu::F_EDID),
            windows_stale: Atomic::new(false),
            is_stale: Atomic::new(false),
        })
    }

    /// Follows a reset of the device, after which the host shows nothing.
    pub(crate) fn forget(&self) {
        for output in self.outputs.iter() {
            output.forget();
        }
    }

    /// Follows the loss of commands for the heads.
    fn mend(&self) {
        for output in self.outputs.iter() {
            output.mend();
        }
    }

    /// Returns the swapchains of all heads.
    pub(crate) fn swapchains(&self) -> impl Iterator<Item = &Arc<Swapchains>> {
        self.outputs.iter().map(|output| &output.swapchains)
    }
}
