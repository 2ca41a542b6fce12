// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Buffer objects in shared memory (shmem).
//!
//! C header: [`include/drm/drm_gem_shmem_helper.h`](srctree/include/drm/drm_gem_shmem_helper.h)
use core::{
    mem::{self, MaybeUninit},
    ops::{Deref, Range},
    ptr::NonNull,
};

use drm_bindings as bindings;
use kernel::{
    device::{self, Bound},
    error::from_err_ptr,
    prelude::*,
    scatterlist::SGTable,
    sync::{
        aref::{ARef, AlwaysRefCounted},
        SetOnce,
    },
    types::Opaque,
};

use super::{
    close_callback, dma, open_callback,
    prime::ExportOps,
    to_err_ptr,
    window::{self, Placed},
    BaseObject, DriverObject, IntoGEMObject,
};
use crate::{
    driver::{AllocImpl, AllocOps},
    private::Sealed,
    Device, Driver,
};

pub use super::vmap::{VMap, VMapOwned, VMapRef};

/// How an object is created.
pub struct ObjectConfig<'a, T: DriverObject> {
    /// Whether programs and the kernel map the pages without the cache (write-combined).
    pub map_wc: bool,
    /// An object of the same device that shares its reservation with the new one, which holds a reference
    /// to it.
    pub parent_resv_obj: Option<&'a Object<T>>,
}

impl<T: DriverObject> Default for ObjectConfig<'_, T> {
    fn default() -> Self {
        Self {
            map_wc: false,
            parent_resv_obj: None,
        }
    }
}

/// A buffer object; the C counterpart is `struct drm_gem_shmem_object`.
///
/// # Invariants
///
/// `obj` is a valid shmem object of a device of `T::Driver`. As long as there is a reference to the
/// object, its count is not zero, `inner` is initialized and pinned, and `dev` is the device.
///
/// # Context
///
/// No method sleeps, unless it says otherwise.
#[repr(C)]
pub struct Object<T: DriverObject> {
    obj: Opaque<bindings::drm_gem_shmem_object>,
    /// `None` until `inner` is initialized. An object can outlive the binding of its device, so it
    /// holds a reference to the device.
    dev: Option<ARef<Device<T::Driver>>>,
    /// The object whose reservation this one uses, if it is not its own.
    parent_resv_obj: Option<ARef<Object<T>>>,
    /// Where programs see an object without pages.
    pub(super) placed: SetOnce<Placed<T::Driver>>,
    inner: MaybeUninit<T>,
}

/// An object that nothing uses any more, with its pages. When it is dropped, both are freed. It does
/// not give access to the [`Object`], because nothing may get a reference to it again.
///
/// # Invariants
///
/// The pointer is an initialized object whose reference count is zero. Nothing else refers to it, and
/// only the drop of this value frees it.
///
/// # Context
///
/// No method sleeps, but the drop may.
pub struct Dying<T: DriverObject>(NonNull<Object<T>>);

// SAFETY: Nothing else refers to the object, and it may be freed on any thread.
unsafe impl<T: DriverObject> Send for Dying<T> {}
// SAFETY: The object is `Sync`.
unsafe impl<T: DriverObject> Sync for Dying<T> {}

impl<T: DriverObject> Dying<T> {
    /// Size in bytes.
    pub fn size(&self) -> usize {
        let raw: *mut bindings::drm_gem_object = self.0.as_ptr().cast();
        // SAFETY: By the type's invariants, the object is valid. The GEM object is its first field.
        unsafe { (*raw).size }
    }
}

impl<T: DriverObject> Deref for Dying<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type's invariants, the object is valid. Nothing writes to `inner`.
        let inner = unsafe { &(*self.0.as_ptr()).inner };
        // SAFETY: By the type's invariants, it is initialized.
        unsafe { inner.assume_init_ref() }
    }
}

