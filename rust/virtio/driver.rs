// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Virtio drivers and their registration.
use core::{
    marker::PhantomData,
    mem::{offset_of, size_of},
};

use drm_bindings as bindings;
use kernel::{
    device::{Bound, Core},
    device_id::RawDeviceId,
    driver::{DriverLayout, RegistrationOps},
    error::to_result,
    prelude::*,
    types::Opaque,
};

use crate::{bind, Device};

/// The C layout of an identifier.
#[doc(hidden)]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RawId {
    device: u32,
    vendor: u32,
}

const _: () = assert!(size_of::<RawId>() == size_of::<bindings::virtio_device_id>());

/// An identifier of a kind of device; the C counterpart is `struct virtio_device_id`.
///
/// # Examples
///
/// ```
/// use virtio::{DeviceId, VirtioID};
///
/// const ID: DeviceId = DeviceId::new(VirtioID::GPU);
/// ```
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct DeviceId(RawId);

/// A kind of device; C: `VIRTIO_ID_GPU` etc. Others than those named here have a number, too.
///
/// # Context
///
/// Any.
#[derive(Clone, Copy)]
pub struct VirtioID(u32);

impl VirtioID {
    /// A GPU.
    pub const GPU: Self = Self(bindings::VIRTIO_ID_GPU);

    /// Returns the kind with a number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }
}

impl DeviceId {
    /// Identifies the devices of a kind from any vendor; C: `VIRTIO_DEV_ANY_ID`.
    ///
    /// # Context
    ///
    /// Any.
    pub const fn new(kind: VirtioID) -> Self {
        Self(RawId {
            device: kind.0,
            vendor: u32::MAX,
        })
    }
}

// SAFETY: `DeviceId` is transparent over `RawId`, which has the layout of the C struct.
unsafe impl RawDeviceId for DeviceId {
    type RawType = RawId;
}

/// A driver's list of devices, declared by [`virtio_device_table!`](crate::virtio_device_table).
pub type IdTable<T> = &'static dyn kernel::device_id::IdTable<DeviceId, T>;

/// Declares a list of devices, and the module aliases by which the module is loaded; C:
/// `MODULE_DEVICE_TABLE(virtio, ...)`. The struct of C has no room for data, so the data of a device is
/// `()`.
///
/// # Examples
///
/// ```no_run
/// # use kernel::prelude::*;
/// use virtio::{DeviceId, IdTable, VirtioID};
///
/// virtio::virtio_device_table!(TABLE, (), [(DeviceId::new(VirtioID::new(0xfffb)), ())]);
///
/// /// The value of `Driver::ID_TABLE`.
/// const ID_TABLE: IdTable<()> = &TABLE;
/// ```
#[macro_export]
macro_rules! virtio_device_table {
    ($name:ident, $info:ty, [$(($id:expr, ())),* $(,)?]) => {
        kernel::module_device_table!("virtio", $crate::DeviceId, $name, @none, [$($id),*]);
    };
}

