// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Tests with a kernel that answers anything: no answer makes the crate panic.
use std::{fs::File, os::fd::OwnedFd, time::Duration};

use proptest::prelude::*;
use rustix::io::Errno;

use crate::{
    uapi::lies, Blob, CapsetId, Context, ContextBuilder, Device, Error, Format, Param, Submission,
    Texture, Transfer,
};

/// Uses everything that calls the kernel, as far as the answers permit it.
fn use_everything(device: &Device) {
    let _ = device.features();
    let _ = device.param(Param::BlobAlignment);
    let _ = device.capset(CapsetId::VENUS, 0, 160);
    let context = ContextBuilder::new(CapsetId::VIRGL2)
        .rings(2)
        .debug_name("a\0b")
        .build(device);
    let context = context.unwrap_or_else(|_| Context::of(device));
    let texture = device.create_texture(&Texture::image(Format::B8G8R8X8, 16, 16));
    let blob = device.create_blob(&Blob::host(4096, 1).mappable().command(&[1, 2]));
    for buffer in texture.iter().chain(&blob) {
        let _ = buffer.info();
        let _ = buffer.map::<u64>().map(|mapping| mapping.len());
        let _ = buffer.image();
        let _ = buffer.transfer_to_host(&Transfer::default());
        let _ = buffer.transfer_from_host(&Transfer::default());
        let _ = buffer.is_busy();
        let _ = buffer.wait_timeout(Duration::ZERO);
        let _ = context.submit(&Submission::new(&[0; 4]).buffer(buffer).ring(1));
    }
}

/// A file that is no device, so calls that are not answered fail.
fn file() -> Device {
    Device::unchecked(OwnedFd::from(File::open("/dev/zero").unwrap()))
}

proptest! {
    #[test]
    fn any_answer(answers in prop::collection::vec(
        (any::<u8>(), prop::collection::vec(any::<u8>(), 64)), 1..40,
    )) {
        let mut next = answers.into_iter().cycle();
        let liar = move |request: &mut [u8]| {
            let (kind, bytes) = next.next().unwrap_or_default();
            match kind {
                // The addresses in an argument stay, because the kernel does not change them.
                0..128 => Ok(()),
                128..192 => {
                    let length = request.len().min(bytes.len());
                    request[..length].copy_from_slice(&bytes[..length]);
                    Ok(())
                }
                // These two repeat a call, as long as the kernel returns them.
                errno => match Errno::from_raw_os_error(i32::from(errno) - 191) {
                    Errno::INTR | Errno::AGAIN => Ok(()),
                    errno => Err(errno),
                },
            }
        };
        lies::with(liar, || use_everything(&file()));
    }
}

#[test]
fn a_handle_of_zero_is_no_buffer() {
    let texture = Texture::image(Format::B8G8R8X8, 16, 16);
    let result = lies::with(|_| Ok(()), || file().create_texture(&texture).map(|_| ()));
    assert_eq!(result, Err(Error::BadAnswer(crate::Ioctl::ResourceCreate)));
}

#[test]
fn no_file_is_no_fence() {
    let result = lies::with(
        |_| Ok(()),
        || {
            Context::of(&file())
                .submit_fenced(&Submission::new(&[]))
                .map(|_| ())
        },
    );
    assert_eq!(result, Err(Error::BadAnswer(crate::Ioctl::Execbuffer)));
}
