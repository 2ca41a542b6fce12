// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A buffer that is mapped cannot be dropped.
use virtgpu::{Blob, Device};

fn main() {
    let buffer = Device::first()
        .unwrap()
        .create_blob(&Blob::guest(4096))
        .unwrap();
    let mapping = buffer.map::<u32>().unwrap();
    drop(buffer);
    mapping.read(0).unwrap();
}
