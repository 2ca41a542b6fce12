// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Buffer objects.
//!
//! C header: [`include/drm/drm_gem.h`](srctree/include/drm/drm_gem.h)
use core::ptr::NonNull;

use drm_bindings as bindings;
use kernel::{
    error::{from_err_ptr, to_result},
    prelude::*,
};

use crate::{errno, Device, Driver, File};

pub(crate) mod dma;
pub mod shmem;

/// The arguments and results of the ioctl that creates a dumb buffer; the C counterpart is
/// `struct drm_mode_create_dumb`.
pub struct DumbBuffer<'a>(&'a mut bindings::drm_mode_create_dumb);

impl DumbBuffer<'_> {
    /// Returns the width in pixels.
    pub fn width(&self) -> u32 {
        self.0.width
    }

    /// Returns the height in pixels.
    pub fn height(&self) -> u32 {
        self.0.height
    }

    /// Returns the number of bits per pixel.
    pub fn bpp(&self) -> u32 {
        self.0.bpp
    }

    /// Returns the size in bytes, after [`compute_size`](Self::compute_size).
    pub fn size(&self) -> u64 {
        self.0.size
    }

    /// Computes pitch and size. The pitch is a multiple of `pitch_align` bytes.
    ///
    /// # Errors
    ///
    /// `EINVAL` if they do not fit their types. C: `drm_mode_size_dumb()`.
    pub fn compute_size<T: Driver>(&mut self, dev: &Device<T>, pitch_align: usize) -> Result {
        // SAFETY: Device and arguments are valid.
        to_result(unsafe { bindings::drm_mode_size_dumb(dev.as_raw(), self.0, pitch_align, 0) })
    }

    /// Sets the handle of the buffer.
    pub fn set_handle(&mut self, handle: u32) {
        self.0.handle = handle;
    }
}

pub(crate) extern "C" fn dumb_create_callback<T: Driver>(
    file: *mut bindings::drm_file,
    dev: *mut bindings::drm_device,
    args: *mut bindings::drm_mode_create_dumb,
) -> kernel::ffi::c_int {
    // SAFETY: The core calls this with a device of this driver.
    let dev = unsafe { Device::<T>::from_raw(dev) };
    // SAFETY: The file is one of the device.
    let file = unsafe { File::from_raw(file) };
    // SAFETY: The core passes the kernel's copy of the arguments, which nothing else accesses.
    let args = unsafe { &mut *args };

    errno(T::dumb_create(dev, file, &mut DumbBuffer(args)))
}

pub(crate) extern "C" fn prime_import_callback<T: Driver>(
    dev: *mut bindings::drm_device,
    dma_buf: *mut bindings::dma_buf,
) -> *mut bindings::drm_gem_object {
    // SAFETY: The core calls this with valid arguments, for a device of this driver.
    let own = unsafe { bindings::drm_gem_is_prime_exported_dma_buf(dev, dma_buf) };
    // SAFETY: As above.
    let device = unsafe { Device::<T>::from_raw(dev) };
    if let Err(error) = T::prime_import_check(device, own) {
        return error.to_ptr();
    }
    if !T::MAPS_IMPORTS {
        // SAFETY: As above.
        let raw = unsafe { bindings::drm_gem_shmem_prime_import_no_map(dev, dma_buf) };
        if own {
            return raw;
        }
        return to_err_ptr(from_err_ptr(raw).and_then(|raw| {
            // SAFETY: The import has just created the object, and nothing else refers to it.
            unsafe { shmem::Object::<T::Object>::complete(device, raw) }?;
            Ok(raw)
        }));
    }
    // SAFETY: As above.
    let raw = unsafe { bindings::drm_gem_prime_import(dev, dma_buf) };
    if let Err(error) = from_err_ptr(raw) {
        // SAFETY: The core holds a reference to the buffer during the import.
        let size = unsafe { (*dma_buf).size };
        return dma::error(device, size, error).to_ptr();
    }
    // The device's own objects are mapped when that is needed. The import has mapped the others.
    if own {
        return raw;
    }
    // SAFETY: The import has just created the object, and nothing else refers to it.
    if let Err(error) = unsafe { shmem::Object::<T::Object>::complete(device, raw) } {
        return error.to_ptr();
    }
    let object = || NonNull::new(raw.cast()).ok_or(EINVAL);
    // SAFETY: The object is valid, and it is a shmem object as all of the device, whose first field
    // is the GEM object. `Dying` removes it from the mappings before it is freed.
    let noted = unsafe { device.mappings.add(object, || Ok(())) };
    if let Err(error) = noted {
        // SAFETY: The reference is the one that the import returned.
        unsafe { bindings::helper_drm_gem_object_put(raw) };
        return error.to_ptr();
    }
    raw
}

/// Returns the offset for `mmap()` of the object with a handle; C: `drm_gem_dumb_map_offset()`.
///
/// # Errors
///
/// `ENOENT` for an unknown handle.
pub fn map_offset<T: Driver>(dev: &Device<T>, file: &File<T::File>, handle: u32) -> Result<u64> {
    let mut offset = 0;
    // SAFETY: Device and file are valid.
    to_result(unsafe {
        bindings::drm_gem_dumb_map_offset(file.as_raw(), dev.as_raw(), handle, &mut offset)
    })?;
    Ok(offset)
}

pub(crate) const fn create_fops(owner: *mut kernel::bindings::module) -> bindings::file_operations {
    // SAFETY: All zeros is a valid, empty `struct file_operations`.
    let mut fops: bindings::file_operations = unsafe { core::mem::zeroed() };

    fops.owner = owner;
    fops.open = Some(bindings::drm_open);
    fops.release = Some(bindings::drm_release);
    fops.unlocked_ioctl = Some(bindings::drm_ioctl);
    #[cfg(CONFIG_COMPAT)]
    {
        fops.compat_ioctl = Some(bindings::drm_compat_ioctl);
    }
    fops.poll = Some(bindings::drm_poll);
    fops.read = Some(bindings::drm_read);
    fops.llseek = Some(kernel::bindings::noop_llseek);
    // Chooses addresses at which huge pages can be mapped as such.
    fops.get_unmapped_area = Some(bindings::drm_gem_get_unmapped_area);
    fops.mmap = Some(bindings::drm_gem_mmap);
    fops.fop_flags = kernel::bindings::FOP_UNSIGNED_OFFSET;
    fops
}

/// Converts a `Result` with a pointer to an error pointer of C.
pub(crate) fn to_err_ptr<T>(result: Result<*mut T>) -> *mut T {
    match result {
        Ok(ptr) => ptr,
        Err(error) => error.to_ptr(),
    }
}
