// SPDX-License-Identifier: GPL-2.0
//! The driver's own ioctls, for a device without 3D: what needs a renderer fails with mainline's
//! errno.
use drm::{gem as drm_gem, File, Rect};
use kernel::{
    page::{page_align, PAGE_SIZE},
    prelude::*,
    time::msecs_to_jiffies,
    uaccess::{UserPtr, UserSlice},
};
use virtio::gpu::{format as wire_format, uapi};

use crate::{
    drv::{Device, VirtGpuFile},
    format,
    gem::{self, Object, Shape},
    resource::Resource,
};

type VFile = File<VirtGpuFile>;

/// Gallium's number for a two-dimensional texture.
const TARGET_2D: u32 = 2;
const WAIT_MS: u32 = 15_000;

pub(crate) fn map(dev: &Device, args: &mut uapi::drm_virtgpu_map, file: &VFile) -> Result<u32> {
    args.offset = drm_gem::map_offset(dev, file, args.handle)?;
    Ok(0)
}

pub(crate) fn getparam(
    _dev: &Device,
    args: &mut uapi::drm_virtgpu_getparam,
    _file: &VFile,
) -> Result<u32> {
    let value: i32 = match u32::try_from(args.param).map_err(|_| EINVAL)? {
        uapi::VIRTGPU_PARAM_CAPSET_QUERY_FIX => 1,
        uapi::VIRTGPU_PARAM_3D_FEATURES
        | uapi::VIRTGPU_PARAM_RESOURCE_BLOB
        | uapi::VIRTGPU_PARAM_HOST_VISIBLE
        | uapi::VIRTGPU_PARAM_CROSS_DEVICE
        | uapi::VIRTGPU_PARAM_CONTEXT_INIT
        | uapi::VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs
        | uapi::VIRTGPU_PARAM_EXPLICIT_DEBUG_NAME => 0,
        uapi::VIRTGPU_PARAM_BLOB_ALIGNMENT => return Err(ENOENT),
        _ => return Err(EINVAL),
    };
    UserSlice::new(
        UserPtr::from_addr(args.value as usize),
        core::mem::size_of_val(&value),
    )
    .writer()
    .write(&value)?;
    Ok(0)
}

pub(crate) fn resource_create(
    dev: &Device,
    args: &mut uapi::drm_virtgpu_resource_create,
    file: &VFile,
) -> Result<u32> {
    if args.target != TARGET_2D
        || args.depth > 1
        || args.array_size > 1
        || args.last_level > 1
        || args.nr_samples > 1
        || !format::is_known(args.format)
        || args.width == 0
        || args.height == 0
    {
        return Err(EINVAL);
    }

    let size = match args.size as usize {
        0 => PAGE_SIZE,
        size => page_align(size).ok_or(EINVAL)?,
    };
    let shape = Shape {
        format: args.format,
        width: args.width,
        height: args.height,
    };
    let bo = gem::create(dev, size, shape)?;
    args.res_handle = gem::own_resource(&bo, args.format)?.id;
    args.bo_handle = bo.create_handle(file)?;
    Ok(0)
}

pub(crate) fn resource_info(
    _dev: &Device,
    args: &mut uapi::drm_virtgpu_resource_info,
    file: &VFile,
) -> Result<u32> {
    let bo = Object::lookup_handle(file, args.bo_handle)?;
    args.size = bo.size() as u32;
    args.res_handle = gem::own_resource(&bo, wire_format::B8G8R8X8)?.id;
    Ok(0)
}

/// A box in a resource, as pixels.
fn checked_box(args: &uapi::drm_virtgpu_3d_transfer_to_host, resource: &Resource) -> Option<Rect> {
    let part = &args.box_;
    let fits = part.w != 0
        && part.h != 0
        && part.x < resource.width
        && part.w <= resource.width - part.x
        && part.y < resource.height
        && part.h <= resource.height - part.y;
    fits.then(|| Rect::new(part.x as i32, part.y as i32, part.w as i32, part.h as i32))
}

pub(crate) fn transfer_to_host(
    dev: &Device,
    args: &mut uapi::drm_virtgpu_3d_transfer_to_host,
    file: &VFile,
) -> Result<u32> {
    let bo = Object::lookup_handle(file, args.bo_handle)?;
    let resource = gem::own_resource(&bo, wire_format::B8G8R8X8)?;
    let rect = checked_box(args, &resource).ok_or(EINVAL)?;
    // The host itself stops where the backing ends.
    if args.offset as usize >= bo.size() {
        return Err(EINVAL);
    }
    let transfer = resource.transfer(&bo, &rect, u64::from(args.offset))?;
    dev.ctrl.submit(dev, transfer);
    dev.ctrl.kick(dev);
    Ok(0)
}

pub(crate) fn wait(
    _dev: &Device,
    args: &mut uapi::drm_virtgpu_3d_wait,
    file: &VFile,
) -> Result<u32> {
    let bo = Object::lookup_handle(file, args.handle)?;
    let timeout = if args.flags & uapi::VIRTGPU_WAIT_NOWAIT != 0 {
        0
    } else {
        msecs_to_jiffies(WAIT_MS)
    };
    bo.wait(timeout)?;
    Ok(0)
}

pub(crate) fn no_renderer<A>(_dev: &Device, _args: &mut A, _file: &VFile) -> Result<u32> {
    Err(ENOSYS)
}

pub(crate) fn no_feature<A>(_dev: &Device, _args: &mut A, _file: &VFile) -> Result<u32> {
    Err(EINVAL)
}
