// SPDX-License-Identifier: GPL-2.0
//! The driver's own ioctls. Without a renderer, those that need one fail with mainline's errno.
use drm::{
    gem::{self as drm_gem, shmem::Rows, BaseObject},
    uapi, File, Ioctl, Rect,
};
use kernel::{
    page::{page_align, PAGE_SIZE},
    prelude::*,
    sync::atomic::Relaxed,
    time::msecs_to_jiffies,
    uaccess::{UserPtr, UserSlice},
};

use crate::{
    device::{Object, VirtGpu, VirtGpuFile},
    gpu::{self, cmd},
    memory::{
        blob, format,
        gem::{self, Shape},
        kind::{Blob, Kind, Texture, TARGET_2D},
        resource::Resource,
    },
    render::{
        capset,
        context::{self, Hold},
        submit,
    },
    transport::encode,
};

/// An unplug does not wait for the handlers, because they may wait for the host, which the unplug ends.
type Device = drm::Device<VirtGpu, Ioctl>;

type VFile = File<VirtGpuFile>;

/// Bytes of the largest pixel of any renderer: four components of 64 bits.
const MAX_PIXEL: u64 = 32;
const WAIT_MS: u32 = 15_000;
/// Maximum size of the command that tells a renderer which memory a blob is.
const MAX_BLOB_CMD: u32 = 64 * 1024;

pub(crate) fn map(dev: &Device, args: &mut uapi::drm_virtgpu_map, file: &VFile) -> Result<u32> {
    args.offset = drm_gem::map_offset(dev, file, args.handle)?;
    Ok(0)
}

