// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver gives a fence a number of a context that is gone.
//!
//! expect: E0505: cannot move out of `context` because it is borrowed
use drm::{
    dma_buf::{DriverFence, FenceContext, FenceContextOps},
    Device,
};
use kernel::error::Result;

/// Takes a number of a context after it was dropped.
pub fn fence_of_closed_context<T: FenceContextOps>(
    dev: &Device<T::Driver>,
    context: FenceContext<T>,
    data: T::FenceDataType,
) -> Result<DriverFence<T>> {
    let fence = context.new_fence_allocation(dev, data)?;
    drop(context);
    Ok(fence.new_fence())
}
