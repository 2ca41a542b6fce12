// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver sends an event without room for it in the file.
//!
//! expect: E0423: cannot initialize a tuple struct which contains private fields
use core::ptr::NonNull;
use drm::{event::Event, Device, Driver};
use kernel::sync::aref::ARef;

/// Sends an event that was not reserved.
pub fn event_without_room<T: Driver>(dev: ARef<Device<T>>) {
    Event(NonNull::dangling(), dev).send();
}
