// SPDX-License-Identifier: GPL-2.0
//! Swapchains: buffers that take turns on one host resource of a head.
//!
//! A program that draws into several buffers in turn still shows one picture, so the host keeps one
//! resource for all of them. All of the buffers back it, one behind the other, and the offset of a
//! transfer selects the buffer whose pixels are copied. While the resource holds the head's last
//! frame ([`Swapchains::is_last_frame`]), only what a commit declares as damage has to be copied.
//!
//! A swapchain is created with its first buffer and destroyed with its last one. The host may be
//! told to destroy the resource of one that no plane shows ([`give_up`]). It is then created again
//! when it is next shown.
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
    memory::{callbacks::Group, format, keeper::Keeper, resource::Resource},
};

/// The swapchains of a head, and which of them holds the last frame.
#[pin_data]
pub(crate) struct Swapchains {
    /// The head's number.
    pub(crate) head: u32,
    #[pin]
    pub(crate) list: Mutex<KVec<Arc<Swapchain>>>,
    /// The resource that holds the last frame, or 0 if no resource is known to hold it.
    last_frame: Atomic<u32>,
}

impl Swapchains {
    pub(crate) fn new(head: u32) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                head,
                list <- new_mutex!(KVec::new()),
                last_frame: Atomic::new(0),
            }),
            GFP_KERNEL,
        )
    }

    /// Returns whether a resource holds the last frame.
    pub(crate) fn is_last_frame(&self, resource: u32) -> bool {
        self.last_frame.load(Relaxed) == resource
    }

    /// Records that a resource holds the last frame.
    pub(crate) fn set_last_frame(&self, resource: u32) {
        self.last_frame.store(resource, Relaxed);
    }

    /// Records that it is not certain which resource holds the last frame, if any.
    pub(crate) fn lost_frame(&self) {
        self.last_frame.store(0, Relaxed);
    }

    /// Calls `hide`, which has the head show nothing, and then has the host destroy the resource
    /// that the head showed. The caller prevents other commits to the head. Returns false if the
    /// head shows no swapchain's resource.
    pub(crate) fn give_up_shown(&self, shown: u32, hide: impl FnOnce()) -> bool {
        let swapchains = self.list.lock();
        let Some(swapchain) = swapchains
            .iter()
            .find(|swapchain| swapchain.resource.id == shown && swapchain.is_on_host())
        else {
            return false;
        };
        hide();
        swapchain.resource.give_up()
    }
}

/// A host resource in which framebuffers of one shape take turns on a head.
pub(crate) struct Swapchain {
    pub(crate) resource: Arc<Resource>,
    /// The head's swapchains, of which this is one.
    swapchains: Arc<Swapchains>,
    /// Number of buffer objects that back it. Changed under [`Swapchains::list`].
    users: Atomic<u32>,
    /// Number of plane states that show it or are about to. If there are none, it may be given up.
    /// Changed under [`Swapchains::list`].
    uses: Atomic<u32>,
    /// When the number of plane states last decreased, in jiffies.
    used_at: Atomic<usize>,
}

impl Swapchain {
    fn is_of(&self, swapchains: &Arc<Swapchains>) -> bool {
        Arc::ptr_eq(&self.swapchains, swapchains)
    }

    /// Returns whether the host has the resource.
    pub(crate) fn is_on_host(&self) -> bool {
        !self.resource.is_refused() && !self.resource.is_given_up()
    }

    /// Counts plane states that begin to use it.
    pub(crate) fn add_uses(&self, count: u32) {
        self.uses.store(self.uses.load(Relaxed) + count, Relaxed);
    }

    /// Counts plane states that no longer use it.
    pub(crate) fn remove_uses(&self, count: u32) {
        self.uses.store(self.uses.load(Relaxed) - count, Relaxed);
        self.used_at.store(jiffies(), Relaxed);
    }

    /// Returns for how many jiffies no plane state has used it, or `None` if it must not be given
    /// up.
    fn unused_for(&self) -> Option<usize> {
        (self.uses.load(Relaxed) == 0 && self.is_on_host())
            .then(|| jiffies().wrapping_sub(self.used_at.load(Relaxed)))
    }
}

impl Group for Swapchain {
    fn leave(self: Arc<Self>, keeper: &Arc<Keeper>) {
        let mut swapchains = self.swapchains.list.lock();
        let users = self.users.load(Relaxed) - 1;
        self.users.store(users, Relaxed);
        if users > 0 {
            drop(swapchains);
            self.resource.remove(keeper);
            return;
        }
        let index = swapchains
            .iter()
            .position(|swapchain| Arc::ptr_eq(swapchain, &self));
        let gone = index.and_then(|index| swapchains.remove(index).ok());
        drop(swapchains);
        drop(gone);
    }
}

