// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Virtio devices: features, configuration space, status, resets.
use core::marker::PhantomData;

use drm_bindings as bindings;
use kernel::{
    device::{self, AsBusDevice, DeviceContext, Normal},
    error::to_result,
    new_mutex,
    prelude::*,
    sync::{
        aref::{ARef, AlwaysRefCounted},
        Arc, Mutex,
    },
    types::Opaque,
};

use crate::bind::ParentLock;

/// A device on the virtio bus; the C counterpart is `struct virtio_device`.
///
/// # Invariants
///
/// The contents are a valid `struct virtio_device`.
///
/// # Context
///
/// No method sleeps, unless it says otherwise.
///
/// # Examples
///
/// ```
/// # doctests::probe(|dev| {
/// assert!(dev.has_feature(virtio::device::F_VERSION_1));
/// assert!(!dev.has_feature(virtio::device::F_INDIRECT_DESC));
/// assert!(!dev.needs_reset());
/// # Ok(())
/// # });
/// ```
#[repr(transparent)]
pub struct Device<Ctx: DeviceContext = Normal>(Opaque<bindings::virtio_device>, PhantomData<Ctx>);

/// The device conforms to virtio 1.
pub const F_VERSION_1: u32 = bindings::VIRTIO_F_VERSION_1;
/// A descriptor can refer to a table of descriptors.
pub const F_INDIRECT_DESC: u32 = bindings::VIRTIO_RING_F_INDIRECT_DESC;

impl<Ctx: DeviceContext> Device<Ctx> {
    /// # Safety
    ///
    /// `ptr` must be a valid device that is in context `Ctx` as long as the reference is used.
    pub(crate) unsafe fn from_raw<'a>(ptr: *mut bindings::virtio_device) -> &'a Self {
        // SAFETY: By the requirements of this function, and the type is transparent.
        unsafe { &*ptr.cast() }
    }

    pub(crate) fn as_raw(&self) -> *mut bindings::virtio_device {
        self.0.get()
    }

    /// Returns whether a feature was negotiated. Returns false for a bit that no device can have, where
    /// the C function is a `BUG()`. C: `virtio_has_feature()`.
    ///
    /// # Examples
    ///
    /// ```
    /// # doctests::probe(|dev| {
    /// assert!(dev.has_feature(virtio::device::F_VERSION_1));
    /// // No device has this bit.
    /// assert!(!dev.has_feature(1000));
    /// # Ok(())
    /// # });
    /// ```
    pub fn has_feature(&self, bit: u32) -> bool {
        if bit >= bindings::VIRTIO_FEATURES_BITS {
            return false;
        }
        // SAFETY: The device is valid, and has that bit.
        unsafe { bindings::helper___virtio_test_bit(self.as_raw(), bit) }
    }

    /// Returns whether the device needs DMA addresses, not physical ones: it requires them, or this
    /// is a Xen guest, whose physical addresses are not those of the machine. C:
    /// `virtio_has_dma_quirk()`, `xen_domain()`.
    pub fn uses_dma_addresses(&self) -> bool {
        // SAFETY: The function has no requirements; it reads what the kernel has detected at boot.
        let is_xen = unsafe { bindings::helper_xen_domain() };
        is_xen || self.has_feature(bindings::VIRTIO_F_ACCESS_PLATFORM)
    }

    /// Returns the parent device, e.g. a PCI function.
    ///
    /// The parent is bound to its own driver as long as this device is bound, but it stays bound when
    /// the driver of this device leaves. So it is not returned as a bound device, to which the driver
    /// could tie something that then outlives the driver's code.
    pub fn parent(&self) -> &device::Device {
        // SAFETY: The device is valid, and its parent does not change.
        let parent = unsafe { (*self.as_raw()).dev.parent };
        // SAFETY: A virtio device always has a parent, and holds a reference to it. `device::Device` is
        // transparent over `struct device`.
        unsafe { &*parent.cast() }
    }
}

impl<Ctx: DeviceContext> AsRef<device::Device<Ctx>> for Device<Ctx> {
    fn as_ref(&self) -> &device::Device<Ctx> {
        // SAFETY: The device is valid.
        let dev = unsafe { &raw mut (*self.as_raw()).dev };
        // SAFETY: The embedded `struct device` is valid as long as `self` and is in the same
        // context, and `device::Device` is transparent over it.
        unsafe { &*dev.cast() }
    }
}

// SAFETY: The type is transparent over `struct virtio_device`, which has a `struct device` at that
// offset.
unsafe impl<Ctx: DeviceContext> AsBusDevice<Ctx> for Device<Ctx> {
    const OFFSET: usize = core::mem::offset_of!(bindings::virtio_device, dev);
}

// SAFETY: The type is transparent over a type that does not depend on the context.
kernel::impl_device_context_deref!(unsafe { Device });
kernel::impl_device_context_into_aref!(Device);

/// Memory of the device that a driver may map; the C counterpart is `struct virtio_shm_region`.
#[derive(Clone, Copy)]
pub struct SharedMemory {
    /// Physical address.
    pub address: u64,
    /// Size in bytes.
    pub length: u64,
}

impl Device<device::Bound> {
    /// Returns the shared memory region with a number, if the device has it; C:
    /// `virtio_get_shm_region()`.
    ///
    /// # Examples
    ///
    /// ```
    /// # doctests::probe(|dev| {
    /// match dev.shared_memory(1) {
    ///     Some(memory) => assert!(memory.length > 0),
    ///     // This device has none.
    ///     None => {}
    /// }
    /// # assert!(dev.shared_memory(1).is_none());
    /// # Ok(())
    /// # });
    /// ```
    pub fn shared_memory(&self, id: u8) -> Option<SharedMemory> {
        let (mut address, mut length) = (0, 0);
        // SAFETY: The device is valid and bound.
        unsafe { bindings::helper_virtio_shm_region(self.as_raw(), id, &mut address, &mut length) }
            .then_some(SharedMemory { address, length })
    }

