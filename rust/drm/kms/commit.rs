// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Commits, and their order.
//!
//! First the planes and CRTCs that go off are disabled. Then CRTCs are enabled, then the planes of
//! active CRTCs are updated, so a plane is shown by a CRTC that is on ([`tail_callback`]). Then the
//! commit waits for its vblanks, and frees the framebuffers that it has replaced.
//!
//! A nonblocking commit that has nothing to wait for is executed by the caller, because sending a
//! frame takes less time than waking up a worker. It has nothing to wait for if it changes no mode,
//! its fences are signalled, and [`KmsDriver::commit_now`] returns true for each of its CRTCs. Other
//! nonblocking commits go to a worker, and one that finds a CRTC waiting for the vblank of an
//! earlier commit fails with `EBUSY`. The core's helper always uses a worker. With
//! `docs/upstream/drm-commit-without-worker.patch`, [`commit_callback`] and everything that it calls
//! here is unnecessary.
//!
//! C header: [`include/drm/drm_atomic_helper.h`](srctree/include/drm/drm_atomic_helper.h)
use core::mem::offset_of;

use drm_bindings as bindings;
use kernel::{error::to_result, prelude::*};

use super::{crtc::OpaqueCrtc, object::AsRaw, KmsDriver};
use crate::{errno, Device, Driver};

extern "C" fn commit_now_callback<T: KmsDriver>(crtc: *mut bindings::drm_crtc) -> bool {
    // SAFETY: `helper_drm_commit_waits()` calls this for the CRTCs of a commit on a device of `T`.
    T::commit_now(unsafe { OpaqueCrtc::from_raw(crtc) })
}

/// C: `drm_mode_config_funcs.atomic_commit`.
pub(super) extern "C" fn commit_callback<T: KmsDriver>(
    dev: *mut bindings::drm_device,
    state: *mut bindings::drm_atomic_commit,
    nonblock: bool,
) -> kernel::ffi::c_int {
    // SAFETY: The core calls this with a state that only this thread changes.
    let is_async = unsafe { bindings::drm_atomic_commit::async_update_raw(state) };
    if !nonblock || is_async {
        // SAFETY: The core calls this for a device of `T`, with a state that was checked.
        return unsafe { bindings::drm_atomic_helper_commit(dev, state, nonblock) };
    }
    // SAFETY: As above, and it is not an asynchronous update.
    errno(unsafe { commit_nonblocking::<T>(dev, state) })
}

/// C: `drm_mode_config_helper_funcs.atomic_commit_tail`.
///
/// Waits for the flips by `drm_atomic_helper_wait_for_flip_done()`, which uses only what belongs to
/// the commit. `drm_atomic_helper_wait_for_vblanks()` would read the current states, which the next
/// commit frees as soon as this one is done with the hardware.
pub(super) extern "C" fn tail_callback(state: *mut bindings::drm_atomic_commit) {
    // SAFETY: The core calls this with a state that was swapped in.
    let dev = unsafe { (*state).dev };
    // SAFETY: As above. The functions are called in the order of
    // `drm_atomic_helper_commit_tail_rpm()`.
    unsafe { bindings::drm_atomic_helper_commit_modeset_disables(dev, state) };
    // SAFETY: As above.
    unsafe { bindings::drm_atomic_helper_commit_modeset_enables(dev, state) };
    // SAFETY: As above.
    unsafe { bindings::helper_drm_commit_active_planes(dev, state) };
    // SAFETY: As above. Sends the events of CRTCs without vblanks.
    unsafe { bindings::drm_atomic_helper_fake_vblank(state) };
    // SAFETY: As above.
    unsafe { bindings::drm_atomic_helper_commit_hw_done(state) };
    // SAFETY: As above.
    unsafe { bindings::drm_atomic_helper_wait_for_flip_done(dev, state) };
    // SAFETY: As above.
    unsafe { bindings::drm_atomic_helper_cleanup_planes(dev, state) };
}

