// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Virtio drivers in Rust: registration, configuration space, virtqueues.
//!
//! A queue owns a buffer from when it is added until the device has used it. In between nothing can
//! access or free the buffer, because there is no value for it.
//!
//! C headers: [`include/linux/virtio.h`](srctree/include/linux/virtio.h),
//! [`include/linux/virtio_config.h`](srctree/include/linux/virtio_config.h)

// rustdoc does not apply the compiler's option that adds this to the crate.
#![cfg_attr(doctest, no_std)]
#![warn(clippy::multiple_unsafe_ops_per_block)]

mod bind;
mod bytes;
pub mod config;
pub mod device;
pub mod driver;
pub mod lock;
mod rings;
pub mod virtqueue;
pub mod wait;

pub use config::ConfigField;
pub use device::{Device, Handle};
pub use driver::{Adapter, DeviceId, Driver, IdTable, VirtioID};
pub use virtqueue::{Chain, Interrupt, Virtqueue, Virtqueues};

/// Declares a kernel module that consists of one virtio driver.
///
/// The C counterpart is `module_virtio_driver()`.
///
/// # Examples
///
/// ```text
/// virtio::module_virtio_driver! {
///     type: MyDriver,
///     name: "my_driver",
///     authors: ["The authors"],
///     description: "A virtio driver",
///     license: "GPL",
/// }
/// ```
#[macro_export]
macro_rules! module_virtio_driver {
    ($($f:tt)*) => {
        kernel::module_driver!(<T>, $crate::Adapter<T>, { $($f)* });
    };
}