/// Adds a buffer object to a swapchain that has room for it, or to a new one.
fn join(
    head: &Arc<Swapchains>,
    swapchains: &mut KVec<Arc<Swapchain>>,
    bo: &Object,
    format: u32,
    info: &FramebufferInfo,
) -> Result<Arc<Swapchain>> {
    for swapchain in swapchains
        .iter()
        .rev()
        .filter(|swapchain| swapchain.resource.fits(format, info) && swapchain.is_on_host())
    {
        match swapchain.resource.add(bo) {
            Ok(()) => {
                let users = swapchain.users.load(Relaxed) + 1;
                swapchain.users.store(users, Relaxed);
                return Ok(swapchain.clone());
            }
            Err(ENOSPC) => (),
            Err(error) => return Err(error),
        }
    }
    swapchains.reserve(1, GFP_KERNEL)?;
    let swapchain = Arc::new(
        Swapchain {
            resource: Resource::create(bo, format, format::row(info), info.height)?,
            swapchains: head.clone(),
            users: Atomic::new(1),
            uses: Atomic::new(0),
            used_at: Atomic::new(jiffies()),
        },
        GFP_KERNEL,
    )?;
    swapchains.push(swapchain.clone(), GFP_KERNEL)?;
    Ok(swapchain)
}

/// Returns the swapchain of a head that a framebuffer's buffer object is in; adds it to one if
/// needed.
fn find(
    head: &Arc<Swapchains>,
    swapchains: &mut KVec<Arc<Swapchain>>,
    bo: &Object,
    info: &FramebufferInfo,
) -> Result<Arc<Swapchain>> {
    let format = format::by_fourcc(info.fourcc).ok_or(EINVAL)?.number;
    let mut groups = bo.groups.lock();
    if let Some(swapchain) = groups
        .iter()
        .find(|swapchain| swapchain.is_of(head) && swapchain.resource.fits(format, info))
    {
        return Ok(swapchain.clone());
    }
    groups.reserve(1, GFP_KERNEL)?;
    let swapchain = join(head, swapchains, bo, format, info)?;
    groups.push(swapchain.clone(), GFP_KERNEL)?;
    Ok(swapchain)
}

/// Makes sure that a framebuffer's buffer object is in a swapchain of a head, and that the host has
/// its resource. Calls `found` under [`Swapchains::list`], so that the swapchain cannot be given up
/// before.
///
/// # Errors
///
/// Those of [`Resource::create`].
pub(crate) fn prepare(
    head: &Arc<Swapchains>,
    bo: &Object,
    info: &FramebufferInfo,
    found: impl FnOnce(Arc<Swapchain>),
) -> Result {
    let mut swapchains = head.list.lock();
    let swapchain = find(head, &mut swapchains, bo, info)?;
    if swapchain.resource.is_given_up() {
        swapchain.resource.take_back()?;
    }
    found(swapchain);
    Ok(())
}

fn oldest(swapchains: &[Arc<Swapchain>]) -> Option<(usize, &Arc<Swapchain>)> {
    swapchains
        .iter()
        .filter_map(|swapchain| Some((swapchain.unused_for()?, swapchain)))
        .max_by_key(|(age, _)| *age)
}

/// Has the host destroy the resource of the swapchain, of all heads, that no plane has shown for
/// longest. It is created again when it is next shown. Returns false if all are shown.
pub(crate) fn give_up<'a>(heads: impl Iterator<Item = &'a Arc<Swapchains>>) -> bool {
    let age = |head: &Arc<Swapchains>| oldest(&head.list.lock()).map(|(age, _)| age);
    let Some((_, head)) = heads
        .filter_map(|head| Some((age(head)?, head)))
        .max_by_key(|(age, _)| *age)
    else {
        return false;
    };
    let swapchains = head.list.lock();
    // The list may have changed since it was unlocked, so this may be another swapchain.
    oldest(&swapchains).is_some_and(|(_, swapchain)| swapchain.resource.give_up())
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, Test};

    fn last_frame_is_of_one_resource(test: &Test) -> Result {
        let swapchains = Swapchains::new(0)?;
        swapchains.set_last_frame(7);
        expect!(test, swapchains.is_last_frame(7));
        expect!(test, !swapchains.is_last_frame(8));
        swapchains.lost_frame();
        expect!(test, !swapchains.is_last_frame(7));
        Ok(())
    }

    kunit::suite!(c"virtgpu_rs_swapchain", [last_frame_is_of_one_resource]);
}