/// Executes a nonblocking commit, or queues it for a worker.
///
/// # Safety
///
/// `state` must be a state of `dev`, a device of `T`, that was checked and is not an asynchronous
/// update.
unsafe fn commit_nonblocking<T: KmsDriver>(
    dev: *mut bindings::drm_device,
    state: *mut bindings::drm_atomic_commit,
) -> Result {
    // SAFETY: By the requirements of this function.
    if unsafe { bindings::helper_drm_commit_is_busy(state) } {
        return Err(EBUSY);
    }
    // SAFETY: As above. The functions are called in the order of `drm_atomic_helper_commit()`.
    to_result(unsafe { bindings::drm_atomic_helper_setup_commit(state, true) })?;
    // SAFETY: As above.
    to_result(unsafe { bindings::drm_atomic_helper_prepare_planes(dev, state) })?;
    // All fences that the commit has to wait for are known now.
    // SAFETY: As above, and the callback is for devices of `T`.
    let waits = unsafe { bindings::helper_drm_commit_waits(state, Some(commit_now_callback::<T>)) };
    // SAFETY: As above.
    to_result(unsafe { bindings::drm_atomic_helper_swap_state(state, true) }).inspect_err(
        |_| {
            // SAFETY: As above. The planes were prepared.
            unsafe { bindings::drm_atomic_helper_unprepare_planes(dev, state) };
        },
    )?;
    if !waits {
        // SAFETY: The state was swapped in, and has nothing to wait for.
        unsafe { commit_planes(dev, state) };
        return Ok(());
    }
    // SAFETY: By the requirements of this function.
    let device = unsafe { Device::<T>::from_raw(dev) };
    // SAFETY: The state was swapped in.
    if !unsafe { queue(device, state) } {
        // SAFETY: As above.
        unsafe { commit_all(state) };
    }
    Ok(())
}

/// Queues a commit for a worker, unless the device was unplugged. After that,
/// [`Registration`](crate::Registration) no longer waits for the worker, and its code may be
/// unloaded.
///
/// # Safety
///
/// `state` must be a state of `dev` that was swapped in.
unsafe fn queue<T: Driver>(dev: &Device<T>, state: *mut bindings::drm_atomic_commit) -> bool {
    let queue = dev.commits.as_raw().cast();
    dev.while_plugged(|| {
        // SAFETY: By the requirements of this function. The workqueue is a field of the device, to
        // which the state has a reference.
        unsafe { bindings::helper_drm_commit_queue(state, Some(work_callback), queue) };
    })
    .is_some()
}

extern "C" fn work_callback(work: *mut bindings::work_struct) {
    // `queue` has queued the work of a state.
    let state: *mut bindings::drm_atomic_commit = work
        .wrapping_byte_sub(offset_of!(bindings::drm_atomic_commit, commit_work))
        .cast();
    // SAFETY: The state was swapped in before it was queued.
    unsafe { commit_all(state) };
    // SAFETY: `queue` has passed a reference to the state.
    unsafe { bindings::helper_drm_atomic_commit_put(state) };
}

/// Executes a commit as the worker of the core's helper does.
///
/// # Safety
///
/// `state` must be a state that was swapped in.
unsafe fn commit_all(state: *mut bindings::drm_atomic_commit) {
    // SAFETY: By the requirements of this function.
    let dev = unsafe { (*state).dev };
    // SAFETY: As above. The functions are called in the order of `drm_atomic_helper_commit()`.
    let _ = unsafe { bindings::drm_atomic_helper_wait_for_fences(dev, state, false) };
    // SAFETY: As above.
    unsafe { bindings::drm_atomic_helper_wait_for_dependencies(state) };
    tail_callback(state);
    // SAFETY: As above.
    unsafe { bindings::drm_atomic_helper_commit_cleanup_done(state) };
}

/// Executes a commit that changes no mode. Does not wait for the vblank.
///
/// # Safety
///
/// `state` must be a state of `dev` that was swapped in and that has nothing to wait for.
unsafe fn commit_planes(dev: *mut bindings::drm_device, state: *mut bindings::drm_atomic_commit) {
    // The fences are signalled, so this only drops the references to them.
    // SAFETY: By the requirements of this function. The functions are called in the order of
    // `drm_atomic_helper_commit()`.
    let _ = unsafe { bindings::drm_atomic_helper_wait_for_fences(dev, state, false) };
    // SAFETY: As above.
    unsafe { bindings::drm_atomic_helper_wait_for_dependencies(state) };
    // SAFETY: As above.
    unsafe { bindings::helper_drm_commit_active_planes(dev, state) };
    // SAFETY: As above. Sends the events of CRTCs without vblanks.
    unsafe { bindings::drm_atomic_helper_fake_vblank(state) };
    // SAFETY: As above.
    unsafe { bindings::drm_atomic_helper_commit_hw_done(state) };
    // SAFETY: As above.
    unsafe { bindings::drm_atomic_helper_cleanup_planes(dev, state) };
    // SAFETY: As above.
    unsafe { bindings::drm_atomic_helper_commit_cleanup_done(state) };
}
