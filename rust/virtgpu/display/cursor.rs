// SPDX-License-Identifier: GPL-2.0
//! Cursor planes.
//!
//! A new image is uploaded on the control queue, but the command that shows or moves it is sent on
//! the cursor queue, and the host does not order the two queues. So the cursor command is sent when
//! the host has answered the upload, by the function that runs then. A commit does not wait.
//!
//! For each head at most one cursor command is in flight, and moves are spaced in time. Changes in
//! between are sent with the next command, because programs move cursors faster than anyone can
//! see, and the ring is short. [`State::due`] decides what is sent when.
use drm::{
    kms::{
        crtc::RawCrtcState,
        plane::{
            DriverPlane, Plane, PlaneAtomicAsyncCheck, PlaneAtomicCheck, PlaneAtomicCommit,
            PlaneState, RawPlaneState,
        },
        DisplayMode, FramebufferInfo, ModeObject, PlainState,
    },
    Rect,
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{aref::ARef, Arc, Mutex},
    time::msecs_to_jiffies,
};
use virtio::wait::jiffies;

use crate::{
    device::{work, Device, VirtGpu},
    display::fb::{self, Framebuffer, View},
    gpu::{self, cmd as kind},
    memory::{format, gem, resource::Resource},
    transport::{
        command::{self, on_done, Chain},
        encode, queue,
    },
};

/// What happens at the end of a cursor's commands.
pub(crate) enum Done {
    /// A cursor command has ended.
    Ordered(Arc<Cursor>),
    /// The upload of an image has ended.
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

/// Width and height of cursors in pixels. Hosts show no other size.
pub(crate) const SIZE: u32 = 64;

/// Which cursor command is to be sent, and when.
#[cfg_attr(kunit, derive(Debug))]
#[derive(PartialEq, Eq)]
enum Due {
    /// None, until something changes.
    Nothing,
    /// A move, in this number of jiffies.
    Later(usize),
    /// This command, now.
    Now(u32),
}

/// The state of a head's cursor.
struct State {
    /// The command that makes the host show the cursor as committed.
    wire: gpu::UpdateCursor,
    /// Number of uploads in flight.
    uploads: u32,
    /// A cursor command is in flight.
    ordered: bool,
    /// When the last one was sent, in jiffies.
    order_time: Option<usize>,
    /// Time between two moves, unless the image changes, too, in jiffies.
    interval: usize,
    /// The host was not told of the image yet.
    image_due: bool,
    /// The host was not told of the position yet.
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

    /// Follows a reset of the device, after which the host shows no cursor.
    fn forget(&mut self) {
        self.wire = gpu::UpdateCursor::zeroed();
        self.image_due = false;
        self.position_due = false;
    }

    /// Sets the interval for a mode. Moves are half a frame apart, so that each frame has a new
    /// position.
    fn set_mode(&mut self, mode: &DisplayMode) {
        self.interval = msecs_to_jiffies(500 / mode.vrefresh().max(1)).max(1);
    }

    /// Sets the position.
    fn place(&mut self, scanout: u32, (x, y): (i32, i32)) {
        self.wire.pos.scanout_id = scanout;
        self.wire.pos.x = x as u32;
        self.wire.pos.y = y as u32;
        self.position_due = true;
    }

    /// Sets the image: a resource with a hotspot, or none.
    fn show(&mut self, image: Option<(u32, (i32, i32))>) {
        let (resource, (hot_x, hot_y)) = image.unwrap_or_default();
        self.wire.resource_id = resource;
        self.wire.hot_x = hot_x as u32;
        self.wire.hot_y = hot_y as u32;
        self.image_due = true;
    }

    /// Returns the jiffies since the last cursor command.
    fn since_order(&self) -> usize {
        self.order_time
            .map_or(usize::MAX, |at| jiffies().wrapping_sub(at))
    }

    /// Returns which cursor command is to be sent, at a time after the last one.
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

