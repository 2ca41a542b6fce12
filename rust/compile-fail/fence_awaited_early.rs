// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver waits for a fence that was not sent to the device, and so may never be signalled.
//!
//! expect: E0599: no method named `as_fence` found for reference `&DriverFenceAllocation<'_, T>` in the current scope
use drm::dma_buf::{DriverFenceAllocation, FenceContextOps};
use kernel::error::Result;

/// Waits for a fence without a number.
pub fn fence_awaited_early<T: FenceContextOps>(fence: &DriverFenceAllocation<'_, T>) -> Result {
    fence.as_fence().wait()
}
