// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A buffer exists at least until the stream that names it was submitted.
use virtgpu::{Blob, Context, Device, Submission};

fn main() {
    let device = Device::first().unwrap();
    let buffer = device.create_blob(&Blob::guest(4096)).unwrap();
    let submission = Submission::new(&[0; 4]).buffer(&buffer);
    drop(buffer);
    Context::of(&device).submit(&submission).unwrap();
}
