// SPDX-License-Identifier: GPL-2.0
//! Blobs: resources that are plain memory of the guest, of the host or of both.
use drm::uapi;
use kernel::{page::PAGE_SIZE, prelude::*, sync::aref::ARef};

use crate::{
    device::{Device, Object},
    memory::{gem, kind::Blob},
};

const FLAGS: u32 = uapi::VIRTGPU_BLOB_FLAG_USE_MAPPABLE
    | uapi::VIRTGPU_BLOB_FLAG_USE_SHAREABLE
    | uapi::VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE;

/// What a device supports of blobs.
#[derive(Clone, Copy)]
struct Support {
    has_blob: bool,
    has_uuid: bool,
    has_3d: bool,
    alignment: u32,
}

fn is_valid(support: &Support, args: &uapi::drm_virtgpu_resource_create_blob) -> bool {
    let is_hosts = matches!(
        args.blob_mem,
        uapi::VIRTGPU_BLOB_MEM_HOST3D | uapi::VIRTGPU_BLOB_MEM_HOST3D_GUEST
    );
    let is_supported = support.has_blob
        && args.blob_flags & !FLAGS == 0
        && (support.has_uuid || args.blob_flags & uapi::VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE == 0);
    let is_consistent = if is_hosts {
        support.has_3d && args.cmd_size % 4 == 0
    } else {
        args.blob_mem == uapi::VIRTGPU_BLOB_MEM_GUEST && args.blob_id == 0 && args.cmd_size == 0
    };
    is_supported
        && is_consistent
        && args.size != 0
        && args.size <= (usize::MAX - PAGE_SIZE) as u64
        && (support.alignment == 0 || args.size % u64::from(support.alignment) == 0)
}

/// Checks the parameters of a new blob. `has_3d` tells whether the host has renderers.
///
/// # Errors
///
/// `EINVAL` for what the device does not support, and for sizes that are not aligned.
pub(crate) fn check(
    dev: &Device,
    has_3d: bool,
    args: &uapi::drm_virtgpu_resource_create_blob,
) -> Result {
    let support = Support {
        has_blob: dev.memory.has_blob,
        has_uuid: dev.memory.has_uuid,
        has_3d,
        alignment: dev.memory.blob_alignment,
    };
    is_valid(&support, args).then_some(()).ok_or(EINVAL)
}

/// Creates a buffer object that is a blob. `is_deferred` tells to map memory of the host when it is first
/// used, not now. Does not wait for the host to create it; the caller kicks.
///
/// # Errors
///
/// `ENOMEM`; `ENOSPC` if there is no room to map it.
pub(crate) fn create(dev: &Device, blob: Blob, is_deferred: bool) -> Result<ARef<Object>> {
    if blob.is_hosts() {
        gem::create_hosts(dev, blob, is_deferred)
    } else {
        gem::create_blob(dev, blob)
    }
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use crate::memory::vram::tests::*;
    use kunit::{expect, Test};

    type Args = uapi::drm_virtgpu_resource_create_blob;

    const ALL: Support = Support {
        has_blob: true,
        has_uuid: true,
        has_3d: true,
        alignment: 0,
    };

    fn args(blob_mem: u32, blob_flags: u32) -> Args {
        Args {
            blob_mem,
            blob_flags,
            bo_handle: 0,
            res_handle: 0,
            size: PAGE_SIZE as u64,
            pad: 0,
            cmd_size: 0,
            cmd: 0,
            blob_id: 0,
            blob_hints: 0,
            pad2: 0,
        }
    }

    fn blobs_need_the_feature(test: &Test) {
        expect!(test, is_valid(&ALL, &args(1, 2)));
        expect!(test, is_valid(&ALL, &args(2, 1)));
        expect!(test, is_valid(&ALL, &args(3, 1)));
        let none = Support {
            has_blob: false,
            ..ALL
        };
        expect!(test, !is_valid(&none, &args(1, 2)));
    }

    fn memory_of_the_host_needs_a_renderer(test: &Test) {
        let plain = Support {
            has_3d: false,
            ..ALL
        };
        expect!(test, is_valid(&plain, &args(1, 2)));
        expect!(test, !is_valid(&plain, &args(2, 2)));
        expect!(test, !is_valid(&plain, &args(3, 2)));
    }

    fn unknown_memory_and_flags_are_refused(test: &Test) {
        for mem in [0, 4, u32::MAX] {
            expect!(test, !is_valid(&ALL, &args(mem, 2)));
        }
        expect!(test, is_valid(&ALL, &args(1, 7)));
        expect!(test, !is_valid(&ALL, &args(1, 8)));
    }

    fn other_devices_need_uuids(test: &Test) {
        let anonymous = Support {
            has_uuid: false,
            ..ALL
        };
        expect!(test, is_valid(&anonymous, &args(1, 3)));
        expect!(test, !is_valid(&anonymous, &args(1, 4)));
    }

    fn memory_of_the_guest_has_no_command(test: &Test) {
        for mem in [1, 2, 3] {
            let with_id = Args {
                blob_id: 1,
                ..args(mem, 2)
            };
            expect!(test, is_valid(&ALL, &with_id) == (mem != 1));
            let with_command = Args {
                cmd_size: 8,
                ..args(mem, 2)
            };
            expect!(test, is_valid(&ALL, &with_command) == (mem != 1));
            let with_bytes = Args {
                cmd_size: 6,
                ..args(mem, 2)
            };
            expect!(test, !is_valid(&ALL, &with_bytes));
        }
    }

    fn sizes_are_aligned(test: &Test) {
        let aligned = Support {
            alignment: 16384,
            ..ALL
        };
        for (size, is_fine, is_aligned) in [
            (0, false, false),
            (1, true, false),
            (16384, true, true),
            (16384 + 4096, true, false),
            (u64::MAX, false, false),
            (u64::MAX - 4096, true, false),
        ] {
            let sized = Args { size, ..args(1, 2) };
            expect!(test, is_valid(&ALL, &sized) == is_fine);
            expect!(test, is_valid(&aligned, &sized) == is_aligned);
        }
    }

    kunit::suite!(
        c"virtgpu_rs_blob",
        [
            blobs_need_the_feature,
            memory_of_the_host_needs_a_renderer,
            unknown_memory_and_flags_are_refused,
            other_devices_need_uuids,
            memory_of_the_guest_has_no_command,
            sizes_are_aligned,
            memory_is_cached_as_the_host_says,
        ]
    );
}
