// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Buffer objects.
//!
//! C header: [`include/drm/drm_gem.h`](srctree/include/drm/drm_gem.h)
use core::{marker::PhantomData, ptr::NonNull};

use drm_bindings as bindings;
use kernel::{
    error::{from_err_ptr, to_result},
    prelude::*,
    sync::aref::{ARef, AlwaysRefCounted},
};

use crate::{
    dma_buf::Usage, driver::AllocImpl, errno, file, private::Sealed, waited, Device, Driver, File,
};

pub(crate) mod dma;
pub(crate) mod prime;
pub mod shmem;
mod vmap;
pub(crate) mod window;

pub use window::{Caching, Place};

/// The files of an object's driver in which handles are opened and closed.
pub type DriverFile<T> = file::HandleFile<<<T as DriverObject>::Driver as Driver>::File>;

/// The objects of an object's driver, which are of that object's type.
pub type DriverAllocImpl<T> = <<T as DriverObject>::Driver as Driver>::Object;

/// The driver's data of a buffer object.
///
/// # Context
///
/// Methods may sleep.
pub trait DriverObject: Sync + Send + Sized + 'static {
    /// The driver, whose buffer objects all have this data.
    type Driver: Driver<Object = shmem::Object<Self>>;

    /// What a driver tells [`new`](Self::new) about an object that it creates.
    type Args;

    /// Whether other virtio devices may ask for the [UUIDs](Self::uuid) of exported objects; C:
    /// `struct virtio_dma_buf_ops`.
    const HAS_UUIDS: bool = false;

    /// Initializes the data of a new object, created or imported.
    fn new(dev: &Device<Self::Driver>, size: usize, args: Self::Args) -> impl PinInit<Self, Error>;

    /// Returns the arguments for an object that is imported. A driver without this imports none. (Upstream
    /// imports objects without the driver's data.)
    ///
    /// # Errors
    ///
    /// The error that user space gets.
    fn import_args(_dev: &Device<Self::Driver>) -> Result<Self::Args> {
        Err(EOPNOTSUPP)
    }

    /// Called when a file gets a handle of the object.
    ///
    /// # Errors
    ///
    /// The error that user space gets.
    fn open(_obj: &DriverAllocImpl<Self>, _file: &DriverFile<Self>) -> Result {
        Ok(())
    }

    /// Called when a handle of the object is removed from a file, which may be closed itself.
    fn close(_obj: &DriverAllocImpl<Self>, _file: &DriverFile<Self>) {}

    /// Called when another virtio device asks for the UUID by which the host knows an exported object; C:
    /// `virtio_dma_buf_ops.get_uuid`.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the host has no UUID for it.
    fn uuid(_obj: &DriverAllocImpl<Self>) -> Result<[u8; 16]> {
        Err(ENODEV)
    }

    /// Called when a program, or another device, maps an object
    /// [without pages](shmem::Object::new_without_pages). After this, the object must have a
    /// [place](shmem::Object::set_place).
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` if the object can never have a place. A virtio device, which needs only the UUID, then gets
    /// an empty list of pages, and another device gets `EIO`. Any other error is returned to the device. A
    /// program gets `EINVAL` for all errors.
    fn place(_obj: &DriverAllocImpl<Self>) -> Result {
        Err(EOPNOTSUPP)
    }

    /// Called when nothing uses the object any more. Its pages are freed when `object` is dropped.
    /// A driver whose device still reads them may keep it until then.
    fn free(object: shmem::Dying<Self>) {
        drop(object);
    }
}

/// The buffer objects of a driver that has no data of its own in them.
///
/// # Examples
///
/// ```no_run
/// # use kernel::{prelude::*, sync::aref::ARef};
/// use drm::{
///     gem::{
///         shmem::{Object, ObjectConfig},
///         PlainObject,
///     },
///     Device, Driver,
/// };
///
/// /// Compiles for a driver with `type Object = Object<PlainObject<Self>>;`.
/// fn page<T: Driver<Object = Object<PlainObject<T>>>>(dev: &Device<T>) -> Result<ARef<T::Object>> {
///     Object::<PlainObject<T>>::new(dev, 4096, ObjectConfig::default(), ())
/// }
/// ```
pub struct PlainObject<T>(PhantomData<fn() -> T>);

impl<T: Driver<Object = shmem::Object<Self>>> DriverObject for PlainObject<T> {
    type Driver = T;
    type Args = ();

    fn new(_dev: &Device<T>, _size: usize, _args: ()) -> impl PinInit<Self, Error> {
        Ok(Self(PhantomData))
    }

    fn import_args(_dev: &Device<T>) -> Result {
        Ok(())
    }
}

