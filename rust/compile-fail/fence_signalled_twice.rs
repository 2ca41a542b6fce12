// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver signals a fence twice.
//!
//! expect: E0382: use of moved value: `fence`
use drm::dma_buf::{DriverFence, FenceContextOps};

/// Takes back what others may have acted on.
pub fn fence_signalled_twice<T: FenceContextOps>(fence: DriverFence<T>) {
    fence.signal(Ok(()));
    fence.signal(Err(kernel::error::code::EIO));
}
