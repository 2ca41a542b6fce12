// SPDX-License-Identifier: GPL-2.0
//! The kinds of host resources.
use drm::uapi;

/// Gallium's target of a buffer, whose pixels are bytes.
pub(crate) const TARGET_BUFFER: u32 = 0;
/// Gallium's target of a two-dimensional texture.
pub(crate) const TARGET_2D: u32 = 2;
/// The flag of virgl for a buffer that it uses for itself.
const BIND_CUSTOM: u32 = 1 << 17;

/// The parameters of a resource for a renderer, in the renderer's numbers.
#[derive(Clone, Copy)]
pub(crate) struct Texture {
    /// Dimensions and kind.
    pub(crate) target: u32,
    /// What it is used for.
    pub(crate) bind: u32,
    /// Depth in pixels.
    pub(crate) depth: u32,
    /// Number of layers.
    pub(crate) array_size: u32,
    /// Number of the smallest mipmap.
    pub(crate) last_level: u32,
    /// Samples of a pixel.
    pub(crate) nr_samples: u32,
    pub(crate) flags: u32,
}

impl Texture {
    pub(crate) fn is_buffer(&self) -> bool {
        self.target == TARGET_BUFFER
    }
}

/// The parameters of a blob.
#[derive(Clone, Copy)]
pub(crate) struct Blob {
    /// Whose memory it is: one of `VIRTGPU_BLOB_MEM_*`.
    pub(crate) mem: u32,
    /// `VIRTGPU_BLOB_FLAG_*`.
    pub(crate) flags: u32,
    /// Number of the memory in its context, if it is the host's.
    pub(crate) id: u64,
    /// The context.
    pub(crate) ctx_id: u32,
    /// Bytes.
    pub(crate) size: u64,
}

impl Blob {
    pub(crate) fn has_flag(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// Returns whether it is memory of the guest, and nothing else.
    pub(crate) fn is_guests(&self) -> bool {
        self.mem == uapi::VIRTGPU_BLOB_MEM_GUEST
    }

    /// Returns whether it is memory of the host, without pages in the guest.
    pub(crate) fn is_hosts(&self) -> bool {
        self.mem == uapi::VIRTGPU_BLOB_MEM_HOST3D
    }
}

/// The kind of a host resource.
pub(crate) enum Kind {
    /// Pixels that are copied from the guest's pages.
    Image,
    /// A resource for a renderer, whose pixels are on the host.
    Texture(Texture),
    /// Plain memory of the guest, of the host or of both.
    Blob(Blob),
}

impl Kind {
    /// Returns the parameters of a blob.
    pub(crate) fn blob(&self) -> Option<&Blob> {
        match self {
            Self::Blob(blob) => Some(blob),
            _ => None,
        }
    }

    /// Returns whether the host sees the guest's pages, without a copy.
    pub(crate) fn is_guests(&self) -> bool {
        self.blob().is_some_and(Blob::is_guests)
    }

    /// Returns whether nothing has to be uploaded, because the host has the pixels or sees the guest's
    /// pages.
    pub(crate) fn is_uncopied(&self) -> bool {
        !matches!(self, Self::Image)
    }

    /// Returns whether it is a buffer for the results of queries. virgl has no copy of it, but writes
    /// into the guest's memory while it executes streams, or later.
    pub(crate) fn is_custom(&self) -> bool {
        matches!(self, Self::Texture(texture) if texture.is_buffer() && texture.bind & BIND_CUSTOM != 0)
    }

    /// Returns whether a renderer reads and writes the guest's memory while it executes streams.
    pub(crate) fn is_direct(&self) -> bool {
        self.blob().is_some() || self.is_custom()
    }
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, expect_eq, Test};

    pub(crate) fn texture(target: u32, bind: u32) -> Texture {
        Texture {
            target,
            bind,
            depth: 1,
            array_size: 1,
            last_level: 0,
            nr_samples: 0,
            flags: 0,
        }
    }

    pub(crate) fn only_images_are_copied(test: &Test) {
        expect!(test, !Kind::Image.is_uncopied());
        expect!(test, Kind::Texture(texture(TARGET_2D, 2)).is_uncopied());
        expect!(test, Kind::Blob(blob(1)).is_uncopied());
    }

    fn blob(mem: u32) -> Blob {
        Blob {
            mem,
            flags: 0,
            id: 0,
            ctx_id: 0,
            size: 4096,
        }
    }

    /// A blob of both has a copy in the guest that the host does not show.
    pub(crate) fn only_blobs_of_the_guest_are_seen(test: &Test) {
        expect!(test, Kind::Blob(blob(1)).is_guests());
        expect!(test, !Kind::Blob(blob(2)).is_guests());
        expect!(test, !Kind::Blob(blob(3)).is_guests());
        expect!(test, !Kind::Image.is_guests());
        expect!(test, blob(2).is_hosts() && !blob(3).is_hosts());
        expect!(test, Kind::Blob(blob(3)).is_direct());
    }

    /// Other buffers are copied by the renderer, and other textures have nothing in the guest.
    pub(crate) fn only_custom_buffers_are_written_by_streams(test: &Test) {
        for (target, bind, is_custom) in [
            (TARGET_BUFFER, BIND_CUSTOM, true),
            (TARGET_BUFFER, BIND_CUSTOM | 2, true),
            (TARGET_BUFFER, 2, false),
            (TARGET_2D, BIND_CUSTOM, false),
        ] {
            let kind = Kind::Texture(texture(target, bind));
            expect_eq!(test, kind.is_custom(), is_custom);
            expect_eq!(test, kind.is_direct(), is_custom);
        }
        expect!(test, !Kind::Image.is_custom());
    }
}
