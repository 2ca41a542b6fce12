// SPDX-License-Identifier: GPL-2.0
//! How the host and the device see the guest's memory: where it is, in bounce buffers, or by a copy.
use kernel::sync::atomic::{Full, Relaxed};

use crate::device::Device;

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
