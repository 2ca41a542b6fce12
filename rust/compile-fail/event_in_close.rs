// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver reserves an event when a handle is closed. The file may be freed next, and the event would refer to
//! it.
//!
//! expect: E0599: no method named `reserve_event` found for reference `&HandleFile<F>`
use drm::file::{DriverFile, HandleFile};
use kernel::error::Result;

/// Reserves room for an event, as `DriverObject::close` might.
pub fn event_in_close<F: DriverFile>(file: &HandleFile<F>) -> Result {
    file.reserve_event(1)?.send();
    Ok(())
}
