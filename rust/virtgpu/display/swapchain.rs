// SPDX-License-Identifier: GPL-2.0
//! Images: what a head shows of framebuffers. A program that draws into several buffers in turn
//! shows one picture all the same, and the host keeps one: all of them back it, and where in the
//! backing a transfer begins tells whose pixels it takes. So while the image is the last frame
//! ([`Output::is_last_frame`](crate::display::output::Output::is_last_frame)), what a commit declares as damage is all there is to copy.
use drm::kms::FramebufferInfo;
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        Arc, Mutex,
    },
};

use virtio::wait::jiffies;

use crate::{
    device::Object,
    memory::{callbacks::Shared, format, keeper::Keeper, resource::Resource},
};

/// The images of a head.
#[pin_data]
pub(crate) struct Images {
    /// The head's number.
    pub(crate) head: u32,
    #[pin]
    pub(crate) list: Mutex<KVec<Arc<Image>>>,
}

impl Images {
    pub(crate) fn new(head: u32) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                head,
                list <- new_mutex!(KVec::new()),
            }),
            GFP_KERNEL,
        )
    }

    /// Has the host destroy the image that a head shows, by the resource's number, after `hide` had it
    /// show nothing. Nobody else may commit to the head. Returns whether it showed an image.
    pub(crate) fn give_up_shown(&self, shown: u32, hide: impl FnOnce()) -> bool {
        let images = self.list.lock();
        let Some(image) = images
            .iter()
            .find(|image| image.resource.id == shown && image.is_on_host())
        else {
            return false;
        };
        hide();
        image.resource.give_up()
    }
}

/// A resource in which framebuffers of one shape take turns on a head.
pub(crate) struct Image {
    pub(crate) resource: Arc<Resource>,
    /// All of the head.
    images: Arc<Images>,
    /// Buffer objects that back it; changed under the lock of the head's images.
    users: Atomic<u32>,
    /// States of planes that show it or are about to; without any it may be given up. Changed under
    /// that lock, too.
    uses: Atomic<u32>,
    /// When the last one went, in jiffies.
    used_at: Atomic<usize>,
}

impl Image {
    fn is_of(&self, images: &Arc<Images>) -> bool {
        Arc::ptr_eq(&self.images, images)
    }

    /// Whether the host has it.
    pub(crate) fn is_on_host(&self) -> bool {
        !self.resource.is_refused() && !self.resource.is_given_up()
    }

    /// So many states of planes begin to use it.
    pub(crate) fn add_uses(&self, count: u32) {
        self.uses.store(self.uses.load(Relaxed) + count, Relaxed);
    }

    /// So many states of planes end to use it.
    pub(crate) fn remove_uses(&self, count: u32) {
        self.uses.store(self.uses.load(Relaxed) - count, Relaxed);
        self.used_at.store(jiffies(), Relaxed);
    }

    /// For how many jiffies nobody has used it, if it may be given up.
    fn unused_for(&self) -> Option<usize> {
        (self.uses.load(Relaxed) == 0 && self.is_on_host())
            .then(|| jiffies().wrapping_sub(self.used_at.load(Relaxed)))
    }
}

impl Shared for Image {
    fn leave(self: Arc<Self>, keeper: &Arc<Keeper>) {
        let mut images = self.images.list.lock();
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
    head: &Arc<Images>,
    images: &mut KVec<Arc<Image>>,
    bo: &Object,
    format: u32,
    info: &FramebufferInfo,
) -> Result<Arc<Image>> {
    for image in images
        .iter()
        .rev()
        .filter(|image| image.resource.fits(format, info) && image.is_on_host())
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
            resource: Resource::create(bo, format, format::row(info), info.height)?,
            images: head.clone(),
            users: Atomic::new(1),
            uses: Atomic::new(0),
            used_at: Atomic::new(jiffies()),
        },
        GFP_KERNEL,
    )?;
    images.push(image.clone(), GFP_KERNEL)?;
    Ok(image)
}

/// Finds the place of a framebuffer's buffer object in an image of a head, or gives it one.
fn find(
    head: &Arc<Images>,
    images: &mut KVec<Arc<Image>>,
    bo: &Object,
    info: &FramebufferInfo,
) -> Result<Arc<Image>> {
    let format = format::from_fourcc(info.fourcc).ok_or(EINVAL)?;
    let mut places = bo.images.lock();
    if let Some(image) = places
        .iter()
        .find(|image| image.is_of(head) && image.resource.fits(format, info))
    {
        return Ok(image.clone());
    }
    places.reserve(1, GFP_KERNEL)?;
    let image = join(head, images, bo, format, info)?;
    places.push(image.clone(), GFP_KERNEL)?;
    Ok(image)
}

/// Gives a framebuffer's buffer object a place in an image of a head that the host has, and calls
/// `found` before anybody can give that up.
///
/// # Errors
///
/// Those of [`Resource::create`].
pub(crate) fn prepare(
    head: &Arc<Images>,
    bo: &Object,
    info: &FramebufferInfo,
    found: impl FnOnce(Arc<Image>),
) -> Result {
    let mut images = head.list.lock();
    let image = find(head, &mut images, bo, info)?;
    if image.resource.is_given_up() {
        image.resource.take_back()?;
    }
    found(image);
    Ok(())
}

fn oldest(images: &[Arc<Image>]) -> Option<(usize, &Arc<Image>)> {
    images
        .iter()
        .filter_map(|image| Some((image.unused_for()?, image)))
        .max_by_key(|(age, _)| *age)
}

/// Has the host destroy the image of any head that no plane has shown for longest. It is made again
/// when it is next shown. Returns whether there was one.
pub(crate) fn give_up<'a>(heads: impl Iterator<Item = &'a Arc<Images>>) -> bool {
    let age = |head: &Arc<Images>| oldest(&head.list.lock()).map(|(age, _)| age);
    let Some((_, head)) = heads
        .filter_map(|head| Some((age(head)?, head)))
        .max_by_key(|(age, _)| *age)
    else {
        return false;
    };
    let images = head.list.lock();
    // Another one, if somebody was faster.
    oldest(&images).is_some_and(|(_, image)| image.resource.give_up())
}
