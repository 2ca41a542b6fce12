// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver adds a plane to a commit that is shown at once. The core would update it without a check.
//!
//! expect: E0599: no method named `add_plane_state` found for reference `&AtomicStateMutator<
use drm::kms::plane::{DriverPlane, Plane, PlaneAtomicAsyncCheck};
use kernel::error::Result;

/// Adds another plane, as `DriverPlane::atomic_async_check` might.
pub fn plane_added_at_once<T: DriverPlane>(
    check: PlaneAtomicAsyncCheck<'_, T>,
    other: &Plane<T>,
) -> Result {
    check.take_state().add_plane_state(other)?;
    Ok(())
}
