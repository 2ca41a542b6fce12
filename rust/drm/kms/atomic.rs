// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Atomic commits. A state has one type while it is checked and another while it is committed, so
//! that a check cannot touch the device.
//!
//! C header: [`include/drm/drm_atomic.h`](srctree/include/drm/drm_atomic.h)
use core::marker::PhantomData;

use drm_bindings as bindings;
use kernel::{error::to_result, prelude::*};

use super::{DriverPlane, Plane, PlaneState};

/// A state that is being checked. The device does not show it yet.
///
/// # Invariants
///
/// The pointer is a valid commit, which this thread checks as long as the value is used.
///
/// # Context
///
/// A check may sleep.
///
/// # Examples
///
/// ```no_run
/// # use kernel::prelude::*;
/// use drm::kms::{atomic::AtomicCheck, DriverPlane, PlaneState};
///
/// /// Checks a state as `DriverPlane::atomic_check` does.
/// fn check<T: DriverPlane>(new: &PlaneState<T>, check: &AtomicCheck<'_>) -> Result {
///     check.check_unscaled_plane(new, false)?;
///     // Limits of the device.
///     if new.src().x1 % 8 != 0 {
///         return Err(EINVAL);
///     }
///     Ok(())
/// }
/// ```
///
/// What is for commits only cannot be used in a check:
///
/// ```compile_fail,E0599
/// use drm::kms::{atomic::AtomicCheck, DriverPlane, PlaneState};
///
/// fn check<T: DriverPlane>(new: &PlaneState<T>, check: &AtomicCheck<'_>) -> bool {
///     check.needs_modeset(new)
/// }
/// ```
pub struct AtomicCheck<'a>(*mut bindings::drm_atomic_commit, PhantomData<&'a ()>);

/// A state that is being committed. It was checked, and does not change any more.
///
/// # Invariants
///
/// The pointer is a valid commit, which is carried out as long as the value is used.
///
/// # Context
///
/// A commit may sleep. Its methods do not.
///
/// # Examples
///
/// ```no_run
/// use drm::{kms::{atomic::AtomicCommit, DriverPlane, PlaneState}, Rect};
///
/// /// Copies pixels as `DriverPlane::atomic_update` does.
/// fn update<T: DriverPlane>(
///     old: &PlaneState<T>,
///     new: &PlaneState<T>,
///     commit: &AtomicCommit<'_>,
///     mut copy: impl FnMut(Rect),
/// ) {
///     if commit.needs_modeset(new) {
///         // The device has lost its picture.
///         copy(new.src());
///     } else {
///         new.for_each_damage(old, |part, _count| copy(part));
///     }
/// }
/// ```
///
/// A driver cannot make one:
///
/// ```compile_fail,E0423
/// use core::marker::PhantomData;
/// use drm::kms::atomic::AtomicCommit;
///
/// let commit = AtomicCommit(core::ptr::null_mut(), PhantomData);
/// ```
pub struct AtomicCommit<'a>(*mut bindings::drm_atomic_commit, PhantomData<&'a ()>);

macro_rules! plane_states {
    ($type:ident) => {
        impl<'a> $type<'a> {
            /// # Safety
            ///
            /// `raw` must be a valid state of that kind as long as the value is used.
            pub(crate) unsafe fn from_raw(raw: *mut bindings::drm_atomic_commit) -> Self {
                // INVARIANT: By the requirements of this function.
                Self(raw, PhantomData)
            }

            /// Returns a plane's old state.
            pub(crate) fn old_plane_state<T: DriverPlane>(
                &self,
                plane: &Plane<T>,
            ) -> &PlaneState<T> {
                let plane = plane.as_raw();
                // SAFETY: By the type's invariants, the commit is valid.
                let state = unsafe { bindings::helper_drm_atomic_old_plane_state(self.0, plane) };
                // SAFETY: A plane's callback is only called with a commit that has states of the plane.
                unsafe { PlaneState::from_raw(state) }
            }

            /// Returns a plane's new state.
            pub(crate) fn new_plane_state<T: DriverPlane>(
                &self,
                plane: &Plane<T>,
            ) -> &PlaneState<T> {
                let plane = plane.as_raw();
                // SAFETY: By the type's invariants, the commit is valid.
                let state = unsafe { bindings::helper_drm_atomic_new_plane_state(self.0, plane) };
                // SAFETY: A plane's callback is only called with a commit that has states of the plane.
                unsafe { PlaneState::from_raw(state) }
            }
        }
    };
}