impl<T: DriverObject> Drop for Dying<T> {
    fn drop(&mut self) {
        let raw = self.0.as_ptr();
        // SAFETY: By the type's invariants, nothing else refers to the object.
        let dev = unsafe { &mut (*raw).dev }.take();
        if let Some(dev) = &dev {
            // SAFETY: By the type's invariants, the object is valid, and nothing else refers to it.
            unsafe { dev.mappings.remove(self.0.cast()) };
        }
        // SAFETY: By the type's invariants, nothing else refers to the object.
        let placed = unsafe { &mut (*raw).placed };
        let placed = mem::replace(placed, SetOnce::new());
        // SAFETY: By the type's invariants, nothing else refers to the object.
        let inner = unsafe { &mut (*raw).inner };
        // SAFETY: By the type's invariants, it is initialized.
        unsafe { inner.assume_init_drop() };
        // SAFETY: By the type's invariants, nothing else refers to the object.
        let parent = unsafe { &mut (*raw).parent_resv_obj }.take();
        // SAFETY: By the type's invariants, nothing else refers to the object. It is not used after this.
        unsafe { Object::release(raw) };
        // These come last, because the C function accesses the device, and maybe the reservation.
        drop(parent);
        drop(placed);
        drop(dev);
    }
}

/// A run of an object's pages.
#[derive(Clone, Copy)]
pub struct Segment {
    /// Physical or DMA address.
    pub address: u64,
    /// Size in bytes.
    pub length: u32,
}

/// Rows of bytes at equal distances in an object. Those beyond its end are ignored.
#[derive(Clone)]
pub struct Rows {
    /// Offset of the first row in bytes.
    pub offset: u64,
    /// Length of each row in bytes.
    pub length: u64,
    /// Distance from the start of a row to the start of the next in bytes.
    pub pitch: u32,
    /// Number of rows.
    pub count: u32,
}

impl Rows {
    /// Returns `length` bytes without a gap, of which the first one is at `offset`.
    ///
    /// # Context
    ///
    /// Any.
    ///
    /// # Examples
    ///
    /// ```
    /// use drm::gem::shmem::Rows;
    ///
    /// let rows = Rows::bytes(4096, 100);
    /// assert_eq!((rows.offset, rows.length, rows.count), (4096, 100, 1));
    /// ```
    pub fn bytes(offset: u64, length: u64) -> Self {
        Self {
            offset,
            length,
            pitch: 0,
            count: 1,
        }
    }

    /// Calls `f` for each run of bytes. Rows without a gap between them are one run.
    fn for_each_run(&self, mut f: impl FnMut(Range<u64>)) {
        let run = |index: u32, length| {
            let start = self
                .offset
                .saturating_add(u64::from(index) * u64::from(self.pitch));
            start..start.saturating_add(length)
        };
        if self.length == u64::from(self.pitch) {
            f(run(0, self.length * u64::from(self.count)));
            return;
        }
        for index in 0..self.count {
            f(run(index, self.length));
        }
    }
}

/// Who will read what the other one has written.
#[derive(Clone, Copy)]
enum Direction {
    ToDevice,
    ToCpu,
}

/// An iteration over the mapped segments of an object, in order.
///
/// # Invariants
///
/// `sg` is one of at least `left` valid entries of a mapped table, unless `left` is 0.
struct Pieces {
    sg: *mut kernel::bindings::scatterlist,
    left: u32,
    /// Number of bytes before `sg`.
    offset: u64,
}

impl Pieces {
    /// # Safety
    ///
    /// `sgt` must be a mapped table as long as the result is used.
    unsafe fn new(sgt: *const kernel::bindings::sg_table) -> Self {
        // SAFETY: By the requirements of this function.
        let sg = unsafe { (*sgt).sgl };
        // SAFETY: As above.
        let left = unsafe { (*sgt).nents };
        // INVARIANT: A table has `nents` mapped entries.
        Self {
            sg,
            left,
            offset: 0,
        }
    }

