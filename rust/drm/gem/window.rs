// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Windows: memory of a device in which programs see buffer objects that have no pages of their own.
use core::{mem, ptr};

use drm_bindings as bindings;
use kernel::{
    device::{self, Bound},
    error::to_result,
    page::PAGE_SIZE,
    prelude::*,
    sync::{aref::ARef, Arc},
};

use super::{shmem::Object, BaseObject, DriverObject, IntoGEMObject};
use crate::{errno, mm, Device, Driver, UnregisteredDevice};

/// The window of a device.
///
/// # Invariants
///
/// The memory is a region of the device that the DRM device is tied to, and was claimed for that. So it is not
/// memory of the kernel, and no other driver uses it as long as that device is bound.
pub(crate) struct Window {
    /// The physical address of its first page.
    address: u64,
    places: Arc<mm::Allocator>,
}

/// How programs access the memory of a window.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Caching {
    /// As other memory.
    Cached = bindings::helper_caching_HELPER_CACHED,
    /// Without the cache; writes may be combined.
    WriteCombined = bindings::helper_caching_HELPER_WRITE_COMBINED,
    /// Without the cache.
    Uncached = bindings::helper_caching_HELPER_UNCACHED,
}

/// A place in the window of a device, which is free again when this is dropped.
///
/// # Invariants
///
/// `node` is a range of the window of the device, and has whole pages.
///
/// # Context
///
/// The drop may sleep, the methods do not.
pub struct Place<T: Driver> {
    node: mm::Node,
    dev: ARef<Device<T>>,
}

impl<T: Driver> Place<T> {
    /// Returns the distance from the start of the window in bytes.
    pub fn offset(&self) -> u64 {
        self.node.start()
    }
}

impl<T: Driver> UnregisteredDevice<T> {
    /// Claims a region of shared memory of a virtio device as the window of its DRM device, until the driver
    /// leaves the device. `dev` is the device that [`new`](Self::new) was called with, and `id` is the number of
    /// the region. A driver cannot name other memory. C: `virtio_get_shm_region()`,
    /// `devm_request_mem_region()`.
    ///
    /// # Errors
    ///
    /// `EINVAL` for another `dev`, and for a region that is empty or not whole pages; `ENXIO` if the device
    /// has no such region; `EBUSY` if the memory is the kernel's or is claimed, or if the device has a
    /// window; `ENOMEM`.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn set_window(&self, dev: &device::Device<Bound>, id: u8) -> Result {
        if !self.is_tied_to(dev) {
            return Err(EINVAL);
        }
        let raw: *mut kernel::bindings::device = ptr::from_ref(dev).cast_mut().cast();
        let (mut address, mut size) = (0, 0);
        // SAFETY: The device is valid and bound.
        if !unsafe { bindings::helper_virtio_window(raw, id, &mut address, &mut size) } {
            return Err(ENXIO);
        }
        let page = PAGE_SIZE as u64;
        let is_valid = size != 0 && (address | size) % page == 0;
        if !is_valid || address.checked_add(size).is_none() {
            return Err(EINVAL);
        }
        if self.window.as_ref().is_some() {
            return Err(EBUSY);
        }
        let places = mm::Allocator::new(size)?;
        let name = T::INFO.name.as_char_ptr();
        // SAFETY: The device is bound, and the name is static.
        if !unsafe { bindings::helper_devm_request_mem_region(raw, address, size, name) } {
            return Err(EBUSY);
        }
        // INVARIANT: The memory is a region of the device, and was claimed above.
        self.window.populate(Window { address, places });
        Ok(())
    }
}

impl<T: Driver> Device<T> {
    /// Reserves a place in the window of the device.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if there is no room; `EINVAL` if the device has no window, or if the size in bytes is not a
    /// multiple of a page; `ENOMEM`. C: `drm_mm_insert_node()`.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn reserve_place(&self, size: usize) -> Result<Place<T>> {
        let window = self.window.as_ref().ok_or(EINVAL)?;
        if size % PAGE_SIZE != 0 {
            return Err(EINVAL);
        }
        // INVARIANT: All places have a size of whole pages, so all begin at a page.
        Ok(Place {
            node: window.places.insert(size as u64)?,
            dev: self.into(),
        })
    }
}

/// The place of an object, and how programs access it there.
///
/// # Invariants
///
/// The place is one of the object's device, and is as large as the object.
pub(super) struct Placed<T: Driver> {
    place: Arc<Place<T>>,
    caching: Caching,
}

/// Returns whether an object has pages.
///
/// # Safety
///
/// It must be a valid [`Object`].
pub(super) unsafe fn has_pages(raw: *const bindings::drm_gem_object) -> bool {
    // SAFETY: By the requirements of this function. The functions do not change.
    let funcs = unsafe { (*raw).funcs };
    // SAFETY: An `Object` has functions, which are static.
    unsafe { (*funcs).get_sg_table.is_some() }
}

