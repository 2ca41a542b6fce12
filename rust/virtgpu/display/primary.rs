// SPDX-License-Identifier: GPL-2.0
//! Primary planes: upload the damage, show the resource, flush it.
use drm::kms::{
    atomic::{AtomicCheck, AtomicCommit},
    plane::Type,
    DriverPlane, PlaneState,
};
use kernel::{
    prelude::*,
    sync::{atomic::Relaxed, Arc},
};

use crate::{
    device::{Device, VirtGpu},
    display::{
        damage::Damage,
        fb::{self, Framebuffer},
        output::Output,
        redraw,
    },
    memory::format,
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
    type Driver = VirtGpu;

    const TYPE: Type = Type::Primary;
    const FORMATS: &'static [u32] = &format::FOURCCS;
    const DAMAGE_CLIPS: bool = true;

    fn prepare_fb(&self, dev: &Device, fb: &Framebuffer) -> Result {
        fb::prepare(dev, fb, &self.output.swapchains)
    }

    /// Gives up the resource that the head shows, for a framebuffer that the host has no memory
    /// for. The head is blank until the commit.
    fn prepare_fb_instead(&self, dev: &Device, fb: &Framebuffer) -> Result {
        self.output.blanked.store(true, Relaxed);
        if !self.output.give_up_shown(dev) {
            self.output.blanked.store(false, Relaxed);
            return Err(ENOMEM);
        }
        fb::prepare(dev, fb, &self.output.swapchains).map_err(|error| {
            self.unblank(dev);
            if error == ENOSPC {
                ENOMEM
            } else {
                error
            }
        })
    }

    fn cleanup_fb(&self, dev: &Device, fb: &Framebuffer) {
        fb::cleanup(fb, &self.output.swapchains);
        self.unblank(dev);
    }

    fn atomic_check(
        &self,
        _old: &PlaneState<Self>,
        new: &PlaneState<Self>,
        check: &AtomicCheck<'_>,
    ) -> Result {
        check.check_unscaled_plane(new, false)
    }

    fn atomic_update(
        &self,
        dev: &Device,
        old: &PlaneState<Self>,
        new: &PlaneState<Self>,
        _commit: &AtomicCommit<'_>,
    ) {
        let Some(fb) = new.framebuffer().filter(|_| new.visible()) else {
            self.output.hide(dev);
            return;
        };
        let Some(view) = fb::view(fb, &self.output.swapchains) else {
            return;
        };
        let id = view.resource.id;
        let damage = Damage::collect(old, new, view.is_current);
        let Some(bounds) = damage.bounds() else {
            return;
        };

        self.output.frame_begin(dev);
        let uploaded = view
            .resource
            .upload(fb.object(), &fb.info(), damage.rects());
        let sent = uploaded.and_then(|()| {
            self.output.show(dev, id, new.src());
            self.output.blanked.store(false, Relaxed);
            let flush = encode::flush(&dev.transport.pool, id, &bounds)?;
            self.output.frame_end(dev, id, flush);
            Ok(())
        });
        if let Err(error) = sent {
            self.output.swapchains.lost_frame();
            drm::drm_err!(
                dev,
                "head {}: a frame is lost: {:?}\n",
                self.output.index,
                error
            );
        }
    }

    fn panic_flush(&self, dev: &Device, state: &PlaneState<Self>) {
        let shown = state
            .framebuffer()
            .and_then(|fb| Some((fb, fb::try_view(fb, &self.output.swapchains)?.resource)));
        let Some((fb, resource)) = shown else {
            return;
        };
        // The rest of the backing belongs to other buffers.
        let Some(offset) = resource.try_offset(fb.object()) else {
            return;
        };
        let info = fb.info();
        if resource.try_sync(fb.object(), &info) {
            self.output
                .panic
                .flush(dev, resource.id, (info.width, info.height), offset);
        }
    }

    fn atomic_disable(&self, dev: &Device, _old: &PlaneState<Self>, _new: &PlaneState<Self>) {
        self.output.hide(dev);
    }
}
