// SPDX-License-Identifier: GPL-2.0
//! The driver's own ioctls, for a device without 3D. Those that need a renderer fail with the same
//! errno as mainline's driver.
use drm::{
    gem::{self as drm_gem, BaseObject},
    uapi, File, Ioctl, Rect,
};
use kernel::{
    page::{page_align, PAGE_SIZE},
    prelude::*,
    time::msecs_to_jiffies,
    uaccess::{UserPtr, UserSlice},
};

use crate::{
    device::{Object, VirtGpu, VirtGpuFile},
    memory::{
        format,
        gem::{self, Shape},
    },
};

/// An unplug does not wait for the handlers, because they may wait for the host, which the unplug ends.
type Device = drm::Device<VirtGpu, Ioctl>;

type VFile = File<VirtGpuFile>;

/// Gallium's number of the two-dimensional texture target.
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
        || format::by_number(args.format).is_none()
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
    args.res_handle = gem::resource(&bo, args.format)?.id;
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
    // It is not a blob, because this driver has none.
    args.blob_mem = 0;
    args.res_handle = gem::resource(&bo, format::default().number)?.id;
    Ok(0)
}

/// Returns a box as a rectangle, if it is within a resource of size `whole`.
fn checked_box(at: (u32, u32), size: (u32, u32), whole: (u32, u32)) -> Option<Rect> {
    let fits = |at: u32, size, whole| at < whole && size != 0 && size <= whole - at;
    (fits(at.0, size.0, whole.0) && fits(at.1, size.1, whole.1))
        .then(|| Rect::new(at.0 as i32, at.1 as i32, size.0 as i32, size.1 as i32))
}

pub(crate) fn transfer_to_host(
    dev: &Device,
    args: &mut uapi::drm_virtgpu_3d_transfer_to_host,
    file: &VFile,
) -> Result<u32> {
    let bo = Object::lookup_handle(file, args.bo_handle)?;
    let resource = gem::resource(&bo, format::default().number)?;
    let part = &args.box_;
    let whole = (resource.width, resource.height);
    let rect = checked_box((part.x, part.y), (part.w, part.h), whole).ok_or(EINVAL)?;
    // The host does not read beyond the end of the backing.
    if args.offset as usize >= bo.size() {
        return Err(EINVAL);
    }
    let transfer = resource.transfer(&bo, &rect, u64::from(args.offset))?;
    dev.transport.ctrl.submit(dev, transfer);
    dev.transport.ctrl.kick(dev);
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

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, Test};

    fn fits(x: u32, y: u32, w: u32, h: u32) -> bool {
        checked_box((x, y), (w, h), (640, 480)).is_some()
    }

    fn box_fits_up_to_the_edges(test: &Test) {
        let whole = checked_box((0, 0), (640, 480), (640, 480));
        expect!(test, whole == Some(Rect::new(0, 0, 640, 480)));
        expect!(test, fits(639, 479, 1, 1));
        expect!(test, !fits(0, 0, 641, 480));
        expect!(test, !fits(0, 0, 640, 481));
        expect!(test, !fits(639, 0, 2, 1));
        expect!(test, !fits(0, 479, 1, 2));
        expect!(test, !fits(640, 0, 1, 1));
        expect!(test, !fits(0, 480, 1, 1));
    }

    fn empty_box_does_not_fit(test: &Test) {
        expect!(test, !fits(0, 0, 0, 480));
        expect!(test, !fits(0, 0, 640, 0));
    }

    /// A sum that wraps around would look as if the box were within.
    fn box_does_not_wrap_around(test: &Test) {
        expect!(test, !fits(1, 0, u32::MAX, 1));
        expect!(test, !fits(0, 1, 1, u32::MAX));
        expect!(test, !fits(u32::MAX, 0, 1, 1));
        expect!(test, !fits(0, u32::MAX, 1, 1));
    }

    kunit::suite!(
        c"virtgpu_rs_ioctl",
        [
            box_fits_up_to_the_edges,
            empty_box_does_not_fit,
            box_does_not_wrap_around,
        ]
    );
}
