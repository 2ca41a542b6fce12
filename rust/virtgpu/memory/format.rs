// SPDX-License-Identifier: GPL-2.0
//! DRM names formats by the bits of a little-endian word, virtio by the bytes in memory.
use drm::kms::{fourcc, FramebufferInfo};
use virtio::gpu::format;

pub(crate) const XRGB8888: u32 = fourcc(b"XR24");
pub(crate) const ARGB8888: u32 = fourcc(b"AR24");

/// DRM's name and the protocol's number; the first is what consoles and compositors prefer.
const FORMATS: [(u32, u32); 8] = [
    (XRGB8888, format::B8G8R8X8),
    (ARGB8888, format::B8G8R8A8),
    (fourcc(b"XB24"), format::R8G8B8X8),
    (fourcc(b"AB24"), format::R8G8B8A8),
    (fourcc(b"BX24"), format::X8R8G8B8),
    (fourcc(b"BA24"), format::A8R8G8B8),
    (fourcc(b"RX24"), format::X8B8G8R8),
    (fourcc(b"RA24"), format::A8B8G8R8),
];

/// Bytes of a pixel: all formats of the table have as many.
pub(crate) const PIXEL_SIZE: u32 = 4;

/// Pixels from the start of a framebuffer's row to that of the next.
pub(crate) fn row(info: &FramebufferInfo) -> u32 {
    info.pitch / PIXEL_SIZE
}

/// The formats a primary plane can show.
pub(crate) const FOURCCS: [u32; FORMATS.len()] = {
    let mut list = [0; FORMATS.len()];
    let mut i = 0;
    while i < FORMATS.len() {
        list[i] = FORMATS[i].0;
        i += 1;
    }
    list
};

/// The protocol's number for a DRM format, if it has one.
pub(crate) fn from_fourcc(fourcc: u32) -> Option<u32> {
    FORMATS
        .iter()
        .find(|(name, _)| *name == fourcc)
        .map(|(_, number)| *number)
}

/// Whether a 2D resource can have a format, given by the protocol's number.
pub(crate) fn is_known(format: u32) -> bool {
    FORMATS.iter().any(|(_, number)| *number == format)
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, expect_eq, Test};

    /// DRM's letters, from the most significant byte on, and the protocol's number of the format
    /// that has them in memory from the last byte on.
    const WORDS: [(&[u8; 4], u32); 8] = [
        (b"XR24", 2),   // X R G B is B8G8R8X8
        (b"AR24", 1),   // A R G B is B8G8R8A8
        (b"BX24", 4),   // B G R X is X8R8G8B8
        (b"BA24", 3),   // B G R A is A8R8G8B8
        (b"XB24", 134), // X B G R is R8G8B8X8
        (b"AB24", 67),  // A B G R is R8G8B8A8
        (b"RX24", 68),  // R G B X is X8B8G8R8
        (b"RA24", 121), // R G B A is A8B8G8R8
    ];

    fn bytes_are_the_word_reversed(test: &Test) {
        for (name, number) in WORDS {
            expect_eq!(test, from_fourcc(fourcc(name)), Some(number));
        }
    }

    fn listed_formats_are_known(test: &Test) {
        expect_eq!(test, FOURCCS[0], XRGB8888);
        for (i, name) in FOURCCS.iter().enumerate() {
            expect!(test, from_fourcc(*name).is_some_and(is_known));
            expect!(test, !FOURCCS[..i].contains(name));
        }
    }

    fn other_formats_are_unknown(test: &Test) {
        for name in [
            0,
            fourcc(b"RG16"),
            fourcc(b"RG24"),
            fourcc(b"XR30"),
            u32::MAX,
        ] {
            expect_eq!(test, from_fourcc(name), None);
        }
        for number in [0, 5, 66, 69, 120, 122, 133, 135, u32::MAX] {
            expect!(test, !is_known(number));
        }
    }

    kunit::suite!(
        c"virtgpu_rs_format",
        [
            bytes_are_the_word_reversed,
            listed_formats_are_known,
            other_formats_are_unknown,
        ]
    );
}
