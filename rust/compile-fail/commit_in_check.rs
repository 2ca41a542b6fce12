// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A check hands its state to what carries commits out.
//!
//! expect: E0308: mismatched types
use drm::kms::plane::{DriverPlane, PlaneAtomicCheck, PlaneAtomicCommit};

fn carry_out<P: DriverPlane>(_: PlaneAtomicCommit<'_, P>) {}

/// Does what may only be done when the commit is certain.
pub fn commit_in_check<P: DriverPlane>(check: PlaneAtomicCheck<'_, P>) {
    carry_out(check)
}
