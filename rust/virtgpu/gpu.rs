// SPDX-License-Identifier: GPL-2.0
//! The protocol of the virtio GPU: numbers and structs of the virtio specification.
//!
//! C header: [`include/uapi/linux/virtio_gpu.h`](srctree/include/uapi/linux/virtio_gpu.h)
use core::mem::offset_of;

use kernel::{
    prelude::*,
    transmute::{AsBytes, FromBytes},
};
use virtio::ConfigField;

// The protocol is little-endian, and the fields are plain integers.
const _: () = assert!(cfg!(target_endian = "little"));

/// A struct of the protocol.
pub(crate) trait Wire: AsBytes + FromBytes + Zeroable + Copy {
    /// Copies a struct from the beginning of `bytes`. Returns `None` if there are too few.
    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self::from_bytes_copy_prefix(bytes)?.0)
    }
}

impl<T: AsBytes + FromBytes + Zeroable + Copy> Wire for T {}

virtio::byte_structs! {
    /// The header of every request and response; C: `struct virtio_gpu_ctrl_hdr`.
    pub(crate) struct Header {
        /// Type of the request or response.
        pub(crate) kind: u32,
        /// Flags.
        pub(crate) flags: u32,
        /// Number of the fence.
        pub(crate) fence_id: u64,
        /// Number of the rendering context.
        pub(crate) ctx_id: u32,
        /// Number of the context's ring, and padding.
        pub(crate) ring: u32,
    }
    /// A rectangle in pixels; C: `struct virtio_gpu_rect`.
    pub(crate) struct Rect {
        /// Left edge.
        pub(crate) x: u32,
        /// Upper edge.
        pub(crate) y: u32,
        /// Width in pixels.
        pub(crate) width: u32,
        /// Height in pixels.
        pub(crate) height: u32,
    }
    /// C: `struct virtio_gpu_resource_create_2d`.
    pub(crate) struct ResourceCreate2d {
        /// Header.
        pub(crate) hdr: Header,
        /// Number of the resource.
        pub(crate) resource_id: u32,
        /// Pixel format.
        pub(crate) format: u32,
        /// Width in pixels.
        pub(crate) width: u32,
        /// Height in pixels.
        pub(crate) height: u32,
    }
    /// C: `struct virtio_gpu_resource_unref`.
    pub(crate) struct ResourceUnref {
        /// Header.
        pub(crate) hdr: Header,
        /// Number of the resource.
        pub(crate) resource_id: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
    }
    /// C: `struct virtio_gpu_resource_detach_backing`.
    pub(crate) struct ResourceDetachBacking {
        /// Header.
        pub(crate) hdr: Header,
        /// Number of the resource.
        pub(crate) resource_id: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
    }
    /// C: `struct virtio_gpu_resource_attach_backing`.
    pub(crate) struct ResourceAttachBacking {
        /// Header.
        pub(crate) hdr: Header,
        /// Number of the resource.
        pub(crate) resource_id: u32,
        /// Number of the [`MemEntry`] that follow.
        pub(crate) nr_entries: u32,
    }
    /// A run of guest memory; C: `struct virtio_gpu_mem_entry`.
    pub(crate) struct MemEntry {
        /// Address.
        pub(crate) addr: u64,
        /// Bytes.
        pub(crate) length: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
    }
    /// C: `struct virtio_gpu_set_scanout`.
    pub(crate) struct SetScanout {
        /// Header.
        pub(crate) hdr: Header,
        /// The part of the resource that is shown.
        pub(crate) r: Rect,
        /// Number of the head.
        pub(crate) scanout_id: u32,
        /// Number of the resource, 0 for none.
        pub(crate) resource_id: u32,
    }
    /// C: `struct virtio_gpu_resource_flush`.
    pub(crate) struct ResourceFlush {
        /// Header.
        pub(crate) hdr: Header,
        /// A part of the resource in pixels.
        pub(crate) r: Rect,
        /// Number of the resource.
        pub(crate) resource_id: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
    }
    /// C: `struct virtio_gpu_transfer_to_host_2d`.
    pub(crate) struct TransferToHost2d {
        /// Header.
        pub(crate) hdr: Header,
        /// A part of the resource in pixels.
        pub(crate) r: Rect,
        /// Offset of its first pixel in the backing in bytes.
        pub(crate) offset: u64,
        /// Number of the resource.
        pub(crate) resource_id: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
    }
    /// The state of a head; C: `struct virtio_gpu_display_one`.
    pub(crate) struct DisplayOne {
        /// Position and size of the window.
        pub(crate) r: Rect,
        /// Whether there is a window.
        pub(crate) enabled: u32,
        /// Flags.
        pub(crate) flags: u32,
    }
    /// C: `struct virtio_gpu_resp_display_info`.
    pub(crate) struct DisplayInfo {
        /// Header.
        pub(crate) hdr: Header,
        /// The heads.
        pub(crate) pmodes: [DisplayOne; MAX_SCANOUTS],
    }
    /// C: `struct virtio_gpu_cmd_get_edid`.
    pub(crate) struct GetEdid {
        /// Header.
        pub(crate) hdr: Header,
        /// Number of the head.
        pub(crate) scanout: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
    }
    /// C: `struct virtio_gpu_resp_edid`.
    pub(crate) struct Edid {
        /// Header.
        pub(crate) hdr: Header,
        /// Number of valid bytes in `edid`.
        pub(crate) size: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
        /// The EDID.
        pub(crate) edid: [u8; 1024],
    }
    /// The configuration space; C: `struct virtio_gpu_config`.
    pub(crate) struct Config {
        /// Pending events.
        pub(crate) events_read: u32,
        /// Events to clear.
        pub(crate) events_clear: u32,
        /// Number of heads.
        pub(crate) num_scanouts: u32,
        /// Number of capability sets.
        pub(crate) num_capsets: u32,
        /// Alignment of blobs in bytes, if the device has one.
        pub(crate) blob_alignment: u32,
    }
    /// The position of a cursor; C: `struct virtio_gpu_cursor_pos`.
    pub(crate) struct CursorPos {
        /// Number of the head.
        pub(crate) scanout_id: u32,
        /// Pixels from the edge of the head.
        pub(crate) x: u32,
        /// Pixels from the edge of the head.
        pub(crate) y: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
    }
    /// C: `struct virtio_gpu_get_capset_info`.
    pub(crate) struct GetCapsetInfo {
        /// Header.
        pub(crate) hdr: Header,
        /// Index of the capability set, counted from 0.
        pub(crate) capset_index: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
    }
    /// C: `struct virtio_gpu_resp_capset_info`.
    pub(crate) struct CapsetInfo {
        /// Header.
        pub(crate) hdr: Header,
        /// Number of the renderer.
        pub(crate) capset_id: u32,
        /// Highest version of the set.
        pub(crate) capset_max_version: u32,
        /// Maximum size of the set in bytes.
        pub(crate) capset_max_size: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
    }
    /// C: `struct virtio_gpu_get_capset`.
    pub(crate) struct GetCapset {
        /// Header.
        pub(crate) hdr: Header,
        /// Number of the renderer.
        pub(crate) capset_id: u32,
        /// Version of the set.
        pub(crate) capset_version: u32,
    }
    /// C: `struct virtio_gpu_ctx_create`.
    pub(crate) struct CtxCreate {
        /// Header.
        pub(crate) hdr: Header,
        /// Number of bytes of the name.
        pub(crate) nlen: u32,
        /// Number of the renderer, 0 for the host's default.
        pub(crate) context_init: u32,
        /// The name.
        pub(crate) debug_name: [u8; 64],
    }
    /// C: `struct virtio_gpu_ctx_resource`.
    pub(crate) struct CtxResource {
        /// Header.
        pub(crate) hdr: Header,
        /// Number of the resource.
        pub(crate) resource_id: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
    }
    /// C: `struct virtio_gpu_resource_create_3d`.
    pub(crate) struct ResourceCreate3d {
        /// Header.
        pub(crate) hdr: Header,
        /// Number of the resource.
        pub(crate) resource_id: u32,
        /// Dimensions and kind.
        pub(crate) target: u32,
        /// Pixel format, in the renderer's numbers.
        pub(crate) format: u32,
        /// What it is used for.
        pub(crate) bind: u32,
        /// Width in pixels.
        pub(crate) width: u32,
        /// Height in pixels.
        pub(crate) height: u32,
        /// Depth in pixels.
        pub(crate) depth: u32,
        /// Number of layers.
        pub(crate) array_size: u32,
        /// Number of the smallest mipmap.
        pub(crate) last_level: u32,
        /// Samples of a pixel.
        pub(crate) nr_samples: u32,
        /// Flags.
        pub(crate) flags: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
    }
    /// A part of a texture; C: `struct virtio_gpu_box`.
    pub(crate) struct Box3d {
        /// Left edge.
        pub(crate) x: u32,
        /// Upper edge.
        pub(crate) y: u32,
        /// Front edge, or the first layer.
        pub(crate) z: u32,
        /// Width in pixels.
        pub(crate) w: u32,
        /// Height in pixels.
        pub(crate) h: u32,
        /// Depth in pixels, or number of layers.
        pub(crate) d: u32,
    }
    /// C: `struct virtio_gpu_transfer_host_3d`.
    pub(crate) struct TransferHost3d {
        /// Header.
        pub(crate) hdr: Header,
        /// The part that is copied.
        pub(crate) part: Box3d,
        /// Offset of its first pixel in the backing in bytes.
        pub(crate) offset: u64,
        /// Number of the resource.
        pub(crate) resource_id: u32,
        /// Number of the mipmap.
        pub(crate) level: u32,
        /// Bytes from a row to the next, 0 for the texture's own.
        pub(crate) stride: u32,
        /// Bytes from a layer to the next, 0 for the texture's own.
        pub(crate) layer_stride: u32,
    }
    /// The header of a command stream; C: `struct virtio_gpu_cmd_submit`.
    pub(crate) struct CmdSubmit {
        /// Header.
        pub(crate) hdr: Header,
        /// Bytes of the stream, which follows.
        pub(crate) size: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
    }
    /// C: `struct virtio_gpu_resource_create_blob`.
    pub(crate) struct ResourceCreateBlob {
        /// Header.
        pub(crate) hdr: Header,
        /// Number of the resource.
        pub(crate) resource_id: u32,
        /// Whose memory it is.
        pub(crate) blob_mem: u32,
        /// What it may be used for.
        pub(crate) blob_flags: u32,
        /// Number of the [`MemEntry`] that follow.
        pub(crate) nr_entries: u32,
        /// Number of the memory in its context.
        pub(crate) blob_id: u64,
        /// Bytes.
        pub(crate) size: u64,
    }
    /// C: `struct virtio_gpu_set_scanout_blob`.
    pub(crate) struct SetScanoutBlob {
        /// Header.
        pub(crate) hdr: Header,
        /// The part of the picture that is shown.
        pub(crate) r: Rect,
        /// Number of the head.
        pub(crate) scanout_id: u32,
        /// Number of the resource.
        pub(crate) resource_id: u32,
        /// Width of the picture in pixels.
        pub(crate) width: u32,
        /// Height of the picture in pixels.
        pub(crate) height: u32,
        /// Pixel format.
        pub(crate) format: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
        /// Bytes from a row to the next, for each plane.
        pub(crate) strides: [u32; 4],
        /// Where the pixels begin, in bytes, for each plane.
        pub(crate) offsets: [u32; 4],
    }
    /// C: `struct virtio_gpu_resource_map_blob`.
    pub(crate) struct ResourceMapBlob {
        /// Header.
        pub(crate) hdr: Header,
        /// Number of the resource.
        pub(crate) resource_id: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
        /// Where in the window, in bytes.
        pub(crate) offset: u64,
    }
    /// C: `struct virtio_gpu_resp_map_info`.
    pub(crate) struct MapInfo {
        /// Header.
        pub(crate) hdr: Header,
        /// How the memory is to be cached.
        pub(crate) map_info: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
    }
    /// C: `struct virtio_gpu_resource_unmap_blob`.
    pub(crate) struct ResourceUnmapBlob {
        /// Header.
        pub(crate) hdr: Header,
        /// Number of the resource.
        pub(crate) resource_id: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
    }
    /// C: `struct virtio_gpu_resource_assign_uuid`.
    pub(crate) struct ResourceAssignUuid {
        /// Header.
        pub(crate) hdr: Header,
        /// Number of the resource.
        pub(crate) resource_id: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
    }
    /// C: `struct virtio_gpu_resp_resource_uuid`.
    pub(crate) struct ResourceUuid {
        /// Header.
        pub(crate) hdr: Header,
        /// The UUID.
        pub(crate) uuid: [u8; 16],
    }
    /// C: `struct virtio_gpu_update_cursor`.
    pub(crate) struct UpdateCursor {
        /// Header.
        pub(crate) hdr: Header,
        /// Position.
        pub(crate) pos: CursorPos,
        /// Number of the resource with the image, 0 for none.
        pub(crate) resource_id: u32,
        /// Hotspot in the image, in pixels from its left edge.
        pub(crate) hot_x: u32,
        /// Hotspot in the image, in pixels from its upper edge.
        pub(crate) hot_y: u32,
        /// Padding, zero.
        pub(crate) padding: u32,
    }
}

