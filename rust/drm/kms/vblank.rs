// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Vblanks from the core's timer.
//!
//! What the core lacks: `drm_crtc_vblank_start_timer()` waits for a callback of the timer that still
//! runs since vblanks were disabled. Its caller holds the vblank locks, with interrupts off, and the
//! callback may wait for these locks: both CPUs stop for ever. With
//! `docs/upstream/drm-vblank-timer-deadlock.patch` only [`last_vblank`] is needed.
//!
//! C header: [`include/drm/drm_vblank.h`](srctree/include/drm/drm_vblank.h)
use drm_bindings as bindings;
use kernel::sync::atomic::{Atomic, Full, Relaxed};

/// The timer of a CRTC's vblanks.
pub(super) struct VblankTimer {
    /// The callback may wait for a vblank lock.
    in_vblank: Atomic<bool>,
}

/// Where the core keeps the time between two vblanks, 0 while they are disabled.
///
/// # Safety
///
/// `vblank` must be valid.
unsafe fn interval(vblank: *mut bindings::drm_vblank_crtc) -> *mut i64 {
    // SAFETY: The caller passes a valid `vblank`.
    unsafe { &raw mut (*vblank).vblank_timer.interval }
}

impl VblankTimer {
    pub(super) const fn new() -> Self {
        Self {
            in_vblank: Atomic::new(false),
        }
    }

    /// Has the timer run. A callback that is about to handle a vblank is not waited for: it finds the
    /// interval and goes on.
    ///
    /// # Safety
    ///
    /// To be called as `drm_crtc_funcs.enable_vblank` of the CRTC that has this timer.
    pub(super) unsafe fn enable(&self, crtc: *mut bindings::drm_crtc) -> kernel::ffi::c_int {
        // SAFETY: The core calls this for a valid CRTC whose vblanks are initialized.
        let vblank = unsafe { bindings::drm_crtc_vblank_crtc(crtc) };
        // SAFETY: As above. The core sets it when the timer first starts, under locks that are held.
        if unsafe { !(*vblank).vblank_timer.crtc.is_null() } {
            // SAFETY: As above; the mode is the CRTC's, which does not change while vblanks are enabled.
            unsafe { bindings::drm_calc_timestamping_constants(crtc, &raw const (*crtc).mode) };
            // Outside of `timeout()` the callback takes none of the caller's locks.
            // SAFETY: The timer was set up when it first started.
            while unsafe { bindings::helper_vblank_timer_try_to_cancel(vblank) } < 0 {
                // SAFETY: `vblank` is valid; the callers of `enable()` hold the lock that protects it.
                let frame = unsafe { (*vblank).framedur_ns };
                // SAFETY: `vblank` is valid.
                let interval = unsafe { interval(vblank) };
                // SAFETY: Only holders of the caller's locks write the interval.
                unsafe { interval.write_volatile(frame.into()) };
                // Fully ordered, as in `timeout()`: a callback that this sees looks at the interval
                // later.
                if self.in_vblank.cmpxchg(true, true, Full).is_ok() {
                    return 0;
                }
                core::hint::spin_loop();
            }
        }
        // SAFETY: As above; no callback runs.
        unsafe { bindings::drm_crtc_vblank_start_timer(crtc) }
    }

    /// Handles a vblank; returns whether the timer goes on.
    ///
    /// # Safety
    ///
    /// To be called as `drm_crtc_helper_funcs.handle_vblank_timeout` of the CRTC that has this timer.
    pub(super) unsafe fn timeout(&self, crtc: *mut bindings::drm_crtc) -> bool {
        self.in_vblank.store(true, Relaxed);
        // SAFETY: The core calls this for a valid CRTC whose vblanks are initialized.
        unsafe { bindings::drm_crtc_handle_vblank(crtc) };
        // A CPU that saw it set has written the interval, and relies on its being read after this.
        self.in_vblank.xchg(false, Full);
        // SAFETY: As above.
        let vblank = unsafe { bindings::drm_crtc_vblank_crtc(crtc) };
        // SAFETY: `vblank` is valid.
        let interval = unsafe { interval(vblank) };
        // SAFETY: The word may change meanwhile, so it is read once.
        unsafe { interval.read_volatile() != 0 }
    }
}

/// The vblank that last passed by the clock. For the core's helper it passes when the timer runs,
/// which may be late: a flip in between would be told a time from before it was asked for.
pub(super) extern "C" fn last_vblank(
    crtc: *mut bindings::drm_crtc,
    _max_error: *mut kernel::ffi::c_int,
    vblank_time: *mut kernel::bindings::ktime_t,
    _in_vblank_irq: bool,
) -> bool {
    // SAFETY: The core calls this for a valid CRTC whose vblanks are initialized.
    let vblank = unsafe { bindings::drm_crtc_vblank_crtc(crtc) };
    // SAFETY: The function has no conditions.
    let now = unsafe { kernel::bindings::ktime_get() };
    // SAFETY: `vblank` is valid. This and what follows may change meanwhile, so each is read once.
    let enabled = unsafe { (&raw const (*vblank).enabled).read_volatile() };
    // SAFETY: As above.
    let frame = i64::from(unsafe { (&raw const (*vblank).framedur_ns).read_volatile() });
    // SAFETY: As above.
    let expires = unsafe { bindings::helper_vblank_timer_expires(vblank) };
    // SAFETY: As above.
    let last = unsafe { (&raw const (*vblank).time).read_volatile() };
    let time = if !enabled || frame <= 0 {
        now
    } else {
        let passed = if now < expires {
            expires - frame
        } else {
            // Whether or not the timer is moved on meanwhile, the result is the same.
            expires + (now - expires) / frame * frame
        };
        // A timer that went on may have been set before vblanks were enabled again, or for frames of
        // another mode. The core would count billions of vblanks if time went back.
        passed.min(now).max(last)
    };
    // SAFETY: The core wants the time there.
    unsafe { vblank_time.write(time) };
    true
}
