// SPDX-License-Identifier: GPL-2.0
//! Cursor planes. A new image travels on the control queue, the order to show it on the cursor
//! queue; the host keeps no order between the two. So the order is given when the upload is
//! answered, by whoever hears of it, and a commit waits for nothing.
use drm::{
    kms::{
        atomic::{AtomicCheck, AtomicCommit},
        plane::Type,
        DriverPlane, PlaneState,
    },
    Rect,
};
use kernel::{prelude::*, sync::Arc};
use virtio::gpu::{self, cmd as kind, Wire};

use crate::{
    cmd,
    drv::{Device, VirtGpu},
    fb::{self, Framebuffer},
    format,
    output::Output,
    queue::{on_done, Done},
};

/// Width and height of the one size that hosts show, in pixels.
pub(crate) const SIZE: u32 = 64;

/// A head's cursor.
pub(crate) struct Cursor {
    /// The request that shows it as it is to be.
    wire: gpu::UpdateCursor,
    /// Images on their way to the host.
    uploads: u32,
    /// The host does not know the image yet.
    image_due: bool,
}

impl Cursor {
    pub(crate) fn new() -> Self {
        Self {
            wire: gpu::UpdateCursor::zeroed(),
            uploads: 0,
            image_due: false,
        }
    }

    /// The device was reset and shows no cursor.
    pub(crate) fn forget(&mut self) {
        self.wire = gpu::UpdateCursor::zeroed();
        self.image_due = false;
    }

    fn send(&mut self, dev: &Device) {
        if self.uploads != 0 {
            return;
        }
        let kind = if self.image_due {
            kind::UPDATE_CURSOR
        } else {
            kind::MOVE_CURSOR
        };
        match cmd::cursor(kind, &self.wire) {
            Ok(chain) => {
                dev.cursor.submit(dev, chain);
                dev.cursor.kick();
                self.image_due = false;
            }
            Err(error) => drm::drm_err!(dev, "a cursor is lost: {:?}\n", error),
        }
    }
}

impl Output {
    /// Has the host show no cursor.
    pub(crate) fn hide_cursor(&self, dev: &Device) {
        let mut cursor = self.cursor.lock();
        if cursor.wire.resource_id != 0 {
            cursor.wire.resource_id = 0;
            cursor.image_due = true;
            cursor.send(dev);
        }
    }

    /// The host has an image, or never will.
    pub(crate) fn cursor_uploaded(&self, dev: &Device) {
        let mut cursor = self.cursor.lock();
        cursor.uploads -= 1;
        if cursor.image_due {
            cursor.send(dev);
        }
    }

    fn show_cursor(
        self: &Arc<Self>,
        dev: &Device,
        state: &PlaneState<CursorPlane>,
        new_image: bool,
    ) {
        let shown = state
            .framebuffer()
            .and_then(|fb| Some((fb, fb::resource(fb)?)));
        let mut cursor = self.cursor.lock();
        let (x, y) = state.crtc_position();
        cursor.wire.pos.scanout_id = self.index;
        cursor.wire.pos.x = x as u32;
        cursor.wire.pos.y = y as u32;
        if new_image {
            let (hot_x, hot_y) = state.hotspot();
            cursor.wire.resource_id = shown.as_ref().map_or(0, |(_, resource)| resource.id);
            cursor.wire.hot_x = if shown.is_some() { hot_x as u32 } else { 0 };
            cursor.wire.hot_y = if shown.is_some() { hot_y as u32 } else { 0 };
            cursor.image_due = true;
        }
        let Some((fb, resource)) = shown.filter(|_| new_image) else {
            cursor.send(dev);
            return;
        };
        cursor.uploads += 1;
        // Not under the lock: making room in the ring may need `cursor_uploaded()`.
        drop(cursor);

        let all = Rect::new(0, 0, SIZE as i32, SIZE as i32);
        let offset = u64::from(fb.info().offset);
        match resource.transfer(dev, fb.object(), &all, offset) {
            Ok(chain) => {
                let chain = on_done(chain, Done::CursorUpload(self.clone()));
                dev.ctrl.submit(dev, chain);
                dev.ctrl.kick();
            }
            Err(error) => {
                drm::drm_err!(dev, "a cursor's image is lost: {:?}\n", error);
                self.cursor_uploaded(dev);
            }
        }
    }
}

/// The driver's part of a cursor plane.
pub(crate) struct CursorPlane {
    pub(crate) output: Arc<Output>,
}

#[vtable]
impl DriverPlane for CursorPlane {
    type Driver = VirtGpu;

    const TYPE: Type = Type::Cursor;
    const FORMATS: &'static [u32] = &[format::ARGB8888];
    const SIZE_HINT: Option<(u16, u16)> = Some((SIZE as u16, SIZE as u16));

    fn prepare_fb(&self, _dev: &Device, fb: &Framebuffer) -> Result {
        fb::prepare(fb)
    }

    fn atomic_check(
        &self,
        _old: &PlaneState<Self>,
        new: &PlaneState<Self>,
        check: &AtomicCheck<'_>,
    ) -> Result {
        // The host shows whole images of its own size, or silently none.
        if let Some(fb) = new.framebuffer() {
            let info = fb.info();
            if (info.width, info.height) != (SIZE, SIZE)
                || new.src_size() != (SIZE << 16, SIZE << 16)
            {
                return Err(EINVAL);
            }
        }
        check.check_unscaled_plane(new, true)
    }

    fn atomic_update(
        &self,
        dev: &Device,
        old: &PlaneState<Self>,
        new: &PlaneState<Self>,
        commit: &AtomicCommit<'_>,
    ) {
        let new_image = old.image_differs(new) || commit.needs_modeset(new);
        self.output.show_cursor(dev, new, new_image);
    }

    fn atomic_disable(&self, dev: &Device, _old: &PlaneState<Self>, new: &PlaneState<Self>) {
        self.output.show_cursor(dev, new, true);
    }

    /// Lets the cursor overtake a page flip that waits for its vblank.
    fn atomic_async_check(&self, _old: &PlaneState<Self>, _new: &PlaneState<Self>) -> Result {
        Ok(())
    }

    fn atomic_async_update(&self, dev: &Device, current: &PlaneState<Self>, new_image: bool) {
        self.output.show_cursor(dev, current, new_image);
    }
}
