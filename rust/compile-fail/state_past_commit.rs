// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A plane's state is kept past its commit.
//!
//! expect: lifetime may not live long enough
use drm::kms::{DriverPlane, PlaneState};

/// What a driver would like to remember.
pub struct Memory<P: DriverPlane> {
    last: Option<&'static PlaneState<P>>,
}

/// Remembers a state.
pub fn state_past_commit<P: DriverPlane>(memory: &mut Memory<P>, new: &PlaneState<P>) {
    memory.last = Some(new);
}