plane_states!(AtomicCheck);
plane_states!(AtomicCommit);

impl AtomicCheck<'_> {
    /// Checks that a plane shows its framebuffer unscaled, and clips it; C:
    /// `drm_atomic_helper_check_plane_state()`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is scaled, or if it does not cover its CRTC but has to. Also if `new` is not the
    /// new state of its plane in this check.
    pub fn check_unscaled_plane<T: DriverPlane>(
        &self,
        new: &PlaneState<T>,
        can_position: bool,
    ) -> Result {
        let raw = self.own(new)?;
        // SAFETY: The state is valid.
        let crtc = unsafe { (*raw).crtc };
        let crtc_state = if crtc.is_null() {
            core::ptr::null()
        } else {
            // SAFETY: The commit and the CRTC are valid.
            unsafe { bindings::helper_drm_atomic_new_crtc_state(self.0, crtc) }
        };
        // SAFETY: The states are valid. The plane's state belongs to the commit that this thread
        // checks, as `own` has compared, so no other thread accesses it.
        to_result(unsafe {
            bindings::drm_atomic_helper_check_plane_state(
                raw,
                crtc_state,
                1 << 16,
                1 << 16,
                can_position,
                true,
            )
        })
    }

    /// Sets whether a plane's damage is ignored in this commit, so that all of the plane is updated:
    /// [`PlaneState::for_each_damage`] then returns one part. For a change that makes the device's copy
    /// of the picture useless, e.g. a change of its format. C: `drm_plane_state.ignore_damage_clips`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if `new` is not the new state of its plane in this check.
    pub fn ignore_damage_clips<T: DriverPlane>(&self, new: &PlaneState<T>, ignore: bool) -> Result {
        let raw = self.own(new)?;
        // SAFETY: The state is valid. It belongs to the commit that this thread checks, so no other
        // thread accesses it.
        unsafe { (*raw).ignore_damage_clips = ignore };
        Ok(())
    }

    /// Returns the C state of a plane's new state in this check. No other thread accesses it.
    ///
    /// # Errors
    ///
    /// `EINVAL` for another state.
    fn own<T: DriverPlane>(&self, new: &PlaneState<T>) -> Result<*mut bindings::drm_plane_state> {
        let raw = new.as_raw();
        // SAFETY: The state is valid, and its plane never changes.
        let plane = unsafe { (*raw).plane };
        // SAFETY: By the type's invariants, the commit is valid. The plane is valid as its state is.
        let checked = unsafe { bindings::helper_drm_atomic_new_plane_state(self.0, plane) };
        if !core::ptr::eq(checked, raw) {
            return Err(EINVAL);
        }
        Ok(raw)
    }
}

impl AtomicCommit<'_> {
    /// Returns whether the commit sets the mode of the CRTC that shows the plane; C:
    /// `drm_atomic_crtc_needs_modeset()`.
    pub fn needs_modeset<T: DriverPlane>(&self, state: &PlaneState<T>) -> bool {
        // SAFETY: The state is valid.
        let crtc = unsafe { (*state.as_raw()).crtc };
        if crtc.is_null() {
            return false;
        }
        // SAFETY: The commit and the CRTC are valid.
        let crtc_state = unsafe { bindings::helper_drm_atomic_new_crtc_state(self.0, crtc) };
        if crtc_state.is_null() {
            return false;
        }
        // SAFETY: The commit has that state of the CRTC.
        unsafe { bindings::helper_drm_atomic_crtc_needs_modeset(crtc_state) }
    }
}
