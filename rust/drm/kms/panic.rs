// SPDX-License-Identifier: GPL-2.0 OR MIT
//! What the panic screen draws into.
//!
//! C header: [`include/drm/drm_panic.h`](srctree/include/drm/drm_panic.h)
use drm_bindings as bindings;
use kernel::prelude::*;

use crate::errno;

/// C: `drm_plane_helper_funcs.get_scanout_buffer`.
pub(super) extern "C" fn get_scanout_buffer_callback(
    plane: *mut bindings::drm_plane,
    sb: *mut bindings::drm_scanout_buffer,
) -> kernel::ffi::c_int {
    // SAFETY: The core calls this with a valid plane and a buffer to fill.
    errno(unsafe { get_scanout_buffer(plane, sb) })
}

/// # Safety
///
/// The plane must be one of this crate's, and nothing may change its state. Nothing else may access
/// `sb`.
unsafe fn get_scanout_buffer(
    plane: *mut bindings::drm_plane,
    sb: *mut bindings::drm_scanout_buffer,
) -> Result {
    // SAFETY: By the requirements of this function.
    let state = unsafe { (*plane).state };
    if state.is_null() {
        return Err(ENODEV);
    }
    // SAFETY: By the requirements of this function, the state is valid and does not change.
    let fb = unsafe { (*state).fb };
    // SAFETY: As above.
    let visible = unsafe { (*state).visible };
    if fb.is_null() || !visible {
        return Err(ENODEV);
    }
    // SAFETY: The state holds a reference to its framebuffer, which has an object.
    let object = unsafe { (*fb).obj[0] };
    // SAFETY: As above.
    let offset = unsafe { (*fb).offsets[0] };
    // SAFETY: The framebuffer holds a reference to its object.
    let import = unsafe { (*object).import_attach };
    if !import.is_null() || offset != 0 {
        return Err(ENODEV);
    }
    // The memory of all objects begins with a shmem object. Objects without pages have null in these fields.
    let shmem: *mut bindings::drm_gem_shmem_object = object.cast();
    // SAFETY: As above. When the kernel has panicked, nothing maps or frees it.
    let vaddr = unsafe { (*shmem).vaddr };
    // SAFETY: As above.
    let pages = unsafe { (*shmem).pages };
    if !vaddr.is_null() {
        // SAFETY: By the requirements of this function.
        let map = unsafe { &raw mut (*sb).map[0] };
        // SAFETY: As above.
        unsafe { bindings::helper_iosys_map_set_vaddr(map, vaddr) };
    } else if !pages.is_null() {
        // SAFETY: As above.
        unsafe { (*sb).pages = pages };
    } else {
        return Err(ENODEV);
    }
    // SAFETY: The framebuffer is valid, and does not change.
    let format = unsafe { (*fb).format };
    // SAFETY: By the requirements of this function.
    unsafe { (*sb).format = format };
    // SAFETY: As for the format.
    let width = unsafe { (*fb).width };
    // SAFETY: As for the format.
    unsafe { (*sb).width = width };
    // SAFETY: As for the format.
    let height = unsafe { (*fb).height };
    // SAFETY: As for the format.
    unsafe { (*sb).height = height };
    // SAFETY: As for the format.
    let pitch = unsafe { (*fb).pitches[0] };
    // SAFETY: As for the format.
    unsafe { (*sb).pitch[0] = pitch };
    Ok(())
}
