// SPDX-License-Identifier: GPL-2.0
//! DRM names formats by the bits of a little-endian word, virtio by the bytes in memory.
use drm::kms::fourcc;
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
