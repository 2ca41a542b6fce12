// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A mapping ends before its buffer does.
use virtgpu::{Blob, Device};

fn main() {
    let device = Device::first().unwrap();
    let mapping = {
        let buffer = device.create_blob(&Blob::guest(4096).mappable()).unwrap();
        buffer.map::<u32>().unwrap()
    };
    mapping.read(0).unwrap();
}
