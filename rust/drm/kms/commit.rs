// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Commits. One that a program does not want to wait for, and that has nothing to wait for itself,
//! is carried out where it is asked for: to send a frame takes less than to wake somebody up for it.
//!
//! C header: [`include/drm/drm_atomic_helper.h`](srctree/include/drm/drm_atomic_helper.h)
use drm_bindings as bindings;
use kernel::{error::to_result, prelude::*};

use crate::{errno, Device, Driver};

extern "C" fn has_room_callback<T: Driver>(crtc: *mut bindings::drm_crtc) -> bool {
    // SAFETY: The CRTC is valid, and of a device of `T`.
    unsafe { T::has_room(Device::from_raw((*crtc).dev), (*crtc).index) }
}

/// C: `drm_mode_config_funcs.atomic_commit`.
pub(super) extern "C" fn commit_callback<T: Driver>(
    dev: *mut bindings::drm_device,
    state: *mut bindings::drm_atomic_commit,
    nonblock: bool,
) -> kernel::ffi::c_int {
    // SAFETY: The core calls this for a device of `T`, with a state that was checked.
    unsafe {
        if !nonblock || bindings::helper_drm_commit_waits(state, Some(has_room_callback::<T>)) {
            return bindings::drm_atomic_helper_commit(dev, state, nonblock);
        }
        errno(commit_now(dev, state))
    }
}

/// C: `drm_mode_config_helper_funcs.atomic_commit_tail`.
///
/// Planes after CRTCs, and only those of CRTCs that run. The end is waited for by what belongs to
/// the commit: as soon as it is done with the hardware the next one frees the states that are
/// current now, and `drm_atomic_helper_wait_for_vblanks()` would look into them.
pub(super) extern "C" fn tail_callback(state: *mut bindings::drm_atomic_commit) {
    // SAFETY: The core calls this with a state that was swapped in; the order is the C function's.
    unsafe {
        let dev = (*state).dev;

        bindings::drm_atomic_helper_commit_modeset_disables(dev, state);
        bindings::drm_atomic_helper_commit_modeset_enables(dev, state);
        bindings::helper_drm_commit_active_planes(dev, state);
        bindings::drm_atomic_helper_commit_hw_done(state);
        bindings::drm_atomic_helper_wait_for_flip_done(dev, state);
        bindings::drm_atomic_helper_cleanup_planes(dev, state);
    }
}

/// What `drm_atomic_helper_commit()` has a worker do, less modes and less waiting for the vblank.
///
/// # Safety
///
/// `state` must be a state of `dev` that was checked and sets no modes.
unsafe fn commit_now(
    dev: *mut bindings::drm_device,
    state: *mut bindings::drm_atomic_commit,
) -> Result {
    // SAFETY: By the requirements of this function; the order is that of the C function.
    unsafe {
        to_result(bindings::drm_atomic_helper_setup_commit(state, true))?;
        to_result(bindings::drm_atomic_helper_prepare_planes(dev, state))?;
        to_result(bindings::drm_atomic_helper_swap_state(state, true))
            .inspect_err(|_| bindings::drm_atomic_helper_unprepare_planes(dev, state))?;
        // Nobody interrupts the wait for fences that are signalled, and swapped it is anyway.
        let _ = bindings::drm_atomic_helper_wait_for_fences(dev, state, false);
        bindings::drm_atomic_helper_wait_for_dependencies(state);
        bindings::helper_drm_commit_active_planes(dev, state);
        bindings::drm_atomic_helper_commit_hw_done(state);
        bindings::drm_atomic_helper_cleanup_planes(dev, state);
        bindings::drm_atomic_helper_commit_cleanup_done(state);
    }
    Ok(())
}
