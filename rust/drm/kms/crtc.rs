// SPDX-License-Identifier: GPL-2.0 OR MIT
//! CRTCs.
//!
//! C header: [`include/drm/drm_crtc.h`](srctree/include/drm/drm_crtc.h)
use core::{ops::Deref, ptr};

use drm_bindings as bindings;
use kernel::{error::to_result, prelude::*, types::Opaque};

use super::{
    vblank::{last_vblank, TimerState, VblankImpl},
    DisplayMode, DriverPlane, KmsDriver, Plane, UnregisteredKmsDevice,
};
use crate::Device;

/// The driver's data of a CRTC.
///
/// # Context
///
/// Methods may sleep.
///
/// # Examples
///
/// ```no_run
/// use drm::{
///     kms::{DisplayMode, DriverCrtc, KmsDriver, VblankTimer},
///     Device,
/// };
///
/// struct Head<T>(core::marker::PhantomData<fn(&T)>);
///
/// impl<T: KmsDriver> DriverCrtc for Head<T> {
///     type Driver = T;
///     type VblankImpl = VblankTimer<Self>;
///
///     fn mode_valid(&self, mode: &DisplayMode) -> bool {
///         mode.hdisplay() % 8 == 0
///     }
///
///     fn atomic_enable(&self, _dev: &Device<T>, _mode: &DisplayMode) {
///         // Program the mode.
///     }
///
///     fn atomic_disable(&self, _dev: &Device<T>) {
///         // Blank the screen.
///     }
/// }
/// ```
pub trait DriverCrtc: Send + Sync + Sized + 'static {
    /// The driver.
    type Driver: KmsDriver;
    /// Where the vblanks come from.
    type VblankImpl: VblankImpl<Crtc = Self>;

    /// Returns whether the device can show a mode. The caller checks that the vblank timer can keep
    /// its rate.
    fn mode_valid(&self, _mode: &DisplayMode) -> bool {
        true
    }

    /// Switches the CRTC on. Its planes are enabled afterwards.
    fn atomic_enable(&self, _dev: &Device<Self::Driver>, _mode: &DisplayMode) {}

    /// Called when the planes of all CRTCs of a commit were updated. Vblank events are armed after
    /// it.
    fn atomic_flush(&self, _dev: &Device<Self::Driver>) {}

    /// Switches the CRTC and its planes off.
    fn atomic_disable(&self, dev: &Device<Self::Driver>);
}

/// A CRTC; the C counterpart is `struct drm_crtc`.
///
/// # Invariants
///
/// `crtc` is a valid CRTC of a device of `T::Driver`.
#[repr(C)]
pub struct Crtc<T: DriverCrtc> {
    crtc: Opaque<bindings::drm_crtc>,
    vblanks: TimerState,
    inner: T,
}

/// The maximum refresh rate: faster than any monitor, but slow enough for the vblank timer.
const MAX_REFRESH: u64 = 1000;

