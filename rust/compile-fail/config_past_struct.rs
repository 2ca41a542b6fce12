// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A field is beyond the configuration space of its kind of device.
//!
//! expect: E0080: evaluation of `virtio::ConfigField::<Space, 4>::END` failed
use virtio::ConfigField;

/// A configuration space.
pub struct Space {
    /// The only field.
    pub first: u32,
}

/// A field that is not there.
pub const SECOND: ConfigField<Space, 4> = ConfigField::new();