    /// Returns the cursor command that is to be sent now, if any.
    fn next(&mut self, dev: &Device, cursor: &Arc<Cursor>) -> Option<Chain> {
        let kind = match self.due(self.since_order()) {
            Due::Nothing => return None,
            Due::Later(wait) => {
                // It makes no difference if it is pending already.
                let _ = dev
                    .transport
                    .completions
                    .enqueue_delayed::<ARef<Device>, { work::LATE_CURSOR }>(dev.into(), wait);
                return None;
            }
            Due::Now(kind) => kind,
        };
        match encode::cursor(&dev.transport.pool, kind, &self.wire) {
            Ok(chain) => {
                self.ordered = true;
                self.order_time = Some(jiffies());
                self.image_due = false;
                self.position_due = false;
                Some(on_done(chain, Done::Ordered(cursor.clone())))
            }
            Err(error) => {
                drm::drm_err!(dev, "cannot update a cursor: {:?}\n", error);
                None
            }
        }
    }

    /// Checks whether the cursor command in flight has timed out. Nothing waits for it, so that is
    /// done when the next one is to be sent.
    fn watch(&self, dev: &Device) {
        if self.ordered && self.since_order() > queue::patience() {
            dev.transport.cursor.stall(dev, "a cursor");
        }
    }
}

/// Sends a cursor command. The caller must not hold the cursor's lock, because the end of a command
/// that cannot be sent takes it.
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

    /// Follows a reset of the device, after which the host shows no cursor.
    pub(crate) fn forget(&self) {
        self.state.lock().forget();
    }

    /// Follows the loss of commands for the cursor. The next commit sends everything again. Late
    /// answers do no harm.
    pub(crate) fn mend(&self) {
        let mut state = self.state.lock();
        state.forget();
        state.ordered = false;
        state.uploads = 0;
    }

    /// Follows a new mode of the head.
    pub(crate) fn set_mode(&self, mode: &DisplayMode) {
        self.state.lock().set_mode(mode);
    }

    /// Sends the cursor command that is due, if any.
    pub(crate) fn give_order(self: &Arc<Self>, dev: &Device) {
        let chain = self.state.lock().next(dev, self);
        order(dev, chain);
    }

    /// Makes the host show no cursor.
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

    /// Called when a cursor command has ended.
    fn ordered(self: &Arc<Self>, dev: &Device, status: Result) {
        let mut state = self.state.lock();
        state.ordered = false;
        // During a reset the rest is sent with the next change, or is forgotten.
        if status.is_ok() {
            let chain = state.next(dev, self);
            drop(state);
            order(dev, chain);
        }
    }

    /// Called when the upload of an image has ended.
    fn uploaded(self: &Arc<Self>, dev: &Device) {
        let mut state = self.state.lock();
        // The count may have been cleared by `mend`.
        state.uploads = state.uploads.saturating_sub(1);
        let chain = state.next(dev, self);
        drop(state);
        order(dev, chain);
    }

    fn show(self: &Arc<Self>, dev: &Device, plane: &CursorState, new_image: bool) {
        let shown = plane
            .framebuffer()
            .and_then(|fb| Some((fb, fb::view_cursor(fb)?)));
        let mut state = self.state.lock();
        let id = shown.as_ref().map_or(0, |(_, view)| view.resource.id);
        // After a reset, or if the cursor was hidden, the host shows no image.
        let new_image = new_image || state.wire.resource_id != id;
        state.place(self.head, plane.crtc_position());
        if new_image {
            state.show(
                shown
                    .as_ref()
                    .map(|(_, view)| (view.resource.id, plane.hotspot())),
            );
        }
        if let Some((fb, view)) = shown.as_ref().filter(|_| new_image) {
            if view.resource.kind().is_guests() {
                let all = Rect::new(0, 0, SIZE as i32, SIZE as i32);
                Resource::show_drawn(fb.object(), &fb.info(), &[all]);
            }
        }
        let upload = shown.filter(|(_, view)| new_image && view.must_copy);
        if upload.is_some() {
            state.uploads += 1;
        }
        state.watch(dev);
        let chain = state.next(dev, self);
        drop(state);

        order(dev, chain);
        // Not under the lock, because to make room in the ring `uploaded()` may have to run.
        let Some((fb, View { resource, .. })) = upload else {
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
                drm::drm_err!(dev, "cannot upload a cursor image: {:?}\n", error);
                self.uploaded(dev);
            }
        }
    }
}