/// The shared memory region in which the host's blobs are mapped.
pub(crate) const SHM_ID_HOST_VISIBLE: u8 = 1;
/// The maximum number of heads.
pub(crate) const MAX_SCANOUTS: usize = 16;
/// Feature: the host has renderers.
pub(crate) const F_VIRGL: u32 = 0;
/// Feature: the device has EDIDs.
pub(crate) const F_EDID: u32 = 1;
/// Feature: resources have UUIDs, by which other virtio devices know them.
pub(crate) const F_RESOURCE_UUID: u32 = 2;
/// Feature: resources may be plain memory.
pub(crate) const F_RESOURCE_BLOB: u32 = 3;
/// Feature: the configuration space has the alignment of blobs.
pub(crate) const F_BLOB_ALIGNMENT: u32 = 5;
/// Feature: a context may have parameters.
pub(crate) const F_CONTEXT_INIT: u32 = 4;
/// Flag of a header: the host answers the command when it has executed it.
pub(crate) const FLAG_FENCE: u32 = 1;
/// Flag of a header: the fence is on a ring of the context.
pub(crate) const FLAG_INFO_RING_IDX: u32 = 2;
/// In the configuration space: pending events.
pub(crate) const CONFIG_EVENTS_READ: ConfigField<Config, { offset_of!(Config, events_read) }> =
    ConfigField::new();
