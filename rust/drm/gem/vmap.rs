// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Mappings of buffer objects for the CPU.
use core::ops::Deref;

use drm_bindings as bindings;
use kernel::{
    error::to_result,
    io::{IoBase, Region, SysMem, SysMemBackend},
    prelude::*,
    sync::aref::ARef,
};

use super::{shmem::Object, BaseObject, DriverObject, IntoGEMObject};

/// A mapping of an object's pages, which exists as long as this value. Programs may write to the pages at
/// any time, so they are accessed by [`Io`](kernel::io::Io), and there is no reference to them. The
/// object has at least `SIZE` bytes.
///
/// # Invariants
///
/// `map` is the address of a mapping of all of the object, in the kernel's memory. The object has at least
/// `SIZE` bytes.
pub struct VMap<D, R, const SIZE: usize = 0>
where
    D: DriverObject,
    R: Deref<Target = Object<D>>,
{
    map: *mut kernel::ffi::c_void,
    owner: R,
}

/// A mapping that borrows its object.
pub type VMapRef<'a, D, const SIZE: usize = 0> = VMap<D, &'a Object<D>, SIZE>;

/// A mapping that holds a reference to its object.
pub type VMapOwned<D, const SIZE: usize = 0> = VMap<D, ARef<Object<D>>, SIZE>;

/// Returns the struct of C for a mapping in the kernel's memory.
fn raw_map(vaddr: *mut kernel::ffi::c_void) -> kernel::bindings::iosys_map {
    kernel::bindings::iosys_map {
        __bindgen_anon_1: kernel::bindings::iosys_map__bindgen_ty_1 { vaddr },
        is_iomem: false,
    }
}

impl<D: DriverObject> Object<D> {
    fn make_vmap<'a, R, const SIZE: usize>(&'a self) -> Result<VMap<D, R, SIZE>>
    where
        R: Deref<Target = Self> + From<&'a Self>,
    {
        if self.size() < SIZE {
            return Err(ENOSPC);
        }
        let mut map = raw_map(core::ptr::null_mut());
        // SAFETY: The object is valid.
        to_result(unsafe { bindings::drm_gem_vmap(self.as_raw(), &mut map) })?;
        if map.is_iomem {
            // SAFETY: It was mapped above.
            unsafe { bindings::drm_gem_vunmap(self.as_raw(), &mut map) };
            return Err(EOPNOTSUPP);
        }
        // INVARIANT: The object was mapped above, and its size was compared.
        Ok(VMap {
            // SAFETY: It is not I/O memory.
            map: unsafe { map.__bindgen_anon_1.vaddr },
            owner: self.into(),
        })
    }

    /// Maps the pages for the CPU. C: `drm_gem_vmap()`.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if the object has less than `SIZE` bytes; `EOPNOTSUPP` for an imported object that is not in
    /// memory; `ENOMEM`.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn vmap<const SIZE: usize>(&self) -> Result<VMapRef<'_, D, SIZE>> {
        self.make_vmap()
    }

    /// Does the same as [`vmap`](Self::vmap), and holds a reference to the object.
    ///
    /// # Errors
    ///
    /// The errors of [`vmap`](Self::vmap).
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn owned_vmap<const SIZE: usize>(&self) -> Result<VMapOwned<D, SIZE>> {
        self.make_vmap()
    }
}

impl<D, R, const SIZE: usize> VMap<D, R, SIZE>
where
    D: DriverObject,
    R: Deref<Target = Object<D>>,
{
    /// Returns the object.
    ///
    /// # Context
    ///
    /// Any.
    pub fn owner(&self) -> &Object<D> {
        &self.owner
    }
}

impl<'a, D, R, const SIZE: usize> IoBase<'a> for &'a VMap<D, R, SIZE>
where
    D: DriverObject,
    R: Deref<Target = Object<D>>,
{
    type Backend = SysMemBackend;
    type Target = Region<SIZE>;

    fn as_view(self) -> SysMem<'a, Region<SIZE>> {
        let region = Region::ptr_from_raw_parts_mut(self.map.cast(), self.owner.size());
        // SAFETY: By the type's invariants, the object is mapped there as long as `self`. Mappings begin at
        // a page, and objects have whole pages.
        unsafe { SysMem::new(region) }
    }
}

impl<D, R, const SIZE: usize> Drop for VMap<D, R, SIZE>
where
    D: DriverObject,
    R: Deref<Target = Object<D>>,
{
    fn drop(&mut self) {
        let mut map = raw_map(self.map);
        // SAFETY: By the type's invariants, the object is mapped there, and nothing uses the mapping after
        // this.
        unsafe { bindings::drm_gem_vunmap(self.owner.as_raw(), &mut map) };
    }
}

// SAFETY: The mapping may be used and ended on any thread.
unsafe impl<D, R, const SIZE: usize> Send for VMap<D, R, SIZE>
where
    D: DriverObject,
    R: Deref<Target = Object<D>> + Send,
{
}
// SAFETY: As above.
unsafe impl<D, R, const SIZE: usize> Sync for VMap<D, R, SIZE>
where
    D: DriverObject,
    R: Deref<Target = Object<D>> + Sync,
{
}
