// SPDX-License-Identifier: GPL-2.0
//! Pixel formats. DRM names a format after the bits of a little-endian word, virtio after the bytes
//! in memory. A new format needs a line in [`FORMATS`], and a new number of the protocol a constant in
//! [`gpu::format`](crate::gpu::format).
use drm::kms::{fourcc, FramebufferInfo};

use crate::gpu::format;

pub(crate) const XRGB8888: u32 = fourcc(b"XR24");
pub(crate) const ARGB8888: u32 = fourcc(b"AR24");

/// A pixel format.
pub(crate) struct Format {
    /// DRM's name.
    fourcc: u32,
    /// The protocol's number.
    pub(crate) number: u32,
    /// Bytes per pixel.
    pub(crate) cpp: u32,
}

impl Format {
    const fn new(fourcc: u32, number: u32, cpp: u32) -> Self {
        Self {
            fourcc,
            number,
            cpp,
        }
    }
}

/// The formats of primary planes and 2D resources. Consoles and compositors use the first one by
/// default.
static FORMATS: [Format; 8] = [
    Format::new(XRGB8888, format::B8G8R8X8, 4),
    Format::new(ARGB8888, format::B8G8R8A8, 4),
    Format::new(fourcc(b"XB24"), format::R8G8B8X8, 4),
    Format::new(fourcc(b"AB24"), format::R8G8B8A8, 4),
    Format::new(fourcc(b"BX24"), format::X8R8G8B8, 4),
    Format::new(fourcc(b"BA24"), format::A8R8G8B8, 4),
    Format::new(fourcc(b"RX24"), format::X8B8G8R8, 4),
    Format::new(fourcc(b"RA24"), format::A8B8G8R8, 4),
];

/// The format of dumb buffers, and of objects whose format is not known.
pub(crate) fn default() -> &'static Format {
    &FORMATS[0]
}

/// Returns the number of pixels from the start of a framebuffer's row to the start of the next.
pub(crate) fn row(info: &FramebufferInfo) -> u32 {
    by_fourcc(info.fourcc)
        .and_then(|format| info.pitch.checked_div(format.cpp))
        .unwrap_or(0)
}

/// DRM's names of the formats.
pub(crate) static FOURCCS: [u32; FORMATS.len()] = {
    let mut list = [0; FORMATS.len()];
    let mut i = 0;
    while i < FORMATS.len() {
        list[i] = FORMATS[i].fourcc;
        i += 1;
    }
    list
};

/// Looks a format up by DRM's name.
pub(crate) fn by_fourcc(fourcc: u32) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.fourcc == fourcc)
}

/// Looks a format up by the protocol's number.
pub(crate) fn by_number(number: u32) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.number == number)
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, expect_eq, Test};

    /// DRM's name, whose letters begin with the most significant byte, and the protocol's number of
    /// the format, whose letters begin with the first byte in memory.
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

    fn number_of(fourcc: u32) -> Option<u32> {
        by_fourcc(fourcc).map(|format| format.number)
    }

    fn is_known(number: u32) -> bool {
        by_number(number).is_some()
    }

    fn bytes_are_the_word_reversed(test: &Test) {
        for (name, number) in WORDS {
            expect_eq!(test, number_of(fourcc(name)), Some(number));
        }
    }

    fn listed_formats_are_known(test: &Test) {
        expect_eq!(test, FOURCCS[0], XRGB8888);
        for (i, name) in FOURCCS.iter().enumerate() {
            expect!(test, number_of(*name).is_some_and(is_known));
            expect!(test, !FOURCCS[..i].contains(name));
        }
    }

    /// Each name in the table has four letters for four bytes.
    fn pixels_have_the_bytes_of_their_words(test: &Test) {
        for (name, number) in WORDS {
            let info = FramebufferInfo {
                fourcc: fourcc(name),
                pitch: 256,
                offset: 0,
                width: 60,
                height: 48,
            };
            expect_eq!(test, row(&info), 64);
            expect_eq!(test, by_number(number).map(|format| format.cpp), Some(4));
        }
        expect_eq!(test, default().cpp * 8, 32);
    }

    fn other_formats_are_unknown(test: &Test) {
        for name in [
            0,
            fourcc(b"RG16"),
            fourcc(b"RG24"),
            fourcc(b"XR30"),
            u32::MAX,
        ] {
            expect_eq!(test, number_of(name), None);
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
            pixels_have_the_bytes_of_their_words,
            other_formats_are_unknown,
        ]
    );
}
