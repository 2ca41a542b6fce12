// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Planes.
//!
//! C header: [`include/drm/drm_plane.h`](srctree/include/drm/drm_plane.h)
use core::{ops::Deref, ptr};

use drm_bindings as bindings;
use kernel::{
    error::{to_result, VTABLE_DEFAULT_ERROR},
    prelude::*,
    types::{NotThreadSafe, Opaque},
};

use super::{
    atomic::{with_check, with_commit, AtomicCheck, AtomicCommit, AtomicStateMutator},
    format_of,
    object::{leak, AsRaw, AsRawState, FromRawState, Modesettable},
    panic, shadow, Framebuffer, UnregisteredKmsDevice,
};
use crate::{errno, private::Sealed, Device};

pub use super::{
    atomic::PlaneStateMutator,
    plane_state::{DriverPlaneState, PlaneState, RawPlaneState},
};

/// The type of a plane.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Type {
    /// A plane that is neither of the others.
    Overlay = bindings::drm_plane_type_DRM_PLANE_TYPE_OVERLAY,
    /// The primary plane of a CRTC.
    Primary = bindings::drm_plane_type_DRM_PLANE_TYPE_PRIMARY,
    /// The cursor plane of a CRTC.
    Cursor = bindings::drm_plane_type_DRM_PLANE_TYPE_CURSOR,
}

/// What a check of a plane gets.
pub type PlaneAtomicCheck<'a, T> = AtomicCheck<'a, Plane<T>>;
/// What a check of a plane that is shown at once gets. It cannot add states to the commit, because the core
/// would update the planes without a check.
pub type PlaneAtomicAsyncCheck<'a, T> =
    AtomicCheck<'a, Plane<T>, AtomicStateMutator<<T as DriverPlane>::Driver>>;
/// What a part of a commit for a plane gets.
pub type PlaneAtomicCommit<'a, T> = AtomicCommit<'a, Plane<T>>;

impl<'a, T: DriverPlane, S> AtomicCheck<'a, Plane<T>, S> {
    /// Returns the plane.
    pub fn plane(&self) -> &'a Plane<T> {
        self.object()
    }
}

impl<T: DriverPlane> AtomicCheck<'_, Plane<T>> {
    /// Checks that the plane covers its CRTC and shows its framebuffer unscaled, if it is on. A driver whose
    /// planes have no other limits calls this in [`DriverPlane::atomic_check`]. Unlike the C function, it
    /// lets programs change the plane while the CRTC is off.
    ///
    /// # Errors
    ///
    /// The errors of [`add_crtc_state`](super::atomic::AtomicStateComposer::add_crtc_state) and
    /// [`atomic_helper_check`](PlaneStateMutator::atomic_helper_check). C:
    /// `drm_plane_helper_atomic_check()`.
    pub fn check_fullscreen(self) -> Result {
        let (state, mut new) = self.take_state_new_state();
        let Some(crtc) = new.crtc() else {
            return Ok(());
        };
        let crtc_state = state.add_crtc_state(crtc)?;
        new.atomic_helper_check(&crtc_state, false, true)
    }
}

impl<'a, T: DriverPlane> AtomicCommit<'a, Plane<T>> {
    /// Returns the plane.
    pub fn plane(&self) -> &'a Plane<T> {
        self.object()
    }
}

