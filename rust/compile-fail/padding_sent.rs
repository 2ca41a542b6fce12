// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A struct with padding is sent to a device as its bytes, which are not all initialized.
//!
//! expect: E0080: evaluation of constant value failed
virtio::byte_structs! {
    /// A request with three bytes of padding.
    pub struct Request {
        /// A byte.
        pub kind: u8,
        /// A word, which is aligned.
        pub queue: u32,
    }
}
