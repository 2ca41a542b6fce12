// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver signals a fence of another driver.
//!
//! expect: E0599: no method named `signal` found for reference `&Fence` in the current scope
use drm::dma_buf::Fence;

/// Signals a fence although the device of its driver has not finished.
pub fn fence_signalled_by_waiter(fence: &Fence) {
    fence.signal(Ok(()));
}