/// The driver's data of a plane.
///
/// # Context
///
/// Methods may sleep, except [`panic_flush`](Self::panic_flush).
///
/// # Examples
///
/// ```no_run
/// # use kernel::prelude::*;
/// use drm::kms::plane::{DriverPlane, PlaneAtomicCheck, PlaneAtomicCommit, RawPlaneState};
///
/// /// Checks that a plane covers its CRTC, as `DriverPlane::atomic_check` does.
/// fn atomic_check<T: DriverPlane>(check: PlaneAtomicCheck<'_, T>) -> Result {
///     check.check_fullscreen()
/// }
///
/// /// Shows what has changed, as `DriverPlane::atomic_update` does.
/// fn atomic_update<T: DriverPlane>(commit: PlaneAtomicCommit<'_, T>) {
///     let (old, new) = commit.take_old_new_state();
///     new.for_each_damage(old, |_part, _count| {
///         // Show that part.
///     });
/// }
/// ```
#[vtable]
pub trait DriverPlane: Send + Sync + Sized + 'static {
    /// What [`new`](Self::new) is called with.
    type Args;
    /// The driver.
    type Driver: super::KmsDriver;
    /// The driver's data of a state: [`PlainState<Self>`](super::PlainState) for none.
    type State: DriverPlaneState<Plane = Self>;

    /// The CPU copies the pixels, so they are mapped for each commit, see
    /// [`PlaneAtomicCommit::shadow_buffer`]. Cannot be combined with
    /// [`atomic_async_check`](Self::atomic_async_check).
    const SHADOW: bool = false;
    /// The pixels of planes with [`SHADOW`](Self::SHADOW) are converted for the device, see
    /// [`ShadowBuffer::convert_to`](super::ShadowBuffer::convert_to). The memory for that is allocated
    /// before the commit, which fails with `ENOMEM` if there is none.
    const CONVERTS: bool = false;

    /// Initializes the data of a new plane.
    fn new(dev: &Device<Self::Driver>, args: Self::Args) -> impl PinInit<Self, Error>;

    /// Called when a framebuffer is about to be shown. The commit cannot fail after this.
    ///
    /// # Errors
    ///
    /// The error that the commit fails with.
    fn prepare_fb(_plane: &Plane<Self>, _fb: &Framebuffer<Self::Driver>) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Called after [`prepare_fb`](Self::prepare_fb) has returned `ENOSPC`. The driver may give up
    /// what the plane shows to make room. The previous commit is done, and no other commits to the
    /// CRTC.
    ///
    /// # Errors
    ///
    /// The error that the commit fails with.
    fn prepare_fb_instead(_plane: &Plane<Self>, _fb: &Framebuffer<Self::Driver>) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Called when a prepared framebuffer is not shown any more, or will not be shown.
    fn cleanup_fb(_plane: &Plane<Self>, _fb: &Framebuffer<Self::Driver>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Checks whether the device can show the new state, and completes it. Must not change the device.
    ///
    /// # Errors
    ///
    /// The error that the commit fails with.
    fn atomic_check(_check: PlaneAtomicCheck<'_, Self>) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Shows the new state.
    fn atomic_update(commit: PlaneAtomicCommit<'_, Self>);

    /// Shows nothing any more. By default, [`atomic_update`](Self::atomic_update) is called for this, too.
    fn atomic_disable(_commit: PlaneAtomicCommit<'_, Self>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Checks whether the new state can be shown at once, before commits that wait.
    ///
    /// # Errors
    ///
    /// Any. The state is then committed in order.
    fn atomic_async_check(_check: PlaneAtomicAsyncCheck<'_, Self>) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Shows a state at once: the current state, which now has the new framebuffer and position. The
    /// driver's data of the state stay as they were. `new_image` tells whether more than the position has
    /// changed.
    fn atomic_async_update(
        _plane: &Plane<Self>,
        _current: &PlaneState<Self::State>,
        _new_image: bool,
    ) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Called when the kernel has panicked and has drawn into the framebuffer: shows its pixels.
    ///
    /// Must not wait or allocate memory. The kernel only draws into the driver's own buffers in
    /// shared memory whose first pixel has the offset 0.
    fn panic_flush(_plane: &Plane<Self>, _state: &PlaneState<Self::State>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// A plane; the C counterpart is `struct drm_plane`.
///
/// # Invariants
///
/// `plane` is a valid plane of a device of `T::Driver`, whose states have the type `PlaneState<T::State>`.
#[repr(C)]
#[pin_data]
pub struct Plane<T: DriverPlane> {
    plane: Opaque<bindings::drm_plane>,
    #[pin]
    inner: T,
}

impl<T: DriverPlane> Sealed for Plane<T> {}

// SAFETY: By the type's invariants. `plane` is the first field.
unsafe impl<T: DriverPlane> AsRaw for Plane<T> {
    type Kind = bindings::drm_plane;
    type Driver = T::Driver;
}

// SAFETY: By the type's invariants.
unsafe impl<T: DriverPlane> Modesettable for Plane<T> {
    type State = PlaneState<T::State>;
}

impl<T: DriverPlane> Deref for Plane<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

/// A type for planes: [`Plane`] or [`UnregisteredPlane`].
///
/// # Context
///
/// Any.
pub trait AsRawPlane: AsRaw<Kind = bindings::drm_plane> {}

impl<T: AsRaw<Kind = bindings::drm_plane>> AsRawPlane for T {}

/// Methods of all types for planes.
///
/// # Context
///
/// Any.
pub trait RawPlane: AsRawPlane {
    /// Returns the index among the planes of the device; C: `drm_plane_index()`.
    fn index(&self) -> u32 {
        self.raw_index()
    }

    /// Returns its bit in masks of planes; C: `drm_plane_mask()`.
    fn mask(&self) -> u32 {
        self.raw_mask()
    }
}

impl<T: AsRawPlane> RawPlane for T {}

/// A plane of a device that is being set up, which only one thread uses.
///
/// # Invariants
///
/// As [`Plane`]. The device is not registered.
#[repr(transparent)]
pub struct UnregisteredPlane<T: DriverPlane>(Plane<T>, NotThreadSafe);

impl<T: DriverPlane> Sealed for UnregisteredPlane<T> {}

// SAFETY: As for `Plane`. The type is transparent.
unsafe impl<T: DriverPlane> AsRaw for UnregisteredPlane<T> {
    type Kind = bindings::drm_plane;
    type Driver = T::Driver;
}

impl<T: DriverPlane> Deref for UnregisteredPlane<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DriverPlane> UnregisteredPlane<T> {
    const FUNCS: bindings::drm_plane_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_plane_funcs = unsafe { core::mem::zeroed() };
        funcs.destroy = Some(destroy_callback::<T>);
        funcs.update_plane = Some(bindings::drm_atomic_helper_update_plane);
        funcs.disable_plane = Some(bindings::drm_atomic_helper_disable_plane);
        funcs.reset = Some(PlaneState::<T::State>::reset_callback);
        funcs.atomic_duplicate_state = Some(PlaneState::<T::State>::duplicate_callback);
        funcs.atomic_destroy_state = Some(PlaneState::<T::State>::destroy_callback);
        funcs
    };

    const HELPER: bindings::drm_plane_helper_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_plane_helper_funcs = unsafe { core::mem::zeroed() };
        funcs.prepare_fb = Some(prepare_fb_callback::<T>);
        if T::HAS_CLEANUP_FB {
            funcs.cleanup_fb = Some(cleanup_fb_callback::<T>);
        }
        if T::SHADOW {
            funcs.begin_fb_access = if T::CONVERTS {
                Some(shadow::begin_conversion_callback)
            } else {
                Some(bindings::drm_gem_begin_shadow_fb_access)
            };
            funcs.end_fb_access = Some(bindings::drm_gem_end_shadow_fb_access);
        }
        funcs.atomic_check = Some(atomic_check_callback::<T>);
        funcs.atomic_update = Some(atomic_update_callback::<T>);
        if T::HAS_ATOMIC_DISABLE {
            funcs.atomic_disable = Some(atomic_disable_callback::<T>);
        }
        // An asynchronous update would use the new framebuffer with the mapping of the old one.
        assert!(
            !(T::SHADOW && T::HAS_ATOMIC_ASYNC_CHECK),
            "planes with SHADOW cannot be updated asynchronously"
        );
        if T::HAS_ATOMIC_ASYNC_CHECK {
            funcs.atomic_async_check = Some(atomic_async_check_callback::<T>);
            funcs.atomic_async_update = Some(atomic_async_update_callback::<T>);
        }
        if T::HAS_PANIC_FLUSH {
            funcs.get_scanout_buffer = Some(panic::get_scanout_buffer_callback);
            funcs.panic_flush = Some(panic_flush_callback::<T>);
        }
        funcs
    };

    /// Creates a plane for the CRTCs in the mask `possible_crtcs`, with pixel formats as DRM's four-character
    /// codes, the preferred one first. It lives as long as the device.
    ///
    /// # Errors
    ///
    /// The errors of [`DriverPlane::new`]; `ENOMEM`; `EINVAL` for more than 32 planes or 64 formats. C:
    /// `drm_universal_plane_init()`.
    pub fn new<'a>(
        dev: &'a UnregisteredKmsDevice<'_, T::Driver>,
        possible_crtcs: u32,
        formats: &[u32],
        type_: Type,
        name: Option<&CStr>,
        args: T::Args,
    ) -> Result<&'a Self> {
        let this: Pin<KBox<Plane<T>>> = KBox::pin_init(
            try_pin_init!(Plane {
                plane: Opaque::zeroed(),
                inner <- T::new(dev, args),
            }),
            GFP_KERNEL,
        )?;
        let this = leak(this);
        let raw: *mut bindings::drm_plane = this.cast();
        let (format, name) = format_of(name);
        // SAFETY: Device and memory are valid, and the functions are static. The core copies the formats
        // and the name.
        let ret = to_result(unsafe {
            bindings::drm_universal_plane_init(
                dev.as_raw(),
                raw,
                possible_crtcs,
                const { &Self::FUNCS },
                formats.as_ptr(),
                formats.len() as u32,
                ptr::null(),
                type_ as u32,
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

        // SAFETY: The plane is initialized, and is valid until `destroy_callback`. The device is not
        // registered, so nothing else uses the plane.
        unsafe { (*raw).helper_private = const { &Self::HELPER } };
        // Nothing but black is below the plane, and there premultiplied pixels look opaque.
        // SAFETY: As above.
        unsafe { bindings::drm_plane_create_blend_mode_property(raw, 1) };
        // INVARIANT: The plane was initialized above, for a device of `T::Driver` that is not registered.
        // SAFETY: The plane is valid until `destroy_callback`, which the device calls. The type is
        // transparent.
        Ok(unsafe { &*this.cast() })
    }

    /// Lets programs declare what has changed in a framebuffer (`FB_DAMAGE_CLIPS`); C:
    /// `drm_plane_enable_fb_damage_clips()`.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn enable_fb_damage_clips(&self) {
        // SAFETY: By the type's invariants, the plane is valid. Its device is not registered, so only this
        // thread uses it.
        unsafe { bindings::drm_plane_enable_fb_damage_clips(self.as_raw()) };
    }

    /// Tells programs the only size that the plane shows, in pixels.
    ///
    /// # Errors
    ///
    /// `ENOMEM`. C: `drm_plane_add_size_hints_property()`.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn add_size_hint(&self, width: u16, height: u16) -> Result {
        let hint = bindings::drm_plane_size_hint { width, height };
        // SAFETY: As in `enable_fb_damage_clips`. The function copies the hint.
        to_result(unsafe { bindings::drm_plane_add_size_hints_property(self.as_raw(), &hint, 1) })
    }
}

extern "C" fn destroy_callback<T: DriverPlane>(raw: *mut bindings::drm_plane) {
    // SAFETY: The core calls this once.
    unsafe { bindings::drm_plane_cleanup(raw) };
    // SAFETY: The core does not use the object afterwards. `new` made it of a box.
    drop(unsafe { KBox::<Plane<T>>::from_raw(raw.cast()) });
}

extern "C" fn prepare_fb_callback<T: DriverPlane>(
    raw: *mut bindings::drm_plane,
    state: *mut bindings::drm_plane_state,
) -> kernel::ffi::c_int {
    // SAFETY: The core calls this with a valid state, which it does not change meanwhile.
    let fb = unsafe { (*state).fb };
    if fb.is_null() {
        return 0;
    }
    // SAFETY: The core calls this for a plane with a state of it.
    let ret = unsafe { bindings::drm_gem_plane_helper_prepare_fb(raw, state) };
    if ret != 0 || !T::HAS_PREPARE_FB {
        return ret;
    }
    // SAFETY: The core calls this for a plane of this type.
    let plane = unsafe { Plane::<T>::from_raw(raw) };
    // SAFETY: The state holds a reference to its framebuffer, which is of the plane's driver.
    let fb = unsafe { Framebuffer::from_raw(fb) };
    let ret = T::prepare_fb(plane, fb);
    if !T::HAS_PREPARE_FB_INSTEAD || ret != Err(ENOSPC) {
        return errno(ret);
    }
    // SAFETY: The state has a framebuffer, so it has a CRTC, whose state is in the commit.
    let ret = unsafe { bindings::helper_drm_wait_for_last_commit(state) };
    if ret != 0 {
        return ret;
    }
    errno(T::prepare_fb_instead(plane, fb))
}

extern "C" fn cleanup_fb_callback<T: DriverPlane>(
    raw: *mut bindings::drm_plane,
    state: *mut bindings::drm_plane_state,
) {
    // SAFETY: The core calls this with a valid state, which it does not change meanwhile.
    let fb = unsafe { (*state).fb };
    if fb.is_null() {
        return;
    }
    // SAFETY: The core calls this for a plane of this type.
    let plane = unsafe { Plane::<T>::from_raw(raw) };
    // SAFETY: The state holds a reference to its framebuffer, which is of the plane's driver.
    let fb = unsafe { Framebuffer::from_raw(fb) };
    T::cleanup_fb(plane, fb);
}

extern "C" fn atomic_check_callback<T: DriverPlane>(
    raw: *mut bindings::drm_plane,
    state: *mut bindings::drm_atomic_commit,
) -> kernel::ffi::c_int {
    let check = |mut check: PlaneAtomicCheck<'_, T>| {
        check.new_state().complete();
        if T::HAS_ATOMIC_CHECK {
            T::atomic_check(check)
        } else {
            Ok(())
        }
    };
    // SAFETY: The core calls this for a plane of this type, with a commit that this thread checks.
    errno(unsafe { with_check::<Plane<T>>(raw, state, check) })
}

extern "C" fn atomic_update_callback<T: DriverPlane>(
    raw: *mut bindings::drm_plane,
    state: *mut bindings::drm_atomic_commit,
) {
    // SAFETY: The core calls this for a plane of this type, with a commit that is being carried out.
    unsafe { with_commit::<Plane<T>>(raw, state, T::atomic_update) }
}

extern "C" fn atomic_disable_callback<T: DriverPlane>(
    raw: *mut bindings::drm_plane,
    state: *mut bindings::drm_atomic_commit,
) {
    // SAFETY: The core calls this for a plane of this type, with a commit that is being carried out.
    unsafe { with_commit::<Plane<T>>(raw, state, T::atomic_disable) }
}

extern "C" fn panic_flush_callback<T: DriverPlane>(raw: *mut bindings::drm_plane) {
    // SAFETY: The core calls this for a plane of this type.
    let plane = unsafe { Plane::<T>::from_raw(raw) };
    // SAFETY: No other CPU runs.
    let state = unsafe { (*raw).state };
    // SAFETY: The core calls this for a plane whose framebuffer it has drawn into, so there is a
    // state.
    let state = unsafe { PlaneState::from_raw(state) };
    T::panic_flush(plane, state)
}

extern "C" fn atomic_async_check_callback<T: DriverPlane>(
    raw: *mut bindings::drm_plane,
    state: *mut bindings::drm_atomic_commit,
    flip: bool,
) -> kernel::ffi::c_int {
    let check = |mut check: PlaneAtomicCheck<'_, T>| {
        let has_old = check.old_state().framebuffer().is_some();
        if !has_old || check.new_state().framebuffer().is_none() {
            return Err(EINVAL);
        }
        T::atomic_async_check(check.without_additions())
    };
    if flip {
        return EINVAL.to_errno();
    }
    // SAFETY: The core calls this for a plane of this type, with a commit that this thread checks.
    errno(unsafe { with_check::<Plane<T>>(raw, state, check) })
}

extern "C" fn atomic_async_update_callback<T: DriverPlane>(
    raw: *mut bindings::drm_plane,
    state: *mut bindings::drm_atomic_commit,
) {
    let update = |commit: PlaneAtomicCommit<'_, T>| {
        let plane = commit.plane();
        // The core has not exchanged the states, so the old one is the current one.
        let (current, new) = commit.take_old_new_state();
        let new_image = current.image_differs(new);
        // SAFETY: Both states are valid. The core holds the plane's lock, and only this thread has the
        // new state.
        unsafe { move_to_current(current.as_raw(), new.as_raw()) };
        T::atomic_async_update(plane, current, new_image);
    };
    // SAFETY: The core calls this for a plane of this type, with a commit that is being carried out.
    unsafe { with_commit::<Plane<T>>(raw, state, update) }
}

/// Does what an asynchronous update does to the states: the current one gets the new framebuffer and
/// position, and the new one the old framebuffer.
///
/// # Safety
///
/// Both must be valid states of a plane, and nothing else may access their fields.
unsafe fn move_to_current(
    current: *mut bindings::drm_plane_state,
    new: *mut bindings::drm_plane_state,
) {
    macro_rules! take {
        ($($field:ident),*) => {$(
            // SAFETY: By the requirements of this function.
            let from = unsafe { &raw const (*new).$field };
            // SAFETY: As above.
            let to = unsafe { &raw mut (*current).$field };
            // SAFETY: As above. The field has only numbers.
            unsafe { ptr::copy_nonoverlapping(from, to, 1) };
        )*};
    }

    // SAFETY: By the requirements of this function.
    let a = unsafe { &raw mut (*current).fb };
    // SAFETY: As above.
    let b = unsafe { &raw mut (*new).fb };
    // SAFETY: As above. Each state keeps one reference to a framebuffer.
    unsafe { ptr::swap(a, b) };
    take!(crtc_x, crtc_y, src_x, src_y, src, dst, visible, hotspot_x, hotspot_y);
}
