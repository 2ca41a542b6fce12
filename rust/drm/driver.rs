// SPDX-License-Identifier: GPL-2.0 OR MIT
//! DRM drivers and their registration.
//!
//! C header: [`include/drm/drm_drv.h`](srctree/include/drm/drm_drv.h)
use core::{marker::PhantomData, mem, ptr, ptr::NonNull};

use drm_bindings as bindings;
use kernel::{
    device::{self, AsBusDevice, Bound, DeviceContext},
    error::to_result,
    new_mutex,
    prelude::*,
    sync::{aref::ARef, Arc, Mutex},
};

use crate::{
    file::DriverFile, gem, ioctl::DrmIoctlDescriptor, kms::KmsDriver, private::Sealed, Device,
    UnregisteredDevice,
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

/// The callbacks of a kind of buffer objects: a `struct drm_driver` with no others.
///
/// # Invariants
///
/// Only callbacks that concern buffer objects are set.
pub struct AllocOps(pub(crate) bindings::drm_driver);

/// A kind of buffer objects. This crate has one: [`gem::shmem::Object`].
///
/// # Examples
///
/// ```no_run
/// # use kernel::{prelude::*, sync::aref::ARef};
/// use drm::{
///     gem::{shmem::Object, BaseObject, DriverObject},
///     Driver, File,
/// };
///
/// fn size_of<D, T>(file: &File<T::File>, handle: u32) -> Result<usize>
/// where
///     D: DriverObject<Driver = T>,
///     T: Driver<Object = Object<D>>,
/// {
///     let object: ARef<Object<D>> = Object::lookup_handle(file, handle)?;
///     Ok(object.size())
/// }
/// ```
pub trait AllocImpl: Sealed + gem::IntoGEMObject {
    /// The driver.
    type Driver: Driver;

    /// The callbacks.
    const ALLOC_OPS: AllocOps;

    /// The functions of exported objects.
    #[doc(hidden)]
    const EXPORT_OPS: gem::prime::ExportOps;
}

/// A DRM driver; the C counterpart is `struct drm_driver`. A driver with mode setting is also a
/// [`KmsDriver`].
///
/// # Context
///
/// Methods may sleep.
#[vtable]
pub trait Driver: Sized + 'static {
    /// The driver's data of a [`Device`].
    type Data: Sync + Send;
    /// The driver's data of a [`Registration`], which handlers of ioctls get. It is dropped after the
    /// device was unplugged.
    ///
    /// The lifetime is upstream's, where the data may borrow from the binding of the device. Here, a
    /// registration has `RegistrationData<'static>`, see [`Registration::new`].
    type RegistrationData<'a>: Send + Sync + 'a;
    /// The driver's buffer objects.
    type Object: AllocImpl<Driver = Self>;
    /// The driver's data of an open file.
    type File: DriverFile<Driver = Self>;
    /// The type of the devices that are bound to the driver.
    type ParentDevice<Ctx: DeviceContext>: AsBusDevice<Ctx>;
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

    /// Creates a dumb buffer: sets handle, pitch and size. A driver without this has no dumb buffers.
    ///
    /// # Errors
    ///
    /// `EINVAL` for sizes and depths that the device does not support, `ENOMEM`.
    fn dumb_create(
        _dev: &Device<Self>,
        _file: &crate::File<Self::File>,
        _args: &mut gem::DumbBuffer<'_>,
    ) -> Result {
        Err(ENOSYS)
    }

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
///
/// # Context
///
/// Any.
///
/// # Examples
///
/// ```no_run
/// # use kernel::prelude::*;
/// fn probe() -> Result {
///     if drm::driver::firmware_drivers_only() {
///         return Err(ENODEV);
///     }
///     Ok(())
/// }
/// ```
pub fn firmware_drivers_only() -> bool {
    // SAFETY: The function has no requirements.
    unsafe { kernel::bindings::video_firmware_drivers_only() }
}

/// Removes a firmware's framebuffer that is in the memory of a PCI device, and does nothing for
/// other devices. May sleep. C: `aperture_remove_conflicting_pci_devices()`.
///
/// # Errors
///
/// The errors of the C function.
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
/// 2. The ends of all [`RegistrationGuard`](crate::RegistrationGuard)s are awaited.
/// 3. The worker that carries out commits is awaited.
/// 4. The heads are switched off, and the timers of their vblanks are awaited.
/// 5. The data of the registration is dropped.
///
/// The registration belongs to the binding of the device that was passed to [`new`](Self::new). If this
/// value was not dropped before, the device is unregistered when the driver leaves that device.
/// So the lifetime, which is upstream's, may be any.
///
/// # Invariants
///
/// The device was registered by [`new`](Self::new).
///
/// # Context
///
/// Methods and drop may sleep.
pub struct Registration<'a, T: Driver>(Arc<Registered<T>>, PhantomData<&'a ()>);

