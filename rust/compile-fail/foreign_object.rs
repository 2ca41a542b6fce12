// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A handle of one driver is taken for an object of another.
//!
//! expect: E0308: mismatched types
use drm::{
    gem::{shmem::Object, BaseObject, DriverObject},
    Driver, File,
};
use kernel::{prelude::*, sync::aref::ARef};

/// Looks up an object of `B` in a file of `A`.
pub fn foreign_object<A: Driver, B: DriverObject>(
    file: &File<A::File>,
    handle: u32,
) -> Result<ARef<Object<B>>> {
    Object::<B>::lookup_handle(file, handle)
}
