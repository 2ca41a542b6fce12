// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver makes up a commit that nobody has checked.
//!
//! expect: E0624: associated function `new` is private
use drm::kms::{
    atomic::AtomicState,
    plane::{DriverPlane, Plane, PlaneAtomicCommit},
};

/// A part of a commit for a plane that the commit does not contain.
pub fn commit_without_check<'a, P: DriverPlane>(
    state: &'a AtomicState<P::Driver>,
    plane: &'a Plane<P>,
) -> Option<PlaneAtomicCommit<'a, P>> {
    PlaneAtomicCommit::new(state, plane)
}
