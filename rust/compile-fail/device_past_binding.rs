// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A bound device is kept past its binding.
//!
//! expect: lifetime may not live long enough
use kernel::device::Bound;
use virtio::{Device, Handle};

/// Lets the device out of the handle.
pub fn device_past_binding(handle: &Handle) -> Option<&Device<Bound>> {
    handle.with(|dev| dev)
}