    /// Calls `f` with address and size of each mapped part of a range of bytes, which must not
    /// begin before the range of the last call.
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
        funcs.open = Some(open_callback::<T>);
        funcs.close = Some(close_callback::<T>);
        funcs.print_info = Some(bindings::helper_drm_gem_shmem_print_info);
        funcs.pin = Some(bindings::helper_drm_gem_shmem_pin);
        funcs.unpin = Some(bindings::helper_drm_gem_shmem_unpin);
        funcs.get_sg_table = Some(bindings::helper_drm_gem_shmem_get_sg_table);
        funcs.vmap = Some(bindings::helper_drm_gem_shmem_vmap);
        funcs.vunmap = Some(bindings::helper_drm_gem_shmem_vunmap);
        funcs.mmap = Some(bindings::helper_drm_gem_shmem_mmap);
        funcs.status = Some(Self::status_callback);
        funcs.vm_ops = &raw const bindings::drm_gem_shmem_vm_ops;
        if T::HAS_UUIDS {
            funcs.export = Some(Self::export_callback);
        }
        funcs
    };

    /// Creates an object. Its size is in bytes. C: `drm_gem_shmem_create()`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EINVAL` for a reservation of another device's object; the errors of [`DriverObject::new`].
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn new(
        dev: &Device<T::Driver>,
        size: usize,
        config: ObjectConfig<'_, T>,
        args: T::Args,
    ) -> Result<ARef<Self>> {
        let parent = config.parent_resv_obj;
        if parent.is_some_and(|parent| parent.dev().as_raw() != dev.as_raw()) {
            return Err(EINVAL);
        }
        // SAFETY: The device is valid, and creates its objects by `create_object_callback`.
        let raw = from_err_ptr(unsafe { bindings::drm_gem_shmem_create(dev.as_raw(), size) })?;
        // SAFETY: The object was just created by `create_object_callback`, and nothing else refers to
        // it.
        let object = unsafe { Self::complete_new(dev, raw.cast(), args) }?;
        // SAFETY: Nothing else refers to the new object.
        unsafe { bindings::drm_gem_shmem_object::set_map_wc_raw(raw, config.map_wc) };
        if let Some(parent) = parent {
            // SAFETY: The object is valid, and its reservation does not change any more.
            let resv = unsafe { (*parent.as_raw()).resv };
            // SAFETY: Nothing else refers to the new object. It holds a reference to `parent`, whose own
            // parent, if `resv` is not its own, it holds a reference to.
            unsafe { (*raw).base.resv = resv };
            // SAFETY: As above.
            unsafe { (*raw.cast::<Self>()).parent_resv_obj = Some(parent.into()) };
        }
        Ok(object)
    }

    /// Does the same as [`complete`](Self::complete), and returns the object.
    ///
    /// # Safety
    ///
    /// The requirements of [`complete`](Self::complete).
    pub(super) unsafe fn complete_new(
        dev: &Device<T::Driver>,
        raw: *mut bindings::drm_gem_object,
        args: T::Args,
    ) -> Result<ARef<Self>> {
        // SAFETY: By the requirements of this function.
        unsafe { Self::complete(dev, raw, args) }?;
        let object = NonNull::new(raw.cast()).ok_or(ENOMEM)?;
        // SAFETY: The new object's only reference is moved into the `ARef`.
        Ok(unsafe { ARef::from_raw(object) })
    }

    /// Frees the memory of an object and of its pages.
    ///
    /// # Safety
    ///
    /// The object must be valid, and not be used after this. Its fields must have been dropped, unless
    /// they need no drop.
    unsafe fn release(this: *mut Self) {
        let raw: *mut bindings::drm_gem_object = this.cast();
        // SAFETY: By the requirements of this function.
        if unsafe { window::has_pages(raw) } {
            // SAFETY: It is a shmem object. The C function frees the memory with `kfree()`, and `allocate`
            // allocated it with `kmalloc()`.
            return unsafe { bindings::drm_gem_shmem_free(raw.cast()) };
        }
        // SAFETY: By the requirements of this function.
        unsafe { bindings::drm_gem_object_release(raw) };
        // SAFETY: `allocate` allocated the memory. Nothing in it is dropped.
        drop(unsafe { KBox::<MaybeUninit<Self>>::from_raw(this.cast()) });
    }

    /// Allocates an object without the driver's data, which [`complete`](Self::complete) initializes later.
    /// If the core fails to initialize its own part, it frees the memory without a callback. So until then,
    /// nothing in the memory may need a drop.
    pub(super) fn allocate(
        funcs: &'static bindings::drm_gem_object_funcs,
    ) -> Result<*mut bindings::drm_gem_object> {
        // SAFETY: All zeros is a valid value of the C struct, and is what the shmem helpers expect.
        let mut obj: bindings::drm_gem_shmem_object = unsafe { mem::zeroed() };
        obj.base.funcs = funcs;
        let object = KBox::new(
            Self {
                obj: Opaque::new(obj),
                dev: None,
                parent_resv_obj: None,
                placed: SetOnce::new(),
                inner: MaybeUninit::uninit(),
            },
            GFP_KERNEL,
        )?;
        Ok(KBox::into_raw(object).cast())
    }

    /// Does the same as [`complete`](Self::complete) for an imported object.
    ///
    /// # Safety
    ///
    /// The requirements of [`complete`](Self::complete).
    pub(crate) unsafe fn complete_import(
        dev: &Device<T::Driver>,
        raw: *mut bindings::drm_gem_object,
    ) -> Result {
        match T::import_args(dev) {
            // SAFETY: By the requirements of this function.
            Ok(args) => unsafe { Self::complete(dev, raw, args) },
            Err(error) => {
                // SAFETY: The caller has passed its reference. `free_callback` does not drop `inner`,
                // because `dev` is not set.
                unsafe { bindings::helper_drm_gem_object_put(raw) };
                Err(error)
            }
        }
    }

    /// Initializes the driver's data of a new object. If that fails, this drops the caller's
    /// reference, which frees the object.
    ///
    /// # Safety
    ///
    /// `raw` must be an object of `dev` that was created by `create_object_callback` and not completed
    /// yet. The caller must own its only reference, and nothing else may access it.
    pub(crate) unsafe fn complete(
        dev: &Device<T::Driver>,
        raw: *mut bindings::drm_gem_object,
        args: T::Args,
    ) -> Result {
        let this: *mut Self = raw.cast();
        // SAFETY: By the requirements of this function, the object is valid.
        let size = unsafe { (*raw).size };
        // SAFETY: As above.
        let slot: *mut T = unsafe { (&raw mut (*this).inner).cast() };
        // SAFETY: The memory is not initialized. It does not move, because an object does not.
        if let Err(error) = unsafe { pin_init::raw_try_init(slot, T::new(dev, size, args)) } {
            // SAFETY: The caller has passed its reference. `free_callback` does not drop `inner`,
            // because `dev` is not set.
            unsafe { bindings::helper_drm_gem_object_put(raw) };
            return Err(error);
        }
        // INVARIANT: `inner` was initialized above.
        // SAFETY: By the requirements of this function, nothing else accesses the object.
        unsafe { (*this).dev = Some(dev.into()) };
        Ok(())
    }

    /// Returns the device that the object belongs to.
    pub fn dev(&self) -> &Device<T::Driver> {
        // SAFETY: The object is valid, and its device does not change.
        let dev = unsafe { (*self.as_raw()).dev };
        // SAFETY: By the type's invariants, the object holds a reference to its device.
        unsafe { Device::from_raw(dev) }
    }

    /// Returns whether its pages belong to another driver.
    pub fn is_imported(&self) -> bool {
        // SAFETY: The object is valid.
        unsafe { !(*self.as_raw()).import_attach.is_null() }
    }

    /// Pins and maps the pages, and calls `f` with each run of them. The addresses are physical
    /// ones or DMA addresses.
    ///
    /// The pages stay pinned as long as the object exists, and mapped until the object or the
    /// device goes. C: `drm_gem_shmem_get_pages_sgt()`.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the device is gone; `ENOMEM`, also if there is no room for bounce buffers;
    /// `EINVAL` for an object without pages and for an imported buffer of a driver without
    /// [`MAPS_IMPORTS`](Driver::MAPS_IMPORTS);
    /// the errors of `f`.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn for_each_segment(&self, dma: bool, mut f: impl FnMut(Segment) -> Result) -> Result {
        self.map(|sgt| {
            // SAFETY: `map` passes a valid table.
            let mut sg = unsafe { (*sgt).sgl };
            let count = if dma {
                // SAFETY: As above.
                unsafe { (*sgt).nents }
            } else {
                // SAFETY: As above.
                unsafe { (*sgt).orig_nents }
            };
            for _ in 0..count {
                f(if dma {
                    Segment {
                        // SAFETY: `sg` is one of the `count` entries of the table.
                        address: unsafe { bindings::helper_sg_dma_address(sg) },
                        // SAFETY: As above.
                        length: unsafe { bindings::helper_sg_dma_len(sg) },
                    }
                } else {
                    Segment {
                        // SAFETY: As above.
                        address: unsafe { bindings::helper_sg_phys(sg) },
                        // SAFETY: As above.
                        length: unsafe { (*sg).length },
                    }
                })?;
                // SAFETY: As above.
                sg = unsafe { kernel::bindings::sg_next(sg) };
            }
            Ok(())
        })
    }

    /// Pins and maps the pages, and returns their table. `dev` is the device that
    /// [`UnregisteredDevice::new`](crate::UnregisteredDevice::new) was called with.
    ///
    /// # Errors
    ///
    /// `EINVAL` for another `dev`; the errors of [`for_each_segment`](Self::for_each_segment).
    pub fn sg_table<'a>(&'a self, dev: &'a device::Device<Bound>) -> Result<&'a SGTable> {
        if !self.dev().is_tied_to(dev) {
            return Err(EINVAL);
        }
        let mut table = core::ptr::null_mut();
        self.map(|sgt| {
            table = sgt;
            Ok(())
        })?;
        // SAFETY: The table is freed with the object, or when the driver leaves the device that the object's
        // device is tied to. That is `dev`, because nothing is mapped after the driver has left that one.
        // Both are later than `'a`. Nothing changes the table until then.
        Ok(unsafe { SGTable::from_raw(table) })
    }

    /// Pins and maps the pages, unless they are, and calls `then` with their table, which is not freed
    /// meanwhile.
    fn map(&self, then: impl FnOnce(*mut kernel::bindings::sg_table) -> Result) -> Result {
        let raw = self.obj.get();
        let map = || {
            if !self.has_pages() || self.is_imported() && !T::Driver::MAPS_IMPORTS {
                return Err(EINVAL);
            }
            // SAFETY: The object is valid.
            from_err_ptr(unsafe { bindings::drm_gem_shmem_get_pages_sgt(raw) })
                .map(drop)
                .map_err(|error| dma::error(self.dev(), self.size(), error))
        };
        let then = || {
            // SAFETY: The object is valid, and it is mapped. `visit` calls this under the lock of the
            // mappings, so the table is not freed meanwhile.
            then(unsafe { (*raw).sgt })
        };
        let object = NonNull::new(raw).ok_or(EINVAL)?;
        // SAFETY: The object is valid, and `Dying` removes it from the mappings before it is freed.
        let visit = || unsafe { self.dev().mappings.visit(object, map, then) };
        // An imported object that was unmapped cannot be mapped again.
        self.dev().while_plugged(visit).unwrap_or(Err(ENODEV))
    }

    /// Returns the object, if some of the device's mappings have to be synchronized.
    fn to_sync(&self) -> Option<NonNull<bindings::drm_gem_shmem_object>> {
        let dev = self.dev();
        NonNull::new(self.obj.get()).filter(|_| dev.needs_dma_sync())
    }

    fn sync(&self, rows: &Rows, direction: Direction) {
        let Some(raw) = self.to_sync() else {
            return;
        };
        self.dev().mappings.keep(raw, || {
            // SAFETY: The object is mapped, and is not unmapped while this runs.
            unsafe { self.sync_mapped(rows, direction) }
        });
    }

    /// Copies what the CPU has written to bounce buffers, if the device reads it there.
    ///
    /// # Context
    ///
    /// May sleep. The caller may hold the object's reservation.
    pub fn sync_for_device(&self, rows: &Rows) {
        self.sync(rows, Direction::ToDevice);
    }

    /// Makes what the device has written visible to the CPU, e.g. copies it from bounce buffers.
    ///
    /// # Context
    ///
    /// May sleep. The caller may hold the object's reservation.
    pub fn sync_for_cpu(&self, rows: &Rows) {
        self.sync(rows, Direction::ToCpu);
    }

    /// Does the same for the panic screen: returns false instead of waiting for a lock.
    pub fn try_sync_for_device(&self, rows: &Rows) -> bool {
        let Some(raw) = self.to_sync() else {
            return true;
        };
        self.dev().mappings.try_keep(raw, || {
            // SAFETY: The object is mapped, and is not unmapped while this runs.
            unsafe { self.sync_mapped(rows, Direction::ToDevice) }
        })
    }

    /// # Safety
    ///
    /// The object must be mapped, and stay so while this runs.
    unsafe fn sync_mapped(&self, rows: &Rows, direction: Direction) {
        // SAFETY: The object is valid, and has a table, which does not change, by the requirements of this
        // function.
        let sgt = unsafe { (*self.obj.get()).sgt };
        let dev = self.dev().raw_parent();
        // SAFETY: The table is not freed meanwhile, by the requirements of this function.
        let mut pieces = unsafe { Pieces::new(sgt) };
        rows.for_each_run(|run| {
            pieces.visit(run, |address, size| {
                // Exporters may map their buffers in their own way.
                // SAFETY: The device is valid.
                if unsafe { bindings::helper_dma_need_sync(dev, address) } {
                    match direction {
                        // SAFETY: The bytes are mapped for the device.
                        Direction::ToDevice => unsafe {
                            bindings::helper_dma_sync_single_for_device(dev, address, size)
                        },
                        // SAFETY: As above.
                        Direction::ToCpu => unsafe {
                            bindings::helper_dma_sync_single_for_cpu(dev, address, size)
                        },
                    }
                }
            });
        });
    }

    /// Tells `fdinfo` whether the object has its pages, which are allocated when they are first used. The
    /// pages of an imported object belong to another driver, which has allocated them. The core holds a spinlock.
    extern "C" fn status_callback(
        raw: *mut bindings::drm_gem_object,
    ) -> bindings::drm_gem_object_status {
        // SAFETY: The core calls this for a valid object of this type. The field does not change any more.
        let import = unsafe { (*raw).import_attach };
        let shmem: *mut bindings::drm_gem_shmem_object = raw.cast();
        // SAFETY: As above. The shmem object is at the start of a `Self`.
        let pages = unsafe { &raw const (*shmem).pages };
        // SAFETY: As above. Another thread may set the pointer meanwhile. It is compared, and not followed.
        let pages = unsafe { pages.read_volatile() };
        if import.is_null() && pages.is_null() {
            return 0;
        }
        bindings::drm_gem_object_status_DRM_GEM_OBJECT_RESIDENT
    }

    pub(super) extern "C" fn free_callback(raw: *mut bindings::drm_gem_object) {
        let this: *mut Self = raw.cast();
        // SAFETY: The core calls this for the last reference, and the GEM object is at the start of
        // a `Self`. Nothing else accesses the field.
        let dev = unsafe { &(*this).dev };
        if dev.is_none() {
            // SAFETY: As above. The driver's data was not initialized, so it is not dropped.
            return unsafe { Self::release(this) };
        }
        // INVARIANT: `dev` is set, so the object is initialized. This was the last reference.
        // SAFETY: The core does not pass a null pointer.
        T::free(Dying(unsafe { NonNull::new_unchecked(this) }))
    }
}

