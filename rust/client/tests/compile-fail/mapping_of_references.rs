// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The host may write any bytes, so elements are of types for which all bytes are valid.
use virtgpu::{Blob, Device};

fn main() {
    let buffer = Device::first()
        .unwrap()
        .create_blob(&Blob::guest(4096))
        .unwrap();
    buffer.map::<&'static str>().unwrap();
}
