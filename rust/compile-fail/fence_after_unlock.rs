// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver adds a fence to reservations that were unlocked.
//!
//! expect: lifetime may not live long enough
use drm::{
    dma_buf::{reserve, SingleFence, Usage},
    gem::{shmem::Object, DriverObject},
};
use kernel::{error::Result, sync::aref::ARef};

/// Returns from `reserve` what it lends.
pub fn fence_after_unlock<T: DriverObject>(
    objects: &[ARef<Object<T>>],
    fence: &SingleFence,
) -> Result {
    reserve(objects, |reserved| Ok(reserved))?.add_fence(fence, Usage::Write);
    Ok(())
}
