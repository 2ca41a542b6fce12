// SPDX-License-Identifier: GPL-2.0 OR MIT
//! DRM drivers and their registration with user space.
//!
//! C header: [`include/drm/drm_drv.h`](srctree/include/drm/drm_drv.h)
use core::ptr;

use drm_bindings as bindings;
use kernel::{
    device::{self, Bound},
    error::to_result,
    prelude::*,
    sync::aref::ARef,
};

use crate::{file::DriverFile, gem, ioctl::DrmIoctlDescriptor, kms::KmsDriver, Device};

/// What user space learns of a driver.
pub struct DriverInfo {
    /// Driver major version.
    pub major: i32,
    /// Driver minor version.
    pub minor: i32,
    /// Driver patchlevel version.
    pub patchlevel: i32,
    /// Driver name, what user space looks it up by.
    pub name: &'static CStr,
    /// Driver description.
    pub desc: &'static CStr,
}

/// A DRM driver; the C counterpart is `struct drm_driver`.
pub trait Driver: KmsDriver + Sized + 'static {
    /// The driver's part of a [`Device`].
    type Data: Sync + Send;
    /// The driver's buffer objects.
    type Object: gem::shmem::DriverObject<Driver = Self>;
    /// An open file.
    type File: DriverFile<Driver = Self>;
    /// The module the driver is in.
    type OwnerModule: kernel::ModuleMetadata;

    /// Name and version.
    const INFO: DriverInfo;
    /// The driver's own ioctls, see [`declare_drm_ioctls!`](crate::declare_drm_ioctls).
    const IOCTLS: &'static [DrmIoctlDescriptor];
    /// Files in debugfs.
    const DEBUGFS: &'static [crate::debugfs::Info<Self>] = &[];
    /// Whether there is a render node.
    const FEAT_RENDER: bool = false;
    /// Whether there are syncobjs.
    const FEAT_SYNCOBJ: bool = false;
    /// Whether foreign buffers are mapped for the device when they are imported. A device that the CPU
    /// copies pixels to does without, and takes buffers that it could not reach. C: `gem_prime_import`
    /// of `DRM_GEM_SHMEM_DRIVER_OPS` maps none.
    const MAPS_IMPORTS: bool = true;

    /// Makes a dumb buffer: fills in handle, pitch and size.
    ///
    /// # Errors
    ///
    /// `EINVAL` for sizes and depths the device does not have, `ENOMEM`.
    fn dumb_create(
        dev: &Device<Self>,
        file: &crate::File<Self::File>,
        args: &mut gem::DumbBuffer<'_>,
    ) -> Result;

    /// Whether a buffer of another driver can be imported; [`Ok`] lets the core do so.
    ///
    /// # Errors
    ///
    /// What user space gets instead.
    fn prime_import_check(_dev: &Device<Self>, _own: bool) -> Result {
        Ok(())
    }

    /// A program gave up being DRM master. May sleep. C: `drm_driver.master_drop`.
    fn master_dropped(_dev: &Device<Self>) {}
}

pub(crate) extern "C" fn master_drop_callback<T: Driver>(
    dev: *mut bindings::drm_device,
    _file: *mut bindings::drm_file,
) {
    // SAFETY: The core calls this for a device of `T` that is open, and so initialized.
    T::master_dropped(unsafe { Device::from_raw(dev) })
}

/// Whether the machine was booted with `nomodeset`; C: `drm_firmware_drivers_only()`.
pub fn firmware_drivers_only() -> bool {
    // SAFETY: Reads a setting.
    unsafe { kernel::bindings::video_firmware_drivers_only() }
}

/// Removes a firmware's framebuffer that is in the memory of a PCI device, and does nothing for other
/// devices. May sleep. C: `aperture_remove_conflicting_pci_devices()`.
///
/// # Errors
///
/// Those of the C function.
pub fn take_aperture(dev: &device::Device<Bound>, name: &'static CStr) -> Result {
    // SAFETY: The device is valid, and the name stays.
    to_result(unsafe {
        bindings::helper_aperture_remove(
            ptr::from_ref(dev).cast_mut().cast(),
            name.as_ptr().cast_mut().cast(),
        )
    })
}

/// A device that user space can see. Dropped, it is unplugged: files stay open and get `ENODEV`, and no
/// worker carries out a commit any more.
pub struct Registration<T: Driver>(ARef<Device<T>>);

impl<T: Driver> Registration<T> {
    /// Shows a device to user space.
    ///
    /// # Errors
    ///
    /// Those of `drm_dev_register()`.
    pub fn new(drm: crate::UnregisteredDevice<T>) -> Result<Self> {
        // SAFETY: The device is initialized and not registered: the type says so.
        if let Err(error) = to_result(unsafe { bindings::drm_dev_register(drm.as_raw(), 0) }) {
            // Core leaves this set, and then warns of every object that goes; see
            // docs/upstream/drm-registered-after-failure.patch.
            // SAFETY: The registration failed, so that nothing else uses the device any more: `drm`
            // is the only owner, and core has waited for those who had opened it.
            unsafe { (*drm.as_raw()).registered = false };
            return Err(error);
        }
        Ok(Self(drm.into_inner()))
    }

    /// The device.
    pub fn device(&self) -> &Device<T> {
        &self.0
    }

    /// Starts the kernel's own clients, the console for one; C: `drm_client_setup()`.
    pub fn setup_clients(&self) {
        // SAFETY: The device is registered.
        unsafe { bindings::drm_client_setup(self.0.as_raw(), core::ptr::null()) }
    }
}

impl<T: Driver> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: The device is registered: the type says so.
        unsafe { bindings::drm_dev_unplug(self.0.as_raw()) };
        // The worker's code may be unloaded soon. Commits are queued only while the device is plugged.
        self.0.commits.flush();
    }
}

// SAFETY: A device may be unregistered on any thread.
unsafe impl<T: Driver> Send for Registration<T> {}
// SAFETY: A shared reference gives nothing but the device.
unsafe impl<T: Driver> Sync for Registration<T> {}
