// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Buffer objects in shared memory.
//!
//! C header: [`include/drm/drm_gem_shmem_helper.h`](srctree/include/drm/drm_gem_shmem_helper.h)
use core::{
    mem::ManuallyDrop,
    ops::{Deref, Range},
    ptr::{self, NonNull},
};

use drm_bindings as bindings;
use kernel::{
    error::{from_err_ptr, to_result},
    prelude::*,
    sync::aref::{ARef, AlwaysRefCounted},
    types::Opaque,
};

use crate::{
    gem::{dma, to_err_ptr},
    Device, Driver, File,
};

/// The driver's part of a buffer object.
pub trait DriverObject: Sync + Send + Sized + 'static {
    /// The driver.
    type Driver: Driver<Object = Self>;

    /// The part of a new object, be it made here or imported.
    fn new(dev: &Device<Self::Driver>, size: usize) -> impl PinInit<Self, Error>;

    /// Nobody uses the object any more. Its pages go when `object` is dropped, which may be later:
    /// a driver whose device still reads them keeps it until then.
    fn free(object: Dying<Self>) {
        drop(object);
    }
}

/// A buffer object; the C counterpart is `struct drm_gem_shmem_object`.
///
/// # Invariants
///
/// `obj` is a valid shmem object of a device of `T::Driver`.
#[repr(C)]
#[pin_data]
pub struct Object<T: DriverObject> {
    obj: Opaque<bindings::drm_gem_shmem_object>,
    #[pin]
    inner: T,
}

/// An object without users, with its pages; dropped, both are gone.
pub struct Dying<T: DriverObject>(NonNull<Object<T>>);

// SAFETY: Nobody else has the object, and it may be freed on any thread.
unsafe impl<T: DriverObject> Send for Dying<T> {}
// SAFETY: The object is `Sync`.
unsafe impl<T: DriverObject> Sync for Dying<T> {}

impl<T: DriverObject> Deref for Dying<T> {
    type Target = Object<T>;

    fn deref(&self) -> &Object<T> {
        // SAFETY: The object is there until we are dropped.
        unsafe { self.0.as_ref() }
    }
}

impl<T: DriverObject> Drop for Dying<T> {
    fn drop(&mut self) {
        self.dev().mappings.remove(self.0.cast());
        // SAFETY: The object has no users; the C function frees the memory, which is `kmalloc()`ed.
        unsafe {
            ptr::drop_in_place(&raw mut (*self.0.as_ptr()).inner);
            bindings::drm_gem_shmem_free(self.0.as_ptr().cast());
        }
    }
}

/// Where an object's pages are.
#[derive(Clone, Copy)]
pub struct Segment {
    /// Address, physical or for DMA.
    pub address: u64,
    /// Bytes.
    pub length: u32,
}

/// Bytes of an object that are equally far apart. Those behind its end do not count.
pub struct Rows {
    /// Bytes before the first row.
    pub offset: u64,
    /// Bytes of each row.
    pub length: u32,
    /// Bytes from the start of a row to that of the next.
    pub pitch: u32,
    /// How many rows.
    pub count: u32,
}

impl Rows {
    /// Calls `f` for each run of bytes: rows without gaps are one.
    fn for_each_run(&self, mut f: impl FnMut(Range<u64>)) {
        let run = |index: u32, length| {
            let start = self
                .offset
                .saturating_add(u64::from(index) * u64::from(self.pitch));
            start..start.saturating_add(length)
        };
        let length = u64::from(self.length);
        if self.length == self.pitch {
            f(run(0, length * u64::from(self.count)));
            return;
        }
        for index in 0..self.count {
            f(run(index, length));
        }
    }
}

/// A way through the mapped pieces of an object, in order.
///
/// # Invariants
///
/// `sg` is one of at least `left` valid entries of a mapped table, unless `left` is 0.
struct Pieces {
    sg: *mut kernel::bindings::scatterlist,
    left: u32,
    /// Bytes before `sg`.
    offset: u64,
}

