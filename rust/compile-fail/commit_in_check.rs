// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A check passes its argument to a function that carries commits out.
//!
//! expect: E0308: mismatched types
use drm::kms::plane::{DriverPlane, PlaneAtomicCheck, PlaneAtomicCommit};

fn carry_out<P: DriverPlane>(_: PlaneAtomicCommit<'_, P>) {}

/// Carries a commit out that may still fail.
pub fn commit_in_check<P: DriverPlane>(check: PlaneAtomicCheck<'_, P>) {
    carry_out(check)
}