/// In the configuration space: events to clear.
pub(crate) const CONFIG_EVENTS_CLEAR: ConfigField<Config, { offset_of!(Config, events_clear) }> =
    ConfigField::new();
/// In the configuration space: number of heads.
pub(crate) const CONFIG_NUM_SCANOUTS: ConfigField<Config, { offset_of!(Config, num_scanouts) }> =
    ConfigField::new();
/// In the configuration space: number of capability sets.
pub(crate) const CONFIG_NUM_CAPSETS: ConfigField<Config, { offset_of!(Config, num_capsets) }> =
    ConfigField::new();
/// In the configuration space: alignment of the sizes of blobs.
pub(crate) const CONFIG_BLOB_ALIGNMENT: ConfigField<
    Config,
    { offset_of!(Config, blob_alignment) },
> = ConfigField::new();
/// The bits of [`MapInfo::map_info`] that say how memory is to be cached.
pub(crate) const MAP_CACHE_MASK: u32 = 0xf;
/// Without the cache.
pub(crate) const MAP_CACHE_UNCACHED: u32 = 2;
/// Without the cache; writes may be combined.
pub(crate) const MAP_CACHE_WC: u32 = 3;
/// Event: the display information has changed.
pub(crate) const EVENT_DISPLAY: u32 = 1;