impl Pieces {
    /// # Safety
    ///
    /// `sgt` must be a mapped table, which stays as long as the result is used.
    unsafe fn new(sgt: *const kernel::bindings::sg_table) -> Self {
        // SAFETY: By the requirements of this function.
        let (sg, left) = unsafe { ((*sgt).sgl, (*sgt).nents) };
        // INVARIANT: A table has `nents` mapped entries.
        Self {
            sg,
            left,
            offset: 0,
        }
    }

    /// Calls `f` with address and size of each mapped part of bytes, which are not before those of
    /// the last call.
    fn visit(&mut self, bytes: Range<u64>, mut f: impl FnMut(u64, usize)) {
        let mut start = bytes.start;
        while self.left > 0 && start < bytes.end {
            // SAFETY: The entry is valid and mapped, by the type's invariants.
            let behind = self.offset + u64::from(unsafe { bindings::helper_sg_dma_len(self.sg) });
            if start < behind {
                let stop = bytes.end.min(behind);
                // SAFETY: As above.
                let address = unsafe { bindings::helper_sg_dma_address(self.sg) };
                f(address + (start - self.offset), (stop - start) as usize);
                start = stop;
            } else {
                self.offset = behind;
                // SAFETY: As above.
                self.sg = unsafe { kernel::bindings::sg_next(self.sg) };
                self.left -= 1;
            }
        }
    }
}

