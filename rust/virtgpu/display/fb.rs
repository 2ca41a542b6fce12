// SPDX-License-Identifier: GPL-2.0
//! Framebuffers, and the host resources that show them.
//!
//! The pixels of a texture are on the host, and are shown from there. Some hosts show a blob of the
//! guest's pages. The pixels of other framebuffers are copied to a host resource. On a primary plane that
//! is the resource of a [`Swapchain`], on a cursor plane the cursor resource of the buffer object.
//! [`prepare`] and [`prepare_cursor`] make sure that the resource exists, [`view`] and [`view_cursor`]
//! return it.
use drm::kms::{DriverFramebuffer, FramebufferInfo};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{Arc, Mutex},
};

use crate::{
    device::{Device, VirtGpu},
    display::swapchain::{self, Swapchain, Swapchains},
    memory::{access, callbacks::Callbacks, format, gem, resource::Resource},
};

/// The use of a framebuffer on a head's primary plane.
struct Use {
    /// The head's number.
    head: u32,
    swapchain: Option<Arc<Swapchain>>,
    /// Number of states of the head's primary plane that show it or are about to.
    states: u32,
}

/// How the host shows a framebuffer; C: `struct virtgpu_view`.
pub(crate) struct View {
    pub(crate) resource: Arc<Resource>,
    /// The pixels have to be copied to the resource.
    pub(crate) must_copy: bool,
    /// The resource holds the head's last frame, so only the damage has to be copied.
    pub(crate) is_current: bool,
}

impl View {
    /// Returns the view of a resource that shows a framebuffer without a copy.
    fn uncopied(resource: Arc<Resource>, is_current: bool) -> Self {
        Self {
            resource,
            must_copy: false,
            is_current,
        }
    }
}

/// The driver's data of a framebuffer.
#[pin_data]
pub(crate) struct Fb {
    /// The resource that shows it on a cursor plane.
    #[pin]
    cursor: Mutex<Option<Arc<Resource>>>,
    /// Its uses on primary planes, one entry per head.
    #[pin]
    uses: Mutex<KVec<Use>>,
}

pub(crate) type Framebuffer = drm::kms::Framebuffer<VirtGpu>;

impl DriverFramebuffer for Fb {
    type Driver = VirtGpu;

    fn check(_dev: &Device, info: &FramebufferInfo) -> Result {
        let format = format::by_fourcc(info.fourcc).ok_or(EINVAL)?;
        if info.pitch.checked_rem(format.cpp) != Some(0) {
            return Err(EINVAL);
        }
        Ok(())
    }

    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            cursor <- new_mutex!(None),
            uses <- new_mutex!(KVec::new()),
        })
    }
}

fn find_mut<'a>(uses: &'a mut [Use], swapchains: &Swapchains) -> Option<&'a mut Use> {
    uses.iter_mut().find(|usage| usage.head == swapchains.head)
}

/// Counts a state of a head's plane that is to show a framebuffer. Returns whether the host has the
/// resource of a swapchain to show it.
fn begin(fb: &Framebuffer, swapchains: &Swapchains) -> Result<bool> {
    let _list = swapchains.list.lock();
    let mut uses = fb.uses.lock();
    if find_mut(&mut uses, swapchains).is_none() {
        let unused = Use {
            head: swapchains.head,
            swapchain: None,
            states: 0,
        };
        uses.push(unused, GFP_KERNEL)?;
    }
    let Some(usage) = find_mut(&mut uses, swapchains) else {
        return Ok(false);
    };
    usage.states += 1;
    Ok(usage.swapchain.as_ref().is_some_and(|swapchain| {
        swapchain.add_uses(1);
        swapchain.is_on_host()
    }))
}

/// Sets the swapchain that shows a framebuffer on a head. The caller holds [`Swapchains::list`].
fn assign(fb: &Framebuffer, swapchains: &Swapchains, swapchain: Arc<Swapchain>) {
    let mut uses = fb.uses.lock();
    if let Some(usage) = find_mut(&mut uses, swapchains) {
        swapchain.add_uses(usage.states);
        if let Some(old) = usage.swapchain.replace(swapchain) {
            old.remove_uses(usage.states);
        }
    }
}

