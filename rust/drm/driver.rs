// SPDX-License-Identifier: GPL-2.0 OR MIT
//! DRM drivers and their registration.
//!
//! C header: [`include/drm/drm_drv.h`](srctree/include/drm/drm_drv.h)
use core::{mem, ptr};

use drm_bindings as bindings;
use kernel::{
    device::{self, Bound},
    error::to_result,
    new_mutex,
    prelude::*,
    sync::{aref::ARef, Arc, Mutex},
};

use crate::{
    file::DriverFile, gem, ioctl::DrmIoctlDescriptor, kms::KmsDriver, Device, UnregisteredDevice,
};

/// What user space sees of a driver.
pub struct DriverInfo {
    /// Driver major version.
    pub major: i32,
    /// Driver minor version.
    pub minor: i32,
    /// Driver patchlevel version.
    pub patchlevel: i32,
    /// Driver name, by which user space looks it up.
    pub name: &'static CStr,
    /// Driver description.
    pub desc: &'static CStr,
}

/// A DRM driver; the C counterpart is `struct drm_driver`.
pub trait Driver: KmsDriver + Sized + 'static {
    /// The driver's data of a [`Device`].
    type Data: Sync + Send;
    /// The driver's data of a buffer object.
    type Object: gem::shmem::DriverObject<Driver = Self>;
    /// The driver's data of an open file.
    type File: DriverFile<Driver = Self>;
    /// The driver's module.
    type OwnerModule: kernel::ModuleMetadata;

    /// Name and version.
    const INFO: DriverInfo;
    /// The driver's own ioctls, see [`declare_drm_ioctls!`](crate::declare_drm_ioctls).
    const IOCTLS: &'static [DrmIoctlDescriptor<Self>];
    /// Files in debugfs.
    const DEBUGFS: &'static [crate::debugfs::Info<Self>] = &[];
    /// Whether there is a render node.
    const FEAT_RENDER: bool = false;
    /// Whether there are syncobjs.
    const FEAT_SYNCOBJ: bool = false;
    /// Whether buffers are allocated from huge pages, if the kernel can. If it cannot, they are
    /// allocated from small pages. C: `drm_gem_huge_mnt_create()`.
    const FEAT_HUGE_PAGES: bool = false;
    /// Whether segments of memory may have any length. C: `dma_set_max_seg_size()`.
    const FEAT_UNLIMITED_SEGMENTS: bool = false;
    /// Whether buffers of other drivers are mapped for the device when they are imported. A device
    /// to which the CPU copies pixels does not need that, and can then import buffers that it
    /// cannot access. C: `gem_prime_import` of `DRM_GEM_SHMEM_DRIVER_OPS` maps none.
    const MAPS_IMPORTS: bool = true;

    /// Creates a dumb buffer: sets handle, pitch and size.
    ///
    /// # Errors
    ///
    /// `EINVAL` for sizes and depths that the device does not support, `ENOMEM`.
    fn dumb_create(
        dev: &Device<Self>,
        file: &crate::File<Self::File>,
        args: &mut gem::DumbBuffer<'_>,
    ) -> Result;

    /// Checks whether a buffer can be imported; `own` tells whether the device exported it.
    ///
    /// # Errors
    ///
    /// The error that user space gets.
    fn prime_import_check(_dev: &Device<Self>, _own: bool) -> Result {
        Ok(())
    }

    /// Called when a program is no longer DRM master. May sleep. C: `drm_driver.master_drop`.
    fn master_dropped(_dev: &Device<Self>) {}
}

pub(crate) extern "C" fn master_drop_callback<T: Driver>(
    dev: *mut bindings::drm_device,
    _file: *mut bindings::drm_file,
) {
    // SAFETY: The core calls this for an open device of `T`, and devices are initialized before
    // they are registered.
    T::master_dropped(unsafe { Device::from_raw(dev) })
}

/// Returns whether the machine was booted with `nomodeset`; C: `drm_firmware_drivers_only()`.
pub fn firmware_drivers_only() -> bool {
    // SAFETY: The function has no requirements.
    unsafe { kernel::bindings::video_firmware_drivers_only() }
}

/// Removes a firmware's framebuffer that is in the memory of a PCI device, and does nothing for
/// other devices. May sleep. C: `aperture_remove_conflicting_pci_devices()`.
///
/// # Errors
///
/// Those of the C function.
pub fn take_aperture(dev: &device::Device<Bound>, name: &'static CStr) -> Result {
    // SAFETY: The device is bound, so it is valid, and the name is static.
    to_result(unsafe {
        bindings::helper_aperture_remove(
            ptr::from_ref(dev).cast_mut().cast(),
            name.as_ptr().cast_mut().cast(),
        )
    })
}