impl<T: DriverCrtc> Crtc<T> {
    const FUNCS: bindings::drm_crtc_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_crtc_funcs = unsafe { core::mem::zeroed() };
        funcs.reset = Some(bindings::drm_atomic_helper_crtc_reset);
        funcs.destroy = Some(Self::destroy_callback);
        funcs.set_config = Some(bindings::drm_atomic_helper_set_config);
        funcs.page_flip = Some(bindings::drm_atomic_helper_page_flip);
        funcs.atomic_duplicate_state = Some(bindings::drm_atomic_helper_crtc_duplicate_state);
        funcs.atomic_destroy_state = Some(bindings::drm_atomic_helper_crtc_destroy_state);
        if T::VblankImpl::HAS_TIMER {
            funcs.enable_vblank = Some(Self::enable_vblank_callback);
            funcs.disable_vblank = Some(bindings::drm_crtc_vblank_helper_disable_vblank_timer);
            funcs.get_vblank_timestamp = Some(last_vblank);
        }
        funcs
    };

    const HELPER: bindings::drm_crtc_helper_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_crtc_helper_funcs = unsafe { core::mem::zeroed() };
        funcs.mode_valid = Some(Self::mode_valid_callback);
        funcs.atomic_enable = Some(Self::atomic_enable_callback);
        funcs.atomic_disable = Some(Self::atomic_disable_callback);
        funcs.atomic_flush = Some(Self::atomic_flush_callback);
        if T::VblankImpl::HAS_TIMER {
            funcs.handle_vblank_timeout = Some(Self::handle_vblank_timeout_callback);
        }
        funcs
    };

    /// Creates a CRTC with a primary and a cursor plane. It lives as long as the device.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EINVAL` for planes of another device, and if only some CRTCs of the device have
    /// vblanks. C: `drm_crtc_init_with_planes()`.
    pub fn new<'a, P, C>(
        dev: &'a UnregisteredKmsDevice<'_, T::Driver>,
        primary: &Plane<P>,
        cursor: Option<&Plane<C>>,
        inner: T,
    ) -> Result<&'a Self>
    where
        P: DriverPlane<Driver = T::Driver>,
        C: DriverPlane<Driver = T::Driver>,
    {
        let same = |plane: *mut bindings::drm_plane| {
            // SAFETY: The plane is valid, and its device never changes.
            ptr::eq(unsafe { (*plane).dev }, dev.as_raw())
        };
        if !same(primary.as_raw()) || !cursor.is_none_or(|cursor| same(cursor.as_raw())) {
            return Err(EINVAL);
        }

        dev.add_vblank_source(T::VblankImpl::HAS_TIMER)?;

        // SAFETY: All zeros is a valid value of the C struct, and is what the core expects.
        let crtc: bindings::drm_crtc = unsafe { core::mem::zeroed() };
        let this = KBox::into_raw(KBox::new(
            Self {
                crtc: Opaque::new(crtc),
                vblanks: TimerState::new(),
                inner,
            },
            GFP_KERNEL,
        )?);
        // SAFETY: Device, planes and memory are valid.
        let ret = to_result(unsafe {
            bindings::drm_crtc_init_with_planes(
                dev.as_raw(),
                this.cast(),
                primary.as_raw(),
                cursor.map_or(ptr::null_mut(), Plane::as_raw),
                const { &Self::FUNCS },
                ptr::null(),
            )
        });
        let raw: *mut bindings::drm_crtc = this.cast();
        if let Err(error) = ret {
            // If the core has failed, it does not refer to the object, unless the object is in the
            // device's list. In that case the device destroys it.
            // SAFETY: The memory is valid: only `destroy_callback` frees it.
            if unsafe { (*raw).head.next }.is_null() {
                // SAFETY: The box was leaked above, and the core does not refer to it.
                drop(unsafe { KBox::from_raw(this) });
            }
            return Err(error);
        }
        // SAFETY: The CRTC is initialized. The device is not registered, so nothing else uses it.
        unsafe { (*raw).helper_private = const { &Self::HELPER } };
        // INVARIANT: It was initialized above, for a device of `T::Driver`.
        // SAFETY: The CRTC is valid until `destroy_callback`, which the device calls.
        Ok(unsafe { &*this })
    }

    /// Returns its bit in masks of CRTCs; C: `drm_crtc_mask()`.
    ///
    /// # Context
    ///
    /// Any.
    pub fn mask(&self) -> u32 {
        // SAFETY: The index does not change after the CRTC is initialized.
        1 << unsafe { (*self.crtc.get()).index }
    }

    /// # Safety
    ///
    /// `raw` must be a valid `Self` as long as the reference is used.
    unsafe fn from_raw<'a>(raw: *mut bindings::drm_crtc) -> &'a Self {
        // SAFETY: By the requirements of this function. `crtc` is the first field.
        unsafe { &*raw.cast() }
    }

    extern "C" fn destroy_callback(raw: *mut bindings::drm_crtc) {
        // SAFETY: The core calls this once.
        unsafe { bindings::drm_crtc_cleanup(raw) };
        // SAFETY: The core does not use the object afterwards. `new` made it of a box.
        drop(unsafe { KBox::<Self>::from_raw(raw.cast()) });
    }

    /// # Safety
    ///
    /// `raw` must be a CRTC of this type, whose device is valid as long as the reference is used.
    unsafe fn dev<'a>(raw: *mut bindings::drm_crtc) -> &'a Device<T::Driver> {
        // SAFETY: By the requirements of this function. The device does not change.
        let dev = unsafe { (*raw).dev };
        // SAFETY: By the requirements of this function, it is a device of `T::Driver`.
        unsafe { Device::from_raw(dev) }
    }

    extern "C" fn mode_valid_callback(
        raw: *mut bindings::drm_crtc,
        mode: *const bindings::drm_display_mode,
    ) -> bindings::drm_mode_status {
        // SAFETY: The core calls this for a CRTC of this type.
        let crtc = unsafe { Self::from_raw(raw) };
        // SAFETY: The core calls this with a valid mode, which does not change meanwhile.
        let mode = unsafe { DisplayMode::from_raw(mode) };
        let status = if T::VblankImpl::HAS_TIMER {
            timer_mode_valid(mode)
        } else {
            bindings::drm_mode_status_MODE_OK
        };
        match status {
            bindings::drm_mode_status_MODE_OK if !crtc.inner.mode_valid(mode) => {
                bindings::drm_mode_status_MODE_BAD
            }
            status => status,
        }
    }

    extern "C" fn enable_vblank_callback(raw: *mut bindings::drm_crtc) -> kernel::ffi::c_int {
        // SAFETY: The core calls this for a CRTC of this type.
        let crtc = unsafe { Self::from_raw(raw) };
        // SAFETY: The core calls this as `enable_vblank` of `raw`, and the timer is the one of
        // `raw`.
        unsafe { crtc.vblanks.enable(raw) }
    }

    extern "C" fn handle_vblank_timeout_callback(raw: *mut bindings::drm_crtc) -> bool {
        // SAFETY: The core calls this for a CRTC of this type.
        let crtc = unsafe { Self::from_raw(raw) };
        // SAFETY: The core calls this as `handle_vblank_timeout` of `raw`, and the timer is the one
        // of `raw`.
        unsafe { crtc.vblanks.timeout(raw) }
    }

    extern "C" fn atomic_enable_callback(
        raw: *mut bindings::drm_crtc,
        state: *mut bindings::drm_atomic_commit,
    ) {
        // SAFETY: The core calls this for a CRTC of this type.
        let crtc = unsafe { Self::from_raw(raw) };
        // SAFETY: As above.
        let dev = unsafe { Self::dev(raw) };
        // SAFETY: The core calls this with a commit.
        let new = unsafe { bindings::helper_drm_atomic_new_crtc_state(state, raw) };
        // SAFETY: The commit contains the CRTC.
        let mode = unsafe { &raw const (*new).adjusted_mode };
        // SAFETY: The mode of a state that was checked does not change.
        let mode = unsafe { DisplayMode::from_raw(mode) };
        crtc.inner.atomic_enable(dev, mode);
        if T::VblankImpl::HAS_TIMER {
            // SAFETY: As above.
            unsafe { bindings::drm_crtc_vblank_atomic_enable(raw, state) };
        }
    }

    extern "C" fn atomic_flush_callback(
        raw: *mut bindings::drm_crtc,
        state: *mut bindings::drm_atomic_commit,
    ) {
        // SAFETY: The core calls this for a CRTC of this type.
        let crtc = unsafe { Self::from_raw(raw) };
        // SAFETY: As above.
        crtc.inner.atomic_flush(unsafe { Self::dev(raw) });
        if T::VblankImpl::HAS_TIMER {
            // SAFETY: The core calls this with a commit that contains the CRTC.
            unsafe { bindings::drm_crtc_vblank_atomic_flush(raw, state) };
        }
    }

    extern "C" fn atomic_disable_callback(
        raw: *mut bindings::drm_crtc,
        state: *mut bindings::drm_atomic_commit,
    ) {
        // SAFETY: The core calls this for a CRTC of this type.
        let crtc = unsafe { Self::from_raw(raw) };
        if T::VblankImpl::HAS_TIMER {
            // SAFETY: The core calls this with a commit that contains the CRTC.
            unsafe { bindings::drm_crtc_vblank_atomic_disable(raw, state) };
        }
        // SAFETY: As above.
        crtc.inner.atomic_disable(unsafe { Self::dev(raw) });
        // SAFETY: As above.
        let new = unsafe { bindings::helper_drm_atomic_new_crtc_state(state, raw) };
        // A CRTC that stays off is not flushed, and has no vblank at which to send the event.
        // SAFETY: As above.
        if !unsafe { (*new).active } {
            // SAFETY: As above.
            unsafe { bindings::helper_drm_crtc_send_event(raw, new) };
        }
    }
}

fn timer_mode_valid(mode: &DisplayMode) -> bindings::drm_mode_status {
    let pixels = u64::from(mode.htotal()) * u64::from(mode.vtotal());
    let clock = i64::from(mode.clock()) * 1000;

    if mode.flags() & (bindings::DRM_MODE_FLAG_INTERLACE | bindings::DRM_MODE_FLAG_DBLSCAN) != 0 {
        return bindings::drm_mode_status_MODE_NO_INTERLACE;
    }
    if mode.vscan() > 1 {
        return bindings::drm_mode_status_MODE_NO_VSCAN;
    }
    // The vblank timer supports from one to `MAX_REFRESH` frames per second.
    if pixels == 0 || clock <= 0 || (clock as u64) < pixels {
        return bindings::drm_mode_status_MODE_CLOCK_LOW;
    }
    if clock as u64 > pixels * MAX_REFRESH {
        return bindings::drm_mode_status_MODE_CLOCK_HIGH;
    }
    bindings::drm_mode_status_MODE_OK
}

impl<T: DriverCrtc> Deref for Crtc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}