/// Request types.
pub(crate) mod cmd {
    /// Reads the display information of all heads.
    pub(crate) const GET_DISPLAY_INFO: u32 = 0x0100;
    /// Creates a 2D resource.
    pub(crate) const RESOURCE_CREATE_2D: u32 = 0x0101;
    /// Destroys a resource.
    pub(crate) const RESOURCE_UNREF: u32 = 0x0102;
    /// Shows a resource on a head.
    pub(crate) const SET_SCANOUT: u32 = 0x0103;
    /// Redraws a part of a resource.
    pub(crate) const RESOURCE_FLUSH: u32 = 0x0104;
    /// Copies pixels from the backing to the resource.
    pub(crate) const TRANSFER_TO_HOST_2D: u32 = 0x0105;
    /// Attaches a backing to a resource.
    pub(crate) const RESOURCE_ATTACH_BACKING: u32 = 0x0106;
    /// Detaches the backing of a resource.
    pub(crate) const RESOURCE_DETACH_BACKING: u32 = 0x0107;
    /// Reads number and size of a capability set.
    pub(crate) const GET_CAPSET_INFO: u32 = 0x0108;
    /// Reads a capability set.
    pub(crate) const GET_CAPSET: u32 = 0x0109;
    /// Reads a head's EDID.
    pub(crate) const GET_EDID: u32 = 0x010a;
    /// Reads the UUID of a resource.
    pub(crate) const RESOURCE_ASSIGN_UUID: u32 = 0x010b;
    /// Creates a resource that is plain memory.
    pub(crate) const RESOURCE_CREATE_BLOB: u32 = 0x010c;
    /// Shows a blob on a head.
    pub(crate) const SET_SCANOUT_BLOB: u32 = 0x010d;
    /// Creates a context.
    pub(crate) const CTX_CREATE: u32 = 0x0200;
    /// Destroys a context.
    pub(crate) const CTX_DESTROY: u32 = 0x0201;
    /// Lets a context use a resource.
    pub(crate) const CTX_ATTACH_RESOURCE: u32 = 0x0202;
    /// Ends that.
    pub(crate) const CTX_DETACH_RESOURCE: u32 = 0x0203;
    /// Creates a resource for a renderer.
    pub(crate) const RESOURCE_CREATE_3D: u32 = 0x0204;
    /// Copies from the backing to a resource of a renderer.
    pub(crate) const TRANSFER_TO_HOST_3D: u32 = 0x0205;
    /// Copies from a resource of a renderer to the backing.
    pub(crate) const TRANSFER_FROM_HOST_3D: u32 = 0x0206;
    /// Executes a command stream.
    pub(crate) const SUBMIT_3D: u32 = 0x0207;
    /// Maps a blob into the window.
    pub(crate) const RESOURCE_MAP_BLOB: u32 = 0x0208;
    /// Ends that.
    pub(crate) const RESOURCE_UNMAP_BLOB: u32 = 0x0209;
    /// Changes the image and position of a cursor.
    pub(crate) const UPDATE_CURSOR: u32 = 0x0300;
    /// Moves a cursor.
    pub(crate) const MOVE_CURSOR: u32 = 0x0301;

