// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver drops the last reference to a buffer object whose reservation is locked.
//!
//! expect: E0505: cannot move out of `object` because it is borrowed
use core::slice;
use drm::{
    dma_buf::reserve,
    gem::{shmem::Object, DriverObject},
};
use kernel::{error::Result, sync::aref::ARef};

/// Frees an object while its lock is held.
pub fn object_freed_locked<T: DriverObject>(object: ARef<Object<T>>) -> Result {
    reserve(slice::from_ref(&object), move |_| {
        drop(object);
        Ok(())
    })
}
