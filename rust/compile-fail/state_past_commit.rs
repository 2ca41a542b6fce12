// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A plane's state is kept past its commit.
//!
//! expect: E0521: borrowed data escapes outside of function
use drm::kms::plane::{DriverPlane, PlaneAtomicCommit, PlaneState};

/// What a driver would like to remember.
pub struct Memory<P: DriverPlane> {
    last: Option<&'static PlaneState<P::State>>,
}

/// Remembers a state.
pub fn state_past_commit<P: DriverPlane>(memory: &mut Memory<P>, commit: PlaneAtomicCommit<'_, P>) {
    memory.last = Some(commit.take_new_state());
}