    pub(crate) fn status(&self) -> u32 {
        // SAFETY: The device is valid and bound.
        unsafe { bindings::helper_virtio_get_status(self.as_raw()) }.into()
    }

    /// Returns whether virtio core has negotiated with the device, and it was not reset since.
    pub(crate) fn has_driver_status(&self) -> bool {
        self.status() & bindings::VIRTIO_CONFIG_S_DRIVER != 0
    }

    /// Returns whether the device requires a reset.
    pub fn needs_reset(&self) -> bool {
        self.status() & bindings::VIRTIO_CONFIG_S_NEEDS_RESET != 0
    }

    /// Resets the device and calls the driver's `reset_prepare` and `reset_done`, if `is_needed`
    /// returns true after other resets are locked out.
    ///
    /// Does not wait for a probe or a removal, so both may wait for a work that calls this.
    ///
    /// # Errors
    ///
    /// The errors of the callbacks; `EBUSY` while the driver probes or is removed, or while the parent
    /// device is reset, removed or suspended. C: `virtio_device_reset_prepare()`,
    /// `virtio_device_reset_done()`.
    ///
    /// # Context
    ///
    /// May sleep.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::prelude::*;
    /// # doctests::probe(|dev| {
    /// // The driver is being probed.
    /// assert_eq!(dev.reset(|| dev.needs_reset()), Err(EBUSY));
    /// # Ok(())
    /// # });
    /// ```
    pub fn reset(&self, is_needed: impl FnOnce() -> bool) -> Result {
        let _lock = ParentLock::try_new(self).ok_or(EBUSY)?;
        if !is_needed() {
            return Ok(());
        }
        // SAFETY: The device is valid, and it is bound to the driver that calls this.
        to_result(unsafe { bindings::virtio_device_reset_prepare(self.as_raw()) })?;
        // SAFETY: As above.
        to_result(unsafe { bindings::virtio_device_reset_done(self.as_raw()) })
    }
}

/// Returns the embedded `struct device`.
fn raw(vdev: *mut bindings::virtio_device) -> *mut kernel::bindings::device {
    vdev.wrapping_byte_add(core::mem::offset_of!(bindings::virtio_device, dev))
        .cast()
}

// SAFETY: The functions use the reference count of the embedded `struct device`.
unsafe impl AlwaysRefCounted for Device<Normal> {
    fn inc_ref(&self) {
        // SAFETY: By the type's invariants, the device is valid, so its count is not zero.
        unsafe { kernel::bindings::get_device(raw(self.as_raw())) };
    }

    unsafe fn dec_ref(obj: core::ptr::NonNull<Self>) {
        // SAFETY: The caller owns a reference, which this drops.
        unsafe { kernel::bindings::put_device(raw(obj.as_ptr().cast())) };
    }
}

/// A bound device for code that may run until the device is unbound, and shortly after: works.
///
/// # Invariants
///
/// The inner option is set to `None`, under its lock, before the device is unbound.
///
/// # Context
///
/// Methods may sleep.
///
/// # Examples
///
/// ```
/// use virtio::Handle;
///
/// # doctests::probe(|dev| {
/// let handle = Handle::new(dev)?;
/// assert_eq!(handle.with(|dev| dev.needs_reset()), Some(false));
/// # Ok(())
/// # });
/// ```
///
/// The device cannot be kept for longer than the closure runs:
///
/// ```compile_fail,E0521
/// use virtio::Handle;
///
/// fn keep(handle: &Handle) -> bool {
///     let mut kept = None;
///     handle.with(|dev| kept = Some(dev));
///     kept.is_some()
/// }
/// ```
pub struct Handle(Arc<Inner>);

#[pin_data]
struct Inner {
    #[pin]
    dev: Mutex<Option<ARef<Device>>>,
}

impl Handle {
    /// Creates a handle of a device. It is empty after the device is unbound. C:
    /// `devm_add_action_or_reset()`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(dev: &Device<device::Bound>) -> Result<Self> {
        extern "C" fn revoke(inner: *mut kernel::ffi::c_void) {
            // SAFETY: `data` is the reference that `new` has passed to the action.
            let inner = unsafe { Arc::from_raw(inner.cast::<Inner>().cast_const()) };
            let dev = inner.dev.lock().take();
            drop(dev);
        }

        // INVARIANT: The action below sets it to `None`.
        let inner = Arc::pin_init(
            pin_init!(Inner {
                dev <- new_mutex!(Some(dev.into())),
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: The device is bound, so the action runs when it is unbound. The action owns a
        // reference to its data.
        to_result(unsafe {
            bindings::devm_add_action_or_reset(
                raw(dev.as_raw()),
                Some(revoke),
                Arc::into_raw(inner.clone()).cast_mut().cast(),
            )
        })?;
        Ok(Self(inner))
    }

    /// Calls `f` with the device, unless it was unbound. Prevents that it is unbound while `f`
    /// runs.
    pub fn with<R>(&self, f: impl FnOnce(&Device<device::Bound>) -> R) -> Option<R> {
        let dev = self.0.dev.lock();
        dev.as_ref().map(|dev| {
            // SAFETY: By the type's invariants, the device is bound as long as the lock is held.
            f(unsafe { Device::from_raw(dev.as_raw()) })
        })
    }
}

// SAFETY: All methods may be called on any thread.
unsafe impl Send for Device<Normal> {}
// SAFETY: All methods may be called on several threads at once.
unsafe impl<Ctx: DeviceContext> Sync for Device<Ctx> {}
