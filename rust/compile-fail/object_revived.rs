// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Something gets a reference to a buffer object that is about to be freed.
//!
//! expect: E0308: mismatched types
use drm::gem::{
    shmem::{Dying, Object},
    DriverObject,
};
use kernel::sync::aref::ARef;

/// Takes a reference to an object whose pages are about to be freed.
pub fn object_revived<T: DriverObject>(object: &Dying<T>) -> ARef<Object<T>> {
    let object: &Object<T> = object;
    object.into()
}
