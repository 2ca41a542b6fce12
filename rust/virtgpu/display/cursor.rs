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
        DisplayMode, DriverPlane, FramebufferInfo, PlaneState,
    },
    Rect,
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{aref::ARef, Arc, Mutex},
    time::msecs_to_jiffies,
};
use virtio::{
    gpu::{self, cmd as kind, Wire},
    wait::jiffies,
};

use crate::{
    device::{work, Device, VirtGpu},
    display::fb::{self, Framebuffer},
    memory::format,
    transport::{
        cmd,
        command::{self, on_done, Chain},
        queue,
    },
};

/// What happens when a command of a cursor has ended.
pub(crate) enum Done {
    /// The host took an order to show it.
    Ordered(Arc<Cursor>),
    /// Its image was uploaded.
    Uploaded(Arc<Cursor>),
}

impl command::Done for Done {
    fn happen(self, dev: &Device, chain: Chain, status: Result) -> Option<Chain> {
        match self {
            Self::Ordered(cursor) => cursor.ordered(dev, status),
            Self::Uploaded(cursor) => cursor.uploaded(dev),
        }
        Some(chain)
    }
}

/// Width and height of the one size that hosts show, in pixels.
pub(crate) const SIZE: u32 = 64;

/// An order for a head's cursor, and when it is to be given.
#[cfg_attr(kunit, derive(Debug))]
#[derive(PartialEq, Eq)]
enum Due {
    /// Never, until something changes.
    Nothing,
    /// In so many jiffies.
    Later(usize),
    /// At once, this request.
    Now(u32),
}

/// What is known of a head's cursor.
struct State {
    /// The request that shows it as it is to be.
    wire: gpu::UpdateCursor,
    /// Images on their way to the host.
    uploads: u32,
    /// The host holds an order.
    ordered: bool,
    /// When the last was given, in jiffies.
    order_time: Option<usize>,
    /// Between two orders to move, unless an image comes with them, in jiffies.
    interval: usize,
    /// The host does not know the image yet.
    image_due: bool,
    /// The host does not know the position yet.
    position_due: bool,
}

impl State {
    fn new() -> Self {
        Self {
            wire: gpu::UpdateCursor::zeroed(),
            uploads: 0,
            ordered: false,
            order_time: None,
            interval: 1,
            image_due: false,
            position_due: false,
        }
    }

    /// The device was reset and shows no cursor.
    fn forget(&mut self) {
        self.wire = gpu::UpdateCursor::zeroed();
        self.image_due = false;
        self.position_due = false;
    }

    /// The head has another mode. Two orders to move are half a frame apart, so that each frame has a
    /// new position.
    fn set_mode(&mut self, mode: &DisplayMode) {
        self.interval = msecs_to_jiffies(500 / mode.vrefresh().max(1)).max(1);
    }

    /// Takes in where the cursor of a head is to be.
    fn place(&mut self, scanout: u32, (x, y): (i32, i32)) {
        self.wire.pos.scanout_id = scanout;
        self.wire.pos.x = x as u32;
        self.wire.pos.y = y as u32;
        self.position_due = true;
    }

    /// Takes in another image, a resource with a hotspot, or none.
    fn show(&mut self, image: Option<(u32, (i32, i32))>) {
        let (resource, (hot_x, hot_y)) = image.unwrap_or_default();
        self.wire.resource_id = resource;
        self.wire.hot_x = hot_x as u32;
        self.wire.hot_y = hot_y as u32;
        self.image_due = true;
    }

    /// Jiffies since the last order.
    fn since_order(&self) -> usize {
        self.order_time
            .map_or(usize::MAX, |at| jiffies().wrapping_sub(at))
    }

    /// Which order is to be given, so many jiffies after the last.
    fn due(&self, since_order: usize) -> Due {
        if self.uploads != 0 || self.ordered || !(self.image_due || self.position_due) {
            return Due::Nothing;
        }
        if self.image_due {
            return Due::Now(kind::UPDATE_CURSOR);
        }
        match self.interval.saturating_sub(since_order) {
            0 => Due::Now(kind::MOVE_CURSOR),
            wait => Due::Later(wait),
        }
    }

