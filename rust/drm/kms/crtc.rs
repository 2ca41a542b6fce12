// SPDX-License-Identifier: GPL-2.0 OR MIT
//! CRTCs.
//!
//! C header: [`include/drm/drm_crtc.h`](srctree/include/drm/drm_crtc.h)
use core::{any::TypeId, marker::PhantomData, ops::Deref, ptr};

use drm_bindings as bindings;
use kernel::{
    error::{to_result, VTABLE_DEFAULT_ERROR},
    prelude::*,
    types::{NotThreadSafe, Opaque},
};

use super::{
    atomic::{with_check, with_commit, AtomicCheck, AtomicCommit},
    flip::KeptFlip,
    format_of,
    object::{leak, AsRaw, AsRawState, ModeObject, Modesettable},
    plane::{DriverPlane, UnregisteredPlane},
    vblank::{TimerState, VblankImpl, VblankOps},
    DisplayMode, KmsDriver, UnregisteredKmsDevice,
};
use crate::{errno, private::Sealed, Device};

pub use super::{
    atomic::CrtcStateMutator,
    crtc_state::{CrtcState, DriverCrtcState, OpaqueCrtcState, RawCrtcState},
};

/// What a check of a CRTC gets.
pub type CrtcAtomicCheck<'a, T> = AtomicCheck<'a, Crtc<T>>;
/// What a part of a commit for a CRTC gets.
pub type CrtcAtomicCommit<'a, T> = AtomicCommit<'a, Crtc<T>>;

impl<'a, T: DriverCrtc> AtomicCheck<'a, Crtc<T>> {
    /// Returns the CRTC.
    pub fn crtc(&self) -> &'a Crtc<T> {
        self.object()
    }
}

impl<'a, T: DriverCrtc> AtomicCommit<'a, Crtc<T>> {
    /// Returns the CRTC.
    pub fn crtc(&self) -> &'a Crtc<T> {
        self.object()
    }
}