/// A virtio driver. A value of the type is the driver's data of a bound device:
/// [`probe`](Driver::probe) returns it, and it is dropped when the device is unbound, after
/// [`remove`](Driver::remove).
///
/// # Context
///
/// Methods may sleep, except [`config_changed`](Driver::config_changed).
pub trait Driver: Sized + Send + Sync + 'static {
    /// The data of an entry of the list of devices.
    type IdInfo: 'static;

    /// The devices that the driver supports.
    const ID_TABLE: IdTable<Self::IdInfo>;
    /// The feature bits that the driver supports.
    const FEATURES: &'static [u32];

    /// Called when a device was found.
    ///
    /// # Errors
    ///
    /// Any. The device has no driver then.
    fn probe(dev: &Device<Core<'_>>) -> impl PinInit<Self, Error>;
    /// Called when the device or the driver is removed.
    fn remove(dev: &Device<Core<'_>>, this: Pin<&Self>);
    /// Called when the machine is shut down.
    fn shutdown(&self, _dev: &Device<Bound>) {}
    /// Called in interrupt context, with the lock of the device's resources (devres) held, when the
    /// configuration space has changed.
    fn config_changed(&self, _dev: &Device<Bound>) {}
    /// Called before a suspend or a snapshot, in which the device may lose its state.
    ///
    /// # Errors
    ///
    /// Any. The suspend is aborted then.
    fn freeze(&self, _dev: &Device<Bound>) -> Result {
        Ok(())
    }
    /// Called after a resume or a snapshot, on a device that was reset.
    ///
    /// # Errors
    ///
    /// Any. The device is marked as failed then.
    fn restore(&self, _dev: &Device<Bound>) -> Result {
        Ok(())
    }
    /// Called before the device is reset. Resets do not run at the same time as another reset, a
    /// probe, a removal or a suspend.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` if the device is to be reset without the driver, and without
    /// [`reset_done`](Driver::reset_done). Any other error has the same effect, and the bus logs
    /// it.
    fn reset_prepare(&self, _dev: &Device<Bound>) -> Result {
        Ok(())
    }
    /// Called after the device was reset.
    ///
    /// # Errors
    ///
    /// Any. The device is marked as failed then.
    fn reset_done(&self, _dev: &Device<Bound>) -> Result {
        Ok(())
    }
}

/// The C struct. `register` fills it.
#[doc(hidden)]
#[repr(transparent)]
pub struct RawDriver(bindings::virtio_driver);

impl Default for RawDriver {
    fn default() -> Self {
        // SAFETY: All zeros is a valid, empty `struct virtio_driver`.
        Self(unsafe { core::mem::zeroed() })
    }
}

/// Connects a [`Driver`] to the bus.
///
/// # Context
///
/// Its functions may sleep.
pub struct Adapter<T: Driver>(PhantomData<T>);

// SAFETY: `struct virtio_driver` is a C struct with a `struct device_driver` at that offset. The
// device's data is never set, because the driver's value is one of the device's resources.
unsafe impl<T: Driver> DriverLayout for Adapter<T> {
    type DriverType = RawDriver;
    type DriverData<'bound> = ();
    const DEVICE_DRIVER_OFFSET: usize = offset_of!(bindings::virtio_driver, driver);
}

// SAFETY: `unregister` reverts `register`.
unsafe impl<T: Driver> RegistrationOps for Adapter<T> {
    unsafe fn register(
        reg: &Opaque<Self::DriverType>,
        name: &'static CStr,
        module: &'static ThisModule,
    ) -> Result {
        let mut driver = RawDriver::default().0;
        driver.driver.name = name.as_char_ptr();
        driver.id_table = T::ID_TABLE.as_ptr().cast();
        driver.feature_table = T::FEATURES.as_ptr();
        driver.feature_table_size = T::FEATURES.len() as u32;
        driver.probe = Some(Self::probe_callback);
        driver.remove = Some(Self::remove_callback);
        driver.shutdown = Some(Self::shutdown_callback);
        driver.config_changed = Some(Self::config_changed_callback);
        driver.freeze = Some(Self::freeze_callback);
        driver.restore = Some(Self::restore_callback);
        driver.reset_prepare = Some(Self::reset_prepare_callback);
        driver.reset_done = Some(Self::reset_done_callback);
        // SAFETY: Nothing else uses the struct before it is registered. The type is transparent.
        unsafe { reg.get().cast::<bindings::virtio_driver>().write(driver) };

        // SAFETY: The struct is initialized, and is pinned until `unregister`.
        to_result(unsafe { bindings::__register_virtio_driver(reg.get().cast(), module.as_ptr()) })
    }

    unsafe fn unregister(reg: &Opaque<Self::DriverType>) {
        // SAFETY: The caller has registered it.
        unsafe { bindings::unregister_virtio_driver(reg.get().cast()) };
        // The driver's code may be unloaded next, and a reset that has found the driver may still
        // call it. SAFETY: No lock of a device is held while a module is loaded or unloaded.
        unsafe { bindings::helper_virtio_flush_resets() };
    }
}

fn errno(result: Result) -> kernel::ffi::c_int {
    match result {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}

impl<T: Driver> Adapter<T> {
    extern "C" fn probe_callback(vdev: *mut bindings::virtio_device) -> kernel::ffi::c_int {
        // SAFETY: The bus calls this with a valid device that is being bound.
        errno(bind::probe::<T>(unsafe { Device::from_raw(vdev) }))
    }

    extern "C" fn remove_callback(vdev: *mut bindings::virtio_device) {
        // SAFETY: The bus calls this with a valid and bound device.
        bind::remove::<T>(unsafe { Device::from_raw(vdev) });
    }

    extern "C" fn shutdown_callback(vdev: *mut bindings::virtio_device) {
        // SAFETY: The bus calls this with a valid device, and holds its lock.
        let dev = unsafe { Device::from_raw(vdev) };
        bind::with(dev, |value: &T| value.shutdown(dev));
    }

    /// Called in interrupt context.
    extern "C" fn config_changed_callback(vdev: *mut bindings::virtio_device) {
        // SAFETY: The bus calls this with a valid device, which is not unbound while the lock of its
        // resources is held.
        let dev = unsafe { Device::from_raw(vdev) };
        bind::notify(dev, |value: &T| value.config_changed(dev));
    }

    extern "C" fn freeze_callback(vdev: *mut bindings::virtio_device) -> kernel::ffi::c_int {
        // SAFETY: The bus calls this with a valid device, and no driver is unbound during a suspend.
        let dev = unsafe { Device::from_raw(vdev) };
        errno(bind::with(dev, |value: &T| value.freeze(dev)).unwrap_or(Err(EBUSY)))
    }

    extern "C" fn restore_callback(vdev: *mut bindings::virtio_device) -> kernel::ffi::c_int {
        // SAFETY: As above.
        let dev = unsafe { Device::from_raw(vdev) };
        errno(bind::with(dev, |value: &T| value.restore(dev)).unwrap_or(Err(EBUSY)))
    }

    extern "C" fn reset_prepare_callback(vdev: *mut bindings::virtio_device) -> kernel::ffi::c_int {
        // SAFETY: The bus calls this with a valid device and holds the lock of its parent, which
        // `bind::remove` takes, too.
        let dev = unsafe { Device::from_raw(vdev) };
        let result = bind::with_bound(dev, |value: &T| value.reset_prepare(dev));
        // Virtio core returns the same for a device without a driver.
        errno(result.unwrap_or(Err(EOPNOTSUPP)))
    }

    extern "C" fn reset_done_callback(vdev: *mut bindings::virtio_device) -> kernel::ffi::c_int {
        // SAFETY: As above.
        let dev = unsafe { Device::from_raw(vdev) };
        let result = bind::with(dev, |value: &T| value.reset_done(dev));
        errno(result.unwrap_or(Err(EOPNOTSUPP)))
    }
}
