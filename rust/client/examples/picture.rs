// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Shows a picture on the first screen, until there is a line of input. It needs a console without a desktop.
use std::{error::Error, io};

use virtgpu::{
    drm::control::{connector, crtc, Device as _},
    Device, Format, Texture, Transfer,
};

fn main() -> Result<(), Box<dyn Error>> {
    // Mode setting needs the primary node.
    let location = virtgpu::devices()
        .into_iter()
        .next()
        .ok_or(virtgpu::Error::NoDevice)?;
    let device = Device::open(&location.card)?;

    // A screen that is connected, and its preferred mode. This is the crate drm's.
    let resources = device.resource_handles()?;
    let connectors = resources.connectors().iter();
    let screen = connectors
        .filter_map(|handle| device.get_connector(*handle, true).ok())
        .find(|screen| screen.state() == connector::State::Connected)
        .ok_or("no screen is connected")?;
    let mode = *screen.modes().first().ok_or("the screen has no modes")?;
    let crtc: crtc::Handle = *resources.crtcs().first().ok_or("no CRTC")?;

    // A buffer of the size of the screen.
    let (width, height) = mode.size();
    let (width, height) = (u32::from(width), u32::from(height));
    let buffer = device.create_texture(&Texture::image(Format::B8G8R8X8, width, height))?;
    let mut pixels = buffer.map::<u32>()?;
    let mut row = vec![0; width as usize];
    for y in 0..height {
        for (pixel, x) in row.iter_mut().zip(0..) {
            *pixel = ((x * 255 / width) << 16) | ((y * 255 / height) << 8) | 0x40;
        }
        pixels.write_slice((y * width) as usize, &row)?;
    }

    // The host shows a copy of its own.
    buffer.transfer_to_host(&Transfer::default())?;
    let image = buffer.image().ok_or("no picture")?;
    let framebuffer = device.add_framebuffer(&image, 24, 32)?;
    device.set_crtc(
        crtc,
        Some(framebuffer),
        (0, 0),
        &[screen.handle()],
        Some(mode),
    )?;
    println!("{width}x{height} is shown; press Enter to end");
    io::stdin().read_line(&mut String::new())?;
    device.destroy_framebuffer(framebuffer)?;
    Ok(())
}
