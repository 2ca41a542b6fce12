// SPDX-License-Identifier: GPL-2.0 OR MIT
//! States of planes: what a plane shows, and where.
use core::{mem, ptr};

use drm_bindings as bindings;
use kernel::{error::to_result, prelude::*};

use super::{
    atomic::StateMutator,
    crtc::OpaqueCrtc,
    object::{AsRaw, AsRawState, DriverState, FromRawState, ObjectState, PlainState},
    plane::{DriverPlane, Plane},
    Framebuffer,
};
use crate::Rect;

/// The driver's data of a state of a plane. It is copied with the state.
///
/// # Context
///
/// Clone and drop may sleep.
///
/// # Examples
///
/// ```no_run
/// # use kernel::prelude::*;
/// use drm::kms::plane::{DriverPlane, DriverPlaneState, PlaneAtomicCheck, PlaneAtomicCommit, RawPlaneState};
///
/// /// What the check computes for the commit.
/// #[derive(Clone, Default)]
/// struct Layout<T> {
///     pitch: u32,
///     _plane: core::marker::PhantomData<fn() -> T>,
/// }
///
/// impl<T: DriverPlane<State = Self> + Clone + Default> DriverPlaneState for Layout<T> {
///     type Plane = T;
/// }
///
/// fn check<T: DriverPlane<State = Layout<T>> + Clone + Default>(check: PlaneAtomicCheck<'_, T>) {
///     let mut new = check.take_new_state();
///     new.pitch = 4 * new.src().width() as u32;
/// }
///
/// fn pitch<T: DriverPlane<State = Layout<T>> + Clone + Default>(commit: PlaneAtomicCommit<'_, T>) -> u32 {
///     commit.take_new_state().pitch
/// }
/// ```
pub trait DriverPlaneState: Clone + Default + Send + Sync + Sized + 'static {
    /// The plane.
    type Plane: DriverPlane<State = Self>;
}

impl<T: DriverPlane<State = Self>> DriverPlaneState for PlainState<T> {
    type Plane = T;
}

impl<S: DriverPlaneState> DriverState<bindings::drm_plane> for S {
    type Object = Plane<S::Plane>;
}

/// The state of a plane, with the driver's data; the C counterpart is `struct drm_plane_state`.
pub type PlaneState<S> = ObjectState<bindings::drm_plane, S>;

/// What a state of a plane contains.
///
/// # Context
///
/// No method sleeps.
///
/// # Examples
///
/// ```no_run
/// use drm::{kms::plane::RawPlaneState, Rect};
///
/// /// Draws what has changed, as `DriverPlane::atomic_update` does.
/// fn update(old: &impl RawPlaneState, new: &impl RawPlaneState, mut draw: impl FnMut(Rect)) {
///     if !new.visible() {
///         return;
///     }
///     if old.same_framebuffer(new) && !old.image_differs(new) {
///         // Only the position differs.
///         let (_x, _y) = new.crtc_position();
///         return;
///     }
///     new.for_each_damage(old, |part, _count| draw(part));
/// }
/// ```
pub trait RawPlaneState: AsRawState<Kind = bindings::drm_plane> {
    /// Returns the plane.
    fn plane(&self) -> &Self::Object {
        // SAFETY: By the requirements of `AsRawState`. The field does not change.
        let plane = unsafe { (*self.as_raw()).plane };
        // SAFETY: By the requirements of `AsRawState`, it is valid, and of this type.
        unsafe { Self::Object::from_raw(plane) }
    }

    /// Returns the CRTC that shows the plane, if any.
    fn crtc(&self) -> Option<&OpaqueCrtc<<Self::Object as AsRaw>::Driver>> {
        // SAFETY: By the requirements of `AsRawState`, the state is valid, and the field does not change
        // while there is a reference to it. The next methods use the fields in the same way.
        let crtc = unsafe { (*self.as_raw()).crtc };
        // SAFETY: It is a CRTC of the plane's device.
        (!crtc.is_null()).then(|| unsafe { OpaqueCrtc::from_raw(crtc) })
    }

