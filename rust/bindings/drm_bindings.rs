// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Raw bindings to the kernel's virtio and DRM interfaces, made by bindgen from `helper.h`.
//!
//! What `kernel::bindings` has is taken from there, so that types are shared with the kernel crate.
//! Only the abstraction crates use this one.
#![allow(
    clippy::all,
    clippy::cast_lossless,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unsafe_op_in_unsafe_fn
)]
// bindgen's accessors of bit fields. The kernel's configuration says whether the compiler has the lint.
#![cfg_attr(CONFIG_RUSTC_HAS_UNNECESSARY_TRANSMUTES, allow(unnecessary_transmutes))]
use kernel::ffi;

include!(env!("DRM_BINDINGS"));
