// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver adds a fence to a reservation that it has not locked, and where it has not reserved room.
//!
//! expect: E0423: cannot initialize a tuple struct which contains private fields
use drm::{
    dma_buf::{Reserved, SingleFence, Usage},
    gem::{shmem::Object, DriverObject},
};
use kernel::{sync::aref::ARef, types::NotThreadSafe};

/// Adds a fence without a lock.
pub fn fence_without_room<T: DriverObject>(objects: &[ARef<Object<T>>], fence: &SingleFence) {
    Reserved(objects, NotThreadSafe).add_fence(fence, Usage::Write);
}
