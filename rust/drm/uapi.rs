// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The structs and constants of user space's headers: those of the kernel's crate `uapi`, and those of
//! `virtgpu_drm.h`, which that crate lacks.
//!
//! C header: [`include/uapi/drm/virtgpu_drm.h`](srctree/include/uapi/drm/virtgpu_drm.h)
pub use drm_bindings::{
    drm_virtgpu_3d_box, drm_virtgpu_3d_transfer_from_host, drm_virtgpu_3d_transfer_to_host,
    drm_virtgpu_3d_wait, drm_virtgpu_context_init, drm_virtgpu_execbuffer, drm_virtgpu_get_caps,
    drm_virtgpu_getparam, drm_virtgpu_map, drm_virtgpu_resource_create,
    drm_virtgpu_resource_create_blob, drm_virtgpu_resource_info,
    VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs, DRM_VIRTGPU_BLOB_FLAG_HINT_DEFER_MAPPING,
    VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE, VIRTGPU_BLOB_FLAG_USE_MAPPABLE,
    VIRTGPU_BLOB_FLAG_USE_SHAREABLE, VIRTGPU_BLOB_MEM_GUEST, VIRTGPU_BLOB_MEM_HOST3D,
    VIRTGPU_BLOB_MEM_HOST3D_GUEST, VIRTGPU_CONTEXT_PARAM_CAPSET_ID,
    VIRTGPU_CONTEXT_PARAM_DEBUG_NAME, VIRTGPU_CONTEXT_PARAM_NUM_RINGS,
    VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, VIRTGPU_DRM_CAPSET_VIRGL2, VIRTGPU_EVENT_FENCE_SIGNALED,
    VIRTGPU_EXECBUF_FENCE_FD_IN, VIRTGPU_EXECBUF_FENCE_FD_OUT, VIRTGPU_EXECBUF_RING_IDX,
    VIRTGPU_EXECBUF_SYNCOBJ_RESET, VIRTGPU_PARAM_3D_FEATURES, VIRTGPU_PARAM_BLOB_ALIGNMENT,
    VIRTGPU_PARAM_CAPSET_QUERY_FIX, VIRTGPU_PARAM_CONTEXT_INIT, VIRTGPU_PARAM_CROSS_DEVICE,
    VIRTGPU_PARAM_EXPLICIT_DEBUG_NAME, VIRTGPU_PARAM_HOST_VISIBLE, VIRTGPU_PARAM_RESOURCE_BLOB,
    VIRTGPU_WAIT_NOWAIT,
};
pub use kernel::uapi::*;

use crate::ioctl::IOWR;

/// An argument of an ioctl.
///
/// # Examples
///
/// ```
/// use drm::uapi::{drm_virtgpu_map, Argument};
///
/// const fn size_of_argument<A: Argument>() -> usize {
///     size_of::<A>()
/// }
///
/// assert_eq!(size_of_argument::<drm_virtgpu_map>(), 16);
/// ```
///
/// A `bool` has only two valid bytes:
///
/// ```compile_fail,E0277
/// use drm::uapi::Argument;
///
/// const fn size_of_argument<A: Argument>() -> usize {
///     size_of::<A>()
/// }
///
/// let size = size_of_argument::<bool>();
/// ```
///
/// # Safety
///
/// All bytes must be a valid value, and there must be no padding.
pub unsafe trait Argument {}

// SAFETY: It is an integer.
unsafe impl Argument for u32 {}
// SAFETY: It is an integer.
unsafe impl Argument for i32 {}
// SAFETY: It is an integer.
unsafe impl Argument for u64 {}

/// Implements [`Argument`] for structs of bindgen. Does not compile if the fields are not all fields of
/// the struct, if one is not an [`Argument`], or if there is padding.
macro_rules! arguments {
    ($($name:ident { $($field:ident),* $(,)? })*) => {$(
        // SAFETY: All fields are valid for any bytes, and there is no padding, as is checked below.
        unsafe impl Argument for $name {}

        const _: () = {
            const fn size<F: Argument>(_field: fn($name) -> F) -> usize {
                size_of::<F>()
            }

            let sizes = 0 $(+ size(|$name { $field, .. }| $field))*;
            assert!(sizes == size_of::<$name>(), "the struct has padding");
        };
    )*};
}

