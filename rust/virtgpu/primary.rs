// SPDX-License-Identifier: GPL-2.0
//! Primary planes: upload what is damaged, show it, flush it.
use drm::kms::{
    atomic::{AtomicCheck, AtomicCommit},
    plane::Type,
    DriverPlane, PlaneState,
};
use kernel::{prelude::*, sync::Arc};

use crate::{
    cmd,
    damage::Damage,
    drv::{Device, VirtGpu},
    fb::{self, Framebuffer},
    format,
    output::Output,
    resource::Resource,
};

/// The driver's part of a primary plane.
pub(crate) struct Primary {
    pub(crate) output: Arc<Output>,
}

#[vtable]
impl DriverPlane for Primary {
    type Driver = VirtGpu;

    const TYPE: Type = Type::Primary;
    const FORMATS: &'static [u32] = &format::FOURCCS;
    const DAMAGE_CLIPS: bool = true;

    fn prepare_fb(&self, _dev: &Device, fb: &Framebuffer) -> Result {
        fb::prepare(fb)
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
        let damage = Damage::collect(old, new);
        let (Some(bounds), Some(resource)) = (damage.bounds(), fb::resource(fb)) else {
            return;
        };

        self.output.frame_begin(dev);
        let sent = upload(dev, fb, &resource, &damage).and_then(|()| {
            self.output.show(dev, resource.id, new.src());
            let flush = cmd::flush(resource.id, &bounds)?;
            self.output.frame_end(dev, flush);
            Ok(())
        });
        if let Err(error) = sent {
            drm::drm_err!(
                dev,
                "head {}: a frame is lost: {:?}\n",
                self.output.index,
                error
            );
        }
    }

    fn panic_flush(&self, dev: &Device, state: &PlaneState<Self>) {
        if let Some(fb) = state.framebuffer() {
            if let Some(id) = fb::try_resource_id(fb) {
                let info = fb.info();
                self.output.panic_flush(dev, id, (info.width, info.height));
            }
        }
    }

    fn atomic_disable(&self, dev: &Device, _old: &PlaneState<Self>, _new: &PlaneState<Self>) {
        self.output.hide(dev);
    }
}

fn upload(dev: &Device, fb: &Framebuffer, resource: &Resource, damage: &Damage) -> Result {
    let info = fb.info();
    for rect in damage.rects() {
        let offset =
            u64::from(info.offset) + rect.y1 as u64 * u64::from(info.pitch) + rect.x1 as u64 * 4;
        let transfer = resource.transfer(dev, fb.object(), rect, offset)?;
        dev.ctrl.submit(dev, transfer);
    }
    Ok(())
}
