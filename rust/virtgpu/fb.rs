// SPDX-License-Identifier: GPL-2.0
//! Framebuffers: pixels of a buffer object, and the host resource they are shown by.
use drm::kms::{DriverFramebuffer, FramebufferInfo};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{Arc, Mutex},
};

use crate::{
    drv::{Device, VirtGpu},
    format, gem,
    image::{self, Image},
    output::Output,
    resource::Resource,
};

/// The driver's part of a framebuffer.
#[pin_data]
pub(crate) struct Fb {
    /// What it is shown by on a cursor plane.
    #[pin]
    cursor: Mutex<Option<Arc<Resource>>>,
    /// What it is shown by on each head's primary plane.
    #[pin]
    images: Mutex<KVec<Arc<Image>>>,
}

pub(crate) type Framebuffer = drm::kms::Framebuffer<Fb>;

impl DriverFramebuffer for Fb {
    type Driver = VirtGpu;

    fn check(_dev: &Device, info: &FramebufferInfo) -> Result {
        if info.pitch % 4 != 0 {
            return Err(EINVAL);
        }
        format::from_fourcc(info.fourcc).map(drop).ok_or(EINVAL)
    }

    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            cursor <- new_mutex!(None),
            images <- new_mutex!(KVec::new()),
        })
    }
}

/// Makes sure the host can show a framebuffer on a primary plane.
pub(crate) fn prepare(fb: &Framebuffer, output: &Arc<Output>) -> Result {
    if image(fb, output).is_some_and(|image| !image.resource.is_refused()) {
        return Ok(());
    }
    gem::adopt_shape(fb.object(), &fb.info());
    let image = image::prepare(output, fb)?;
    let mut images = fb.images.lock();
    // The buffer object keeps the image that the host refused after a reset.
    match images.iter_mut().find(|image| image.is_on(output)) {
        Some(place) => *place = image,
        None => images.push(image, GFP_KERNEL)?,
    }
    Ok(())
}

/// Makes sure the host can show a framebuffer on a cursor plane; does not wait for it.
pub(crate) fn prepare_cursor(fb: &Framebuffer) -> Result {
    let mut cursor = fb.cursor.lock();
    if cursor.as_ref().is_none_or(|cursor| cursor.is_refused()) {
        let info = fb.info();
        let format = format::from_fourcc(info.fourcc).ok_or(EINVAL)?;
        gem::adopt_shape(fb.object(), &info);
        *cursor = Some(gem::cursor(fb.object(), format, &info)?);
    }
    Ok(())
}

fn find(images: &[Arc<Image>], output: &Arc<Output>) -> Option<Arc<Image>> {
    images.iter().find(|image| image.is_on(output)).cloned()
}

/// What a framebuffer that was prepared is shown by on a head.
pub(crate) fn image(fb: &Framebuffer, output: &Arc<Output>) -> Option<Arc<Image>> {
    find(&fb.images.lock(), output)
}

/// The same, for the panic screen: nothing is waited for.
pub(crate) fn try_image(fb: &Framebuffer, output: &Arc<Output>) -> Option<Arc<Image>> {
    find(&fb.images.try_lock()?, output)
}

/// What a framebuffer that was prepared is shown by as a cursor.
pub(crate) fn cursor(fb: &Framebuffer) -> Option<Arc<Resource>> {
    fb.cursor.lock().clone()
}
