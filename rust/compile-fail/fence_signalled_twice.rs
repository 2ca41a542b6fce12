// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver signals a fence twice.
//!
//! expect: E0382: use of moved value: `fence`
use drm::dma_buf::{DriverFence, FenceContextOps};

/// Changes the result that others may have seen.
pub fn fence_signalled_twice<T: FenceContextOps>(fence: DriverFence<T>) {
    fence.signal(Ok(()));
    fence.signal(Err(kernel::error::code::EIO));
}