    /// Returns the framebuffer, if any.
    fn framebuffer(&self) -> Option<&Framebuffer<<Self::Object as AsRaw>::Driver>> {
        let raw = raw_fb(self);
        // SAFETY: The state holds a reference to its framebuffer, which is of the plane's driver.
        (!raw.is_null()).then(|| unsafe { Framebuffer::from_raw(raw) })
    }

    /// Returns the format of the framebuffer, if there is one, as DRM's four-character code.
    fn fourcc(&self) -> Option<u32> {
        self.framebuffer().map(|fb| fb.info().fourcc)
    }

    /// Returns whether any of it is visible, as [`StateMutator::atomic_helper_check`] has found out.
    fn visible(&self) -> bool {
        // SAFETY: As in `crtc`.
        unsafe { (*self.as_raw()).visible }
    }

    /// Returns the visible part of the framebuffer in whole pixels, as clipped by the check.
    fn src(&self) -> Rect {
        // SAFETY: As in `crtc`.
        let raw = unsafe { &raw const (*self.as_raw()).src };
        // SAFETY: As in `crtc`.
        Rect::from_fixed_point(unsafe { Rect::read(raw) })
    }

    /// Returns the requested width and height of the part of the framebuffer in 1/65536 pixels.
    fn src_size(&self) -> (u32, u32) {
        // SAFETY: As in `crtc`.
        let width = unsafe { (*self.as_raw()).src_w };
        // SAFETY: As in `crtc`.
        let height = unsafe { (*self.as_raw()).src_h };
        (width, height)
    }

    /// Returns the position on the CRTC in pixels, which may be beyond its edges.
    fn crtc_position(&self) -> (i32, i32) {
        // SAFETY: As in `crtc`.
        let x = unsafe { (*self.as_raw()).crtc_x };
        // SAFETY: As in `crtc`.
        let y = unsafe { (*self.as_raw()).crtc_y };
        (x, y)
    }

    /// Returns the hotspot of a cursor.
    fn hotspot(&self) -> (i32, i32) {
        // SAFETY: As in `crtc`.
        let x = unsafe { (*self.as_raw()).hotspot_x };
        // SAFETY: As in `crtc`.
        let y = unsafe { (*self.as_raw()).hotspot_y };
        (x, y)
    }

    /// Returns whether both show the same framebuffer. Its contents may differ.
    fn same_framebuffer(&self, other: &impl RawPlaneState) -> bool {
        ptr::eq(raw_fb(self), raw_fb(other))
    }

    /// Returns whether `new` differs in more than the position.
    fn image_differs(&self, new: &impl RawPlaneState) -> bool {
        // SAFETY: As in `crtc`.
        let crtc = unsafe { (*self.as_raw()).crtc };
        // SAFETY: As in `crtc`.
        let new_crtc = unsafe { (*new.as_raw()).crtc };
        // Programs have declared what has changed in the framebuffer.
        // SAFETY: As in `crtc`.
        let has_clips = !unsafe { (*new.as_raw()).fb_damage_clips }.is_null();
        !self.same_framebuffer(new)
            || !ptr::eq(crtc, new_crtc)
            || has_clips
            || self.hotspot() != new.hotspot()
    }

    /// Calls `f` with each part of the framebuffer that has changed since `old`, in pixels, and
    /// with the maximum number of them; C: `drm_atomic_for_each_plane_damage()`.
    fn for_each_damage(&self, old: &impl RawPlaneState, mut f: impl FnMut(Rect, usize)) {
        let mut iter = mem::MaybeUninit::<bindings::drm_atomic_helper_damage_iter>::zeroed();
        let iter = iter.as_mut_ptr();
        // SAFETY: Both are valid states, and the memory is that of an iterator.
        unsafe {
            bindings::drm_atomic_helper_damage_iter_init(iter, old.as_raw(), self.as_raw());
        }
        // SAFETY: The iterator was initialized above.
        let count = unsafe { (*iter).num_clips }.max(1) as usize;
        let mut clip = Rect::default().into_raw();
        // SAFETY: As above. The states are valid as long as the references to them.
        while unsafe { bindings::drm_atomic_helper_damage_iter_next(iter, &mut clip) } {
            f(Rect::from_raw(&clip), count);
        }
    }
}

