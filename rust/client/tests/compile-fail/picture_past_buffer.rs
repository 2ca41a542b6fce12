// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A picture for mode setting has the handle of a buffer that exists.
use virtgpu::{Device, Format, Image, Texture};

fn picture(device: &Device) -> Option<Image<'_>> {
    let buffer = device
        .create_texture(&Texture::image(Format::B8G8R8X8, 64, 64))
        .unwrap();
    buffer.image()
}

fn main() {
    let _ = picture;
}
