// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Flips whose events are sent later than at the next vblank. After the event, a program may draw into the
//! last framebuffer, so the event has to wait as long as the device reads it.
//!
//! C header: [`include/drm/drm_vblank.h`](srctree/include/drm/drm_vblank.h)
use core::cell::UnsafeCell;

use drm_bindings as bindings;
use kernel::sync::{
    aref::ARef,
    atomic::{Atomic, Relaxed},
};

use super::{
    crtc::{CrtcAtomicCommit, DriverCrtc},
    object::{AsRaw, AsRawState, ModeObject},
};
use crate::{Device, Driver};

/// The event of a CRTC that is kept.
///
/// # Invariants
///
/// `event` is null, or an event that the CRTC has a reference to a vblank for. It is only accessed under the
/// lock of the device's events.
pub(super) struct KeptFlip {
    event: UnsafeCell<*mut bindings::drm_pending_vblank_event>,
    /// Whether there may be an event. It saves a vblank without one from taking the lock.
    is_kept: Atomic<bool>,
    /// When the event is sent in any case, in jiffies.
    limit: Atomic<usize>,
    /// How many events were kept, which tells one from the next.
    count: Atomic<usize>,
}

// SAFETY: The event is protected by a lock, by the type's invariants.
unsafe impl Send for KeptFlip {}
// SAFETY: As above.
unsafe impl Sync for KeptFlip {}

fn jiffies() -> usize {
    let jiffies = &raw const kernel::bindings::jiffies;
    // SAFETY: The variable always exists, and may be read at any time.
    unsafe { jiffies.read_volatile() }
}

impl KeptFlip {
    pub(super) const fn new() -> Self {
        // INVARIANT: There is no event.
        Self {
            event: UnsafeCell::new(core::ptr::null_mut()),
            is_kept: Atomic::new(false),
            limit: Atomic::new(0),
            count: Atomic::new(0),
        }
    }

    /// Sends the event at the next vblank, if it is still kept.
    ///
    /// # Safety
    ///
    /// `crtc` must be the valid CRTC that this belongs to.
    unsafe fn send(&self, crtc: *mut bindings::drm_crtc) {
        self.is_kept.store(false, Relaxed);
        // SAFETY: By the requirements of this function. The helper takes the lock.
        unsafe { bindings::helper_drm_crtc_send_kept(crtc, self.event.get()) };
    }

    /// Sends the event at the next vblank, if it is still kept and its limit is over. Called at a vblank.
    ///
    /// # Safety
    ///
    /// The requirements of [`send`](Self::send).
    pub(super) unsafe fn send_late(&self, crtc: *mut bindings::drm_crtc) {
        let left = self.limit.load(Relaxed).wrapping_sub(jiffies()) as isize;
        if self.is_kept.load(Relaxed) && left <= 0 {
            // SAFETY: By the requirements of this function.
            unsafe { self.send(crtc) };
        }
    }
}

impl<T: DriverCrtc> CrtcAtomicCommit<'_, T> {
    /// Keeps the event of the commit until the result is dropped, but not for longer than `limit` jiffies.
    /// Returns `None` if there is no event, if the CRTC keeps one already, or if it has no vblanks. To be
    /// called by [`DriverCrtc::atomic_flush`]. Does not sleep. C: the driver takes `drm_crtc_state.event`, and
    /// calls `drm_crtc_arm_vblank_event()` later.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use drm::kms::{
    ///     crtc::{CrtcAtomicCommit, DriverCrtc},
    ///     KeptEvent,
    /// };
    ///
    /// /// Called by `atomic_flush`; the driver drops the result when the device has answered.
    /// fn keep<T: DriverCrtc>(
    ///     commit: CrtcAtomicCommit<'_, T>,
    ///     is_read: bool,
    /// ) -> Option<KeptEvent<T::Driver>> {
    ///     is_read.then(|| commit.keep_event(1000)).flatten()
    /// }
    /// ```
    pub fn keep_event(self, limit: usize) -> Option<KeptEvent<T::Driver>> {
        let (crtc, kept) = (self.crtc(), &self.crtc().flip);
        let state = self.take_new_state().as_raw();
        // INVARIANT: The helper takes a reference to a vblank, and the lock.
        // SAFETY: The CRTC is valid, its new state is of the commit that this thread carries out, and
        // `kept` belongs to the CRTC.
        let is_kept =
            unsafe { bindings::helper_drm_crtc_keep_event(crtc.as_raw(), state, kept.event.get()) };
        if !is_kept {
            return None;
        }
        kept.limit.store(jiffies().wrapping_add(limit), Relaxed);
        let count = kept.count.load(Relaxed).wrapping_add(1);
        kept.count.store(count, Relaxed);
        kept.is_kept.store(true, Relaxed);
        // INVARIANT: `kept` is a field of the CRTC, which lives as long as the device.
        Some(KeptEvent {
            count,
            kept,
            crtc: crtc.as_raw(),
            _dev: crtc.drm_dev().into(),
        })
    }
}

/// An event that is kept. When this is dropped, the event is sent at the next vblank. If its limit was over
/// before, it was sent then.
///
/// # Invariants
///
/// `kept` belongs to `crtc`, which is a CRTC of the device, and is valid as long as that.
///
/// # Context
///
/// May be dropped in any context, but must not hold the last reference to the device in one that cannot
/// sleep. Must not be dropped in a callback of vblanks.
pub struct KeptEvent<T: Driver> {
    count: usize,
    kept: *const KeptFlip,
    crtc: *mut bindings::drm_crtc,
    _dev: ARef<Device<T>>,
}

// SAFETY: The event may be sent on any thread.
unsafe impl<T: Driver> Send for KeptEvent<T> {}
// SAFETY: A shared reference gives access to nothing.
unsafe impl<T: Driver> Sync for KeptEvent<T> {}

impl<T: Driver> Drop for KeptEvent<T> {
    fn drop(&mut self) {
        // SAFETY: By the type's invariants, it is valid.
        let kept = unsafe { &*self.kept };
        // If the numbers differ, the event was sent after its limit, and another one is kept now.
        if kept.count.load(Relaxed) != self.count {
            return;
        }
        // SAFETY: By the type's invariants.
        unsafe { kept.send(self.crtc) };
    }
}