/// What a [`Registration`] and the list of the resources of the device (devres) share.
#[pin_data]
struct Registered<T: Driver> {
    dev: ARef<Device<T>>,
    #[pin]
    phase: Mutex<Phase<T>>,
}

enum Phase<T: Driver> {
    /// The device is registered.
    Registered {
        data: Pin<KBox<T::RegistrationData<'static>>>,
        /// The kernel's own clients were started, too.
        has_clients: bool,
    },
    /// The device was unregistered.
    Ended,
}

impl<T: Driver> Registered<T> {
    fn new(
        dev: ARef<Device<T>>,
        data: Pin<KBox<T::RegistrationData<'static>>>,
    ) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                dev,
                phase <- new_mutex!(Phase::Registered { data, has_clients: false }),
            }),
            GFP_KERNEL,
        )
    }

    /// Unregisters the device, unless that was done before. When this returns, it is done.
    fn end(&self) {
        let mut phase = self.phase.lock();
        if matches!(*phase, Phase::Ended) {
            return;
        }
        // SAFETY: The device was registered, and it is unregistered only here. The data of the
        // registration is dropped after this.
        unsafe { bindings::drm_dev_unplug(self.dev.as_raw()) };
        self.dev.quiesce_kms();
        // Under the lock, so that a second caller returns only after the data was dropped.
        if let Phase::Registered { data, .. } = mem::replace(&mut *phase, Phase::Ended) {
            drop(data);
        }
    }

    extern "C" fn end_callback(this: *mut kernel::ffi::c_void) {
        // SAFETY: `Registration::new` has passed this reference to the action.
        let this: Arc<Self> = unsafe { Arc::from_raw(this.cast::<Self>().cast_const()) };
        this.end();
    }
}

impl<T: Driver> Registration<'_, T> {
    /// Registers a device, so that user space can see it. `dev` is the device that
    /// [`UnregisteredDevice::new`] was called with. `flags` is for the core.
    ///
    /// Upstream's function is unsafe, because its data may borrow from the binding of the device, and the
    /// caller must not forget the registration. Here, the data owns all that it refers to.
    ///
    /// # Errors
    ///
    /// `EINVAL` for another `dev`; `ENOMEM`; the errors of `data` and of `drm_dev_register()`.
    pub fn new<E>(
        dev: &device::Device<Bound>,
        drm: UnregisteredDevice<T>,
        data: impl PinInit<T::RegistrationData<'static>, E>,
        flags: usize,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        if !drm.is_tied_to(dev) {
            return Err(EINVAL);
        }
        let data: Pin<KBox<T::RegistrationData<'static>>> = KBox::pin_init(data, GFP_KERNEL)?;
        let address = NonNull::from(&*data);
        let registered = Registered::new(ARef::from(&*drm), data)?;
        // INVARIANT: The data stays in its box until the device was unplugged.
        // SAFETY: The device is not registered, so nothing else accesses the field.
        unsafe { drm.registration_data.get().write(address) };
        // SAFETY: The device is initialized. It is not registered, because only this function
        // registers it, and consumes the `UnregisteredDevice`, of which there is one. It has the
        // feature of mode setting only if that was set up.
        if let Err(error) = to_result(unsafe { bindings::drm_dev_register(drm.as_raw(), flags) }) {
            // The core leaves this set, and then warns of every object that is destroyed. Not
            // needed with docs/upstream/drm-registered-after-failure.patch. SAFETY: The device is
            // valid. The core writes the field only while it registers or unregisters the device.
            unsafe { (*drm.as_raw()).registered = false };
            // A program may have opened the device before the core gave up. It is unplugged now, and the
            // core has waited for those that used the data.
            drm.quiesce_kms();
            return Err(error);
        }
        // INVARIANT: It was registered above.
        let registration = Self(registered.clone(), PhantomData);
        // SAFETY: `dev` is bound to a driver of the module of `T`, as `UnregisteredDevice::new` has
        // checked, so the action runs before the code of the module is unloaded. The action owns a
        // reference to its data. If there is no memory for it, it runs at once.
        to_result(unsafe {
            bindings::devm_add_action_or_reset(
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
}

impl<T: KmsDriver> Registration<'_, T> {
    /// Starts the kernel's own clients, e.g. the console, if they were not started before and the
    /// device is still registered; C: `drm_client_setup()`.
    pub fn setup_clients(&mut self) {
        let mut phase = self.0.phase.lock();
        if let Phase::Registered { has_clients, .. } = &mut *phase {
            if !mem::replace(has_clients, true) {
                // SAFETY: The device is registered, and is not unregistered while the lock is held.
                unsafe { bindings::drm_client_setup(self.0.dev.as_raw(), ptr::null()) }
            }
        }
    }
}

impl<T: Driver> Drop for Registration<'_, T> {
    fn drop(&mut self) {
        self.0.end();
    }
}
