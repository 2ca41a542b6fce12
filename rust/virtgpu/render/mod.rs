// SPDX-License-Identifier: GPL-2.0
//! The render part: contexts, command streams and fences.
//!
//! If the host has renderers, each open file gets a context there ([`context`]). A program reads what
//! a renderer can do from its capability set ([`capset`]), and sends it command streams ([`submit`]).
//! A fence ([`fence`], [`timeline`]) signals when the host has executed a stream. The ioctls are in [`ioctl`].
//! Without a renderer most of them fail with the same errno as in mainline's driver.
use kernel::{device::Bound, prelude::*};

use crate::{
    gpu,
    render::{capset::Capsets, context::Contexts, timeline::Fences},
};

pub(crate) mod callbacks;
pub(crate) mod capset;
pub(crate) mod context;
pub(crate) mod fence;
pub(crate) mod ioctl;
pub(crate) mod submit;
pub(crate) mod timeline;

/// The render part of a device.
#[pin_data]
pub(crate) struct Render {
    /// The host has renderers.
    pub(crate) has_3d: bool,
    /// A file may choose its renderer.
    pub(crate) has_context_init: bool,
    #[pin]
    pub(crate) capsets: Capsets,
    #[pin]
    pub(crate) contexts: Contexts,
    #[pin]
    pub(crate) fences: Fences,
}

impl Render {
    pub(crate) fn new(vdev: &virtio::Device<Bound>) -> impl PinInit<Self, Error> {
        let has_3d = vdev.has_feature(gpu::F_VIRGL);
        let has_context_init = has_3d && vdev.has_feature(gpu::F_CONTEXT_INIT);
        try_pin_init!(Self {
            has_3d,
            has_context_init,
            capsets <- Capsets::new(),
            contexts <- Contexts::new(),
            fences <- Fences::new(),
        }? Error)
    }
}
