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
use kernel::{
    error::to_result,
    interrupt::LocalInterruptDisabled,
    prelude::*,
    sync::atomic::{Atomic, Full, Relaxed},
    time::Delta,
    types::NotThreadSafe,
};

use super::{
    crtc::{Crtc, DriverCrtc},
    object::{AsRaw, ModeObject},
};
use crate::{errno, Device};

mod private {
    /// Only this crate has callbacks for a source.
    #[doc(hidden)]
    pub trait Sealed {}
}

/// The source of a CRTC's vblanks, [`DriverCrtc::VblankImpl`]: [`VblankTimer<Self>`](VblankTimer), another
/// [`VblankSupport`], or [`PhantomData<Self>`](PhantomData) for none. All CRTCs of a device have vblanks, or
/// none.
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

    /// The callbacks, if there are vblanks.
    #[doc(hidden)]
    const OPS: Option<VblankOps>;
}

/// The callbacks of a source of vblanks.
#[doc(hidden)]
pub struct VblankOps {
    pub(super) enable: unsafe extern "C" fn(*mut bindings::drm_crtc) -> kernel::ffi::c_int,
    pub(super) disable: unsafe extern "C" fn(*mut bindings::drm_crtc),
    pub(super) timestamp: unsafe extern "C" fn(
        *mut bindings::drm_crtc,
        *mut kernel::ffi::c_int,
        *mut kernel::bindings::ktime_t,
        bool,
    ) -> bool,
    /// The timer makes the vblanks.
    pub(super) is_timer: bool,
}

/// No vblanks: a flip is complete when the commit is. C: `drm_crtc_state.no_vblank`.
impl<T: DriverCrtc<VblankImpl = Self>> VblankImpl for PhantomData<T> {
    type Crtc = T;

    const OPS: Option<VblankOps> = None;
}

impl<T> private::Sealed for PhantomData<T> {}

/// A source of vblanks: a device that interrupts at each vblank of a CRTC. Its handler calls
/// [`Crtc::handle_vblank`], with a [`KmsRef`](super::KmsRef) of the CRTC.
///
/// # Context
///
/// Interrupts are disabled, and the core holds a spinlock. Nothing here may sleep.
///
/// # Examples
///
/// ```no_run
/// # use kernel::prelude::*;
/// use drm::kms::{
///     crtc::{Crtc, DriverCrtc},
///     vblank::{VblankGuard, VblankSupport, VblankTimestamp},
/// };
/// use kernel::interrupt::LocalInterruptDisabled;
///
/// /// The interrupts of a device.
/// struct Interrupts<T>(core::marker::PhantomData<fn(&T)>);
///
/// impl<T: DriverCrtc<VblankImpl = Self>> VblankSupport for Interrupts<T> {
///     type Crtc = T;
///
///     fn enable_vblank(
///         _crtc: &Crtc<T>,
///         _guard: &VblankGuard<'_, T>,
///         _irq: &LocalInterruptDisabled,
///     ) -> Result {
///         // Let the device interrupt.
///         Ok(())
///     }
///
///     fn disable_vblank(
///         _crtc: &Crtc<T>,
///         _guard: &VblankGuard<'_, T>,
///         _irq: &LocalInterruptDisabled,
///     ) {
///     }
///
///     fn get_vblank_timestamp(_crtc: &Crtc<T>, _in_vblank_irq: bool) -> Option<VblankTimestamp> {
///         None
///     }
/// }
/// ```
pub trait VblankSupport: Sized {
    /// The CRTC.
    type Crtc: DriverCrtc<VblankImpl = Self>;

    /// The core's timer makes the vblanks.
    #[doc(hidden)]
    const IS_TIMER: bool = false;

    /// Switches the vblanks on.
    ///
    /// # Errors
    ///
    /// Any. There are no vblanks then.
    fn enable_vblank(
        crtc: &Crtc<Self::Crtc>,
        vblank_guard: &VblankGuard<'_, Self::Crtc>,
        irq: &LocalInterruptDisabled,
    ) -> Result;

    /// Switches the vblanks off.
    fn disable_vblank(
        crtc: &Crtc<Self::Crtc>,
        vblank_guard: &VblankGuard<'_, Self::Crtc>,
        irq: &LocalInterruptDisabled,
    );

    /// Returns the time of the last vblank, or of the one that is being handled. If the result is `None`, the
    /// core uses the current time.
    fn get_vblank_timestamp(
        crtc: &Crtc<Self::Crtc>,
        in_vblank_irq: bool,
    ) -> Option<VblankTimestamp>;
}

