// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A check hands its state to what carries commits out.
//!
//! expect: E0308: mismatched types
use drm::kms::{
    atomic::{AtomicCheck, AtomicCommit},
    DriverPlane, PlaneState,
};

fn carry_out<P: DriverPlane>(_: &PlaneState<P>, _: &AtomicCommit<'_>) {}

/// Does what may only be done when the commit is certain.
pub fn commit_in_check<P: DriverPlane>(new: &PlaneState<P>, check: &AtomicCheck<'_>) {
    carry_out(new, check)
}
