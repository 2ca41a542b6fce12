// SPDX-License-Identifier: GPL-2.0
//! Framebuffers: pixels of a buffer object, and the host resource they are shown by.
use drm::kms::{DriverFramebuffer, FramebufferInfo};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{Arc, Mutex},
};

use crate::{
    device::{Device, VirtGpu},
    display::image::{self, Image, Images},
    memory::{callbacks::Callbacks, format, gem, resource::Resource},
};

/// How a framebuffer is shown on a head.
struct Shown {
    /// The head's number.
    head: u32,
    image: Option<Arc<Image>>,
    /// States of the head's primary plane that show it or are about to.
    uses: u32,
}

/// The driver's part of a framebuffer.
#[pin_data]
pub(crate) struct Fb {
    /// What it is shown by on a cursor plane.
    #[pin]
    cursor: Mutex<Option<Arc<Resource>>>,
    /// What it is shown by on each head's primary plane.
    #[pin]
    shown: Mutex<KVec<Shown>>,
}

pub(crate) type Framebuffer = drm::kms::Framebuffer<Fb>;

impl DriverFramebuffer for Fb {
    type Driver = VirtGpu;

    fn check(_dev: &Device, info: &FramebufferInfo) -> Result {
        if info.pitch % format::PIXEL_SIZE != 0 {
            return Err(EINVAL);
        }
        format::from_fourcc(info.fourcc).map(drop).ok_or(EINVAL)
    }

    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            cursor <- new_mutex!(None),
            shown <- new_mutex!(KVec::new()),
        })
    }
}

fn find_mut<'a>(shown: &'a mut [Shown], images: &Images) -> Option<&'a mut Shown> {
    shown.iter_mut().find(|shown| shown.head == images.head)
}

/// Counts a state of a head's plane that is to show a framebuffer. Returns whether the host can.
fn begin(fb: &Framebuffer, images: &Images) -> Result<bool> {
    let _list = images.list.lock();
    let mut shown = fb.shown.lock();
    if find_mut(&mut shown, images).is_none() {
        let none = Shown {
            head: images.head,
            image: None,
            uses: 0,
        };
        shown.push(none, GFP_KERNEL)?;
    }
    let Some(shown) = find_mut(&mut shown, images) else {
        return Ok(false);
    };
    shown.uses += 1;
    Ok(shown.image.as_ref().is_some_and(|image| {
        image.add_uses(1);
        image.is_on_host()
    }))
}

/// Changes by which image a framebuffer is shown on a head; the head's images are locked.
fn assign(fb: &Framebuffer, images: &Images, image: Arc<Image>) {
    let mut shown = fb.shown.lock();
    if let Some(shown) = find_mut(&mut shown, images) {
        image.add_uses(shown.uses);
        if let Some(old) = shown.image.replace(image) {
            old.remove_uses(shown.uses);
        }
    }
}

/// Makes sure the host can show a framebuffer on a primary plane; [`cleanup`] has to follow. If the
/// host is out of memory, images that nobody shows are given up.
///
/// # Errors
///
/// Those of [`Resource::create`], `ENOSPC` when all images are shown.
pub(crate) fn prepare(dev: &Device, fb: &Framebuffer, images: &Arc<Images>) -> Result {
    if begin(fb, images)? {
        return Ok(());
    }
    let (bo, info) = (fb.object(), fb.info());
    gem::adopt_shape(bo, &info);
    let mut made = Err(ENOSPC);
    while made == Err(ENOSPC) {
        made = VirtGpu::while_up(dev, || {
            image::prepare(images, bo, &info, |image| assign(fb, images, image))
        });
        if made == Err(ENOSPC) && !image::give_up(dev.display.images()) {
            break;
        }
    }
    made.inspect_err(|_| cleanup(fb, images))
}

/// A state of a head's plane does not show a framebuffer any more.
pub(crate) fn cleanup(fb: &Framebuffer, images: &Images) {
    let _list = images.list.lock();
    let mut shown = fb.shown.lock();
    if let Some(shown) = find_mut(&mut shown, images) {
        shown.uses -= 1;
        if let Some(image) = &shown.image {
            image.remove_uses(1);
        }
    }
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

fn find(shown: &[Shown], images: &Images) -> Option<Arc<Image>> {
    let shown = shown.iter().find(|shown| shown.head == images.head)?;
    shown.image.clone()
}

/// What a framebuffer that was prepared is shown by on a head.
pub(crate) fn image(fb: &Framebuffer, images: &Images) -> Option<Arc<Image>> {
    find(&fb.shown.lock(), images)
}

/// The same, for the panic screen: nothing is waited for.
pub(crate) fn try_image(fb: &Framebuffer, images: &Images) -> Option<Arc<Image>> {
    find(&fb.shown.try_lock()?, images)
}

/// What a framebuffer that was prepared is shown by as a cursor.
pub(crate) fn cursor(fb: &Framebuffer) -> Option<Arc<Resource>> {
    fb.cursor.lock().clone()
}
