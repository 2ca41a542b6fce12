// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A buffer object is used after its pages were given back.
//!
//! expect: E0382: borrow of moved value: `object`
use drm::gem::{shmem::Dying, DriverObject};

/// Asks for the size of what is gone.
pub fn pages_after_free<T: DriverObject>(object: Dying<T>) -> usize {
    drop(object);
    object.size()
}