/// The driver's data of a CRTC.
///
/// # Context
///
/// Methods may sleep.
///
/// # Examples
///
/// ```no_run
/// use drm::kms::{
///     crtc::{Crtc, CrtcAtomicCommit, DriverCrtc, RawCrtcState},
///     DisplayMode, ModeObject,
/// };
///
/// /// Checks a limit of the device, as `DriverCrtc::mode_valid` does.
/// fn mode_valid<T: DriverCrtc>(_crtc: &Crtc<T>, mode: &DisplayMode) -> bool {
///     mode.hdisplay() % 8 == 0
/// }
///
/// /// Sets a mode, as `DriverCrtc::atomic_enable` does.
/// fn atomic_enable<T: DriverCrtc>(commit: CrtcAtomicCommit<'_, T>) {
///     let crtc = commit.crtc();
///     let mode = commit.take_new_state().adjusted_mode();
///     let (_device, _width) = (crtc.drm_dev(), mode.hdisplay());
/// }
/// ```
#[vtable]
pub trait DriverCrtc: Send + Sync + Sized + 'static {
    /// What [`new`](Self::new) is called with.
    type Args;
    /// The driver.
    type Driver: KmsDriver;
    /// The driver's data of a state: [`PlainState<Self>`](super::PlainState) for none.
    type State: DriverCrtcState<Crtc = Self>;
    /// Where the vblanks come from.
    type VblankImpl: VblankImpl<Crtc = Self>;

    /// Initializes the data of a new CRTC.
    fn new(dev: &Device<Self::Driver>, args: &Self::Args) -> impl PinInit<Self, Error>;

    /// Returns whether the device can show a mode. The caller checks that the vblank timer can keep
    /// its rate.
    fn mode_valid(_crtc: &Crtc<Self>, _mode: &DisplayMode) -> bool {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Checks whether the device can show the new state, and completes it. Must not change the device. The
    /// planes were checked before.
    ///
    /// # Errors
    ///
    /// The error that the commit fails with.
    fn atomic_check(_check: CrtcAtomicCheck<'_, Self>) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Called before the planes of the CRTCs of a commit are updated.
    fn atomic_begin(_commit: CrtcAtomicCommit<'_, Self>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Called when the planes of all CRTCs of a commit were updated. After this, the event of the commit is
    /// armed, unless the driver has [kept](CrtcAtomicCommit::keep_event) it.
    fn atomic_flush(_commit: CrtcAtomicCommit<'_, Self>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Switches the CRTC on. Its planes are enabled afterwards.
    fn atomic_enable(_commit: CrtcAtomicCommit<'_, Self>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Switches the CRTC and its planes off.
    fn atomic_disable(_commit: CrtcAtomicCommit<'_, Self>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// A CRTC; the C counterpart is `struct drm_crtc`.
///
/// # Invariants
///
/// `crtc` is a valid CRTC of a device of `T::Driver`, whose states have the type `CrtcState<T::State>`. `kind`
/// is the `TypeId` of `T`.
#[repr(C)]
#[pin_data]
pub struct Crtc<T: DriverCrtc> {
    crtc: Opaque<bindings::drm_crtc>,
    kind: TypeId,
    vblanks: TimerState,
    pub(super) flip: KeptFlip,
    #[pin]
    inner: T,
}

impl<T: DriverCrtc> Sealed for Crtc<T> {}

// SAFETY: By the type's invariants. `crtc` is the first field.
unsafe impl<T: DriverCrtc> AsRaw for Crtc<T> {
    type Kind = bindings::drm_crtc;
    type Driver = T::Driver;
}

// SAFETY: By the type's invariants.
unsafe impl<T: DriverCrtc> Modesettable for Crtc<T> {
    type State = CrtcState<T::State>;
}

impl<T: DriverCrtc> Deref for Crtc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: DriverCrtc> Crtc<T> {
    pub(super) fn vblanks(&self) -> &TimerState {
        &self.vblanks
    }

    /// Returns a CRTC with the driver's data, or the argument if they are not of this type.
    ///
    /// # Errors
    ///
    /// The argument, if it has another type.
    ///
    /// # Context
    ///
    /// Any.
    pub fn try_from_opaque<'a>(
        opaque: &'a OpaqueCrtc<T::Driver>,
    ) -> core::result::Result<&'a Self, &'a OpaqueCrtc<T::Driver>> {
        if opaque.kind != TypeId::of::<T>() {
            return Err(opaque);
        }
        // SAFETY: By the type's invariants, it is a CRTC of this type.
        Ok(unsafe { Self::from_raw(opaque.as_raw()) })
    }
}

/// A CRTC of which only the driver is known.
///
/// # Invariants
///
/// It is a [`Crtc`] of a `DriverCrtc` of this driver.
///
/// # Examples
///
/// ```no_run
/// use drm::kms::crtc::{Crtc, DriverCrtc, OpaqueCrtc};
///
/// /// Returns the driver's data of a CRTC.
/// fn data<T: DriverCrtc>(crtc: &OpaqueCrtc<T::Driver>) -> Option<&T> {
///     Crtc::try_from_opaque(crtc).ok().map(|crtc| &**crtc)
/// }
/// ```
#[repr(C)]
pub struct OpaqueCrtc<T: KmsDriver> {
    crtc: Opaque<bindings::drm_crtc>,
    kind: TypeId,
    _driver: PhantomData<fn() -> T>,
}

impl<T: KmsDriver> Sealed for OpaqueCrtc<T> {}

// SAFETY: By the type's invariants. It has the first fields of a `Crtc`.
unsafe impl<T: KmsDriver> AsRaw for OpaqueCrtc<T> {
    type Kind = bindings::drm_crtc;
    type Driver = T;
}

// SAFETY: Each state of a CRTC begins with the C struct.
unsafe impl<T: KmsDriver> Modesettable for OpaqueCrtc<T> {
    type State = OpaqueCrtcState<T>;
}

/// A type for CRTCs: [`Crtc`], [`OpaqueCrtc`] or [`UnregisteredCrtc`].
///
/// # Context
///
/// Any.
pub trait AsRawCrtc: AsRaw<Kind = bindings::drm_crtc> {}

impl<T: AsRaw<Kind = bindings::drm_crtc>> AsRawCrtc for T {}

/// Methods of all types for CRTCs.
///
/// # Context
///
/// Any.
pub trait RawCrtc: AsRawCrtc {
    /// Returns the index among the CRTCs of the device; C: `drm_crtc_index()`.
    fn index(&self) -> u32 {
        self.raw_index()
    }

    /// Returns its bit in masks of CRTCs; C: `drm_crtc_mask()`.
    fn mask(&self) -> u32 {
        self.raw_mask()
    }
}

impl<T: AsRawCrtc> RawCrtc for T {}

/// A CRTC of a device that is being set up, which only one thread uses.
///
/// # Invariants
///
/// As [`Crtc`]. The device is not registered.
#[repr(transparent)]
pub struct UnregisteredCrtc<T: DriverCrtc>(Crtc<T>, NotThreadSafe);

impl<T: DriverCrtc> Sealed for UnregisteredCrtc<T> {}

// SAFETY: As for `Crtc`. The type is transparent.
unsafe impl<T: DriverCrtc> AsRaw for UnregisteredCrtc<T> {
    type Kind = bindings::drm_crtc;
    type Driver = T::Driver;
}

impl<T: DriverCrtc> Deref for UnregisteredCrtc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// The maximum refresh rate: faster than any monitor, but slow enough for the vblank timer.
const MAX_REFRESH: u64 = 1000;

impl<T: DriverCrtc> UnregisteredCrtc<T> {
    const FUNCS: bindings::drm_crtc_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_crtc_funcs = unsafe { core::mem::zeroed() };
        funcs.reset = Some(CrtcState::<T::State>::reset_callback);
        funcs.destroy = Some(destroy_callback::<T>);
        funcs.set_config = Some(bindings::drm_atomic_helper_set_config);
        funcs.page_flip = Some(bindings::drm_atomic_helper_page_flip);
        funcs.atomic_duplicate_state = Some(CrtcState::<T::State>::duplicate_callback);
        funcs.atomic_destroy_state = Some(CrtcState::<T::State>::destroy_callback);
        if let Some(ops) = T::VblankImpl::OPS {
            funcs.enable_vblank = Some(ops.enable);
            funcs.disable_vblank = Some(ops.disable);
            funcs.get_vblank_timestamp = Some(ops.timestamp);
        }
        funcs
    };

    const HELPER: bindings::drm_crtc_helper_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_crtc_helper_funcs = unsafe { core::mem::zeroed() };
        funcs.mode_valid = Some(mode_valid_callback::<T>);
        if T::HAS_ATOMIC_CHECK {
            funcs.atomic_check = Some(atomic_check_callback::<T>);
        }
        funcs.atomic_enable = Some(atomic_enable_callback::<T>);
        funcs.atomic_disable = Some(atomic_disable_callback::<T>);
        if T::HAS_ATOMIC_BEGIN {
            funcs.atomic_begin = Some(atomic_begin_callback::<T>);
        }
        funcs.atomic_flush = Some(atomic_flush_callback::<T>);
        if has_timer::<T>() {
            funcs.handle_vblank_timeout = Some(handle_vblank_timeout_callback::<T>);
        }
        funcs
    };

    /// Creates a CRTC with a primary and a cursor plane. It lives as long as the device.
    ///
    /// # Errors
    ///
    /// The errors of [`DriverCrtc::new`]; `ENOMEM`; `EINVAL` for planes of another device, and if only some
    /// CRTCs of the device have vblanks. C: `drm_crtc_init_with_planes()`.
    pub fn new<'a, P, C>(
        dev: &'a UnregisteredKmsDevice<'_, T::Driver>,
        primary: &UnregisteredPlane<P>,
        cursor: Option<&UnregisteredPlane<C>>,
        name: Option<&CStr>,
        args: T::Args,
    ) -> Result<&'a Self>
    where
        P: DriverPlane<Driver = T::Driver>,
        C: DriverPlane<Driver = T::Driver>,
    {
        let same = |other: &Device<T::Driver>| ptr::eq(other.as_raw(), dev.as_raw());
        if !same(primary.drm_dev()) || !cursor.is_none_or(|cursor| same(cursor.drm_dev())) {
            return Err(EINVAL);
        }

        dev.add_vblank_source(has_vblanks::<T>())?;

        let this: Pin<KBox<Crtc<T>>> = KBox::pin_init(
            try_pin_init!(Crtc {
                crtc: Opaque::zeroed(),
                kind: TypeId::of::<T>(),
                vblanks: TimerState::new(),
                flip: KeptFlip::new(),
                inner <- T::new(dev, &args),
            }),
            GFP_KERNEL,
        )?;
        let this = leak(this);
        let raw: *mut bindings::drm_crtc = this.cast();
        let (format, name) = format_of(name);
        // SAFETY: Device, planes and memory are valid, and the functions are static. The core copies the
        // name.
        let ret = to_result(unsafe {
            bindings::drm_crtc_init_with_planes(
                dev.as_raw(),
                raw,
                primary.as_raw(),
                cursor.map_or(ptr::null_mut(), UnregisteredPlane::as_raw),
                const { &Self::FUNCS },
                format,
                name,
            )
        });
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
        // INVARIANT: It was initialized above, for a device of `T::Driver` that is not registered.
        // SAFETY: The CRTC is valid until `destroy_callback`, which the device calls. The type is
        // transparent.
        Ok(unsafe { &*this.cast() })
    }
}

const fn has_vblanks<T: DriverCrtc>() -> bool {
    T::VblankImpl::OPS.is_some()
}

const fn has_timer<T: DriverCrtc>() -> bool {
    matches!(T::VblankImpl::OPS, Some(VblankOps { is_timer: true, .. }))
}

extern "C" fn destroy_callback<T: DriverCrtc>(raw: *mut bindings::drm_crtc) {
    // SAFETY: The core calls this once.
    unsafe { bindings::drm_crtc_cleanup(raw) };
    // SAFETY: The core does not use the object afterwards. `new` made it of a box.
    drop(unsafe { KBox::<Crtc<T>>::from_raw(raw.cast()) });
}

extern "C" fn mode_valid_callback<T: DriverCrtc>(
    raw: *mut bindings::drm_crtc,
    mode: *const bindings::drm_display_mode,
) -> bindings::drm_mode_status {
    // SAFETY: The core calls this for a CRTC of this type.
    let crtc = unsafe { Crtc::<T>::from_raw(raw) };
    // SAFETY: The core calls this with a valid mode, which does not change meanwhile.
    let mode = unsafe { DisplayMode::from_raw(mode) };
    let status = if has_timer::<T>() {
        timer_mode_valid(mode)
    } else {
        bindings::drm_mode_status_MODE_OK
    };
    match status {
        bindings::drm_mode_status_MODE_OK if T::HAS_MODE_VALID && !T::mode_valid(crtc, mode) => {
            bindings::drm_mode_status_MODE_BAD
        }
        status => status,
    }
}

extern "C" fn handle_vblank_timeout_callback<T: DriverCrtc>(raw: *mut bindings::drm_crtc) -> bool {
    // SAFETY: The core calls this for a CRTC of this type.
    let crtc = unsafe { Crtc::<T>::from_raw(raw) };
    // SAFETY: The CRTC is valid, and the flip is its own.
    unsafe { crtc.flip.send_late(raw) };
    // SAFETY: The core calls this as `handle_vblank_timeout` of `raw`, and the timer is the one
    // of `raw`.
    unsafe { crtc.vblanks.timeout(crtc) }
}

extern "C" fn atomic_check_callback<T: DriverCrtc>(
    raw: *mut bindings::drm_crtc,
    state: *mut bindings::drm_atomic_commit,
) -> kernel::ffi::c_int {
    // SAFETY: The core calls this for a CRTC of this type, with a commit that this thread checks.
    errno(unsafe { with_check::<Crtc<T>>(raw, state, T::atomic_check) })
}

extern "C" fn atomic_begin_callback<T: DriverCrtc>(
    raw: *mut bindings::drm_crtc,
    state: *mut bindings::drm_atomic_commit,
) {
    // SAFETY: The core calls this for a CRTC of this type, with a commit that is being carried out.
    unsafe { with_commit::<Crtc<T>>(raw, state, T::atomic_begin) }
}

extern "C" fn atomic_enable_callback<T: DriverCrtc>(
    raw: *mut bindings::drm_crtc,
    state: *mut bindings::drm_atomic_commit,
) {
    if T::HAS_ATOMIC_ENABLE {
        // SAFETY: The core calls this for a CRTC of this type, with a commit that is being carried out.
        unsafe { with_commit::<Crtc<T>>(raw, state, T::atomic_enable) };
    }
    if has_vblanks::<T>() {
        // SAFETY: The core calls this with a commit that contains the CRTC.
        unsafe { bindings::drm_crtc_vblank_atomic_enable(raw, state) };
    }
}

extern "C" fn atomic_flush_callback<T: DriverCrtc>(
    raw: *mut bindings::drm_crtc,
    state: *mut bindings::drm_atomic_commit,
) {
    if T::HAS_ATOMIC_FLUSH {
        // SAFETY: The core calls this for a CRTC of this type, with a commit that is being carried out.
        unsafe { with_commit::<Crtc<T>>(raw, state, T::atomic_flush) };
    }
    if has_vblanks::<T>() {
        // SAFETY: The core calls this with a commit that contains the CRTC.
        unsafe { bindings::drm_crtc_vblank_atomic_flush(raw, state) };
    }
}

extern "C" fn atomic_disable_callback<T: DriverCrtc>(
    raw: *mut bindings::drm_crtc,
    state: *mut bindings::drm_atomic_commit,
) {
    if has_vblanks::<T>() {
        // SAFETY: The core calls this with a commit that contains the CRTC.
        unsafe { bindings::drm_crtc_vblank_atomic_disable(raw, state) };
    }
    let disable = |commit: CrtcAtomicCommit<'_, T>| {
        let (crtc, new) = (commit.crtc(), commit.take_new_state());
        if T::HAS_ATOMIC_DISABLE {
            T::atomic_disable(commit);
        }
        // A CRTC that stays off is not flushed, and has no vblank at which to send the event.
        if !new.active() {
            // SAFETY: Both are valid. Only this thread, which carries the commit out, uses its event.
            unsafe { bindings::helper_drm_crtc_send_event(crtc.as_raw(), new.as_raw()) };
        }
    };
    // SAFETY: The core calls this for a CRTC of this type, with a commit that is being carried out.
    unsafe { with_commit::<Crtc<T>>(raw, state, disable) };
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
