// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A virtio device without a host, for tests of what ties a driver to a device. `virtio.c` implements
//! it.
use core::{
    ffi::{c_uint, c_void},
    marker::PhantomData,
    ptr::NonNull,
};
use kernel::{
    device::{self, AsBusDevice, Bound, DeviceContext},
    prelude::*,
};

#[repr(C)]
struct Raw {
    _opaque: [u8; 0],
}

// The declarations of `virtio.h`.
extern "C" {
    fn kunit_virtio_add(id: u32, has_config: bool) -> *mut Raw;
    fn kunit_virtio_remove(fake: *mut Raw);
    fn kunit_virtio_parent(fake: *mut Raw) -> *mut c_void;
    fn kunit_virtio_queues(fake: *mut Raw) -> c_uint;
    fn kunit_virtio_is_bound(fake: *mut Raw) -> bool;
    fn kunit_not_leak(memory: *const c_void);
}

/// Forgets a value, as [`core::mem::forget`] does. kmemleak does not report what the value refers to. C:
/// `kmemleak_not_leak()`.
///
/// # Errors
///
/// `ENOMEM`; the value is then dropped.
pub fn leak<T>(value: T) -> Result {
    let kept = KBox::into_raw(KBox::new(value, GFP_KERNEL)?);
    // SAFETY: The memory was allocated above, and is never freed.
    unsafe { kunit_not_leak(kept.cast()) };
    Ok(())
}

/// A virtio device without a host. When it is dropped, its driver leaves it.
///
/// # Invariants
///
/// The pointer is a device that was added and not removed.
pub struct VirtioDevice(NonNull<Raw>, PhantomData<*mut Raw>);

impl VirtioDevice {
    /// Adds a device with a number on the virtio bus. Its driver has probed it when this returns.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(id: u32, has_config: bool) -> Result<Self> {
        // SAFETY: The function has no requirements.
        let raw = unsafe { kunit_virtio_add(id, has_config) };
        // INVARIANT: It was added above.
        Ok(Self(NonNull::new(raw).ok_or(ENOMEM)?, PhantomData))
    }

    /// Returns the device that carries it, which is bound to a driver of the kernel.
    pub fn parent(&self) -> &device::Device<Bound> {
        // SAFETY: By the type's invariants.
        let parent = unsafe { kunit_virtio_parent(self.0.as_ptr()) };
        // SAFETY: A faux device is bound until it is destroyed, which happens when `self` is dropped.
        // `device::Device` is transparent over `struct device`.
        unsafe { &*parent.cast() }
    }

    /// Returns the number of its virtqueues.
    pub fn queues(&self) -> u32 {
        // SAFETY: By the type's invariants.
        unsafe { kunit_virtio_queues(self.0.as_ptr()) }
    }

    /// Returns whether it is bound to a driver.
    pub fn is_bound(&self) -> bool {
        // SAFETY: By the type's invariants.
        unsafe { kunit_virtio_is_bound(self.0.as_ptr()) }
    }
}

/// A device on any bus.
#[repr(transparent)]
pub struct AnyDevice<Ctx: DeviceContext>(device::Device<Ctx>);

impl<Ctx: DeviceContext> AnyDevice<Ctx> {
    /// Returns a device as a device on any bus.
    pub fn of(dev: &device::Device<Ctx>) -> &Self {
        // SAFETY: The type is transparent.
        unsafe { &*core::ptr::from_ref(dev).cast() }
    }
}

impl<Ctx: DeviceContext> AsRef<device::Device<Ctx>> for AnyDevice<Ctx> {
    fn as_ref(&self) -> &device::Device<Ctx> {
        &self.0
    }
}

// SAFETY: The type is transparent over a type that is transparent over `struct device`.
unsafe impl<Ctx: DeviceContext> AsBusDevice<Ctx> for AnyDevice<Ctx> {
    const OFFSET: usize = 0;
}

impl Drop for VirtioDevice {
    fn drop(&mut self) {
        // SAFETY: By the type's invariants, and it is not used after this.
        unsafe { kunit_virtio_remove(self.0.as_ptr()) };
    }
}
