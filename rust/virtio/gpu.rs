// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The protocol of the virtio GPU: numbers and structs of the virtio specification.
//!
//! C header: [`include/uapi/linux/virtio_gpu.h`](srctree/include/uapi/linux/virtio_gpu.h)
use core::mem::{offset_of, size_of, MaybeUninit};

use crate::ConfigField;

// The protocol is little-endian, and the fields are plain integers.
const _: () = assert!(cfg!(target_endian = "little"));

/// A struct of the protocol. It contains only little-endian integers.
///
/// # Safety
///
/// The type must have no padding, and every bit pattern must be a valid value.
pub unsafe trait Wire: Copy {
    /// Returns the struct's bytes.
    fn as_bytes(&self) -> &[u8] {
        // SAFETY: By the trait's requirements there is no padding, so all bytes are initialized.
        unsafe { core::slice::from_raw_parts(core::ptr::from_ref(self).cast(), size_of::<Self>()) }
    }

    /// Copies a struct from the beginning of `bytes`. Returns `None` if there are too few.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < size_of::<Self>() {
            return None;
        }
        // SAFETY: There are enough bytes, and by the trait's requirements every bit pattern is
        // valid.
        Some(unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() })
    }

    /// Returns a struct of zeros.
    fn zeroed() -> Self {
        // SAFETY: By the trait's requirements every bit pattern is valid.
        unsafe { MaybeUninit::zeroed().assume_init() }
    }
}

macro_rules! wire {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type),* }

        // SAFETY: The type consists of integers, and of structs and arrays of integers. It is
        // checked below that there are no gaps.
        unsafe impl Wire for $name {}
        const _: () = assert!(size_of::<$name>() == 0 $(+ size_of::<$type>())*);
    )*};
}

wire! {
    /// The header of every request and response; C: `struct virtio_gpu_ctrl_hdr`.
    Header {
        /// Type of the request or response.
        kind: u32,
        /// Flags.
        flags: u32,
        /// Number of the fence.
        fence_id: u64,
        /// Number of the rendering context.
        ctx_id: u32,
        /// Number of the context's ring, and padding.
        ring: u32,
    }
    /// A rectangle in pixels; C: `struct virtio_gpu_rect`.
    Rect {
        /// Left edge.
        x: u32,
        /// Upper edge.
        y: u32,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    }
    /// C: `struct virtio_gpu_resource_create_2d`.
    ResourceCreate2d {
        /// Header.
        hdr: Header,
        /// Number of the resource.
        resource_id: u32,
        /// Pixel format.
        format: u32,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    }
    /// C: `struct virtio_gpu_resource_unref`.
    ResourceUnref {
        /// Header.
        hdr: Header,
        /// Number of the resource.
        resource_id: u32,
        /// Padding, zero.
        padding: u32,
    }
    /// C: `struct virtio_gpu_resource_detach_backing`.
    ResourceDetachBacking {
        /// Header.
        hdr: Header,
        /// Number of the resource.
        resource_id: u32,
        /// Padding, zero.
        padding: u32,
    }
    /// C: `struct virtio_gpu_resource_attach_backing`.
    ResourceAttachBacking {
        /// Header.
        hdr: Header,
        /// Number of the resource.
        resource_id: u32,
        /// Number of the [`MemEntry`] that follow.
        nr_entries: u32,
    }
    /// A run of guest memory; C: `struct virtio_gpu_mem_entry`.
    MemEntry {
        /// Address.
        addr: u64,
        /// Bytes.
        length: u32,
        /// Padding, zero.
        padding: u32,
    }
    /// C: `struct virtio_gpu_set_scanout`.
    SetScanout {
        /// Header.
        hdr: Header,
        /// The part of the resource that is shown.
        r: Rect,
        /// Number of the head.
        scanout_id: u32,
        /// Number of the resource, 0 for none.
        resource_id: u32,
    }
    /// C: `struct virtio_gpu_resource_flush`.
    ResourceFlush {
        /// Header.
        hdr: Header,
        /// A part of the resource in pixels.
        r: Rect,
        /// Number of the resource.
        resource_id: u32,
        /// Padding, zero.
        padding: u32,
    }
    /// C: `struct virtio_gpu_transfer_to_host_2d`.
    TransferToHost2d {
        /// Header.
        hdr: Header,
        /// A part of the resource in pixels.
        r: Rect,
        /// Offset of its first pixel in the backing in bytes.
        offset: u64,
        /// Number of the resource.
        resource_id: u32,
        /// Padding, zero.
        padding: u32,
    }
    /// The state of a head; C: `struct virtio_gpu_display_one`.
    DisplayOne {
        /// Position and size of the window.
        r: Rect,
        /// Whether there is a window.
        enabled: u32,
        /// Flags.
        flags: u32,
    }
    /// C: `struct virtio_gpu_resp_display_info`.
    DisplayInfo {
        /// Header.
        hdr: Header,
        /// The heads.
        pmodes: [DisplayOne; MAX_SCANOUTS],
    }
    /// C: `struct virtio_gpu_cmd_get_edid`.
    GetEdid {
        /// Header.
        hdr: Header,
        /// Number of the head.
        scanout: u32,
        /// Padding, zero.
        padding: u32,
    }
    /// C: `struct virtio_gpu_resp_edid`.
    Edid {
        /// Header.
        hdr: Header,
        /// Number of valid bytes in `edid`.
        size: u32,
        /// Padding, zero.
        padding: u32,
        /// The EDID.
        edid: [u8; 1024],
    }
    /// The configuration space; C: `struct virtio_gpu_config`.
    Config {
        /// Pending events.
        events_read: u32,
        /// Events to clear.
        events_clear: u32,
        /// Number of heads.
        num_scanouts: u32,
        /// Number of capability sets.
        num_capsets: u32,
        /// Alignment of blobs in bytes, if the device has one.
        blob_alignment: u32,
    }
    /// The position of a cursor; C: `struct virtio_gpu_cursor_pos`.
    CursorPos {
        /// Number of the head.
        scanout_id: u32,
        /// Pixels from the edge of the head.
        x: u32,
        /// Pixels from the edge of the head.
        y: u32,
        /// Padding, zero.
        padding: u32,
    }
    /// C: `struct virtio_gpu_update_cursor`.
    UpdateCursor {
        /// Header.
        hdr: Header,
        /// Address.
        pos: CursorPos,
        /// Number of the resource with the image, 0 for none.
        resource_id: u32,
        /// Hotspot in the image.
        hot_x: u32,
        /// Hotspot in the image.
        hot_y: u32,
        /// Padding, zero.
        padding: u32,
    }
}

