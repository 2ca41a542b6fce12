// SPDX-License-Identifier: GPL-2.0
//! Cursor planes. A new image travels on the control queue, the order to show it on the cursor
//! queue; the host keeps no order between the two. So the order is given when the upload is
//! answered, by whoever hears of it, and a commit waits for nothing.
//!
//! Of a head's orders the host holds one at most, and moves are spaced. What changes meanwhile
//! goes with the next: programs move cursors faster than anybody sees, and the ring is short.
use drm::{
    kms::{
        atomic::{AtomicCheck, AtomicCommit},
        plane::Type,
        DriverPlane, PlaneState,
    },
    Rect,
};
use kernel::{
    prelude::*,
    sync::{aref::ARef, Arc},
    time::msecs_to_jiffies,
    workqueue,
};
use virtio::{
    gpu::{self, cmd as kind, Wire},
    wait::jiffies,
};

use crate::{
    cmd,
    drv::{Device, VirtGpu},
    fb::{self, Framebuffer},
    format,
    output::Output,
    queue::{self, on_done, Chain, Done},
};

/// Width and height of the one size that hosts show, in pixels.
pub(crate) const SIZE: u32 = 64;

/// Between two orders to move, unless an image comes with it: shorter than a frame.
const INTERVAL_MS: u32 = 8;

/// A head's cursor.
pub(crate) struct Cursor {
    /// The request that shows it as it is to be.
    wire: gpu::UpdateCursor,
    /// Images on their way to the host.
    uploads: u32,
    /// The host holds an order.
    ordered: bool,
    /// When the last was given, in jiffies.
    order_time: Option<usize>,
    /// The host does not know the image yet.
    image_due: bool,
    /// The host does not know the position yet.
    position_due: bool,
}

impl Cursor {
    pub(crate) fn new() -> Self {
        Self {
            wire: gpu::UpdateCursor::zeroed(),
            uploads: 0,
            ordered: false,
            order_time: None,
            image_due: false,
            position_due: false,
        }
    }

    /// The device was reset and shows no cursor.
    pub(crate) fn forget(&mut self) {
        self.wire = gpu::UpdateCursor::zeroed();
        self.image_due = false;
        self.position_due = false;
    }

    /// Jiffies since the last order.
    fn since_order(&self) -> usize {
        self.order_time
            .map_or(usize::MAX, |at| jiffies().wrapping_sub(at))
    }

    /// The order that is to be given now, if any.
    fn next(&mut self, dev: &Device, output: &Arc<Output>) -> Option<Chain> {
        if self.uploads != 0 || self.ordered || !(self.image_due || self.position_due) {
            return None;
        }
        if !self.image_due {
            let wait = msecs_to_jiffies(INTERVAL_MS).saturating_sub(self.since_order());
            if wait > 0 {
                // Pending already is as good.
                let _ = workqueue::system_highpri()
                    .enqueue_delayed::<ARef<Device>, 6>(dev.into(), wait);
                return None;
            }
        }
        let kind = if self.image_due {
            kind::UPDATE_CURSOR
        } else {
            kind::MOVE_CURSOR
        };
        match cmd::cursor(dev, kind, &self.wire) {
            Ok(chain) => {
                self.ordered = true;
                self.order_time = Some(jiffies());
                self.image_due = false;
                self.position_due = false;
                Some(on_done(chain, Done::Cursor(output.clone())))
            }
            Err(error) => {
                drm::drm_err!(dev, "a cursor is lost: {:?}\n", error);
                None
            }
        }
    }

    /// Nobody waits for an order, so that nobody but the next notices that it got lost.
    fn watch(&self, dev: &Device) {
        if self.ordered && self.since_order() > queue::patience() {
            dev.cursor.stall(dev, "a cursor");
            crate::pm::schedule_reset(dev, "a cursor command got lost");
        }
    }
}

/// Gives an order. Not under the cursor's lock: one that cannot be queued ends at once.
fn order(dev: &Device, chain: Option<Chain>) {
    if let Some(chain) = chain {
        dev.cursor.submit(dev, chain);
        dev.cursor.kick(dev);
    }
}

/// Moves cursors that moved again too soon.
pub(crate) fn move_late(dev: &Device) {
    for output in dev.outputs.iter() {
        let chain = output.cursor.lock().next(dev, output);
        order(dev, chain);
    }
}

impl Output {
    /// Has the host show no cursor.
    pub(crate) fn hide_cursor(self: &Arc<Self>, dev: &Device) {
        let mut cursor = self.cursor.lock();
        if cursor.wire.resource_id != 0 {
            cursor.wire.resource_id = 0;
            cursor.image_due = true;
            let chain = cursor.next(dev, self);
            drop(cursor);
            order(dev, chain);
        }
    }

    /// The host has taken an order, or never will.
    pub(crate) fn cursor_done(self: &Arc<Self>, dev: &Device, status: Result) {
        let mut cursor = self.cursor.lock();
        cursor.ordered = false;
        // Without a device the rest waits for the next change, or is forgotten.
        if status.is_ok() {
            let chain = cursor.next(dev, self);
            drop(cursor);
            order(dev, chain);
        }
    }

    /// The host has an image, or never will.
    pub(crate) fn cursor_uploaded(self: &Arc<Self>, dev: &Device) {
        let mut cursor = self.cursor.lock();
        cursor.uploads -= 1;
        let chain = cursor.next(dev, self);
        drop(cursor);
        order(dev, chain);
    }

    fn show_cursor(
        self: &Arc<Self>,
        dev: &Device,
        state: &PlaneState<CursorPlane>,
        new_image: bool,
    ) {
        let shown = state
            .framebuffer()
            .and_then(|fb| Some((fb, fb::cursor(fb)?)));
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
        cursor.position_due = true;
        let upload = shown.filter(|_| new_image);
        if upload.is_some() {
            cursor.uploads += 1;
        }
        cursor.watch(dev);
        let chain = cursor.next(dev, self);
        drop(cursor);

        order(dev, chain);
        // Not under the lock: making room in the ring may need `cursor_uploaded()`.
        let Some((fb, resource)) = upload else {
            return;
        };
        let all = Rect::new(0, 0, SIZE as i32, SIZE as i32);
        let offset = u64::from(fb.info().offset);
        match resource.transfer(fb.object(), &all, offset) {
            Ok(chain) => {
                let chain = on_done(chain, Done::CursorUpload(self.clone()));
                dev.ctrl.submit(dev, chain);
                dev.ctrl.kick(dev);
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
        fb::prepare_cursor(fb)
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