impl<T: DriverObject> Object<T> {
    const FUNCS: bindings::drm_gem_object_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_gem_object_funcs = unsafe { core::mem::zeroed() };
        funcs.free = Some(Self::free_callback);
        funcs.print_info = Some(bindings::helper_drm_gem_shmem_print_info);
        funcs.pin = Some(bindings::helper_drm_gem_shmem_pin);
        funcs.unpin = Some(bindings::helper_drm_gem_shmem_unpin);
        funcs.get_sg_table = Some(bindings::helper_drm_gem_shmem_get_sg_table);
        funcs.vmap = Some(bindings::helper_drm_gem_shmem_vmap);
        funcs.vunmap = Some(bindings::helper_drm_gem_shmem_vunmap);
        funcs.mmap = Some(bindings::helper_drm_gem_shmem_mmap);
        funcs.vm_ops = &raw const bindings::drm_gem_shmem_vm_ops;
        funcs
    };

    /// Makes an object of so many bytes.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, and those of [`DriverObject::new`].
    pub fn new(dev: &Device<T::Driver>, size: usize) -> Result<ARef<Self>> {
        // SAFETY: The device is valid, and makes its objects with `create_object_callback`.
        let raw = from_err_ptr(unsafe { bindings::drm_gem_shmem_create(dev.as_raw(), size) })?;
        // SAFETY: The new object's only reference becomes the `ARef`'s.
        Ok(unsafe { ARef::from_raw(NonNull::new_unchecked(raw.cast())) })
    }

    pub(crate) fn as_raw(&self) -> *mut bindings::drm_gem_object {
        // SAFETY: The object is valid.
        unsafe { &raw mut (*self.obj.get()).base }
    }

    /// Waits for what others do with the pixels, for at most `timeout` jiffies, 0 to ask only.
    ///
    /// # Errors
    ///
    /// `EBUSY` when it is not done by then; `ERESTARTSYS`. C: `dma_resv_wait_timeout()`.
    pub fn wait(&self, timeout: usize) -> Result {
        // SAFETY: The object and its reservation are valid.
        let left = unsafe {
            kernel::bindings::dma_resv_wait_timeout(
                (*self.as_raw()).resv,
                kernel::bindings::dma_resv_usage_DMA_RESV_USAGE_READ,
                true,
                timeout,
            )
        };
        match left {
            0 => Err(EBUSY),
            left if left < 0 => Err(Error::from_errno(left as i32)),
            _ => Ok(()),
        }
    }

    /// # Safety
    ///
    /// `raw` must be an object of `T::Driver` as long as the reference is used.
    pub(crate) unsafe fn from_raw<'a>(raw: *mut bindings::drm_gem_object) -> &'a Self {
        // SAFETY: The GEM object is the first field of the shmem object, which is that of `Self`.
        unsafe { &*raw.cast() }
    }

    /// The device it belongs to.
    pub fn dev(&self) -> &Device<T::Driver> {
        // SAFETY: An object's device lives longer than the object.
        unsafe { Device::from_raw((*self.as_raw()).dev) }
    }

    /// Bytes.
    pub fn size(&self) -> usize {
        // SAFETY: The object is valid.
        unsafe { (*self.as_raw()).size }
    }

    /// Whether its pages are another driver's.
    pub fn is_imported(&self) -> bool {
        // SAFETY: The object is valid.
        unsafe { !(*self.as_raw()).import_attach.is_null() }
    }

    /// A new name for it in a file.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn create_handle(&self, file: &File<<T::Driver as Driver>::File>) -> Result<u32> {
        let mut handle = 0;
        // SAFETY: File and object are valid.
        to_result(unsafe {
            bindings::drm_gem_handle_create(file.as_raw(), self.as_raw(), &mut handle)
        })?;
        Ok(handle)
    }

    /// The object that has a name in a file.
    ///
    /// # Errors
    ///
    /// `ENOENT`.
    pub fn lookup_handle(
        file: &File<<T::Driver as Driver>::File>,
        handle: u32,
    ) -> Result<ARef<Self>> {
        // SAFETY: The file is valid.
        let raw = unsafe { bindings::drm_gem_object_lookup(file.as_raw(), handle) };
        let raw = NonNull::new(raw).ok_or(ENOENT)?;
        // SAFETY: All objects of the file's driver are `Self`; the reference becomes the `ARef`'s.
        Ok(unsafe { ARef::from_raw(raw.cast()) })
    }

    /// Pins and maps the pages, and calls `f` with each run of them, by address for DMA or physical.
    ///
    /// The pages stay pinned as long as the object, and mapped as long as that and the device. C:
    /// `drm_gem_shmem_get_pages_sgt()`.
    ///
    /// # Errors
    ///
    /// `ENODEV` when the device has gone; `ENOMEM`, also when there is no room for bounce buffers;
    /// `EINVAL` for a foreign buffer of a driver without [`MAPS_IMPORTS`](Driver::MAPS_IMPORTS); those
    /// of `f`.
    pub fn for_each_segment(&self, dma: bool, mut f: impl FnMut(Segment) -> Result) -> Result {
        let raw = self.obj.get();
        let map = || {
            if self.is_imported() && !T::Driver::MAPS_IMPORTS {
                return Err(EINVAL);
            }
            // SAFETY: The object is valid.
            from_err_ptr(unsafe { bindings::drm_gem_shmem_get_pages_sgt(raw) })
                .map_err(|error| dma::error(self.dev(), self.size(), error))?;
            NonNull::new(raw).ok_or(EINVAL)
        };
        // SAFETY: The table is there while this is called.
        let visit = || unsafe {
            let sgt = (*raw).sgt;
            let mut sg = (*sgt).sgl;
            let count = if dma { (*sgt).nents } else { (*sgt).orig_nents };
            for _ in 0..count {
                f(if dma {
                    Segment {
                        address: bindings::helper_sg_dma_address(sg),
                        length: bindings::helper_sg_dma_len(sg),
                    }
                } else {
                    Segment {
                        address: bindings::helper_sg_phys(sg),
                        length: (*sg).length,
                    }
                })?;
                sg = kernel::bindings::sg_next(sg);
            }
            Ok(())
        };
        // SAFETY: The object is valid, and taken out of the mappings by `Dying`.
        let add = || unsafe { self.dev().mappings.add(map, visit) };
        // A foreign object that was unmapped cannot be mapped again.
        self.dev().while_plugged(add).unwrap_or(Err(ENODEV))
    }

    /// Shows the device what the CPU wrote, where it sees a copy in bounce buffers.
    pub fn sync_for_device(&self, rows: &Rows) {
        self.dev().mappings.keep(|| {
            // SAFETY: No table is freed while this runs.
            unsafe { self.sync_mapped(rows) }
        });
    }

    /// The same, for the panic screen: nothing is waited for. False when it could not be done.
    pub fn try_sync_for_device(&self, rows: &Rows) -> bool {
        let synced = self.dev().mappings.try_keep(|| {
            // SAFETY: No table is freed while this runs.
            unsafe { self.sync_mapped(rows) }
        });
        synced.is_some()
    }

    /// # Safety
    ///
    /// The table of the object's pages, if there is one, must stay while this runs.
    unsafe fn sync_mapped(&self, rows: &Rows) {
        // SAFETY: The object and its device are valid.
        let (sgt, dev) = unsafe { ((*self.obj.get()).sgt, (*(*self.as_raw()).dev).dev) };
        // SAFETY: The device is valid.
        if sgt.is_null() || !unsafe { bindings::helper_dma_dev_need_sync(dev) } {
            return;
        }
        // SAFETY: The table stays, by the requirements of this function.
        let mut pieces = unsafe { Pieces::new(sgt) };
        rows.for_each_run(|run| {
            pieces.visit(run, |address, size| {
                // Exporters of foreign buffers may map them in their own way.
                // SAFETY: The device is valid.
                if unsafe { bindings::helper_dma_need_sync(dev, address) } {
                    // SAFETY: The bytes are mapped for the device.
                    unsafe { bindings::helper_dma_sync_single_for_device(dev, address, size) };
                }
            });
        });
    }

    extern "C" fn free_callback(raw: *mut bindings::drm_gem_object) {
        // SAFETY: The last reference is gone; the GEM object is at the start of a `Self`.
        T::free(Dying(unsafe { NonNull::new_unchecked(raw.cast()) }))
    }
}

