// SPDX-License-Identifier: GPL-2.0
//! Primary planes: upload the damage, show the resource, flush it.
use drm::kms::{
    plane::{DriverPlane, Plane, PlaneAtomicCheck, PlaneAtomicCommit, PlaneState, RawPlaneState},
    ModeObject, PlainState,
};
use kernel::{
    prelude::*,
    sync::{atomic::Relaxed, Arc},
};

use crate::{
    device::{Device, VirtGpu},
    display::{
        damage::Damage,
        fb::{self, Framebuffer, View},
        output::Output,
        redraw,
    },
    memory::resource::Resource,
    transport::encode,
};

/// The driver's data of a primary plane.
pub(crate) struct Primary {
    pub(crate) output: Arc<Output>,
}

impl Primary {
    /// Shows again what is committed, if the head was blanked for a commit that then failed.
    fn unblank(&self, dev: &Device) {
        if self.output.blanked.load(Relaxed) {
            self.output.blanked.store(false, Relaxed);
            redraw::schedule(dev);
        }
    }
}

#[vtable]
impl DriverPlane for Primary {
    type Args = Arc<Output>;
    type Driver = VirtGpu;
    type State = PlainState<Self>;

    fn new(_dev: &Device, output: Arc<Output>) -> impl PinInit<Self, Error> {
        Ok(Self { output })
    }

    fn prepare_fb(plane: &Plane<Self>, fb: &Framebuffer) -> Result {
        fb::prepare(plane.drm_dev(), fb, &plane.output.swapchains)
    }

    /// Gives up the resource that the head shows, for a framebuffer that the host has no memory
    /// for. The head is blank until the commit.
    fn prepare_fb_instead(plane: &Plane<Self>, fb: &Framebuffer) -> Result {
        let dev = plane.drm_dev();
        plane.output.blanked.store(true, Relaxed);
        if !plane.output.give_up_shown(dev) {
            plane.output.blanked.store(false, Relaxed);
            return Err(ENOMEM);
        }
        fb::prepare(dev, fb, &plane.output.swapchains).map_err(|error| {
            plane.unblank(dev);
            if error == ENOSPC {
                ENOMEM
            } else {
                error
            }
        })
    }

    fn cleanup_fb(plane: &Plane<Self>, fb: &Framebuffer) {
        fb::cleanup(fb, &plane.output.swapchains);
        plane.unblank(plane.drm_dev());
    }

    fn atomic_check(check: PlaneAtomicCheck<'_, Self>) -> Result {
        let (state, mut new) = check.take_state_new_state();
        let Some(crtc) = new.crtc() else {
            return Ok(());
        };
        let crtc_state = state.add_crtc_state(crtc)?;
        new.atomic_helper_check(&crtc_state, false, true)
    }

    fn atomic_update(commit: PlaneAtomicCommit<'_, Self>) {
        let (dev, output) = (commit.plane().drm_dev(), &commit.plane().output);
        let (old, new) = commit.take_old_new_state();
        let Some(fb) = new.framebuffer().filter(|_| new.visible()) else {
            output.hide(dev);
            return;
        };
        let Some(view) = fb::view(fb, &output.swapchains, old.framebuffer()) else {
            return;
        };
        let id = view.resource.id;
        let damage = Damage::collect(old, new, view.is_current);
        let Some(bounds) = damage.bounds() else {
            return;
        };

        output.frame_begin(dev);
        let uploaded = if view.must_copy {
            view.resource
                .upload(fb.object(), &fb.info(), damage.rects())
        } else {
            if view.resource.kind().is_guests() {
                Resource::show_drawn(fb.object(), &fb.info(), damage.rects());
            }
            Ok(())
        };
        let sent = uploaded.and_then(|()| {
            let is_awaited = output.show(dev, fb, &view.resource, new.src());
            output.blanked.store(false, Relaxed);
            let flush = encode::flush(&dev.transport.pool, id, &bounds)?;
            output.frame_end(dev, flush, is_awaited);
            if view.must_copy {
                output.swapchains.set_last_frame(id);
            } else {
                // No swapchain holds the last frame any more.
                output.swapchains.lost_frame();
            }
            Ok(())
        });
        if let Err(error) = sent {
            output.swapchains.lost_frame();
            drm::drm_err!(dev, "head {}: a frame is lost: {:?}\n", output.index, error);
        }
    }

    fn panic_flush(plane: &Plane<Self>, state: &PlaneState<PlainState<Self>>) {
        let output = &plane.output;
        let shown = state
            .framebuffer()
            .and_then(|fb| Some((fb, fb::try_view(fb, &output.swapchains)?)));
        // What a renderer draws is not in the pages that the kernel has drawn into.
        let is_drawn = |view: &View| view.must_copy || view.resource.kind().is_guests();
        let Some((fb, view)) = shown.filter(|(_, view)| is_drawn(view)) else {
            return;
        };
        let (resource, info) = (&view.resource, fb.info());
        // The rest of the backing belongs to other buffers. The host sees the pages of a blob without a
        // transfer.
        let offset = match view.must_copy {
            true => resource.try_offset(fb.object()).map(Some),
            false => Some(None),
        };
        let Some(offset) = offset else {
            return;
        };
        if resource.try_sync(fb.object(), &info) {
            let size = (info.width, info.height);
            output
                .panic
                .flush(plane.drm_dev(), resource.id, size, offset);
        }
    }

    fn atomic_disable(commit: PlaneAtomicCommit<'_, Self>) {
        let plane = commit.plane();
        plane.output.hide(plane.drm_dev());
    }
}
