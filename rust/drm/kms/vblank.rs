// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Where the vblanks of a CRTC come from: from the core's timer, or from nowhere.
//!
//! `TimerState` works around a deadlock in the core. `drm_crtc_vblank_start_timer()` is called
//! with the vblank locks held and interrupts disabled, and waits for a callback of the timer that
//! still runs after vblanks were disabled. That callback may wait for the same locks. With
//! `docs/upstream/drm-vblank-timer-deadlock.patch` only `last_vblank` is needed.
//!
//! C header: [`include/drm/drm_vblank.h`](srctree/include/drm/drm_vblank.h)
use core::{marker::PhantomData, mem::offset_of};

use drm_bindings as bindings;
use kernel::sync::atomic::{Atomic, Full, Relaxed};

use super::crtc::DriverCrtc;

mod private {
    /// Only this crate knows how to make vblanks.
    #[doc(hidden)]
    pub trait Sealed {}
}

/// The source of a CRTC's vblanks, [`DriverCrtc::VblankImpl`]: [`VblankTimer<Self>`](VblankTimer), or
/// [`PhantomData<Self>`](PhantomData) for none. All CRTCs of a device have vblanks, or none.
///
/// # Examples
///
/// ```no_run
/// use core::marker::PhantomData;
/// use drm::kms::{
///     crtc::{DriverCrtc, UnregisteredCrtc},
///     VblankTimer,
/// };
///
/// /// Compiles for a device that cannot tell when it has shown a frame.
/// fn without<T: DriverCrtc<VblankImpl = PhantomData<T>>>(_crtc: &UnregisteredCrtc<T>) {}
///
/// /// Compiles for a device whose frames are limited by the timer.
/// fn with<T: DriverCrtc<VblankImpl = VblankTimer<T>>>(_crtc: &UnregisteredCrtc<T>) {}
/// ```
pub trait VblankImpl: private::Sealed {
    /// The CRTC.
    type Crtc: DriverCrtc<VblankImpl = Self>;

    /// Whether there is a vblank timer.
    #[doc(hidden)]
    const HAS_TIMER: bool;
}

/// The core's timer makes vblanks at the rate of the mode, so that programs draw no faster than that; C:
/// `DRM_CRTC_VBLANK_TIMER_FUNCS`.
///
/// # Context
///
/// The timer runs in interrupt context.
pub struct VblankTimer<T>(PhantomData<fn() -> T>);

impl<T: DriverCrtc<VblankImpl = Self>> VblankImpl for VblankTimer<T> {
    type Crtc = T;

    const HAS_TIMER: bool = true;
}

impl<T> private::Sealed for VblankTimer<T> {}

/// No vblanks: a flip is complete when the commit is. C: `drm_crtc_state.no_vblank`.
impl<T: DriverCrtc<VblankImpl = Self>> VblankImpl for PhantomData<T> {
    type Crtc = T;

    const HAS_TIMER: bool = false;
}

impl<T> private::Sealed for PhantomData<T> {}

/// The timer of a CRTC's vblanks.
pub(super) struct TimerState {
    /// The callback handles a vblank, so it may wait for a vblank lock.
    in_vblank: Atomic<bool>,
}

/// Returns where the core stores the time between two vblanks, which is 0 while they are disabled.
///
/// # Safety
///
/// `vblank` must be valid.
unsafe fn interval(vblank: *mut bindings::drm_vblank_crtc) -> *mut i64 {
    // SAFETY: `vblank` is valid, by the requirements of this function.
    unsafe { &raw mut (*vblank).vblank_timer.interval }
}

impl TimerState {
    pub(super) const fn new() -> Self {
        Self {
            in_vblank: Atomic::new(false),
        }
    }

    /// Starts the timer. Does not wait for a callback that handles a vblank: such a callback reads
    /// the new interval afterwards and restarts the timer.
    ///
    /// # Safety
    ///
    /// Must be called as `drm_crtc_funcs.enable_vblank` of the CRTC that has this timer.
    pub(super) unsafe fn enable(&self, crtc: *mut bindings::drm_crtc) -> kernel::ffi::c_int {
        // SAFETY: The core calls this for a valid CRTC whose vblanks are initialized.
        let vblank = unsafe { bindings::drm_crtc_vblank_crtc(crtc) };
        // SAFETY: As above. The core sets the field when the timer starts for the first time, under
        // locks that the caller holds.
        if !unsafe { (*vblank).vblank_timer.crtc }.is_null() {
            // SAFETY: The CRTC is valid.
            let mode = unsafe { &raw const (*crtc).mode };
            // SAFETY: As above. The mode does not change while vblanks are enabled.
            unsafe { bindings::drm_calc_timestamping_constants(crtc, mode) };
            // Outside of `timeout()` the callback takes none of the locks that the caller holds.
            // SAFETY: The timer was set up when it started for the first time.
            while unsafe { bindings::helper_vblank_timer_try_to_cancel(vblank) } < 0 {
                // SAFETY: `vblank` is valid, and the caller holds the lock that protects the field.
                let frame = unsafe { (*vblank).framedur_ns };
                // SAFETY: `vblank` is valid.
                let interval = unsafe { interval(vblank) };
                // SAFETY: The interval is only written under the locks that the caller holds.
                unsafe { interval.write_volatile(frame.into()) };
                // Fully ordered, as the store in `timeout()`: if this finds the callback there, the
                // callback reads the interval later.
                if self.in_vblank.cmpxchg(true, true, Full).is_ok() {
                    return 0;
                }
                core::hint::spin_loop();
            }
        }
        // SAFETY: As above, and no callback is running.
        unsafe { bindings::drm_crtc_vblank_start_timer(crtc) }
    }

