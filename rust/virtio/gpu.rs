// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The virtio GPU's protocol: numbers and layouts of the virtio specification, as bytes.
//!
//! C header: [`include/uapi/linux/virtio_gpu.h`](srctree/include/uapi/linux/virtio_gpu.h)
use core::mem::{size_of, MaybeUninit};

// The protocol is little-endian; fields are plain integers.
const _: () = assert!(cfg!(target_endian = "little"));

/// A struct of the protocol: little-endian integers and nothing else.
///
/// # Safety
///
/// The type has no padding, and every pattern of bits is a value.
pub unsafe trait Wire: Copy {
    /// The struct's bytes.
    fn as_bytes(&self) -> &[u8] {
        // SAFETY: There is no padding, so that all bytes are initialized.
        unsafe { core::slice::from_raw_parts(core::ptr::from_ref(self).cast(), size_of::<Self>()) }
    }

    /// A struct of these bytes; none when there are too few.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < size_of::<Self>() {
            return None;
        }
        // SAFETY: There are enough bytes, and every pattern of bits is a value.
        Some(unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() })
    }

    /// All zeros.
    fn zeroed() -> Self {
        // SAFETY: Every pattern of bits is a value.
        unsafe { MaybeUninit::zeroed().assume_init() }
    }
}

macro_rules! wire {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type),* }

        // SAFETY: Integers of 32 and 64 bits, and structs and arrays of such, without gaps: checked
        // below.
        unsafe impl Wire for $name {}
        const _: () = assert!(size_of::<$name>() == 0 $(+ size_of::<$type>())*);
    )*};
}

wire! {
    /// What every request and response begins with; C: `struct virtio_gpu_ctrl_hdr`.
    Header {
        /// Request or response type.
        kind: u32,
        /// Flags.
        flags: u32,
        /// Fence.
        fence_id: u64,
        /// Rendering context.
        ctx_id: u32,
        /// Ring of the context, and padding.
        ring: u32,
    }
    /// A rectangle in pixels; C: `struct virtio_gpu_rect`.
    Rect {
        /// Left edge.
        x: u32,
        /// Upper edge.
        y: u32,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    }
    /// C: `struct virtio_gpu_resource_create_2d`.
    ResourceCreate2d {
        /// Type.
        hdr: Header,
        /// Number of the resource.
        resource_id: u32,
        /// Pixel format.
        format: u32,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    }
    /// C: `struct virtio_gpu_resource_unref`.
    ResourceUnref {
        /// Type.
        hdr: Header,
        /// Number of the resource.
        resource_id: u32,
        /// Zero.
        padding: u32,
    }
    /// C: `struct virtio_gpu_resource_detach_backing`.
    ResourceDetachBacking {
        /// Type.
        hdr: Header,
        /// Number of the resource.
        resource_id: u32,
        /// Zero.
        padding: u32,
    }
    /// C: `struct virtio_gpu_resource_attach_backing`.
    ResourceAttachBacking {
        /// Type.
        hdr: Header,
        /// Number of the resource.
        resource_id: u32,
        /// How many [`MemEntry`] follow.
        nr_entries: u32,
    }
    /// A run of guest memory; C: `struct virtio_gpu_mem_entry`.
    MemEntry {
        /// Where.
        addr: u64,
        /// Bytes.
        length: u32,
        /// Zero.
        padding: u32,
    }
    /// C: `struct virtio_gpu_set_scanout`.
    SetScanout {
        /// Type.
        hdr: Header,
        /// What is shown of the resource.
        r: Rect,
        /// Head.
        scanout_id: u32,
        /// Number of the resource, 0 for none.
        resource_id: u32,
    }
    /// C: `struct virtio_gpu_resource_flush`.
    ResourceFlush {
        /// Type.
        hdr: Header,
        /// Pixels of the resource.
        r: Rect,
        /// Number of the resource.
        resource_id: u32,
        /// Zero.
        padding: u32,
    }
    /// C: `struct virtio_gpu_transfer_to_host_2d`.
    TransferToHost2d {
        /// Type.
        hdr: Header,
        /// Pixels of the resource.
        r: Rect,
        /// Bytes from the start of the backing to the first of them.
        offset: u64,
        /// Number of the resource.
        resource_id: u32,
        /// Zero.
        padding: u32,
    }
    /// One head's state; C: `struct virtio_gpu_display_one`.
    DisplayOne {
        /// Size of the window.
        r: Rect,
        /// Whether there is one.
        enabled: u32,
        /// Flags.
        flags: u32,
    }
    /// C: `struct virtio_gpu_resp_display_info`.
    DisplayInfo {
        /// Type.
        hdr: Header,
        /// Heads.
        pmodes: [DisplayOne; MAX_SCANOUTS],
    }
    /// C: `struct virtio_gpu_cmd_get_edid`.
    GetEdid {
        /// Type.
        hdr: Header,
        /// Head.
        scanout: u32,
        /// Zero.
        padding: u32,
    }
    /// C: `struct virtio_gpu_resp_edid`.
    Edid {
        /// Type.
        hdr: Header,
        /// Bytes of `edid` that count.
        size: u32,
        /// Zero.
        padding: u32,
        /// The blob.
        edid: [u8; 1024],
    }
    /// Where a cursor is; C: `struct virtio_gpu_cursor_pos`.
    CursorPos {
        /// Head.
        scanout_id: u32,
        /// Pixels.
        x: u32,
        /// Pixels.
        y: u32,
        /// Zero.
        padding: u32,
    }
    /// C: `struct virtio_gpu_update_cursor`.
    UpdateCursor {
        /// Type.
        hdr: Header,
        /// Where.
        pos: CursorPos,
        /// Image, 0 for none.
        resource_id: u32,
        /// Pixel of the image that points.
        hot_x: u32,
        /// Pixel of the image that points.
        hot_y: u32,
        /// Zero.
        padding: u32,
    }
}

