// SPDX-License-Identifier: GPL-2.0
//! Images: what a head shows of framebuffers. A program that draws into several buffers in turn
//! shows one picture all the same, and the host keeps one: all of them back it, and where in the
//! backing a transfer begins tells whose pixels it takes. So while the image is the last frame
//! ([`Output::is_last_frame`]), what a commit declares as damage is all there is to copy.
use drm::kms::FramebufferInfo;
use kernel::{
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        Arc,
    },
};

use crate::{
    fb::Framebuffer,
    format,
    gem::{Keeper, Object},
    output::Output,
    resource::Resource,
};

/// A resource in which framebuffers of one shape take turns on a head.
pub(crate) struct Image {
    pub(crate) resource: Arc<Resource>,
    output: Arc<Output>,
    /// Buffer objects that back it; changed under the lock of the head's images.
    users: Atomic<u32>,
}

impl Image {
    pub(crate) fn is_on(&self, output: &Arc<Output>) -> bool {
        Arc::ptr_eq(&self.output, output)
    }

    /// A buffer object that goes gives up its place.
    pub(crate) fn leave(self: Arc<Self>, keeper: &Arc<Keeper>) {
        let mut images = self.output.images.lock();
        let users = self.users.load(Relaxed) - 1;
        self.users.store(users, Relaxed);
        if users > 0 {
            drop(images);
            self.resource.remove(keeper);
            return;
        }
        let index = images.iter().position(|image| Arc::ptr_eq(image, &self));
        let gone = index.and_then(|index| images.remove(index).ok());
        drop(images);
        drop(gone);
    }
}

/// An image backed by the buffer object, one that others are in or a new one.
fn join(
    output: &Arc<Output>,
    images: &mut KVec<Arc<Image>>,
    bo: &Object,
    format: u32,
    info: &FramebufferInfo,
) -> Result<Arc<Image>> {
    for image in images
        .iter()
        .rev()
        .filter(|image| image.resource.fits(format, info))
    {
        match image.resource.add(bo) {
            Ok(()) => {
                let users = image.users.load(Relaxed) + 1;
                image.users.store(users, Relaxed);
                return Ok(image.clone());
            }
            Err(ENOSPC) => (),
            Err(error) => return Err(error),
        }
    }
    images.reserve(1, GFP_KERNEL)?;
    let image = Arc::new(
        Image {
            resource: Resource::create(bo, format, info.pitch / 4, info.height)?,
            output: output.clone(),
            users: Atomic::new(1),
        },
        GFP_KERNEL,
    )?;
    images.push(image.clone(), GFP_KERNEL)?;
    Ok(image)
}

/// Gives a framebuffer's buffer object a place in an image of a head.
///
/// # Errors
///
/// Those of [`Resource::create`].
pub(crate) fn prepare(output: &Arc<Output>, fb: &Framebuffer) -> Result<Arc<Image>> {
    let (bo, info) = (fb.object(), fb.info());
    let format = format::from_fourcc(info.fourcc).ok_or(EINVAL)?;
    let mut images = output.images.lock();
    let mut places = bo.images.lock();
    if let Some(image) = places
        .iter()
        .find(|image| image.is_on(output) && image.resource.fits(format, &info))
    {
        return Ok(image.clone());
    }
    places.reserve(1, GFP_KERNEL)?;
    let image = join(output, &mut images, bo, format, &info)?;
    places.push(image.clone(), GFP_KERNEL)?;
    Ok(image)
}