    /// The order that is to be given now, if any.
    fn next(&mut self, dev: &Device, cursor: &Arc<Cursor>) -> Option<Chain> {
        let kind = match self.due(self.since_order()) {
            Due::Nothing => return None,
            Due::Later(wait) => {
                // Pending already is as good.
                let _ = dev
                    .transport
                    .completions
                    .enqueue_delayed::<ARef<Device>, { work::LATE_CURSOR }>(dev.into(), wait);
                return None;
            }
            Due::Now(kind) => kind,
        };
        match cmd::cursor(&dev.transport.pool, kind, &self.wire) {
            Ok(chain) => {
                self.ordered = true;
                self.order_time = Some(jiffies());
                self.image_due = false;
                self.position_due = false;
                Some(on_done(chain, Done::Ordered(cursor.clone())))
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
            dev.transport.cursor.stall(dev, "a cursor");
        }
    }
}

/// Gives an order. Not under the cursor's lock: one that cannot be queued ends at once.
fn order(dev: &Device, chain: Option<Chain>) {
    if let Some(chain) = chain {
        dev.transport.cursor.submit(dev, chain);
        dev.transport.cursor.kick(dev);
    }
}

/// A head's cursor.
#[pin_data]
pub(crate) struct Cursor {
    /// The head's number.
    head: u32,
    #[pin]
    state: Mutex<State>,
}

impl Cursor {
    pub(crate) fn new(head: u32) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                head,
                state <- new_mutex!(State::new()),
            }),
            GFP_KERNEL,
        )
    }

    /// The device was reset and shows no cursor.
    pub(crate) fn forget(&self) {
        self.state.lock().forget();
    }

    /// The head has another mode.
    pub(crate) fn set_mode(&self, mode: &DisplayMode) {
        self.state.lock().set_mode(mode);
    }

    /// Gives the order that is due, if any.
    pub(crate) fn give_order(self: &Arc<Self>, dev: &Device) {
        let chain = self.state.lock().next(dev, self);
        order(dev, chain);
    }

    /// Has the host show no cursor.
    pub(crate) fn hide(self: &Arc<Self>, dev: &Device) {
        let mut state = self.state.lock();
        if state.wire.resource_id != 0 {
            state.wire.resource_id = 0;
            state.image_due = true;
            let chain = state.next(dev, self);
            drop(state);
            order(dev, chain);
        }
    }

    /// The host has taken an order, or never will.
    fn ordered(self: &Arc<Self>, dev: &Device, status: Result) {
        let mut state = self.state.lock();
        state.ordered = false;
        // Without a device the rest waits for the next change, or is forgotten.
        if status.is_ok() {
            let chain = state.next(dev, self);
            drop(state);
            order(dev, chain);
        }
    }

    /// The host has an image, or never will.
    fn uploaded(self: &Arc<Self>, dev: &Device) {
        let mut state = self.state.lock();
        state.uploads -= 1;
        let chain = state.next(dev, self);
        drop(state);
        order(dev, chain);
    }

    fn show(self: &Arc<Self>, dev: &Device, plane: &PlaneState<CursorPlane>, new_image: bool) {
        let shown = plane
            .framebuffer()
            .and_then(|fb| Some((fb, fb::cursor(fb)?)));
        let mut state = self.state.lock();
        let id = shown.as_ref().map_or(0, |(_, resource)| resource.id);
        // After a reset, and once the cursor was hidden, the host shows no image.
        let new_image = new_image || state.wire.resource_id != id;
        state.place(self.head, plane.crtc_position());
        if new_image {
            state.show(
                shown
                    .as_ref()
                    .map(|(_, resource)| (resource.id, plane.hotspot())),
            );
        }
        let upload = shown.filter(|_| new_image);
        if upload.is_some() {
            state.uploads += 1;
        }
        state.watch(dev);
        let chain = state.next(dev, self);
        drop(state);

        order(dev, chain);
        // Not under the lock: making room in the ring may need `uploaded()`.
        let Some((fb, resource)) = upload else {
            return;
        };
        let all = Rect::new(0, 0, SIZE as i32, SIZE as i32);
        let offset = u64::from(fb.info().offset);
        match resource.transfer(fb.object(), &all, offset) {
            Ok(chain) => {
                let chain = on_done(chain, Done::Uploaded(self.clone()));
                dev.transport.ctrl.submit(dev, chain);
                dev.transport.ctrl.kick(dev);
            }
            Err(error) => {
                drm::drm_err!(dev, "a cursor's image is lost: {:?}\n", error);
                self.uploaded(dev);
            }
        }
    }
}

/// Whether hosts show an image: it has their size and is shown whole, and its rows are not apart.
/// Hosts ignore any other image, and do not say so.
fn is_shown(info: &FramebufferInfo, src_size: (u32, u32)) -> bool {
    (info.width, info.height, format::row(info)) == (SIZE, SIZE, SIZE)
        && src_size == (SIZE << 16, SIZE << 16)
}

/// The driver's part of a cursor plane.
pub(crate) struct CursorPlane {
    pub(crate) cursor: Arc<Cursor>,
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
        if let Some(fb) = new.framebuffer() {
            if !is_shown(&fb.info(), new.src_size()) {
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
        self.cursor.show(dev, new, new_image);
    }

    fn atomic_disable(&self, dev: &Device, _old: &PlaneState<Self>, new: &PlaneState<Self>) {
        self.cursor.show(dev, new, true);
    }

    /// Lets the cursor overtake a page flip that waits for its vblank.
    fn atomic_async_check(&self, _old: &PlaneState<Self>, _new: &PlaneState<Self>) -> Result {
        Ok(())
    }

    fn atomic_async_update(&self, dev: &Device, current: &PlaneState<Self>, new_image: bool) {
        self.cursor.show(dev, current, new_image);
    }
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, expect_eq, Test};