pub(crate) extern "C" fn create_object_callback<T: DriverObject>(
    dev: *mut bindings::drm_device,
    size: usize,
) -> *mut bindings::drm_gem_object {
    // SAFETY: The core calls this for a device of `T::Driver`.
    let dev = unsafe { Device::<T::Driver>::from_raw(dev) };
    // SAFETY: All zeros is what the shmem helpers expect.
    let obj: bindings::drm_gem_shmem_object = unsafe { core::mem::zeroed() };
    let object = KBox::pin_init(
        try_pin_init!(Object::<T> {
            obj: Opaque::new(obj),
            inner <- T::new(dev, size),
        }),
        GFP_KERNEL,
    );

    to_err_ptr(object.map(|object| {
        // SAFETY: The object stays where it is, and is freed by `Dying`.
        let mut object = ManuallyDrop::new(unsafe { Pin::into_inner_unchecked(object) });
        let raw: *mut Object<T> = &raw mut **object;
        // SAFETY: Nobody else has the object.
        unsafe {
            let gem: *mut bindings::drm_gem_object = raw.cast();
            (*gem).funcs = const { &Object::<T>::FUNCS };
            gem
        }
    }))
}

impl<T: DriverObject> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

// SAFETY: The count is the GEM object's.
unsafe impl<T: DriverObject> AlwaysRefCounted for Object<T> {
    fn inc_ref(&self) {
        // SAFETY: A shared reference proves that the count is not zero.
        unsafe { bindings::helper_drm_gem_object_get(self.as_raw()) }
    }

    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller gives up a reference.
        unsafe { bindings::helper_drm_gem_object_put(obj.as_ref().as_raw()) }
    }
}

// SAFETY: GEM objects may be used on any thread; the driver's part is `Send` and `Sync`.
unsafe impl<T: DriverObject> Send for Object<T> {}
// SAFETY: As above.
unsafe impl<T: DriverObject> Sync for Object<T> {}