impl<T: DriverObject> Object<T> {
    /// The functions of an object without pages.
    const WINDOW_FUNCS: bindings::drm_gem_object_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_gem_object_funcs = unsafe { mem::zeroed() };
        funcs.free = Some(Self::free_callback);
        funcs.open = Some(super::open_callback::<T>);
        funcs.close = Some(super::close_callback::<T>);
        funcs.mmap = Some(Self::window_mmap_callback);
        funcs.vm_ops = const { &Self::WINDOW_VM_OPS };
        funcs.status = Some(Self::window_status_callback);
        if T::HAS_UUIDS {
            funcs.export = Some(Self::export_callback);
        }
        funcs
    };

    const WINDOW_VM_OPS: kernel::bindings::vm_operations_struct = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut ops: kernel::bindings::vm_operations_struct = unsafe { mem::zeroed() };
        ops.open = Some(bindings::drm_gem_vm_open);
        ops.close = Some(bindings::drm_gem_vm_close);
        ops.fault = Some(Self::window_fault_callback);
        ops
    };

    /// Tells `fdinfo` that the device has the memory, from the creation of the object on.
    extern "C" fn window_status_callback(
        _raw: *mut bindings::drm_gem_object,
    ) -> bindings::drm_gem_object_status {
        bindings::drm_gem_object_status_DRM_GEM_OBJECT_RESIDENT
    }

    /// Creates an object without pages. Programs see it in the window of the device, when it has a
    /// [place](Self::set_place) there. Its size is in bytes. C: `drm_gem_private_object_init()`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EINVAL` for a size that is 0 or not a multiple of a page; the errors of
    /// [`DriverObject::new`].
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn new_without_pages(
        dev: &Device<T::Driver>,
        size: usize,
        args: T::Args,
    ) -> Result<ARef<Self>> {
        if size == 0 || size % PAGE_SIZE != 0 {
            return Err(EINVAL);
        }
        let raw = Self::allocate(const { &Self::WINDOW_FUNCS })?;
        // SAFETY: The object was allocated above, and its size is one of whole pages.
        unsafe { bindings::drm_gem_private_object_init(dev.as_raw(), raw, size) };
        // SAFETY: The object was just created, and nothing else refers to it.
        unsafe { Self::complete_new(dev, raw, args) }
    }

    /// Returns whether the object has pages. It has none if [`new_without_pages`](Self::new_without_pages) has
    /// created it.
    pub fn has_pages(&self) -> bool {
        // SAFETY: The object is valid, and is an `Object`.
        unsafe { has_pages(self.as_raw()) }
    }

    /// Sets the place in the window where programs see an object without pages. The object keeps the place
    /// until it is [freed](DriverObject::free), because programs may see it until then.
    ///
    /// # Errors
    ///
    /// `EINVAL` for an object with pages, for a place of another device and for one of another size;
    /// `EBUSY` if the object has a place.
    pub fn set_place(&self, place: Arc<Place<T::Driver>>, caching: Caching) -> Result {
        let is_ours = ptr::eq(&*place.dev, self.dev()) && place.node.size() == self.size() as u64;
        if self.has_pages() || !is_ours {
            return Err(EINVAL);
        }
        // INVARIANT: It was compared above.
        if !self.placed.populate(Placed { place, caching }) {
            return Err(EBUSY);
        }
        Ok(())
    }

    /// Returns the physical address of the object's place, and how programs access it there.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it has none.
    pub(super) fn window_address(&self) -> Result<(u64, Caching)> {
        let placed = self.placed.as_ref().ok_or(EINVAL)?;
        let window = self.dev().window.as_ref().ok_or(EINVAL)?;
        // The place is in the window, whose end is a valid address.
        Ok((window.address + placed.place.offset(), placed.caching))
    }

    fn window_mmap(&self, vma: *mut kernel::bindings::vm_area_struct) -> Result {
        T::place(self).map_err(|_| EINVAL)?;
        let (address, caching) = self.window_address()?;
        let reserve = || {
            // SAFETY: The core calls this with a VMA of the object, whose place is as large as the object, by the
            // invariants of `Placed`. By those of `Window`, the memory is the device's.
            to_result(unsafe {
                bindings::helper_drm_gem_mmap_window(self.as_raw(), vma, address, caching as u32)
            })
        };
        self.dev().while_plugged(reserve).unwrap_or(Err(ENODEV))
    }

    extern "C" fn window_mmap_callback(
        raw: *mut bindings::drm_gem_object,
        vma: *mut kernel::bindings::vm_area_struct,
    ) -> kernel::ffi::c_int {
        // SAFETY: The core calls this for a valid object of the type.
        errno(unsafe { Self::from_raw(raw) }.window_mmap(vma))
    }

    /// Maps pages for a program. Not in `mmap()`, because an unplug finds a mapping only after that, and would
    /// miss its pages.
    extern "C" fn window_fault_callback(
        vmf: *mut kernel::bindings::vm_fault,
    ) -> kernel::bindings::vm_fault_t {
        // SAFETY: The core calls this for a fault in a VMA that `window_mmap_callback` has prepared.
        let raw = unsafe { bindings::helper_vmf_object(vmf) };
        // SAFETY: The VMA holds a reference to its object, which is one of the type.
        let object = unsafe { Self::from_raw(raw) };
        let Ok((address, _)) = object.window_address() else {
            return kernel::bindings::vm_fault_reason_VM_FAULT_SIGBUS;
        };
        let map = || {
            // SAFETY: The core calls this with a fault in a VMA of the object, which holds a reference to it, so
            // the place stays reserved. It is as large as the object, by the invariants of `Placed`. By those
            // of `Window`, the memory may be mapped as long as the device is bound, which it is in a section
            // where it is not unplugged. The core unmaps it after it has unplugged the device.
            unsafe { bindings::helper_vmf_insert_window(vmf, address) }
        };
        let mapped = object.dev().while_plugged(map);
        mapped.unwrap_or(kernel::bindings::vm_fault_reason_VM_FAULT_SIGBUS)
    }
}
