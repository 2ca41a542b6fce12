// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A struct with a value for which not all bytes are valid is received from a device.
//!
//! expect: E0277: the trait bound `bool: kernel::transmute::FromBytes` is not satisfied
virtio::byte_structs! {
    /// A response.
    pub struct Response {
        /// Whether the device has done it.
        pub is_done: bool,
    }
}
