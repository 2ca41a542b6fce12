// SPDX-License-Identifier: GPL-2.0
//! Heads: a window on the host, and what the host shows in it.
//!
//! An [`Output`] remembers what the host shows, so a commit that changes nothing sends nothing. It
//! also counts the frames that the host has not drawn yet, so a guest that is faster than its host
//! waits instead of filling the ring.
use drm::{
    kms::{
        crtc::{CrtcAtomicCommit, DriverCrtc, RawCrtcState},
        Edid, KeptEvent, ModeObject, PlainState, VblankTimer,
    },
    Rect,
};
use kernel::{
    new_mutex, new_spinlock,
    prelude::*,
    sync::{
        atomic::{Atomic, Full, Relaxed},
        Arc, Mutex, SpinLock,
    },
    time::msecs_to_jiffies,
};
use virtio::wait::WaitQueue;

use crate::{
    device::{Device, VirtGpu},
    display::{cursor::Cursor, fb::Framebuffer, panic::Panic, redraw, swapchain::Swapchains},
    gpu,
    memory::{access, callbacks::Callbacks, format, resource::Resource},
    transport::{
        command::{self, lazily, on_done, Chain},
        encode,
    },
};

/// Number of frames in flight before a commit waits: one that the host draws, and one after it.
const MAX_FRAMES: i32 = 2;

/// How long a flip waits for the host's answer, in milliseconds.
const FLIP_LIMIT_MS: u32 = 1000;

/// A head's window on the host.
#[derive(Default, PartialEq)]
pub(crate) struct Window {
    pub(crate) enabled: bool,
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) edid: Option<Edid>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Scanout {
    resource: u32,
    rect: Rect,
    /// The number of the framebuffer, if the resource is a blob.
    blob: u32,
}

/// A head of the device.
#[pin_data]
pub(crate) struct Output {
    pub(crate) index: u32,
    #[pin]
    pub(crate) window: Mutex<Window>,
    #[pin]
    scanout: Mutex<Scanout>,
    pub(crate) swapchains: Arc<Swapchains>,
    /// Number of flushes that the host has not answered.
    frames: Atomic<i32>,
    /// The last frame replaces pages of the guest, which the host reads until it answers.
    is_awaited: Atomic<bool>,
    /// The event of a flip that waits for the host.
    #[pin]
    event: SpinLock<Option<KeptEvent<VirtGpu>>>,
    #[pin]
    frame_done: WaitQueue,
    /// The resource of the committed framebuffer was given up for a commit that has not been carried
    /// out yet.
    pub(crate) blanked: Atomic<bool>,
    pub(crate) cursor: Arc<Cursor>,
    pub(crate) panic: Arc<Panic>,
}

impl Output {
    pub(crate) fn new(index: u32) -> Result<Arc<Self>> {
        let (swapchains, cursor, panic) =
            (Swapchains::new(index)?, Cursor::new(index)?, Panic::new()?);
        Arc::pin_init(
            pin_init!(Self {
                index,
                window <- new_mutex!(Window::default()),
                scanout <- new_mutex!(Scanout::default()),
                swapchains,
                frames: Atomic::new(0),
                is_awaited: Atomic::new(false),
                event <- new_spinlock!(None),
                frame_done <- WaitQueue::new(),
                blanked: Atomic::new(false),
                cursor,
                panic,
            }),
            GFP_KERNEL,
        )
    }

    /// Makes the host show a part of a framebuffer by its resource, unless it does so already. The caller
    /// kicks. Returns whether the host still reads another blob until it answers.
    pub(crate) fn show(
        &self,
        dev: &Device,
        fb: &Framebuffer,
        resource: &Resource,
        rect: Rect,
    ) -> bool {
        let is_blob = resource.kind().blob().is_some();
        let wanted = Scanout {
            resource: resource.id,
            rect,
            blob: if is_blob { fb.id() } else { 0 },
        };
        self.set(dev, wanted, || {
            if !is_blob {
                let id = resource.id;
                return encode::set_scanout(&dev.transport.pool, self.index, id, &rect).map(lazily);
            }
            // A blob has no shape, so the command includes the shape of the framebuffer.
            let info = fb.info();
            let scanout = gpu::SetScanoutBlob {
                scanout_id: self.index,
                resource_id: resource.id,
                width: info.width,
                height: info.height,
                format: format::by_fourcc(info.fourcc).ok_or(EINVAL)?.number,
                strides: [info.pitch, 0, 0, 0],
                offsets: [info.offset, 0, 0, 0],
                ..gpu::SetScanoutBlob::zeroed()
            };
            let chain = encode::set_scanout_blob(&dev.transport.pool, &scanout, &rect)?;
            Ok(on_done(chain, Shown))
        })
    }