pub(crate) fn getparam(
    dev: &Device,
    args: &mut uapi::drm_virtgpu_getparam,
    _file: &VFile,
) -> Result<u32> {
    let value: i32 = match u32::try_from(args.param).map_err(|_| EINVAL)? {
        uapi::VIRTGPU_PARAM_CAPSET_QUERY_FIX => 1,
        uapi::VIRTGPU_PARAM_3D_FEATURES => i32::from(dev.render.has_3d),
        uapi::VIRTGPU_PARAM_CONTEXT_INIT | uapi::VIRTGPU_PARAM_EXPLICIT_DEBUG_NAME => {
            i32::from(dev.render.has_context_init)
        }
        uapi::VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs => dev.render.capsets.mask() as i32,
        uapi::VIRTGPU_PARAM_RESOURCE_BLOB => i32::from(dev.memory.has_blob),
        uapi::VIRTGPU_PARAM_HOST_VISIBLE => i32::from(dev.memory.has_host_visible.load(Relaxed)),
        uapi::VIRTGPU_PARAM_CROSS_DEVICE => i32::from(dev.memory.has_uuid),
        uapi::VIRTGPU_PARAM_BLOB_ALIGNMENT => match dev.memory.blob_alignment {
            0 => return Err(ENOENT),
            alignment => alignment as i32,
        },
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

/// Creates a texture. Only the renderer can check the parameters.
fn create_texture(
    dev: &Device,
    args: &mut uapi::drm_virtgpu_resource_create,
    file: &VFile,
    size: usize,
    shape: Shape,
) -> Result<u32> {
    context::of(file).ok_or(EINVAL)?.create()?;
    let texture = Texture {
        target: args.target,
        bind: args.bind,
        depth: args.depth,
        array_size: args.array_size,
        last_level: args.last_level,
        nr_samples: args.nr_samples,
        flags: args.flags,
    };
    let bo = gem::create_texture(dev, size, shape, texture)?;
    args.res_handle = bo.own().ok_or(EINVAL)?.id;
    args.bo_handle = bo.create_handle(file)?;
    dev.transport.ctrl.kick(dev);
    Ok(0)
}

pub(crate) fn resource_create(
    dev: &Device,
    args: &mut uapi::drm_virtgpu_resource_create,
    file: &VFile,
) -> Result<u32> {
    let size = match args.size as usize {
        0 => PAGE_SIZE,
        size => page_align(size).ok_or(EINVAL)?,
    };
    let shape = Shape {
        format: args.format,
        width: args.width,
        height: args.height,
    };
    if dev.render.has_3d {
        return create_texture(dev, args, file, size, shape);
    }

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
    let resource = context::name(file, args.bo_handle, &bo)?;
    args.res_handle = resource.id;
    args.blob_mem = resource.kind().blob().map_or(0, |blob| blob.mem);
    Ok(0)
}

/// Returns a box as a rectangle, if it is within a resource of size `whole`.
fn checked_box(at: (u32, u32), size: (u32, u32), whole: (u32, u32)) -> Option<Rect> {
    let fits = |at: u32, size, whole| at < whole && size != 0 && size <= whole - at;
    (fits(at.0, size.0, whole.0) && fits(at.1, size.1, whole.1))
        .then(|| Rect::new(at.0 as i32, at.1 as i32, size.0 as i32, size.1 as i32))
}

/// Returns the bytes of an object of `size` bytes that a transfer may read or write. Only the renderer
/// knows the size of a pixel, but the rows of a texture have no gaps, so there is a maximum.
fn transfer_rows(
    args: &uapi::drm_virtgpu_3d_transfer_to_host,
    kind: &Kind,
    width: u32,
    size: u64,
) -> Rows {
    let part = &args.box_;
    let pitch = match kind {
        Kind::Blob(_) => u64::from(args.stride),
        _ => u64::from((width >> args.level.min(31)).max(1)) * MAX_PIXEL,
    };
    let length = match kind {
        _ if part.d > 1 => size,
        // The pixels of a buffer are bytes.
        Kind::Texture(texture) if texture.is_buffer() => size.min(u64::from(part.w)),
        Kind::Blob(_) if pitch == 0 => size,
        _ => size.min(pitch.saturating_mul(u64::from(part.h))),
    };
    Rows::bytes(u64::from(args.offset), length)
}

/// Has the renderer copy in either direction. Both ioctls have the same arguments.
fn transfer_3d(
    dev: &Device,
    kind: u32,
    args: &uapi::drm_virtgpu_3d_transfer_to_host,
    file: &VFile,
) -> Result<u32> {
    let hold = context::of(file).ok_or(ENOSYS)?;
    hold.create()?;
    let bo = Object::lookup_handle(file, args.bo_handle)?;
    let resource: &Resource = &*context::name(file, args.bo_handle, &bo)?;
    // Only the renderer knows a texture's strides, and a blob in the guest has no other copy.
    let may_transfer = match resource.kind().blob() {
        Some(blob) => !blob.is_guests(),
        None => args.stride == 0 && args.layer_stride == 0,
    };
    if resource.is_refused() || !may_transfer {
        return Err(EINVAL);
    }
    resource.back(&bo)?;
    let part = &args.box_;
    let request = gpu::TransferHost3d {
        part: gpu::Box3d {
            x: part.x,
            y: part.y,
            z: part.z,
            w: part.w,
            h: part.h,
            d: part.d,
        },
        offset: u64::from(args.offset),
        resource_id: resource.id,
        level: args.level,
        stride: args.stride,
        layer_stride: args.layer_stride,
        ..gpu::TransferHost3d::zeroed()
    };
    let rows = transfer_rows(args, resource.kind(), resource.width, bo.size() as u64);
    let chain = encode::transfer_3d(&dev.transport.pool, kind, hold.id, &request)?;
    let from_host = kind == cmd::TRANSFER_FROM_HOST_3D;
    submit::transfer(hold, chain, &bo, rows, from_host)?;
    Ok(0)
}

pub(crate) fn transfer_from_host(
    dev: &Device,
    args: &mut uapi::drm_virtgpu_3d_transfer_to_host,
    file: &VFile,
) -> Result<u32> {
    transfer_3d(dev, cmd::TRANSFER_FROM_HOST_3D, args, file)
}

pub(crate) fn transfer_to_host(
    dev: &Device,
    args: &mut uapi::drm_virtgpu_3d_transfer_to_host,
    file: &VFile,
) -> Result<u32> {
    if dev.render.has_3d {
        return transfer_3d(dev, cmd::TRANSFER_TO_HOST_3D, args, file);
    }
    let bo = Object::lookup_handle(file, args.bo_handle)?;
    let resource = context::name(file, args.bo_handle, &bo)?;
    let part = &args.box_;
    let whole = (resource.width, resource.height);
    let rect = checked_box((part.x, part.y), (part.w, part.h), whole).ok_or(EINVAL)?;
    // The host has no copy of a blob, and does not read beyond the end of the backing.
    if resource.kind().blob().is_some() || args.offset as usize >= bo.size() {
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

pub(crate) fn execbuffer(
    dev: &Device,
    args: &mut uapi::drm_virtgpu_execbuffer,
    file: &VFile,
) -> Result<u32> {
    submit::execbuffer(dev, args, file)?;
    Ok(0)
}

pub(crate) fn get_caps(
    dev: &Device,
    args: &mut uapi::drm_virtgpu_get_caps,
    _file: &VFile,
) -> Result<u32> {
    let capsets = &dev.render.capsets;
    if capsets.is_empty() {
        return Err(ENOSYS);
    }
    if args.size == 0 {
        return Err(EINVAL);
    }
    let capset = capsets
        .find(args.cap_set_id, args.cap_set_ver)
        .ok_or(EINVAL)?;
    let data = capset::get(dev, capset, args.cap_set_ver)?;
    let data = &data[..data.len().min(args.size as usize)];
    UserSlice::new(UserPtr::from_addr(args.addr as usize), data.len())
        .writer()
        .write_slice(data)?;
    Ok(0)
}

pub(crate) fn context_init(
    dev: &Device,
    args: &mut uapi::drm_virtgpu_context_init,
    file: &VFile,
) -> Result<u32> {
    context::init(dev, args, file)?;
    Ok(0)
}

/// Sends the context's command that tells the renderer which memory a blob will have.
fn tell_blob(dev: &Device, hold: &Hold, args: &uapi::drm_virtgpu_resource_create_blob) -> Result {
    if args.cmd_size == 0 {
        return Ok(());
    }
    if args.cmd_size > MAX_BLOB_CMD {
        return Err(ENOMEM);
    }
    let chain = encode::submit_3d(&dev.transport.pool, hold.id, args.cmd, args.cmd_size)?;
    submit::plain(hold, chain)
}

/// Creates a blob.
///
/// # Errors
///
/// `EINVAL` for what the device does not support, and for sizes that are not aligned; `ENOSPC` if there is
/// no room to map it; `EIO` for a context that is lost.
pub(crate) fn resource_create_blob(
    dev: &Device,
    args: &mut uapi::drm_virtgpu_resource_create_blob,
    file: &VFile,
) -> Result<u32> {
    blob::check(dev, dev.render.has_3d, args)?;
    let hold = context::of(file);
    if let Some(hold) = hold {
        hold.create()?;
        tell_blob(dev, hold, args)?;
    }
    let mut blob = Blob {
        mem: args.blob_mem,
        flags: args.blob_flags,
        id: args.blob_id,
        ctx_id: 0,
        size: page_align(args.size as usize).ok_or(EINVAL)? as u64,
    };
    if !blob.is_guests() {
        blob.ctx_id = hold.ok_or(EINVAL)?.id;
    }
    let is_deferred = args.blob_hints & uapi::DRM_VIRTGPU_BLOB_FLAG_HINT_DEFER_MAPPING != 0;
    let bo = blob::create(dev, blob, is_deferred)?;
    args.res_handle = bo.own().ok_or(EINVAL)?.id;
    args.bo_handle = bo.create_handle(file)?;
    dev.transport.ctrl.kick(dev);
    Ok(0)
}

pub(crate) fn no_feature<A>(_dev: &Device, _args: &mut A, _file: &VFile) -> Result<u32> {
    Err(EINVAL)
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use crate::memory::kind::{tests::texture, TARGET_BUFFER};
    use kunit::{expect, expect_eq, Test};

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

    fn transfer(w: u32, h: u32, d: u32, level: u32) -> uapi::drm_virtgpu_3d_transfer_to_host {
        uapi::drm_virtgpu_3d_transfer_to_host {
            bo_handle: 1,
            box_: uapi::drm_virtgpu_3d_box {
                x: 0,
                y: 0,
                z: 0,
                w,
                h,
                d,
            },
            level,
            offset: 64,
            stride: 0,
            layer_stride: 0,
        }
    }

    /// Returns offset and length of the bytes of a transfer of a texture that is 640 pixels wide.
    fn bytes(args: &uapi::drm_virtgpu_3d_transfer_to_host, target: u32, size: u64) -> (u64, u64) {
        let kind = Kind::Texture(texture(target, 2));
        let rows = transfer_rows(args, &kind, 640, size);
        (rows.offset, rows.length)
    }

    fn transfer_has_at_most_the_rows_of_its_level(test: &Test) {
        const SIZE: u64 = 1 << 24;

        let (row, small) = (640 * MAX_PIXEL, 160 * MAX_PIXEL);
        expect_eq!(
            test,
            bytes(&transfer(8, 4, 1, 0), TARGET_2D, SIZE),
            (64, 4 * row)
        );
        expect_eq!(
            test,
            bytes(&transfer(8, 4, 1, 2), TARGET_2D, SIZE),
            (64, 4 * small)
        );
        // The smallest level has a pixel, whatever a program says.
        let least = (64, 4 * MAX_PIXEL);
        expect_eq!(
            test,
            bytes(&transfer(8, 4, 1, u32::MAX), TARGET_2D, SIZE),
            least
        );
        // Nothing is known about several layers.
        expect_eq!(
            test,
            bytes(&transfer(8, 4, 2, 0), TARGET_2D, SIZE),
            (64, SIZE)
        );
        expect_eq!(
            test,
            bytes(&transfer(8, u32::MAX, 1, 0), TARGET_2D, SIZE),
            (64, SIZE)
        );
    }

    fn pixels_of_a_buffer_are_bytes(test: &Test) {
        expect_eq!(
            test,
            bytes(&transfer(100, 1, 1, 0), TARGET_BUFFER, 4096),
            (64, 100)
        );
        expect_eq!(
            test,
            bytes(&transfer(9000, 1, 1, 0), TARGET_BUFFER, 4096),
            (64, 4096)
        );
    }

    kunit::suite!(
        c"virtgpu_rs_ioctl",
        [
            transfer_has_at_most_the_rows_of_its_level,
            pixels_of_a_buffer_are_bytes,
            box_fits_up_to_the_edges,
            empty_box_does_not_fit,
            box_does_not_wrap_around,
        ]
    );
}