/// Allocates an object with pages, see [`Object::allocate`].
pub(crate) extern "C" fn create_object_callback<T: DriverObject>(
    _dev: *mut bindings::drm_device,
    _size: usize,
) -> *mut bindings::drm_gem_object {
    to_err_ptr(Object::<T>::allocate(const { &Object::<T>::FUNCS }))
}

impl<T: DriverObject> Sealed for Object<T> {}

impl<T: DriverObject> IntoGEMObject for Object<T> {
    fn as_raw(&self) -> *mut bindings::drm_gem_object {
        // SAFETY: The object is valid.
        unsafe { &raw mut (*self.obj.get()).base }
    }

    unsafe fn from_raw<'a>(raw: *mut bindings::drm_gem_object) -> &'a Self {
        // SAFETY: By the requirements of this function. The GEM object is the first field of the
        // shmem object, which is the first field of `Self`.
        unsafe { &*raw.cast() }
    }
}

impl<T: DriverObject> AllocImpl for Object<T> {
    type Driver = T::Driver;

    const EXPORT_OPS: ExportOps = Self::UUID_EXPORT_OPS;

    const ALLOC_OPS: AllocOps = {
        // SAFETY: All zeros is a valid, empty `struct drm_driver`.
        let mut driver: bindings::drm_driver = unsafe { mem::zeroed() };
        driver.gem_create_object = Some(create_object_callback::<T>);
        driver.gem_prime_import = Some(super::prime_import_callback::<T>);
        driver.gem_prime_import_sg_table = Some(bindings::drm_gem_shmem_prime_import_sg_table);
        if T::Driver::HAS_DUMB_CREATE {
            driver.dumb_create = Some(super::dumb_create_callback::<T::Driver>);
        }
        driver.fbdev_probe = Some(bindings::drm_fbdev_shmem_driver_fbdev_probe);
        AllocOps(driver)
    };
}

impl<T: DriverObject> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type's invariants, it is initialized.
        unsafe { self.inner.assume_init_ref() }
    }
}

// SAFETY: The functions use the reference count of the GEM object.
unsafe impl<T: DriverObject> AlwaysRefCounted for Object<T> {
    fn inc_ref(&self) {
        // SAFETY: By the type's invariants, the count is not zero.
        unsafe { bindings::helper_drm_gem_object_get(self.as_raw()) }
    }

    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller passes a reference that it owns. The GEM object is at the start of `Self`.
        unsafe { bindings::helper_drm_gem_object_put(obj.as_ptr().cast()) }
    }
}

// SAFETY: GEM objects may be used on any thread, and `DriverObject` requires that the driver's data
// is `Send` and `Sync`.
unsafe impl<T: DriverObject> Send for Object<T> {}
// SAFETY: As above.
unsafe impl<T: DriverObject> Sync for Object<T> {}