impl<T: Driver<Object = shmem::Object<Self>>> PlainObject<T> {
    /// Creates a dumb buffer with any pitch; what [`Driver::dumb_create`] of such a driver does. Sleeps.
    /// C: `drm_gem_shmem_dumb_create()`.
    ///
    /// # Errors
    ///
    /// The errors of [`DumbBuffer::compute_size`], `ENOMEM`.
    pub fn dumb_create(dev: &Device<T>, file: &File<T::File>, args: &mut DumbBuffer<'_>) -> Result {
        args.compute_size(dev, 1)?;
        let config = shmem::ObjectConfig::default();
        let buffer = shmem::Object::<Self>::new(dev, args.size() as usize, config, ())?;
        args.set_handle(buffer.create_handle(file)?);
        Ok(())
    }
}

/// A kind of buffer objects, which has a `struct drm_gem_object` in it.
///
/// # Invariants
///
/// The object of C stays the same, and is valid as long as there is a reference to the value.
pub trait IntoGEMObject: Sized + Sealed {
    /// Returns the object of C, which is valid as long as `self`.
    #[doc(hidden)]
    fn as_raw(&self) -> *mut bindings::drm_gem_object;

    /// Returns the object that an object of C is in.
    ///
    /// # Safety
    ///
    /// `raw` must be in a valid object of this type as long as the reference is used.
    #[doc(hidden)]
    unsafe fn from_raw<'a>(raw: *mut bindings::drm_gem_object) -> &'a Self;
}

/// What all kinds of buffer objects can do.
///
/// # Context
///
/// Methods may sleep, except [`size`](Self::size).
///
/// # Examples
///
/// ```no_run
/// use drm::{gem::BaseObject, Driver};
///
/// fn pages<T: Driver>(object: &T::Object) -> usize {
///     object.size() / 4096
/// }
/// ```
pub trait BaseObject: IntoGEMObject {
    /// Size in bytes.
    fn size(&self) -> usize {
        // SAFETY: The object is valid.
        unsafe { (*self.as_raw()).size }
    }

    /// Creates a handle for the object in a file, or returns the one that it has.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; the errors of [`DriverObject::open`]. C: `drm_gem_handle_create()`.
    fn create_handle<D, F>(&self, file: &File<F>) -> Result<u32>
    where
        Self: AllocImpl<Driver = D>,
        D: Driver<Object = Self, File = F>,
        F: file::DriverFile<Driver = D>,
    {
        let mut handle = 0;
        // SAFETY: File and object are valid.
        to_result(unsafe {
            bindings::drm_gem_handle_create(file.as_raw(), self.as_raw(), &mut handle)
        })?;
        Ok(handle)
    }

    /// Returns the object that has a handle in a file; C: `drm_gem_object_lookup()`.
    ///
    /// # Errors
    ///
    /// `ENOENT`.
    fn lookup_handle<D, F>(file: &File<F>, handle: u32) -> Result<ARef<Self>>
    where
        Self: AllocImpl<Driver = D> + AlwaysRefCounted,
        D: Driver<Object = Self, File = F>,
        F: file::DriverFile<Driver = D>,
    {
        // SAFETY: The file is valid.
        let raw = unsafe { bindings::drm_gem_object_lookup(file.as_raw(), handle) };
        if raw.is_null() {
            return Err(ENOENT);
        }
        // SAFETY: All objects of the file's driver are `Self`. The lookup has returned a reference.
        let object = unsafe { Self::from_raw(raw) };
        // SAFETY: The reference that the lookup returned is moved into the `ARef`.
        Ok(unsafe { ARef::from_raw(NonNull::from(object)) })
    }

    /// Creates the offset for `mmap()` of the object, or returns the one that it has; C:
    /// `drm_gem_create_mmap_offset()`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `ENOSPC`.
    fn create_mmap_offset(&self) -> Result<u64> {
        // SAFETY: The object is valid.
        to_result(unsafe { bindings::drm_gem_create_mmap_offset(self.as_raw()) })?;
        // SAFETY: As above.
        let node = unsafe { &raw mut (*self.as_raw()).vma_node };
        // SAFETY: The node has an offset, which does not change as long as the object exists.
        Ok(unsafe { bindings::helper_drm_vma_node_offset_addr(node) })
    }

    /// Waits until the fences of those that write or read the object are signalled, for at most `timeout`
    /// jiffies. With 0 it only checks. C: `dma_resv_wait_timeout()`.
    ///
    /// # Errors
    ///
    /// `EBUSY` after the time-out, `ERESTARTSYS` for a signal.
    fn wait(&self, timeout: usize) -> Result {
        // SAFETY: The object is valid, and its reservation does not change.
        let resv = unsafe { (*self.as_raw()).resv };
        let usage = Usage::Read as u32;
        // A check does not wait, so a signal does not interrupt it.
        let intr = timeout != 0;
        let timeout = timeout.min(isize::MAX as usize);
        // SAFETY: The reservation is valid as long as the object.
        waited(unsafe { kernel::bindings::dma_resv_wait_timeout(resv, usage, intr, timeout) })
    }
}