    /// Makes the host show something else, unless it does so already, by the command of `make`. Returns
    /// whether the host has shown another blob.
    fn set(&self, dev: &Device, wanted: Scanout, make: impl FnOnce() -> Result<Chain>) -> bool {
        let mut scanout = self.scanout.lock();
        let last = *scanout;
        if last == wanted {
            return false;
        }
        match make() {
            Ok(chain) => {
                *scanout = wanted;
                drop(scanout);
                dev.transport.ctrl.submit(dev, chain);
            }
            Err(error) => drm::drm_err!(
                dev,
                "head {}: cannot show resource {}: {:?}\n",
                self.index,
                wanted.resource,
                error
            ),
        }
        last.blob != 0 && last.blob != wanted.blob
    }

    /// Returns the resource that the host shows, 0 for none.
    pub(crate) fn shown_resource(&self) -> u32 {
        self.scanout.lock().resource
    }

    /// Makes the host show nothing.
    pub(crate) fn hide(&self, dev: &Device) {
        self.swapchains.lost_frame();
        self.set(dev, Scanout::default(), || {
            let nothing = Rect::default();
            encode::set_scanout(&dev.transport.pool, self.index, 0, &nothing).map(lazily)
        });
        dev.transport.ctrl.kick(dev);
    }

    /// Makes the host show nothing, and destroy the resource that it showed. The caller prevents
    /// other commits to the head. Returns false if it showed no swapchain's resource.
    pub(crate) fn give_up_shown(&self, dev: &Device) -> bool {
        self.swapchains
            .give_up_shown(self.shown_resource(), || self.hide(dev))
    }

    /// Follows a reset of the device, after which the host shows nothing.
    pub(crate) fn forget(&self) {
        *self.scanout.lock() = Scanout::default();
        self.swapchains.lost_frame();
        self.cursor.forget();
    }

    /// Follows the loss of commands for the head. The next commit sends everything again. Late answers
    /// do no harm.
    pub(super) fn mend(&self) {
        self.forget();
        self.cursor.mend();
        self.frames.store(0, Relaxed);
        self.frame_done.wake_all();
    }

    /// Returns whether a frame can probably be sent without waiting for the host.
    pub(crate) fn has_room(&self) -> bool {
        self.frames.load(Relaxed) < MAX_FRAMES
    }

    /// Waits until the host has drawn the frame before the last one.
    pub(crate) fn frame_begin(&self, dev: &Device) {
        dev.transport.ctrl.reap(dev);
        if !self.has_room() {
            dev.transport
                .ctrl
                .wait_for(dev, &self.frame_done, "a frame", || self.has_room());
        }
    }

    /// Sends the flush that ends a frame. `is_awaited` tells that the frame replaces pages of the guest,
    /// which the host reads until it answers. [`Crtc::atomic_flush`] kicks for the frames
    /// of all heads at once.
    pub(crate) fn frame_end(self: &Arc<Self>, dev: &Device, flush: Chain, is_awaited: bool) {
        self.is_awaited.store(is_awaited, Relaxed);
        self.frames.fetch_add(1, Relaxed);
        let flush = on_done(flush, Frame(self.clone()));
        let flush = if is_awaited { flush } else { lazily(flush) };
        dev.transport.ctrl.submit(dev, flush);
    }

    /// Called when a flush has ended. The count may have been cleared by [`mend`](Self::mend).
    fn frame_done(&self) {
        let mut frames = self.frames.load(Relaxed);
        while frames > 0 {
            match self.frames.cmpxchg(frames, frames - 1, Relaxed) {
                Ok(_) => break,
                Err(other) => frames = other,
            }
        }
        self.frame_done.wake_all();
        self.send_event();
    }