arguments! {
    drm_nova_getparam { param, value }
    drm_nova_gem_create { handle, pad, size }
    drm_nova_gem_info { handle, pad, size }
    drm_virtgpu_3d_box { x, y, z, w, h, d }
    drm_virtgpu_3d_transfer_from_host { bo_handle, box_, level, offset, stride, layer_stride }
    drm_virtgpu_3d_transfer_to_host { bo_handle, box_, level, offset, stride, layer_stride }
    drm_virtgpu_3d_wait { handle, flags }
    drm_virtgpu_context_init { num_params, pad, ctx_set_params }
    drm_virtgpu_execbuffer {
        flags, size, command, bo_handles, num_bo_handles, fence_fd, ring_idx, syncobj_stride,
        num_in_syncobjs, num_out_syncobjs, in_syncobjs, out_syncobjs,
    }
    drm_virtgpu_get_caps { cap_set_id, cap_set_ver, addr, size, pad }
    drm_virtgpu_getparam { param, value }
    drm_virtgpu_map { offset, handle, pad }
    drm_virtgpu_resource_create {
        target, format, bind, width, height, depth, array_size, last_level, nr_samples, flags,
        bo_handle, res_handle, size, stride,
    }
    drm_virtgpu_resource_create_blob {
        blob_mem, blob_flags, bo_handle, res_handle, size, pad, cmd_size, cmd, blob_id, blob_hints,
        pad2,
    }
    drm_virtgpu_resource_info { bo_handle, res_handle, size, blob_mem }
}

/// Defines the numbers of ioctls, which bindgen does not evaluate.
macro_rules! numbers {
    ($($name:ident = $nr:ident($argument:ty);)*) => {$(
        #[doc = concat!("C: `", stringify!($name), "`.")]
        pub const $name: u32 = IOWR::<$argument>(DRM_COMMAND_BASE + drm_bindings::$nr);
    )*};
}

numbers! {
    DRM_IOCTL_VIRTGPU_MAP = DRM_VIRTGPU_MAP(drm_virtgpu_map);
    DRM_IOCTL_VIRTGPU_EXECBUFFER = DRM_VIRTGPU_EXECBUFFER(drm_virtgpu_execbuffer);
    DRM_IOCTL_VIRTGPU_GETPARAM = DRM_VIRTGPU_GETPARAM(drm_virtgpu_getparam);
    DRM_IOCTL_VIRTGPU_RESOURCE_CREATE = DRM_VIRTGPU_RESOURCE_CREATE(drm_virtgpu_resource_create);
    DRM_IOCTL_VIRTGPU_RESOURCE_INFO = DRM_VIRTGPU_RESOURCE_INFO(drm_virtgpu_resource_info);
    DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST =
        DRM_VIRTGPU_TRANSFER_FROM_HOST(drm_virtgpu_3d_transfer_from_host);
    DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST =
        DRM_VIRTGPU_TRANSFER_TO_HOST(drm_virtgpu_3d_transfer_to_host);
    DRM_IOCTL_VIRTGPU_WAIT = DRM_VIRTGPU_WAIT(drm_virtgpu_3d_wait);
    DRM_IOCTL_VIRTGPU_GET_CAPS = DRM_VIRTGPU_GET_CAPS(drm_virtgpu_get_caps);
    DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB =
        DRM_VIRTGPU_RESOURCE_CREATE_BLOB(drm_virtgpu_resource_create_blob);
    DRM_IOCTL_VIRTGPU_CONTEXT_INIT = DRM_VIRTGPU_CONTEXT_INIT(drm_virtgpu_context_init);
}
