// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A state is changed while it is carried out, and while other threads read it.
//!
//! expect: E0594: cannot assign to data in dereference of `ObjectState<drm_bindings::drm_plane, <P as DriverPlane>::State>`
use drm::kms::plane::{DriverPlane, PlaneAtomicCommit};

/// Changes the driver's data.
pub fn state_changed_in_commit<P: DriverPlane>(commit: PlaneAtomicCommit<'_, P>) {
    **commit.take_new_state() = Default::default();
}
