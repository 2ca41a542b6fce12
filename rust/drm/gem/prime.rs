// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Export of buffer objects with UUIDs, by which the host and other virtio devices know them.
//!
//! C header: [`include/linux/virtio_dma_buf.h`](srctree/include/linux/virtio_dma_buf.h)
use core::ptr;

use drm_bindings as bindings;
use kernel::{ffi::c_int, prelude::*};

use super::{shmem::Object, BaseObject, DriverObject, IntoGEMObject};
use crate::{errno, Device, Driver, UnregisteredDevice};

/// The functions of exported buffers, or null if the core exports the buffers. A device compares the address
/// with that of a buffer, to find out whether it has exported the buffer. So it stores the address: a
/// constant may have several.
///
/// # Invariants
///
/// The functions are `UUID_OPS` of the driver's objects, unless the pointer is null.
pub struct ExportOps(pub(crate) *const bindings::dma_buf_ops);

impl<T: DriverObject> Object<T> {
    const UUID_OPS: bindings::virtio_dma_buf_ops = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut all: bindings::virtio_dma_buf_ops = unsafe { core::mem::zeroed() };
        all.ops.attach = Some(bindings::virtio_dma_buf_attach);
        all.ops.detach = Some(bindings::drm_gem_map_detach);
        all.ops.map_dma_buf = Some(Self::map_callback);
        all.ops.unmap_dma_buf = Some(Self::unmap_callback);
        all.ops.release = Some(bindings::drm_gem_dmabuf_release);
        all.ops.mmap = Some(bindings::drm_gem_dmabuf_mmap);
        all.ops.vmap = Some(bindings::drm_gem_dmabuf_vmap);
        all.ops.vunmap = Some(bindings::drm_gem_dmabuf_vunmap);
        all.device_attach = Some(bindings::drm_gem_map_attach);
        all.get_uuid = Some(Self::uuid_callback);
        all
    };

    /// The functions of an exported object. They are the first field of `UUID_OPS`.
    pub(super) const UUID_EXPORT_OPS: ExportOps = ExportOps(if T::HAS_UUIDS {
        ptr::from_ref(&Self::UUID_OPS).cast()
    } else {
        ptr::null()
    });

    /// Returns the object that was exported as a buffer.
    ///
    /// # Safety
    ///
    /// The buffer must have the functions of objects of this type, and be valid as long as the result is
    /// used.
    unsafe fn of_buffer<'a>(dma_buf: *mut bindings::dma_buf) -> &'a Self {
        // SAFETY: By the requirements of this function.
        let raw = unsafe { (*dma_buf).priv_ };
        // SAFETY: `export_callback` has set it to an object, which the buffer holds a reference to.
        unsafe { Self::from_raw(raw.cast()) }
    }

    pub(super) extern "C" fn export_callback(
        raw: *mut bindings::drm_gem_object,
        flags: c_int,
    ) -> *mut bindings::dma_buf {
        // SAFETY: The core calls this for a valid object of the type.
        let object = unsafe { Self::from_raw(raw) };
        let dev = object.dev();
        // SAFETY: The object is valid, and its reservation does not change.
        let resv = unsafe { (*raw).resv };
        let mut info = bindings::dma_buf_export_info {
            exp_name: T::Driver::INFO.name.as_char_ptr(),
            owner: UnregisteredDevice::<T::Driver>::OWNER,
            ops: dev.export_ops.0,
            size: object.size(),
            flags,
            resv,
            priv_: raw.cast(),
        };
        // Unlike `virtio_dma_buf_export()`, which only checks the functions, this lets an unplug end what
        // programs have mapped of the buffer.
        // SAFETY: Device and object are valid. The function takes the references that the release of the
        // buffer drops.
        unsafe { bindings::drm_gem_dmabuf_export(dev.as_raw(), &mut info) }
    }

    extern "C" fn uuid_callback(
        dma_buf: *mut bindings::dma_buf,
        uuid: *mut bindings::uuid_t,
    ) -> c_int {
        // SAFETY: Virtio calls this for a valid buffer with these functions.
        let object = unsafe { Self::of_buffer(dma_buf) };
        errno(T::uuid(object).map(|bytes| {
            // SAFETY: Virtio passes a valid pointer.
            unsafe { uuid.write(bindings::uuid_t { b: bytes }) };
        }))
    }

    extern "C" fn map_callback(
        attach: *mut bindings::dma_buf_attachment,
        direction: bindings::dma_data_direction,
    ) -> *mut bindings::sg_table {
        // SAFETY: The core calls this with a valid attachment.
        let dma_buf = unsafe { (*attach).dmabuf };
        // SAFETY: The buffer has these functions.
        let object = unsafe { Self::of_buffer(dma_buf) };
        if object.has_pages() {
            // SAFETY: As above, and the object has pages.
            return unsafe { bindings::drm_gem_map_dma_buf(attach, direction) };
        }
        // SAFETY: As above.
        let importer = unsafe { (*attach).dev };
        let (address, size) = match T::place(object).and_then(|()| object.window_address()) {
            Ok((address, _)) => (address, object.size()),
            // SAFETY: The importer is a valid device.
            Err(EOPNOTSUPP) if unsafe { bindings::helper_is_virtio_device(importer) } => (0, 0),
            Err(EOPNOTSUPP) => return EIO.to_ptr(),
            Err(error) => return error.to_ptr(),
        };
        let map = || {
            // SAFETY: The importer is a valid device. The memory is empty, or that of the object's place,
            // which is claimed as long as the device is not unplugged.
            unsafe { bindings::helper_map_window(importer, address, size, direction) }
        };
        object.dev().while_plugged(map).unwrap_or(ENODEV.to_ptr())
    }

    extern "C" fn unmap_callback(
        attach: *mut bindings::dma_buf_attachment,
        table: *mut bindings::sg_table,
        direction: bindings::dma_data_direction,
    ) {
        // SAFETY: The core calls this with a valid attachment.
        let dma_buf = unsafe { (*attach).dmabuf };
        // SAFETY: The buffer has these functions.
        if unsafe { Self::of_buffer(dma_buf) }.has_pages() {
            // SAFETY: The table is one of `map_callback`.
            return unsafe { bindings::drm_gem_unmap_dma_buf(attach, table, direction) };
        }
        // SAFETY: As above.
        let importer = unsafe { (*attach).dev };
        // SAFETY: As above.
        unsafe { bindings::helper_unmap_window(importer, table, direction) };
    }
}

impl<T: Driver> Device<T> {
    /// Returns the object that the device has exported as a buffer, if it is one.
    ///
    /// # Safety
    ///
    /// The buffer must be valid.
    pub(super) unsafe fn own_object(
        &self,
        dma_buf: *mut bindings::dma_buf,
    ) -> Option<*mut bindings::drm_gem_object> {
        // SAFETY: By the requirements of this function.
        let ops = unsafe { (*dma_buf).ops };
        if !ptr::eq(ops, self.export_ops.0) {
            return None;
        }
        // SAFETY: As above. The buffer has the functions of the driver's objects.
        let object: *mut bindings::drm_gem_object = unsafe { (*dma_buf).priv_ }.cast();
        // SAFETY: The buffer holds a reference to the object.
        let dev = unsafe { (*object).dev };
        ptr::eq(dev, self.as_raw()).then_some(object)
    }
}