impl<T: VblankSupport> VblankImpl for T {
    type Crtc = T::Crtc;

    const OPS: Option<VblankOps> = Some(VblankOps {
        enable: enable_callback::<T>,
        disable: disable_callback::<T>,
        timestamp: timestamp_callback::<T>,
        is_timer: T::IS_TIMER,
    });
}

impl<T: VblankSupport> private::Sealed for T {}

/// The time of a vblank.
#[derive(Clone, Copy)]
pub struct VblankTimestamp {
    /// The time since boot.
    pub time: Delta,
    /// The maximum error of the time, in nanoseconds.
    pub max_error: i32,
}

/// The lock of a device's vblanks, which this thread holds. C: `drm_device.vbl_lock`.
///
/// # Invariants
///
/// This thread holds the lock of the device of the CRTC as long as the value exists.
///
/// # Context
///
/// Interrupts are disabled.
pub struct VblankGuard<'a, T: DriverCrtc>(&'a Crtc<T>, NotThreadSafe);

impl<T: DriverCrtc> VblankGuard<'_, T> {
    /// Returns the device.
    pub fn drm_dev(&self) -> &Device<T::Driver> {
        self.0.drm_dev()
    }

    /// Returns the time from one frame to the next in nanoseconds. C: `framedur_ns` of
    /// `drm_crtc_vblank_crtc()`.
    pub fn frame_duration(&self) -> i32 {
        // SAFETY: By the type's invariants, the core has initialized the vblanks.
        let vblank = unsafe { bindings::drm_crtc_vblank_crtc(self.0.as_raw()) };
        // SAFETY: As above, and the lock is held that protects the field.
        unsafe { (*vblank).framedur_ns }
    }
}

impl<T: DriverCrtc> Crtc<T> {
    /// Counts a vblank, and sends the events that wait for it. Returns whether the CRTC has vblanks. C:
    /// `drm_crtc_handle_vblank()`.
    ///
    /// # Context
    ///
    /// Any.
    pub fn handle_vblank(&self) -> bool {
        // SAFETY: The CRTC is valid. The core checks whether its vblanks are initialized.
        unsafe { bindings::drm_crtc_handle_vblank(self.as_raw()) }
    }
}