impl<T: IntoGEMObject> BaseObject for T {}

pub(crate) extern "C" fn open_callback<T: DriverObject>(
    obj: *mut bindings::drm_gem_object,
    file: *mut bindings::drm_file,
) -> kernel::ffi::c_int {
    // SAFETY: The core calls this for an object of `T`, which is in an object of its driver.
    let obj = unsafe { DriverAllocImpl::<T>::from_raw(obj) };
    // SAFETY: The file is one of the object's device.
    let file = unsafe { file::HandleFile::from_raw(file) };

    errno(T::open(obj, file))
}

pub(crate) extern "C" fn close_callback<T: DriverObject>(
    obj: *mut bindings::drm_gem_object,
    file: *mut bindings::drm_file,
) {
    // SAFETY: The core calls this for an object of `T`, which is in an object of its driver.
    let obj = unsafe { DriverAllocImpl::<T>::from_raw(obj) };
    // SAFETY: The file is one of the object's device.
    let file = unsafe { file::HandleFile::from_raw(file) };

    T::close(obj, file);
}

/// The arguments and results of the ioctl that creates a dumb buffer; the C counterpart is
/// `struct drm_mode_create_dumb`.
///
/// # Context
///
/// No method sleeps.
///
/// # Examples
///
/// ```no_run
/// # use kernel::prelude::*;
/// use drm::{gem::DumbBuffer, Device, Driver};
///
/// /// Checks the arguments, and computes the size, as `Driver::dumb_create` does.
/// fn size<T: Driver>(dev: &Device<T>, args: &mut DumbBuffer<'_>) -> Result<u64> {
///     if args.bpp() != 32 || args.width() > 8192 || args.height() > 8192 {
///         return Err(EINVAL);
///     }
///     args.compute_size(dev, 8)?;
///     Ok(args.size())
/// }
/// ```
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
        self.compute_aligned_size(dev, pitch_align, 0)
    }

    /// Does the same as [`compute_size`](Self::compute_size), and makes the size a multiple of `size_align`
    /// bytes.
    ///
    /// # Errors
    ///
    /// `EINVAL` if they do not fit their types. C: `drm_mode_size_dumb()`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use kernel::prelude::*;
    /// use drm::{gem::DumbBuffer, Device, Driver};
    ///
    /// fn size<T: Driver>(dev: &Device<T>, args: &mut DumbBuffer<'_>) -> Result<u64> {
    ///     args.compute_aligned_size(dev, 8, 16384)?;
    ///     Ok(args.size())
    /// }
    /// ```
    pub fn compute_aligned_size<T: Driver>(
        &mut self,
        dev: &Device<T>,
        pitch_align: usize,
        size_align: usize,
    ) -> Result {
        // SAFETY: Device and arguments are valid.
        to_result(unsafe {
            bindings::drm_mode_size_dumb(dev.as_raw(), self.0, pitch_align, size_align)
        })
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

pub(crate) extern "C" fn prime_import_callback<O: DriverObject>(
    dev: *mut bindings::drm_device,
    dma_buf: *mut bindings::dma_buf,
) -> *mut bindings::drm_gem_object {
    // SAFETY: The core calls this with valid arguments, for a device of this driver.
    let device = unsafe { Device::<O::Driver>::from_raw(dev) };
    // SAFETY: As above.
    let object = unsafe { device.own_object(dma_buf) };
    // SAFETY: As above.
    let own = unsafe { bindings::drm_gem_is_prime_exported_dma_buf(dev, dma_buf) };
    let own = own || object.is_some();
    if let Err(error) = O::Driver::prime_import_check(device, own) {
        return error.to_ptr();
    }
    if let Some(object) = object {
        // SAFETY: The buffer holds a reference to the object.
        unsafe { bindings::helper_drm_gem_object_get(object) };
        return object;
    }
    if !O::Driver::MAPS_IMPORTS {
        // SAFETY: As above.
        let raw = unsafe { bindings::drm_gem_shmem_prime_import_no_map(dev, dma_buf) };
        if own {
            return raw;
        }
        return to_err_ptr(from_err_ptr(raw).and_then(|raw| {
            // SAFETY: The import has just created the object, and nothing else refers to it.
            unsafe { shmem::Object::<O>::complete_import(device, raw) }?;
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
    if let Err(error) = unsafe { shmem::Object::<O>::complete_import(device, raw) } {
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
    // Begins /proc/PID/fdinfo/FD with what the core knows, then calls the driver's `show_fdinfo`.
    fops.show_fdinfo = Some(bindings::drm_show_fdinfo);
    fops
}

/// Converts a `Result` with a pointer to an error pointer of C.
pub(crate) fn to_err_ptr<T>(result: Result<*mut T>) -> *mut T {
    match result {
        Ok(ptr) => ptr,
        Err(error) => error.to_ptr(),
    }
}
