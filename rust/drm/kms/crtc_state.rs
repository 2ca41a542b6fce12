// SPDX-License-Identifier: GPL-2.0 OR MIT
//! States of CRTCs: the mode, and whether it is on.
use core::marker::PhantomData;

use drm_bindings as bindings;
use kernel::types::Opaque;

use super::{
    crtc::{Crtc, DriverCrtc, OpaqueCrtc},
    object::{AsRaw, AsRawState, DriverState, FromRawState, ObjectState, PlainState},
    DisplayMode, KmsDriver,
};

/// The driver's data of a state of a CRTC. It is copied with the state.
///
/// # Context
///
/// Clone and drop may sleep.
pub trait DriverCrtcState: Clone + Default + Send + Sync + Sized + 'static {
    /// The CRTC.
    type Crtc: DriverCrtc<State = Self>;
}

impl<T: DriverCrtc<State = Self>> DriverCrtcState for PlainState<T> {
    type Crtc = T;
}

impl<S: DriverCrtcState> DriverState<bindings::drm_crtc> for S {
    type Object = Crtc<S::Crtc>;
}

/// The state of a CRTC, with the driver's data; the C counterpart is `struct drm_crtc_state`.
pub type CrtcState<S> = ObjectState<bindings::drm_crtc, S>;

/// The state of a CRTC of which only the driver is known.
///
/// # Invariants
///
/// It is a state of a CRTC of this driver, see [`ObjectState`].
#[repr(transparent)]
pub struct OpaqueCrtcState<T: KmsDriver>(Opaque<bindings::drm_crtc_state>, PhantomData<fn() -> T>);

// SAFETY: By the type's invariants.
unsafe impl<T: KmsDriver> AsRawState for OpaqueCrtcState<T> {
    type Kind = bindings::drm_crtc;
    type Object = OpaqueCrtc<T>;

    fn as_raw(&self) -> *mut bindings::drm_crtc_state {
        self.0.get()
    }
}

// SAFETY: As above.
unsafe impl<T: KmsDriver> FromRawState for OpaqueCrtcState<T> {}

/// What a state of a CRTC contains.
///
/// # Context
///
/// No method sleeps.
///
/// # Examples
///
/// ```no_run
/// use drm::kms::crtc::RawCrtcState;
///
/// /// Returns the size that the CRTC shows, if it is on.
/// fn size(state: &impl RawCrtcState) -> Option<(u16, u16)> {
///     let mode = state.adjusted_mode();
///     state.active().then(|| (mode.hdisplay(), mode.vdisplay()))
/// }
/// ```
pub trait RawCrtcState: AsRawState<Kind = bindings::drm_crtc> {
    /// Returns the CRTC.
    fn crtc(&self) -> &Self::Object {
        // SAFETY: By the requirements of `AsRawState`. The field does not change.
        let crtc = unsafe { (*self.as_raw()).crtc };
        // SAFETY: By the requirements of `AsRawState`, it is valid, and of this type.
        unsafe { Self::Object::from_raw(crtc) }
    }

    /// Returns whether the CRTC is on.
    fn active(&self) -> bool {
        // SAFETY: By the requirements of `AsRawState`, the state is valid, and the field does not change
        // while there is a reference to it. The next methods use the fields in the same way.
        unsafe { (*self.as_raw()).active }
    }

    /// Returns the mode that the CRTC shows.
    fn adjusted_mode(&self) -> &DisplayMode {
        // SAFETY: As in `active`.
        let mode = unsafe { &raw const (*self.as_raw()).adjusted_mode };
        // SAFETY: As in `active`.
        unsafe { DisplayMode::from_raw(mode) }
    }

    /// Returns whether the commit sets the mode of the CRTC, or switches it on or off; C:
    /// `drm_atomic_crtc_needs_modeset()`.
    fn needs_modeset(&self) -> bool {
        // SAFETY: As in `active`.
        unsafe { bindings::helper_drm_atomic_crtc_needs_modeset(self.as_raw()) }
    }
}

impl<T: AsRawState<Kind = bindings::drm_crtc>> RawCrtcState for T {}
