// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver adds a fence that may consist of others to reservations.
//!
//! expect: E0308: mismatched types
use drm::{
    dma_buf::{Fence, Reserved, Usage},
    gem::{shmem::Object, DriverObject},
};

/// Adds a fence of a program, e.g. of a file that merges fences.
pub fn container_reserved<T: DriverObject>(objects: Reserved<'_, Object<T>>, fence: &Fence) {
    objects.add_fence(fence, Usage::Write);
}