impl<T: AsRawState<Kind = bindings::drm_plane>> RawPlaneState for T {}

/// Returns the framebuffer of the C API.
pub(super) fn raw_fb<T>(state: &T) -> *mut bindings::drm_framebuffer
where
    T: AsRawState<Kind = bindings::drm_plane> + ?Sized,
{
    // SAFETY: As in `RawPlaneState::crtc`.
    unsafe { (*state.as_raw()).fb }
}

impl<S> StateMutator<'_, S>
where
    S: FromRawState<Kind = bindings::drm_plane>,
{
    /// Checks that the plane shows its framebuffer unscaled, and clips it; C:
    /// `drm_atomic_helper_check_plane_state()`. `crtc_state` is the new state of the CRTC that shows the
    /// plane. `can_position` tells whether the plane may be smaller than the CRTC, and
    /// `can_update_disabled` whether it can be changed while the CRTC is off.
    ///
    /// # Errors
    ///
    /// `ERANGE` if it is scaled. `EINVAL` if it does not cover its CRTC but has to, if the CRTC is off, and
    /// if `crtc_state` is that of another CRTC.
    pub fn atomic_helper_check<C>(
        &mut self,
        crtc_state: &StateMutator<'_, C>,
        can_position: bool,
        can_update_disabled: bool,
    ) -> Result
    where
        C: FromRawState<Kind = bindings::drm_crtc>,
    {
        // SAFETY: By the invariants of the types, the states are valid.
        let crtc = unsafe { (*self.as_raw()).crtc };
        // SAFETY: As above.
        let other = unsafe { (*crtc_state.as_raw()).crtc };
        if !ptr::eq(crtc, other) {
            return Err(EINVAL);
        }
        // SAFETY: As above. `crtc_state` is that of the plane's CRTC. By the type's invariants, no other
        // thread accesses the plane's state.
        to_result(unsafe {
            check(
                self.as_raw(),
                crtc_state.as_raw(),
                can_position,
                can_update_disabled,
            )
        })
    }

    /// Sets whether the plane's damage is ignored in this commit, so that all of the plane is updated:
    /// [`RawPlaneState::for_each_damage`] then returns one part. For a change that makes the device's copy
    /// of the picture useless, e.g. a change of its format. C: `drm_plane_state.ignore_damage_clips`.
    pub fn set_ignore_damage_clips(&mut self, ignore: bool) {
        // SAFETY: By the type's invariants, the state is valid, and no other thread accesses it.
        unsafe { (*self.as_raw()).ignore_damage_clips = ignore }
    }

    /// Marks a plane that no CRTC shows as not visible, so that drivers need not do so.
    pub(super) fn complete(&mut self) {
        if self.crtc().is_none() {
            // The core has checked that there is no framebuffer, either. So this does not fail, and does
            // not use the state of a CRTC.
            // SAFETY: By the type's invariants, the state is valid, and no other thread accesses it.
            unsafe { check(self.as_raw(), ptr::null(), true, true) };
        }
    }
}

/// # Safety
///
/// Both states must be valid, and nothing else may access the plane's. `crtc_state` must be that of the
/// plane's CRTC, or null if there is neither a CRTC nor a framebuffer.
unsafe fn check(
    state: *mut bindings::drm_plane_state,
    crtc_state: *const bindings::drm_crtc_state,
    can_position: bool,
    can_update_disabled: bool,
) -> kernel::ffi::c_int {
    const UNSCALED: i32 = bindings::DRM_PLANE_NO_SCALING as i32;
    // SAFETY: By the requirements of this function.
    unsafe {
        bindings::drm_atomic_helper_check_plane_state(
            state,
            crtc_state,
            UNSCALED,
            UNSCALED,
            can_position,
            can_update_disabled,
        )
    }
}