/// Makes sure that the host can show a framebuffer on a primary plane. The caller later calls
/// [`cleanup`]. If the host is out of memory, swapchains that no plane shows are given up.
///
/// # Errors
///
/// Those of [`Resource::create`]; `ENOSPC` if the host is out of memory and all swapchains are
/// shown; `EINVAL` for a resource that a renderer has refused.
pub(crate) fn prepare(dev: &Device, fb: &Framebuffer, swapchains: &Arc<Swapchains>) -> Result {
    let uncopied = gem::prepare_uncopied(fb.object(), &fb.info())?;
    if begin(fb, swapchains)? || !is_copied(dev, uncopied.as_deref()) {
        return Ok(());
    }
    let (bo, info) = (fb.object(), fb.info());
    let mut made = Err(ENOSPC);
    while made == Err(ENOSPC) {
        made = VirtGpu::while_up(dev, || {
            swapchain::prepare(swapchains, bo, &info, |found| assign(fb, swapchains, found))
        });
        if made == Err(ENOSPC) && !swapchain::give_up(dev.display.swapchains()) {
            break;
        }
    }
    made.inspect_err(|_| cleanup(fb, swapchains))
}

/// Counts a state of a head's plane that no longer shows a framebuffer.
pub(crate) fn cleanup(fb: &Framebuffer, swapchains: &Swapchains) {
    let _list = swapchains.list.lock();
    let mut uses = fb.uses.lock();
    if let Some(usage) = find_mut(&mut uses, swapchains) {
        usage.states -= 1;
        if let Some(swapchain) = &usage.swapchain {
            swapchain.remove_uses(1);
        }
    }
}

/// Makes sure that the host can show a framebuffer on a cursor plane. Does not wait for the host.
pub(crate) fn prepare_cursor(fb: &Framebuffer) -> Result {
    let mut cursor = fb.cursor.lock();
    if cursor.as_ref().is_none_or(|cursor| cursor.is_refused()) {
        let info = fb.info();
        let format = format::by_fourcc(info.fourcc).ok_or(EINVAL)?;
        gem::adopt_shape(fb.object(), &info);
        *cursor = Some(gem::cursor(fb.object(), format.number, &info)?);
    }
    Ok(())
}

/// Returns whether the pixels have to be copied, although there may be a resource that shows them. A host
/// may refuse at any time to show the guest's pages.
fn is_copied(dev: &Device, uncopied: Option<&Resource>) -> bool {
    uncopied.is_none_or(|resource| {
        resource.kind().blob().is_some() && !VirtGpu::renders(dev) && !access::has_zero_copy(dev)
    })
}

fn find(uses: &[Use], swapchains: &Swapchains) -> Option<View> {
    let usage = uses.iter().find(|usage| usage.head == swapchains.head)?;
    let resource = usage.swapchain.as_ref()?.resource.clone();
    Some(View {
        is_current: swapchains.is_last_frame(resource.id),
        must_copy: true,
        resource,
    })
}

/// Returns how the host shows a prepared framebuffer on a head's primary plane, which has shown `last`
/// before.
pub(crate) fn view(
    fb: &Framebuffer,
    swapchains: &Swapchains,
    last: Option<&Framebuffer>,
) -> Option<View> {
    let uncopied = fb.object().uncopied();
    let is_last = last.is_some_and(|last| core::ptr::eq(last, fb));
    let copied = if is_copied(fb.object().dev(), uncopied.as_deref()) {
        find(&fb.uses.lock(), swapchains)
    } else {
        None
    };
    // If zero copy has ended since the framebuffer was prepared, there is no swapchain yet.
    copied.or_else(|| Some(View::uncopied(uncopied?, is_last)))
}

/// Does the same for the panic screen: fails instead of waiting for a lock.
pub(crate) fn try_view(fb: &Framebuffer, swapchains: &Swapchains) -> Option<View> {
    let uncopied = fb.object().try_uncopied()?;
    let copied = if is_copied(fb.object().dev(), uncopied.as_deref()) {
        find(&fb.uses.try_lock()?, swapchains)
    } else {
        None
    };
    copied.or_else(|| Some(View::uncopied(uncopied?, true)))
}

/// Returns how the host shows a prepared framebuffer on a cursor plane. Only the cursor knows what the
/// resource holds.
pub(crate) fn view_cursor(fb: &Framebuffer) -> Option<View> {
    let resource = fb.cursor.lock().clone()?;
    Some(View {
        must_copy: !resource.kind().is_uncopied(),
        is_current: false,
        resource,
    })
}