    /// Returns the name of a request type, for messages.
    pub(crate) fn name(kind: u32) -> &'static str {
        match kind {
            GET_DISPLAY_INFO => "GET_DISPLAY_INFO",
            RESOURCE_CREATE_2D => "RESOURCE_CREATE_2D",
            RESOURCE_UNREF => "RESOURCE_UNREF",
            SET_SCANOUT => "SET_SCANOUT",
            RESOURCE_FLUSH => "RESOURCE_FLUSH",
            TRANSFER_TO_HOST_2D => "TRANSFER_TO_HOST_2D",
            RESOURCE_ATTACH_BACKING => "RESOURCE_ATTACH_BACKING",
            RESOURCE_DETACH_BACKING => "RESOURCE_DETACH_BACKING",
            GET_CAPSET_INFO => "GET_CAPSET_INFO",
            GET_CAPSET => "GET_CAPSET",
            GET_EDID => "GET_EDID",
            RESOURCE_ASSIGN_UUID => "RESOURCE_ASSIGN_UUID",
            RESOURCE_CREATE_BLOB => "RESOURCE_CREATE_BLOB",
            SET_SCANOUT_BLOB => "SET_SCANOUT_BLOB",
            CTX_CREATE => "CTX_CREATE",
            CTX_DESTROY => "CTX_DESTROY",
            CTX_ATTACH_RESOURCE => "CTX_ATTACH_RESOURCE",
            CTX_DETACH_RESOURCE => "CTX_DETACH_RESOURCE",
            RESOURCE_CREATE_3D => "RESOURCE_CREATE_3D",
            TRANSFER_TO_HOST_3D => "TRANSFER_TO_HOST_3D",
            TRANSFER_FROM_HOST_3D => "TRANSFER_FROM_HOST_3D",
            SUBMIT_3D => "SUBMIT_3D",
            RESOURCE_MAP_BLOB => "RESOURCE_MAP_BLOB",
            RESOURCE_UNMAP_BLOB => "RESOURCE_UNMAP_BLOB",
            UPDATE_CURSOR => "UPDATE_CURSOR",
            MOVE_CURSOR => "MOVE_CURSOR",
            _ => "unknown",
        }
    }
}