    /// Keeps the event of a flip until the host has answered, if the host still reads the buffer that the
    /// event gives back to the program.
    fn keep_event(&self, commit: CrtcAtomicCommit<'_, Crtc>) {
        if !self.is_awaited.xchg(false, Full) || self.frames.load(Relaxed) == 0 {
            return;
        }
        if let Some(event) = commit.keep_event(msecs_to_jiffies(FLIP_LIMIT_MS)) {
            let last = self.event.lock().replace(event);
            drop(last);
        }
        // The host may have answered in between.
        self.send_event();
    }

    /// Sends the event of a flip that waits for the host, if it has drawn all frames.
    fn send_event(&self) {
        if self.frames.load(Relaxed) == 0 {
            let event = self.event.lock().take();
            drop(event);
        }
    }
}

/// What happens at the end of a frame's flush.
pub(crate) struct Frame(Arc<Output>);

impl command::Done for Frame {
    fn happen(self, _dev: &Device, chain: Chain, _status: Result) -> Option<Chain> {
        self.0.frame_done();
        Some(chain)
    }
}

/// What happens when the host shows a blob, or refuses to.
pub(crate) struct Shown;

impl command::Done for Shown {
    /// A host that cannot show the guest's pages gets a copy of them, from the next frame on.
    fn happen(self, dev: &Device, chain: Chain, status: Result) -> Option<Chain> {
        // Only an answer says what the host can do.
        if status.is_err() && chain.data().is_answered() && !VirtGpu::renders(dev) {
            access::stop_zero_copy(dev);
            redraw::schedule(dev);
        }
        Some(chain)
    }
}

/// The driver's data of a CRTC.
pub(crate) struct Crtc {
    pub(crate) output: Arc<Output>,
}

#[vtable]
impl DriverCrtc for Crtc {
    type Args = Arc<Output>;
    type Driver = VirtGpu;
    type State = PlainState<Self>;
    type VblankImpl = VblankTimer<Self>;

    fn new(_dev: &Device, output: &Arc<Output>) -> impl PinInit<Self, Error> {
        Ok(Self {
            output: output.clone(),
        })
    }

    fn atomic_enable(commit: CrtcAtomicCommit<'_, Self>) {
        let crtc = commit.crtc();
        let mode = commit.take_new_state().adjusted_mode();
        crtc.output.cursor.set_mode(mode);
    }

    /// Kicks for the frames of all heads, because all planes are updated before the first CRTC is
    /// flushed.
    fn atomic_flush(commit: CrtcAtomicCommit<'_, Self>) {
        let dev = commit.crtc().drm_dev();
        dev.transport.ctrl.kick(dev);
        commit.crtc().output.keep_event(commit);
    }

    fn atomic_disable(commit: CrtcAtomicCommit<'_, Self>) {
        let crtc = commit.crtc();
        crtc.output.cursor.hide(crtc.drm_dev());
        crtc.output.hide(crtc.drm_dev());
    }
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, expect_eq, Test};

    fn two_frames_are_on_their_way(test: &Test) -> Result {
        let output = Output::new(0)?;
        expect!(test, output.has_room());
        output.frames.store(1, Relaxed);
        expect!(test, output.has_room());
        output.frames.store(2, Relaxed);
        expect!(test, !output.has_room());
        output.frame_done();
        expect!(test, output.has_room());
        Ok(())
    }

    fn reset_forgets_what_is_shown(test: &Test) -> Result {
        let output = Output::new(0)?;
        output.scanout.lock().resource = 7;
        output.swapchains.set_last_frame(7);
        output.forget();
        expect_eq!(test, output.shown_resource(), 0);
        expect!(test, !output.swapchains.is_last_frame(7));
        Ok(())
    }

    /// The answer to a frame from before comes late.
    fn mended_head_has_room(test: &Test) -> Result {
        let output = Output::new(0)?;
        output.frames.store(2, Relaxed);
        output.scanout.lock().resource = 7;
        output.mend();
        expect!(test, output.has_room());
        expect_eq!(test, output.shown_resource(), 0);
        output.frame_done();
        expect_eq!(test, output.frames.load(Relaxed), 0);
        Ok(())
    }

    kunit::suite!(
        c"virtgpu_rs_output",
        [
            two_frames_are_on_their_way,
            reset_forgets_what_is_shown,
            mended_head_has_room,
        ]
    );
}