    /// Handles a vblank. Returns whether the timer restarts.
    ///
    /// # Safety
    ///
    /// Must be called as `drm_crtc_helper_funcs.handle_vblank_timeout` of the CRTC that has this
    /// timer.
    pub(super) unsafe fn timeout(&self, crtc: *mut bindings::drm_crtc) -> bool {
        self.in_vblank.store(true, Relaxed);
        // SAFETY: The core calls this for a valid CRTC whose vblanks are initialized.
        unsafe { bindings::drm_crtc_handle_vblank(crtc) };
        // A CPU that found this set has written the interval before, so the interval is read after
        // this.
        self.in_vblank.xchg(false, Full);
        // SAFETY: As above.
        let vblank = unsafe { bindings::drm_crtc_vblank_crtc(crtc) };
        // SAFETY: `vblank` is valid.
        let interval = unsafe { interval(vblank) };
        // SAFETY: The pointer is valid. The value may change concurrently, so it is read once.
        unsafe { interval.read_volatile() != 0 }
    }
}

/// Switches the vblanks of all CRTCs off, and waits for the callbacks of their timers. Does nothing on a
/// device without vblanks.
///
/// # Safety
///
/// The device must be valid, and its mode config initialized. Nothing may create CRTCs or switch vblanks
/// on.
pub(super) unsafe fn stop_all(dev: *mut bindings::drm_device) {
    // SAFETY: By the requirements of this function.
    if !unsafe { bindings::drm_dev_has_vblank(dev) } {
        return;
    }
    // SAFETY: By the requirements of this function.
    let list = unsafe { &raw mut (*dev).mode_config.crtc_list };
    // SAFETY: As above.
    let mut entry = unsafe { (*list).next };
    while !core::ptr::eq(entry, list) {
        // The entries of the list are CRTCs.
        let crtc: *mut bindings::drm_crtc = entry
            .wrapping_byte_sub(offset_of!(bindings::drm_crtc, head))
            .cast();
        // SAFETY: The CRTC is valid, and the device has a vblank for each.
        unsafe { bindings::drm_crtc_vblank_off(crtc) };
        // SAFETY: As above.
        let vblank = unsafe { bindings::drm_crtc_vblank_crtc(crtc) };
        // SAFETY: As above. The core sets the field when it initializes the timer.
        if !unsafe { (*vblank).vblank_timer.crtc }.is_null() {
            // SAFETY: The timer is initialized. The caller holds no lock for which its callback waits.
            unsafe { bindings::helper_vblank_timer_cancel(vblank) };
        }
        // SAFETY: The list does not change.
        entry = unsafe { (*entry).next };
    }
}

/// Returns the time of the last vblank by the clock. The core's helper returns the time at which
/// the timer last ran. The timer may be late, and then a flip would get a timestamp before its
/// request.
pub(super) extern "C" fn last_vblank(
    crtc: *mut bindings::drm_crtc,
    _max_error: *mut kernel::ffi::c_int,
    vblank_time: *mut kernel::bindings::ktime_t,
    _in_vblank_irq: bool,
) -> bool {
    // SAFETY: The core calls this for a valid CRTC whose vblanks are initialized.
    let vblank = unsafe { bindings::drm_crtc_vblank_crtc(crtc) };
    // SAFETY: The function has no requirements.
    let now = unsafe { kernel::bindings::ktime_get() };
    // SAFETY: `vblank` is valid.
    let enabled = unsafe { &raw const (*vblank).enabled };
    // SAFETY: As above. This and the next values may change concurrently, so each is read once.
    let enabled = unsafe { enabled.read_volatile() };
    // SAFETY: As above.
    let frame = unsafe { &raw const (*vblank).framedur_ns };
    // SAFETY: As above.
    let frame = i64::from(unsafe { frame.read_volatile() });
    // SAFETY: As above.
    let expires = unsafe { bindings::helper_vblank_timer_expires(vblank) };
    // SAFETY: As above.
    let last = unsafe { &raw const (*vblank).time };
    // SAFETY: As above.
    let last = unsafe { last.read_volatile() };
    let time = if !enabled || frame <= 0 {
        now
    } else {
        let passed = if now < expires {
            expires - frame
        } else {
            // The result is the same if the timer restarts meanwhile.
            expires + (now - expires) / frame * frame
        };
        // The timer may have been set before vblanks were enabled again, or for another mode. The
        // time must not go back, because the core would count billions of vblanks.
        passed.min(now).max(last)
    };
    // SAFETY: The core passes a valid pointer for the result.
    unsafe { vblank_time.write(time) };
    true
}