/// Calls `f` as a callback that holds the lock of vblanks.
///
/// # Safety
///
/// The core must have called such a callback for a CRTC of this type.
unsafe fn with_guard<V: VblankSupport, R>(
    raw: *mut bindings::drm_crtc,
    f: impl FnOnce(&Crtc<V::Crtc>, &VblankGuard<'_, V::Crtc>, &LocalInterruptDisabled) -> R,
) -> R {
    // SAFETY: By the requirements of this function.
    let crtc = unsafe { Crtc::<V::Crtc>::from_raw(raw) };
    // SAFETY: The core has disabled interrupts to take the lock.
    let irq = unsafe { LocalInterruptDisabled::assume_disabled() };
    // INVARIANT: By the requirements of this function.
    f(crtc, &VblankGuard(crtc, NotThreadSafe), irq)
}

/// C: `drm_crtc_funcs.enable_vblank`.
extern "C" fn enable_callback<V: VblankSupport>(
    raw: *mut bindings::drm_crtc,
) -> kernel::ffi::c_int {
    // SAFETY: The core calls this for a CRTC of this type, with the lock held.
    errno(unsafe { with_guard::<V, _>(raw, V::enable_vblank) })
}

/// C: `drm_crtc_funcs.disable_vblank`.
extern "C" fn disable_callback<V: VblankSupport>(raw: *mut bindings::drm_crtc) {
    // SAFETY: The core calls this for a CRTC of this type, with the lock held.
    unsafe { with_guard::<V, _>(raw, V::disable_vblank) }
}

/// C: `drm_crtc_funcs.get_vblank_timestamp`.
extern "C" fn timestamp_callback<V: VblankSupport>(
    raw: *mut bindings::drm_crtc,
    max_error: *mut kernel::ffi::c_int,
    time: *mut kernel::bindings::ktime_t,
    in_vblank_irq: bool,
) -> bool {
    // SAFETY: The core calls this for a CRTC of this type.
    let crtc = unsafe { Crtc::<V::Crtc>::from_raw(raw) };
    let Some(timestamp) = V::get_vblank_timestamp(crtc, in_vblank_irq) else {
        return false;
    };
    // SAFETY: The core passes valid pointers for the results.
    unsafe { max_error.write(timestamp.max_error) };
    // SAFETY: As above.
    unsafe { time.write(timestamp.time.as_nanos()) };
    true
}

/// The core's timer makes vblanks at the rate of the mode, so that programs draw no faster than that; C:
/// `DRM_CRTC_VBLANK_TIMER_FUNCS`.
///
/// # Context
///
/// The timer runs in interrupt context.
pub struct VblankTimer<T>(PhantomData<fn() -> T>);

impl<T: DriverCrtc<VblankImpl = Self>> VblankSupport for VblankTimer<T> {
    type Crtc = T;

    const IS_TIMER: bool = true;

    fn enable_vblank(
        crtc: &Crtc<T>,
        vblank_guard: &VblankGuard<'_, T>,
        _irq: &LocalInterruptDisabled,
    ) -> Result {
        crtc.vblanks().enable(vblank_guard)
    }

    fn disable_vblank(
        crtc: &Crtc<T>,
        _vblank_guard: &VblankGuard<'_, T>,
        _irq: &LocalInterruptDisabled,
    ) {
        // SAFETY: There is a guard, so the core has called this to disable what it had enabled.
        unsafe { bindings::drm_crtc_vblank_helper_disable_vblank_timer(crtc.as_raw()) }
    }

    fn get_vblank_timestamp(crtc: &Crtc<T>, _in_vblank_irq: bool) -> Option<VblankTimestamp> {
        Some(VblankTimestamp {
            time: Delta::from_nanos(last_vblank(crtc)),
            max_error: 0,
        })
    }
}

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
    fn enable<T>(&self, guard: &VblankGuard<'_, T>) -> Result
    where
        T: DriverCrtc<VblankImpl = VblankTimer<T>>,
    {
        let crtc = guard.0.as_raw();
        // SAFETY: There is a guard, so the CRTC has vblanks.
        let vblank = unsafe { bindings::drm_crtc_vblank_crtc(crtc) };
        // SAFETY: As above. The core sets the field when the timer starts for the first time, under
        // locks that the caller of `enable_vblank` holds.
        if !unsafe { (*vblank).vblank_timer.crtc }.is_null() {
            // SAFETY: The CRTC is valid.
            let mode = unsafe { &raw const (*crtc).mode };
            // SAFETY: As above. The mode does not change while vblanks are enabled.
            unsafe { bindings::drm_calc_timestamping_constants(crtc, mode) };
            // Outside of `timeout()` the callback takes none of the locks that the caller holds.
            // SAFETY: The timer was set up when it started for the first time.
            while unsafe { bindings::helper_vblank_timer_try_to_cancel(vblank) } < 0 {
                // SAFETY: `vblank` is valid.
                let interval = unsafe { interval(vblank) };
                // SAFETY: The interval is only written under the locks that the caller holds.
                unsafe { interval.write_volatile(guard.frame_duration().into()) };
                // Fully ordered, as the store in `timeout()`: if this finds the callback there, the
                // callback reads the interval later.
                if self.in_vblank.cmpxchg(true, true, Full).is_ok() {
                    return Ok(());
                }
                core::hint::spin_loop();
            }
        }
        // SAFETY: As above, and no callback is running.
        to_result(unsafe { bindings::drm_crtc_vblank_start_timer(crtc) })
    }

    /// Handles a vblank. Returns whether the timer restarts.
    ///
    /// # Safety
    ///
    /// Must be called as `drm_crtc_helper_funcs.handle_vblank_timeout` of the CRTC that has this
    /// timer.
    pub(super) unsafe fn timeout<T: DriverCrtc>(&self, crtc: &Crtc<T>) -> bool {
        self.in_vblank.store(true, Relaxed);
        crtc.handle_vblank();
        // A CPU that found this set has written the interval before, so the interval is read after
        // this.
        self.in_vblank.xchg(false, Full);
        // SAFETY: By the requirements of this function, the CRTC has vblanks.
        let vblank = unsafe { bindings::drm_crtc_vblank_crtc(crtc.as_raw()) };
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
fn last_vblank<T>(crtc: &Crtc<T>) -> i64
where
    T: DriverCrtc<VblankImpl = VblankTimer<T>>,
{
    // SAFETY: The core has initialized the vblanks of each CRTC with a timer before it calls anything that
    // gets a reference to the CRTC.
    let vblank = unsafe { bindings::drm_crtc_vblank_crtc(crtc.as_raw()) };
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
    if !enabled || frame <= 0 {
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
    }
}
