// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Atomic commits: one type while a state is checked, another while it is carried out, so that the
//! device cannot be touched by a check.
//!
//! C header: [`include/drm/drm_atomic.h`](srctree/include/drm/drm_atomic.h)
use core::marker::PhantomData;

use drm_bindings as bindings;
use kernel::{error::to_result, prelude::*};

use super::{DriverPlane, Plane, PlaneState};

/// A state that is being checked; nothing of it is on the device.
pub struct AtomicCheck<'a>(*mut bindings::drm_atomic_commit, PhantomData<&'a ()>);

/// A state that is being carried out; it was checked, and nobody changes it any more.
pub struct AtomicCommit<'a>(*mut bindings::drm_atomic_commit, PhantomData<&'a ()>);

macro_rules! plane_states {
    ($type:ident) => {
        impl<'a> $type<'a> {
            /// # Safety
            ///
            /// `raw` must be a state of that kind as long as the value is used.
            pub(crate) unsafe fn from_raw(raw: *mut bindings::drm_atomic_commit) -> Self {
                Self(raw, PhantomData)
            }

            /// A plane's state as it was.
            pub(crate) fn old_plane_state<T: DriverPlane>(
                &self,
                plane: &Plane<T>,
            ) -> &PlaneState<T> {
                // SAFETY: A plane's callback is only called with a state that has the plane.
                unsafe {
                    PlaneState::from_raw(bindings::helper_drm_atomic_old_plane_state(
                        self.0,
                        plane.as_raw(),
                    ))
                }
            }

            /// A plane's state as it is to be.
            pub(crate) fn new_plane_state<T: DriverPlane>(
                &self,
                plane: &Plane<T>,
            ) -> &PlaneState<T> {
                // SAFETY: A plane's callback is only called with a state that has the plane.
                unsafe {
                    PlaneState::from_raw(bindings::helper_drm_atomic_new_plane_state(
                        self.0,
                        plane.as_raw(),
                    ))
                }
            }
        }
    };
}

plane_states!(AtomicCheck);
plane_states!(AtomicCommit);

impl AtomicCheck<'_> {
    /// Checks that a plane shows its framebuffer unscaled, and clips it;
    /// C: `drm_atomic_helper_check_plane_state()`.
    ///
    /// # Errors
    ///
    /// `EINVAL` when it is scaled, or does not cover its CRTC and has to.
    pub fn check_unscaled_plane<T: DriverPlane>(
        &self,
        new: &PlaneState<T>,
        can_position: bool,
    ) -> Result {
        let raw = new.as_raw();
        // SAFETY: The states are valid; in a check the plane's state is ours to complete.
        to_result(unsafe {
            let crtc = (*raw).crtc;
            let crtc_state = if crtc.is_null() {
                core::ptr::null()
            } else {
                bindings::helper_drm_atomic_new_crtc_state(self.0, crtc)
            };
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
}

impl AtomicCommit<'_> {
    /// Whether the CRTC that shows the plane is set up anew; C: `drm_atomic_crtc_needs_modeset()`.
    pub fn needs_modeset<T: DriverPlane>(&self, state: &PlaneState<T>) -> bool {
        // SAFETY: The states are valid; a CRTC whose plane changes is part of the commit.
        unsafe {
            let crtc = (*state.as_raw()).crtc;
            if crtc.is_null() {
                return false;
            }
            let crtc_state = bindings::helper_drm_atomic_new_crtc_state(self.0, crtc);
            !crtc_state.is_null() && bindings::helper_drm_atomic_crtc_needs_modeset(crtc_state)
        }
    }
}
