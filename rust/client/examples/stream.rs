// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Sends a command stream to virgl, and reads its result back.
use virtgpu::{CapsetId, ContextBuilder, Device, Format, Result, Submission, Texture, Transfer};

/// Virgl's command that writes the pixels behind it, and the number of its arguments before the pixels.
const INLINE_WRITE: u32 = 9;
const ARGUMENTS: u32 = 11;
const SIZE: u32 = 16;

fn main() -> Result<()> {
    let device = Device::with_capset(CapsetId::VIRGL2)?;
    let context = ContextBuilder::new(CapsetId::VIRGL2)
        .debug_name("stream")
        .build(&device)?;
    let texture = device.create_texture(&Texture::image(Format::B8G8R8A8, SIZE, SIZE))?;

    let pixels: Vec<u32> = (0..SIZE * SIZE).map(|index| 0xff00_0000 | index).collect();
    let mut commands = vec![((ARGUMENTS + SIZE * SIZE) << 16) | INLINE_WRITE];
    // Resource, level, usage, bytes of a row and of a layer; then the box: x, y, z, width, height, depth.
    commands.extend([texture.resource(), 0, 0, SIZE * 4, 0]);
    commands.extend([0, 0, 0, SIZE, SIZE, 1]);
    commands.extend(&pixels);
    context.submit(&Submission::new(&commands).buffer(&texture))?;

    texture.transfer_from_host(&Transfer::default())?;
    texture.wait()?;
    let mut result = vec![0; pixels.len()];
    texture.map::<u32>()?.read_slice(0, &mut result)?;
    assert_eq!(result, pixels, "the host has written other pixels");
    println!("the host has written {} pixels", result.len());
    Ok(())
}
