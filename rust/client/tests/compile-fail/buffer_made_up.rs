// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Only a device makes buffers, so a handle is one of its file.
use virtgpu::{BufferObject, Device};

fn buffer(device: Device) -> BufferObject {
    BufferObject { device }
}

fn main() {
    let _ = buffer;
}