/// The number of this kind of device on the virtio bus.
pub const ID: u32 = 16;
/// The shared memory region in which the host's blobs are mapped.
pub const SHM_ID_HOST_VISIBLE: u8 = 1;
/// The maximum number of heads.
pub const MAX_SCANOUTS: usize = 16;
/// Feature: the device has EDIDs.
pub const F_EDID: u32 = 1;
/// In the configuration space: pending events.
pub const CONFIG_EVENTS_READ: ConfigField<Config, { offset_of!(Config, events_read) }> =
    ConfigField::new();
/// In the configuration space: events to clear.
pub const CONFIG_EVENTS_CLEAR: ConfigField<Config, { offset_of!(Config, events_clear) }> =
    ConfigField::new();
/// In the configuration space: number of heads.
pub const CONFIG_NUM_SCANOUTS: ConfigField<Config, { offset_of!(Config, num_scanouts) }> =
    ConfigField::new();
/// Event: the display information has changed.
pub const EVENT_DISPLAY: u32 = 1;

macro_rules! requests {
    ($($(#[$doc:meta])* pub const $name:ident: u32 = $value:literal;)*) => {
        /// Request types.
        pub mod cmd {
            $($(#[$doc])* pub const $name: u32 = $value;)*

            /// Returns the name of a request type, for messages.
            pub fn name(kind: u32) -> &'static str {
                match kind {
                    $($name => stringify!($name),)*
                    _ => "unknown",
                }
            }
        }
    };
}

requests! {
    /// Reads the display information of all heads.
    pub const GET_DISPLAY_INFO: u32 = 0x0100;
    /// Creates a 2D resource.
    pub const RESOURCE_CREATE_2D: u32 = 0x0101;
    /// Destroys a resource.
    pub const RESOURCE_UNREF: u32 = 0x0102;
    /// Shows a resource on a head.
    pub const SET_SCANOUT: u32 = 0x0103;
    /// Redraws a part of a resource.
    pub const RESOURCE_FLUSH: u32 = 0x0104;
    /// Copies pixels from the backing to the resource.
    pub const TRANSFER_TO_HOST_2D: u32 = 0x0105;
    /// Attaches a backing to a resource.
    pub const RESOURCE_ATTACH_BACKING: u32 = 0x0106;
    /// Detaches the backing of a resource.
    pub const RESOURCE_DETACH_BACKING: u32 = 0x0107;
    /// Reads a head's EDID.
    pub const GET_EDID: u32 = 0x010a;
    /// Changes the image and position of a cursor.
    pub const UPDATE_CURSOR: u32 = 0x0300;
    /// Moves a cursor.
    pub const MOVE_CURSOR: u32 = 0x0301;
}

/// Response types.
pub mod resp {
    /// Success without data.
    pub const OK_NODATA: u32 = 0x1100;
    /// [`DisplayInfo`](super::DisplayInfo).
    pub const OK_DISPLAY_INFO: u32 = 0x1101;
    /// [`Edid`](super::Edid).
    pub const OK_EDID: u32 = 0x1104;
    /// The host is out of memory.
    pub const ERR_OUT_OF_MEMORY: u32 = 0x1201;
    /// The first of four errors for invalid arguments.
    pub const ERR_INVALID_SCANOUT_ID: u32 = 0x1202;
    /// The host does not have the resource.
    pub const ERR_INVALID_RESOURCE_ID: u32 = 0x1203;
    /// The last of these errors.
    pub const ERR_INVALID_PARAMETER: u32 = 0x1205;
    /// All errors, including the unspecific one.
    pub const ERRORS: core::ops::RangeInclusive<u32> = 0x1200..=ERR_INVALID_PARAMETER;
}

/// Pixel formats, named after the order of their bytes in memory.
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
