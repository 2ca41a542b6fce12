// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver adds more fences to reservations than there is room for.
//!
//! expect: E0382: use of moved value: `objects`
use drm::{
    dma_buf::{Reserved, SingleFence, Usage},
    gem::{shmem::Object, DriverObject},
};

/// Adds two fences where room for one was reserved.
pub fn fence_added_twice<T: DriverObject>(
    objects: Reserved<'_, Object<T>>,
    fences: [&SingleFence; 2],
) {
    objects.add_fence(fences[0], Usage::Write);
    objects.add_fence(fences[1], Usage::Read);
}
