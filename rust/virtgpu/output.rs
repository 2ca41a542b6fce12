// SPDX-License-Identifier: GPL-2.0
//! A head: what the host says of its window, and what it currently shows on it.
use drm::{
    kms::{DriverCrtc, Edid},
    Rect,
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        Arc, Mutex,
    },
};
use virtio::wait::WaitQueue;

use crate::{
    cmd,
    cursor::Cursor,
    drv::{Device, VirtGpu},
    panic::Panic,
    queue::{on_done, Chain, Done},
};

/// Frames on their way to the host before a commit waits: one shown, one underway.
const MAX_FRAMES: i32 = 2;

/// What the host says of a head.
#[derive(Default)]
pub(crate) struct Window {
    pub(crate) enabled: bool,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) edid: Option<Edid>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Scanout {
    resource: u32,
    rect: Rect,
}

/// One head of the device.
#[pin_data]
pub(crate) struct Output {
    pub(crate) index: u32,
    #[pin]
    pub(crate) window: Mutex<Window>,
    #[pin]
    scanout: Mutex<Scanout>,
    /// Flushes that the host has not answered.
    frames: Atomic<i32>,
    #[pin]
    frame_done: WaitQueue,
    #[pin]
    pub(crate) cursor: Mutex<Cursor>,
    #[pin]
    pub(crate) panic: Panic,
}

impl Output {
    pub(crate) fn new(index: u32) -> Result<Arc<Self>> {
        Arc::pin_init(
            try_pin_init!(Self {
                index,
                window <- new_mutex!(Window::default()),
                scanout <- new_mutex!(Scanout::default()),
                frames: Atomic::new(0),
                frame_done <- WaitQueue::new(),
                cursor <- new_mutex!(Cursor::new()),
                panic <- Panic::new(),
            }? Error),
            GFP_KERNEL,
        )
    }

    /// Has the host show a part of a resource, unless it does so already. Waits for the next kick.
    pub(crate) fn show(&self, dev: &Device, resource: u32, rect: Rect) {
        let wanted = Scanout { resource, rect };
        let mut scanout = self.scanout.lock();
        if *scanout == wanted {
            return;
        }
        match cmd::set_scanout(self.index, resource, &rect) {
            Ok(chain) => {
                *scanout = wanted;
                drop(scanout);
                dev.ctrl.submit(dev, chain);
            }
            Err(error) => drm::drm_err!(dev, "head {}: {:?}\n", self.index, error),
        }
    }

    /// The resource that the host shows, 0 for none.
    pub(crate) fn shown(&self) -> u32 {
        self.scanout.lock().resource
    }

    /// Has the host show nothing.
    pub(crate) fn hide(&self, dev: &Device) {
        self.show(dev, 0, Rect::default());
        dev.ctrl.kick();
    }

    /// The device was reset and shows nothing.
    pub(crate) fn forget(&self) {
        *self.scanout.lock() = Scanout::default();
        self.cursor.lock().forget();
    }

    /// Waits until the host has drawn the frame before the last, so that a guest that draws faster
    /// than its host does not fill the ring.
    pub(crate) fn frame_begin(&self, dev: &Device) {
        if !self.frame_done.wait_timeout(dev.ctrl.timeout(), || {
            self.frames.load(Relaxed) < MAX_FRAMES
        }) {
            dev.ctrl.stall(dev, "a frame");
        }
    }

    /// Sends the flush that ends a frame.
    pub(crate) fn frame_end(self: &Arc<Self>, dev: &Device, flush: Chain) {
        self.frames.fetch_add(1, Relaxed);
        dev.ctrl
            .submit(dev, on_done(flush, Done::Frame(self.clone())));
        dev.ctrl.kick();
    }

    /// The host has drawn a frame, or never will.
    pub(crate) fn frame_done(&self) {
        self.frames.fetch_sub(1, Relaxed);
        self.frame_done.wake_all();
    }
}

/// The driver's part of a CRTC.
pub(crate) struct Crtc {
    pub(crate) output: Arc<Output>,
}

impl DriverCrtc for Crtc {
    type Driver = VirtGpu;

    fn atomic_disable(&self, dev: &Device) {
        self.output.hide_cursor(dev);
        self.output.hide(dev);
    }
}