    const LONG_AGO: usize = usize::MAX;

    fn cursor(image_due: bool, position_due: bool) -> State {
        State {
            image_due,
            position_due,
            ..State::new()
        }
    }

    fn nothing_is_ordered_without_need(test: &Test) {
        expect_eq!(test, State::new().due(LONG_AGO), Due::Nothing);
    }

    fn order_waits_for_the_upload(test: &Test) {
        let mut cursor = cursor(true, true);
        cursor.uploads = 1;
        expect_eq!(test, cursor.due(LONG_AGO), Due::Nothing);
        cursor.uploads = 0;
        expect_eq!(test, cursor.due(LONG_AGO), Due::Now(kind::UPDATE_CURSOR));
    }

    fn host_holds_one_order(test: &Test) {
        let mut cursor = cursor(true, true);
        cursor.ordered = true;
        expect_eq!(test, cursor.due(LONG_AGO), Due::Nothing);
    }

    fn moves_are_spaced(test: &Test) {
        let mut cursor = cursor(false, true);
        cursor.interval = 9;
        expect_eq!(test, cursor.due(0), Due::Later(9));
        expect_eq!(test, cursor.due(8), Due::Later(1));
        expect_eq!(test, cursor.due(9), Due::Now(kind::MOVE_CURSOR));
        expect_eq!(test, cursor.due(LONG_AGO), Due::Now(kind::MOVE_CURSOR));
    }

    fn images_are_not_spaced(test: &Test) {
        expect_eq!(
            test,
            cursor(true, false).due(0),
            Due::Now(kind::UPDATE_CURSOR)
        );
        expect_eq!(
            test,
            cursor(true, true).due(0),
            Due::Now(kind::UPDATE_CURSOR)
        );
    }

    fn first_order_is_not_spaced(test: &Test) {
        let cursor = cursor(false, true);
        expect_eq!(
            test,
            cursor.due(cursor.since_order()),
            Due::Now(kind::MOVE_CURSOR)
        );
    }

    fn position_may_be_off_screen(test: &Test) {
        let mut cursor = State::new();
        cursor.place(5, (-3, 9000));
        expect_eq!(test, cursor.wire.pos.x as i32, -3);
        expect_eq!(test, cursor.wire.pos.y, 9000);
        expect_eq!(test, cursor.wire.pos.scanout_id, 5);
        expect_eq!(test, cursor.due(LONG_AGO), Due::Now(kind::MOVE_CURSOR));
    }

    fn no_cursor_has_no_hotspot(test: &Test) {
        let mut cursor = State::new();
        cursor.show(Some((3, (7, 8))));
        expect_eq!(test, cursor.wire.resource_id, 3);
        expect_eq!(test, (cursor.wire.hot_x, cursor.wire.hot_y), (7, 8));
        expect_eq!(test, cursor.due(0), Due::Now(kind::UPDATE_CURSOR));
        cursor.show(None);
        expect_eq!(test, cursor.wire.resource_id, 0);
        expect_eq!(test, (cursor.wire.hot_x, cursor.wire.hot_y), (0, 0));
    }

    fn only_whole_images_are_shown(test: &Test) {
        let info = |width, height, pitch| FramebufferInfo {
            fourcc: format::ARGB8888,
            pitch,
            offset: 0,
            width,
            height,
        };
        let whole = (64 << 16, 64 << 16);
        expect!(test, is_shown(&info(64, 64, 256), whole));
        expect!(test, !is_shown(&info(32, 64, 256), whole));
        expect!(test, !is_shown(&info(64, 128, 256), whole));
        expect!(test, !is_shown(&info(64, 64, 512), whole));
        expect!(test, !is_shown(&info(64, 64, 256), (32 << 16, 64 << 16)));
    }

    fn reset_forgets_the_orders(test: &Test) {
        let mut cursor = cursor(true, true);
        cursor.wire.resource_id = 3;
        cursor.forget();
        expect_eq!(test, cursor.due(LONG_AGO), Due::Nothing);
        expect!(test, cursor.wire.resource_id == 0);
    }

    kunit::suite!(
        c"virtgpu_rs_cursor",
        [
            nothing_is_ordered_without_need,
            order_waits_for_the_upload,
            host_holds_one_order,
            moves_are_spaced,
            images_are_not_spaced,
            first_order_is_not_spaced,
            position_may_be_off_screen,
            no_cursor_has_no_hotspot,
            only_whole_images_are_shown,
            reset_forgets_the_orders,
        ]
    );
}
