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
        if !nonblock || (*state).async_update() {
            return bindings::drm_atomic_helper_commit(dev, state, nonblock);
        }
        errno(commit_nonblocking::<T>(dev, state))
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

/// Carries out a commit that nobody waits for, or has a worker do that.
///
/// # Safety
///
/// `state` must be a state of `dev`, a device of `T`, that was checked and is not an asynchronous
/// update.
unsafe fn commit_nonblocking<T: Driver>(
    dev: *mut bindings::drm_device,
    state: *mut bindings::drm_atomic_commit,
) -> Result {
    // SAFETY: By the requirements of this function; the order is that of the C function.
    unsafe {
        if bindings::helper_drm_commit_is_busy(state) {
            return Err(EBUSY);
        }
        to_result(bindings::drm_atomic_helper_setup_commit(state, true))?;
        to_result(bindings::drm_atomic_helper_prepare_planes(dev, state))?;
        // All fences that count are known now: one that comes later is not waited for.
        let waits = bindings::helper_drm_commit_waits(state, Some(has_room_callback::<T>));
        to_result(bindings::drm_atomic_helper_swap_state(state, true))
            .inspect_err(|_| bindings::drm_atomic_helper_unprepare_planes(dev, state))?;
        if !waits {
            commit_planes(dev, state);
        } else if !queue(Device::<T>::from_raw(dev), state) {
            commit_all(state);
        }
    }
    Ok(())
}

/// Has a worker carry out a commit, unless the device has gone: then nobody would wait for the worker
/// before its code is unloaded, as [`Registration`](crate::Registration) does.
///
/// # Safety
///
/// `state` must be a state of `dev` that was swapped in.
unsafe fn queue<T: Driver>(dev: &Device<T>, state: *mut bindings::drm_atomic_commit) -> bool {
    let queue = dev.commits.as_raw().cast();
    dev.while_plugged(|| {
        // SAFETY: By the requirements of this function; the workqueue is there as long as the device,
        // to which the state has a reference.
        unsafe { bindings::helper_drm_commit_queue(state, Some(work_callback), queue) };
    })
    .is_some()
}

extern "C" fn work_callback(work: *mut bindings::work_struct) {
    // SAFETY: The work is that of a state that was swapped in, to which it has a reference.
    unsafe {
        let state = kernel::container_of!(work, bindings::drm_atomic_commit, commit_work);

        commit_all(state);
        bindings::helper_drm_atomic_commit_put(state);
    }
}

/// What the C function's worker does.
///
/// # Safety
///
/// `state` must be a state that was swapped in.
unsafe fn commit_all(state: *mut bindings::drm_atomic_commit) {
    // SAFETY: By the requirements of this function; the order is that of the C function.
    unsafe {
        let _ = bindings::drm_atomic_helper_wait_for_fences((*state).dev, state, false);
        bindings::drm_atomic_helper_wait_for_dependencies(state);
        tail_callback(state);
        bindings::drm_atomic_helper_commit_cleanup_done(state);
    }
}

/// What the worker does, less modes and less waiting for the vblank.
///
/// # Safety
///
/// `state` must be a state of `dev` that was swapped in and has nothing to wait for.
unsafe fn commit_planes(dev: *mut bindings::drm_device, state: *mut bindings::drm_atomic_commit) {
    // SAFETY: By the requirements of this function; the order is that of the C function.
    unsafe {
        // These fences are signalled, and given back.
        let _ = bindings::drm_atomic_helper_wait_for_fences(dev, state, false);
        bindings::drm_atomic_helper_wait_for_dependencies(state);
        bindings::helper_drm_commit_active_planes(dev, state);
        bindings::drm_atomic_helper_commit_hw_done(state);
        bindings::drm_atomic_helper_cleanup_planes(dev, state);
        bindings::drm_atomic_helper_commit_cleanup_done(state);
    }
}