/// Response types.
pub(crate) mod resp {
    /// Success without data.
    pub(crate) const OK_NODATA: u32 = 0x1100;
    /// [`DisplayInfo`](super::DisplayInfo).
    pub(crate) const OK_DISPLAY_INFO: u32 = 0x1101;
    /// [`CapsetInfo`](super::CapsetInfo).
    pub(crate) const OK_CAPSET_INFO: u32 = 0x1102;
    /// A header and a capability set.
    pub(crate) const OK_CAPSET: u32 = 0x1103;
    /// [`Edid`](super::Edid).
    pub(crate) const OK_EDID: u32 = 0x1104;
    /// [`ResourceUuid`](super::ResourceUuid).
    pub(crate) const OK_RESOURCE_UUID: u32 = 0x1105;
    /// [`MapInfo`](super::MapInfo).
    pub(crate) const OK_MAP_INFO: u32 = 0x1106;
    /// The host is out of memory.
    pub(crate) const ERR_OUT_OF_MEMORY: u32 = 0x1201;
    /// The first of four errors for invalid arguments.
    pub(crate) const ERR_INVALID_SCANOUT_ID: u32 = 0x1202;
    /// The host does not have the resource.
    pub(crate) const ERR_INVALID_RESOURCE_ID: u32 = 0x1203;
    /// The last of these errors.
    pub(crate) const ERR_INVALID_PARAMETER: u32 = 0x1205;
    /// All errors, including the unspecific one.
    pub(crate) const ERRORS: core::ops::RangeInclusive<u32> = 0x1200..=ERR_INVALID_PARAMETER;
}

/// Pixel formats, named after the order of their bytes in memory.
pub(crate) mod format {
    /// XRGB8888.
    pub(crate) const B8G8R8X8: u32 = 2;
    /// ARGB8888.
    pub(crate) const B8G8R8A8: u32 = 1;
    /// BGRA8888.
    pub(crate) const A8R8G8B8: u32 = 3;
    /// BGRX8888.
    pub(crate) const X8R8G8B8: u32 = 4;
    /// ABGR8888.
    pub(crate) const R8G8B8A8: u32 = 67;
    /// RGBX8888.
    pub(crate) const X8B8G8R8: u32 = 68;
    /// RGBA8888.
    pub(crate) const A8B8G8R8: u32 = 121;
    /// XBGR8888.
    pub(crate) const R8G8B8X8: u32 = 134;
}