/// The registration of a device. When it is dropped, the device is unregistered:
///
/// 1. User space cannot open the device any more, and open files get `ENODEV`.
/// 2. The worker that carries out commits is awaited.
/// 3. The heads are switched off, and the timers of their vblanks are awaited.
///
/// The registration belongs to the binding of the device that was passed to [`new`](Self::new). If this
/// value was not dropped before, the device is unregistered when the driver leaves that device. Sleeps.
///
/// # Invariants
///
/// The device was registered by [`new`](Self::new).
pub struct Registration<T: Driver>(Arc<Registered<T>>);

/// What a [`Registration`] and the list of the resources of the device (devres) share.
#[pin_data]
struct Registered<T: Driver> {
    dev: ARef<Device<T>>,
    #[pin]
    phase: Mutex<Phase>,
}

#[derive(PartialEq, Eq)]
enum Phase {
    /// The device is registered.
    Plain,
    /// The kernel's own clients were started, too.
    WithClients,
    /// The device was unregistered.
    Ended,
}

impl<T: Driver> Registered<T> {
    /// Unregisters the device, unless that was done before. When this returns, it is done.
    fn end(&self) {
        let mut phase = self.phase.lock();
        if mem::replace(&mut *phase, Phase::Ended) == Phase::Ended {
            return;
        }
        // SAFETY: The device was registered, and it is unregistered only here.
        unsafe { bindings::drm_dev_unplug(self.dev.as_raw()) };
        self.dev.quiesce_kms();
    }

    extern "C" fn end_callback(this: *mut kernel::ffi::c_void) {
        // SAFETY: `Registration::new` has passed this reference to the action.
        let this: Arc<Self> = unsafe { Arc::from_raw(this.cast::<Self>().cast_const()) };
        this.end();
    }
}

impl<T: Driver> Registration<T> {
    /// Registers a device, so that user space can see it. `dev` is the device that
    /// [`UnregisteredDevice::new`] was called with.
    ///
    /// # Errors
    ///
    /// `EINVAL` for another `dev`; `ENOMEM`; those of `drm_dev_register()`.
    pub fn new(dev: &device::Device<Bound>, drm: UnregisteredDevice<T>) -> Result<Self> {
        if !drm.is_tied_to(dev) {
            return Err(EINVAL);
        }
        let dev_ref = ARef::from(&*drm);
        let registered = Arc::pin_init(
            pin_init!(Registered {
                dev: dev_ref,
                phase <- new_mutex!(Phase::Plain),
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: The device is initialized. It is not registered, because only this function
        // registers it, and consumes the `UnregisteredDevice`, of which there is one. It has the
        // feature of mode setting only if that was set up.
        if let Err(error) = to_result(unsafe { bindings::drm_dev_register(drm.as_raw(), 0) }) {
            // The core leaves this set, and then warns of every object that is destroyed. Not
            // needed with docs/upstream/drm-registered-after-failure.patch. SAFETY: The device is
            // valid. The core writes the field only while it registers or unregisters the device.
            unsafe { (*drm.as_raw()).registered = false };
            // A program may have opened the device before the core gave up. It is unplugged now.
            drm.quiesce_kms();
            return Err(error);
        }
        // INVARIANT: It was registered above.
        let registration = Self(registered.clone());
        // SAFETY: `dev` is bound to a driver of the module of `T`, as `UnregisteredDevice::new` has
        // checked, so the action runs before the code of the module is unloaded. The action owns a
        // reference to its data. If there is no memory for it, it runs at once.
        to_result(unsafe {
            bindings::helper_devm_add_action_or_reset(
                ptr::from_ref(dev).cast_mut().cast(),
                Some(Registered::<T>::end_callback),
                Arc::into_raw(registered).cast_mut().cast(),
            )
        })?;
        Ok(registration)
    }

    /// Returns the device.
    pub fn device(&self) -> &Device<T> {
        &self.0.dev
    }

    /// Starts the kernel's own clients, e.g. the console, if they were not started before and the
    /// device is still registered; C: `drm_client_setup()`.
    pub fn setup_clients(&mut self) {
        let mut phase = self.0.phase.lock();
        if *phase == Phase::Plain {
            *phase = Phase::WithClients;
            // SAFETY: The device is registered, and is not unregistered while the lock is held.
            unsafe { bindings::drm_client_setup(self.0.dev.as_raw(), ptr::null()) }
        }
    }
}

impl<T: Driver> Drop for Registration<T> {
    fn drop(&mut self) {
        self.0.end();
    }
}
