// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A check reads pixels, which may be those of a commit that another thread carries out.
//!
//! expect: E0599: no method named `shadow_buffer` found for reference
use drm::kms::plane::{DriverPlane, PlaneAtomicCheck};

/// Asks for the pixels of the old state.
pub fn pixels_in_check<P: DriverPlane>(check: PlaneAtomicCheck<'_, P>) -> bool {
    check.take_old_state().shadow_buffer().is_some()
}
