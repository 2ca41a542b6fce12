// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A check completes the state that is committed.
//!
//! expect: E0599: no method named `atomic_helper_check` found for reference
use drm::kms::plane::{DriverPlane, PlaneAtomicCheck, RawPlaneState};
use kernel::prelude::*;

/// Checks the old state instead of the new one.
pub fn old_state_checked<P: DriverPlane>(check: PlaneAtomicCheck<'_, P>) -> Result {
    let (state, old, new) = check.take_all();
    match new.crtc() {
        Some(crtc) => old.atomic_helper_check(&state.add_crtc_state(crtc)?, false, true),
        None => Ok(()),
    }
}