/// The device's number on the virtio bus.
pub const ID: u32 = 16;
/// The region of memory that blobs of the host are mapped in.
pub const SHM_ID_HOST_VISIBLE: u8 = 1;
/// Heads of a device, at most.
pub const MAX_SCANOUTS: usize = 16;
/// Feature: the device hands out EDID blobs.
pub const F_EDID: u32 = 1;
/// Configuration: what happened.
pub const CONFIG_EVENTS_READ: usize = 0;
/// Configuration: what was seen.
pub const CONFIG_EVENTS_CLEAR: usize = 4;
/// Configuration: number of heads.
pub const CONFIG_NUM_SCANOUTS: usize = 8;
/// Event: a head changed.
pub const EVENT_DISPLAY: u32 = 1;

/// Request types.
pub mod cmd {
    /// Asks for all heads.
    pub const GET_DISPLAY_INFO: u32 = 0x0100;
    /// Creates an image.
    pub const RESOURCE_CREATE_2D: u32 = 0x0101;
    /// Destroys one.
    pub const RESOURCE_UNREF: u32 = 0x0102;
    /// Shows one.
    pub const SET_SCANOUT: u32 = 0x0103;
    /// Redraws it.
    pub const RESOURCE_FLUSH: u32 = 0x0104;
    /// Copies pixels to it.
    pub const TRANSFER_TO_HOST_2D: u32 = 0x0105;
    /// Gives it memory.
    pub const RESOURCE_ATTACH_BACKING: u32 = 0x0106;
    /// Takes its memory away.
    pub const RESOURCE_DETACH_BACKING: u32 = 0x0107;
    /// Asks for a head's EDID.
    pub const GET_EDID: u32 = 0x010a;
    /// Changes a cursor's image.
    pub const UPDATE_CURSOR: u32 = 0x0300;
    /// Moves a cursor.
    pub const MOVE_CURSOR: u32 = 0x0301;
}

/// Response types.
pub mod resp {
    /// Done.
    pub const OK_NODATA: u32 = 0x1100;
    /// [`DisplayInfo`](super::DisplayInfo).
    pub const OK_DISPLAY_INFO: u32 = 0x1101;
    /// [`Edid`](super::Edid).
    pub const OK_EDID: u32 = 0x1104;
    /// The host has no memory.
    pub const ERR_OUT_OF_MEMORY: u32 = 0x1201;
    /// The first of four errors about an argument.
    pub const ERR_INVALID_SCANOUT_ID: u32 = 0x1202;
    /// The host does not have the resource.
    pub const ERR_INVALID_RESOURCE_ID: u32 = 0x1203;
    /// The last of them.
    pub const ERR_INVALID_PARAMETER: u32 = 0x1205;
    /// All errors, the unspecific one included.
    pub const ERRORS: core::ops::RangeInclusive<u32> = 0x1200..=ERR_INVALID_PARAMETER;
}

/// Pixel formats, by the order of their bytes in memory.
pub mod format {
    /// XRGB8888.
    pub const B8G8R8X8: u32 = 2;
    /// ARGB8888.
    pub const B8G8R8A8: u32 = 1;
    /// BGRA8888.
    pub const A8R8G8B8: u32 = 3;
    /// BGRX8888.
    pub const X8R8G8B8: u32 = 4;
    /// ABGR8888.
    pub const R8G8B8A8: u32 = 67;
    /// RGBX8888.
    pub const X8B8G8R8: u32 = 68;
    /// RGBA8888.
    pub const A8B8G8R8: u32 = 121;
    /// XBGR8888.
    pub const R8G8B8X8: u32 = 134;
}

/// Arguments of the driver's ioctls, as user space lays them out.
pub mod uapi {
    pub use drm_bindings::{
        drm_virtgpu_3d_transfer_from_host, drm_virtgpu_3d_transfer_to_host, drm_virtgpu_3d_wait,
        drm_virtgpu_context_init, drm_virtgpu_execbuffer, drm_virtgpu_get_caps,
        drm_virtgpu_getparam, drm_virtgpu_map, drm_virtgpu_resource_create,
        drm_virtgpu_resource_create_blob, drm_virtgpu_resource_info,
        VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs, DRM_VIRTGPU_CONTEXT_INIT, DRM_VIRTGPU_EXECBUFFER,
        DRM_VIRTGPU_GETPARAM, DRM_VIRTGPU_GET_CAPS, DRM_VIRTGPU_MAP, DRM_VIRTGPU_RESOURCE_CREATE,
        DRM_VIRTGPU_RESOURCE_CREATE_BLOB, DRM_VIRTGPU_RESOURCE_INFO,
        DRM_VIRTGPU_TRANSFER_FROM_HOST, DRM_VIRTGPU_TRANSFER_TO_HOST, DRM_VIRTGPU_WAIT,
        VIRTGPU_PARAM_3D_FEATURES, VIRTGPU_PARAM_BLOB_ALIGNMENT, VIRTGPU_PARAM_CAPSET_QUERY_FIX,
        VIRTGPU_PARAM_CONTEXT_INIT, VIRTGPU_PARAM_CROSS_DEVICE, VIRTGPU_PARAM_EXPLICIT_DEBUG_NAME,
        VIRTGPU_PARAM_HOST_VISIBLE, VIRTGPU_PARAM_RESOURCE_BLOB, VIRTGPU_WAIT_NOWAIT,
    };
}