/// Sends the moves of cursors that were held back, because the last move was too recent.
pub(crate) fn move_late(dev: &Device) {
    for output in dev.display.outputs.iter() {
        output.cursor.give_order(dev);
    }
}

/// Hides all cursors when the DRM master is dropped. A next master that does not support hotspots
/// does not see the cursor planes, so the old cursor would stay. The planes keep their state,
/// because it belongs to the core. A master that comes back shows its cursor again when it moves or
/// sets it.
pub(crate) fn hide_all(dev: &Device) {
    for output in dev.display.outputs.iter() {
        output.cursor.hide(dev);
    }
}

/// Returns whether hosts show an image: it has the right size, is shown whole, and its rows follow
/// each other without a gap, unless a renderer has its pixels. Hosts silently ignore any other image.
fn is_shown(info: &FramebufferInfo, src_size: (u32, u32), is_renderers: bool) -> bool {
    (info.width, info.height) == (SIZE, SIZE)
        && src_size == (SIZE << 16, SIZE << 16)
        && (is_renderers || format::row(info) == SIZE)
}

type CursorState = PlaneState<PlainState<CursorPlane>>;

/// The driver's data of a cursor plane.
pub(crate) struct CursorPlane {
    pub(crate) cursor: Arc<Cursor>,
}

#[vtable]
impl DriverPlane for CursorPlane {
    type Args = Arc<Cursor>;
    type Driver = VirtGpu;
    type State = PlainState<Self>;

    fn new(_dev: &Device, cursor: Arc<Cursor>) -> impl PinInit<Self, Error> {
        Ok(Self { cursor })
    }

    fn prepare_fb(_plane: &Plane<Self>, fb: &Framebuffer) -> Result {
        fb::prepare_cursor(fb)
    }

    fn atomic_check(check: PlaneAtomicCheck<'_, Self>) -> Result {
        let (state, mut new) = check.take_state_new_state();
        if let Some(fb) = new.framebuffer() {
            let is_renderers = gem::is_renderers(fb.object());
            if !is_shown(&fb.info(), new.src_size(), is_renderers) {
                return Err(EINVAL);
            }
        }
        let Some(crtc) = new.crtc() else {
            return Ok(());
        };
        let crtc_state = state.add_crtc_state(crtc)?;
        new.atomic_helper_check(&crtc_state, true, true)
    }

    fn atomic_update(commit: PlaneAtomicCommit<'_, Self>) {
        let plane = commit.plane();
        let (state, old, new) = commit.take_all();
        let crtc_state = new.crtc().and_then(|crtc| state.get_new_crtc_state(crtc));
        let new_image =
            old.image_differs(new) || crtc_state.is_some_and(|state| state.needs_modeset());
        plane.cursor.show(plane.drm_dev(), new, new_image);
    }

    fn atomic_disable(commit: PlaneAtomicCommit<'_, Self>) {
        let plane = commit.plane();
        plane
            .cursor
            .show(plane.drm_dev(), commit.take_new_state(), true);
    }

    /// Allows an update of the cursor while a page flip waits for its vblank.
    fn atomic_async_check(_check: PlaneAtomicAsyncCheck<'_, Self>) -> Result {
        Ok(())
    }

    fn atomic_async_update(plane: &Plane<Self>, current: &CursorState, new_image: bool) {
        plane.cursor.show(plane.drm_dev(), current, new_image);
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
        expect!(test, is_shown(&info(64, 64, 256), whole, false));
        expect!(test, !is_shown(&info(32, 64, 256), whole, true));
        expect!(test, !is_shown(&info(64, 128, 256), whole, true));
        expect!(test, !is_shown(&info(64, 64, 512), whole, false));
        // The renderer knows where the rows are.
        expect!(test, is_shown(&info(64, 64, 512), whole, true));
        expect!(
            test,
            !is_shown(&info(64, 64, 256), (32 << 16, 64 << 16), true)
        );
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
