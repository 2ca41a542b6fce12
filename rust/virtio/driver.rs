// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Registration of virtio drivers.
use core::{
    marker::PhantomData,
    mem::{offset_of, size_of},
    pin::Pin,
};

use drm_bindings as bindings;
use kernel::{
    device::Bound,
    device_id::RawDeviceId,
    driver::{DriverLayout, RegistrationOps},
    error::to_result,
    prelude::*,
    types::Opaque,
};

use crate::Device;

/// The C layout of an identifier.
#[doc(hidden)]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RawId {
    device: u32,
    vendor: u32,
}

const _: () = assert!(size_of::<RawId>() == size_of::<bindings::virtio_device_id>());

/// A kind of device; the C counterpart is `struct virtio_device_id`.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct DeviceId(RawId);

impl DeviceId {
    /// Every device of a kind, whoever made it; C: `VIRTIO_DEV_ANY_ID`.
    pub const fn new(kind: u32) -> Self {
        Self(RawId {
            device: kind,
            vendor: u32::MAX,
        })
    }
}

// SAFETY: `DeviceId` is transparent over `RawId`, which has the layout of the C struct.
unsafe impl RawDeviceId for DeviceId {
    type RawType = RawId;
}

/// A driver's list of devices, made by [`virtio_device_table!`](crate::virtio_device_table).
pub type IdTable = &'static dyn kernel::device_id::IdTable<DeviceId, ()>;

/// Makes a list of devices by which the module is also found and loaded;
/// C: `MODULE_DEVICE_TABLE(virtio, ...)`.
#[macro_export]
macro_rules! virtio_device_table {
    ($name:ident, [$($id:expr),* $(,)?]) => {
        kernel::module_device_table!("virtio", $crate::driver::DeviceId, $name, @none, [$($id),*]);
    };
}

/// A virtio driver. A value of the type is the driver's hold on one bound device: it comes from
/// [`probe`](Driver::probe) and is dropped after [`remove`](Driver::remove).
pub trait Driver: Sized + Send + Sync + 'static {
    /// The devices it drives.
    const IDS: IdTable;
    /// The feature bits it understands.
    const FEATURES: &'static [u32];

    /// A device was found.
    ///
    /// # Errors
    ///
    /// Any: the device stays without a driver.
    fn probe(dev: &Device<Bound>) -> Result<Self>;
    /// The device or the driver goes away.
    fn remove(&self, dev: &Device<Bound>);
    /// The machine goes down.
    fn shutdown(&self, _dev: &Device<Bound>) {}
    /// The configuration space changed. In interrupt context.
    fn config_changed(&self, _dev: &Device<Bound>) {}
    /// Get ready for a suspend or a snapshot: the device may lose its state.
    ///
    /// # Errors
    ///
    /// Any: the machine stays awake.
    fn freeze(&self, _dev: &Device<Bound>) -> Result {
        Ok(())
    }
    /// The opposite of [`freeze`](Driver::freeze), on a device that was reset.
    ///
    /// # Errors
    ///
    /// Any: the device is marked as failed.
    fn restore(&self, _dev: &Device<Bound>) -> Result {
        Ok(())
    }
    /// The device is about to be reset.
    ///
    /// # Errors
    ///
    /// Any: it is not.
    fn reset_prepare(&self, _dev: &Device<Bound>) -> Result {
        Ok(())
    }
    /// The device was reset.
    ///
    /// # Errors
    ///
    /// Any: the device is marked as failed.
    fn reset_done(&self, _dev: &Device<Bound>) -> Result {
        Ok(())
    }
}

/// The C struct, empty at first.
#[repr(transparent)]
pub struct RawDriver(bindings::virtio_driver);

impl Default for RawDriver {
    fn default() -> Self {
        // SAFETY: All zeros is a valid, empty `struct virtio_driver`.
        Self(unsafe { core::mem::zeroed() })
    }
}

/// Connects a [`Driver`] with the bus.
pub struct Adapter<T: Driver>(PhantomData<T>);

// SAFETY: `struct virtio_driver` is a C struct with a `struct device_driver` at that offset, and
// `T` is what `probe_callback` stores as the device's data.
unsafe impl<T: Driver> DriverLayout for Adapter<T> {
    type DriverType = RawDriver;
    type DriverData<'bound> = T;
    const DEVICE_DRIVER_OFFSET: usize = offset_of!(bindings::virtio_driver, driver);
}

// SAFETY: `unregister` undoes `register`.
unsafe impl<T: Driver> RegistrationOps for Adapter<T> {
    unsafe fn register(
        reg: &Opaque<Self::DriverType>,
        name: &'static CStr,
        module: &'static ThisModule,
    ) -> Result {
        // SAFETY: Nobody else looks at the struct before it is registered.
        let driver = unsafe { &mut (*reg.get()).0 };
        driver.driver.name = name.as_char_ptr();
        driver.id_table = T::IDS.as_ptr().cast();
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

        // SAFETY: The struct is complete and pinned until `unregister`.
        to_result(unsafe { bindings::__register_virtio_driver(reg.get().cast(), module.as_ptr()) })
    }

    unsafe fn unregister(reg: &Opaque<Self::DriverType>) {
        // SAFETY: The caller has registered it.
        unsafe { bindings::unregister_virtio_driver(reg.get().cast()) }
    }
}

fn errno(result: Result) -> kernel::ffi::c_int {
    match result {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}

impl<T: Driver> Adapter<T> {
    /// Runs `f` with the device and what [`Driver::probe`] made of it; not while that still does.
    ///
    /// # Safety
    ///
    /// `vdev` must be bound to this driver or being bound.
    unsafe fn with<R>(
        vdev: *mut bindings::virtio_device,
        f: impl FnOnce(&T, &Device<Bound>) -> R,
    ) -> Option<R> {
        // SAFETY: By the requirements of this function; the probe sets the pointer once.
        if unsafe { (&raw const (*vdev).dev.driver_data).read_volatile() }.is_null() {
            return None;
        }
        // SAFETY: The bus calls us with a device that is valid and bound.
        let dev: &Device<Bound> = unsafe { Device::from_raw(vdev) };
        // SAFETY: The device is bound, as this context says.
        let internal: &kernel::device::Device<kernel::device::BoundInternal> =
            unsafe { &*(&raw mut (*vdev).dev).cast() };
        // SAFETY: `probe_callback` stored a `T`.
        let data = unsafe { internal.drvdata_borrow::<T>() };
        Some(f(Pin::get_ref(data), dev))
    }

    extern "C" fn probe_callback(vdev: *mut bindings::virtio_device) -> kernel::ffi::c_int {
        // SAFETY: The bus calls us with a device that is valid and being bound.
        let dev: &Device<Bound> = unsafe { Device::from_raw(vdev) };
        // SAFETY: In a probe callback the driver core's internal context is ours.
        let internal: &kernel::device::Device<kernel::device::CoreInternal<'_>> =
            unsafe { &*(&raw mut (*vdev).dev).cast() };

        // SAFETY: The slot is either written or the error is returned.
        let data = unsafe {
            pin_init::init_from_closure(|slot: *mut T| {
                slot.write(T::probe(dev)?);
                Ok::<(), Error>(())
            })
        };
        // The memory for it is there before the probe begins, which nothing could undo afterwards.
        errno(internal.set_drvdata(data))
    }

    extern "C" fn remove_callback(vdev: *mut bindings::virtio_device) {
        // SAFETY: The bus calls this after a successful probe.
        unsafe { Self::with(vdev, |data, dev| data.remove(dev)) };
    }

    extern "C" fn shutdown_callback(vdev: *mut bindings::virtio_device) {
        // SAFETY: The bus calls this after a successful probe.
        unsafe { Self::with(vdev, |data, dev| data.shutdown(dev)) };
    }

    extern "C" fn config_changed_callback(vdev: *mut bindings::virtio_device) {
        // SAFETY: The bus holds changes back until the probe has succeeded.
        unsafe { Self::with(vdev, |data, dev| data.config_changed(dev)) };
    }

    extern "C" fn freeze_callback(vdev: *mut bindings::virtio_device) -> kernel::ffi::c_int {
        // SAFETY: The bus calls this after a successful probe.
        let result = unsafe { Self::with(vdev, |data, dev| data.freeze(dev)) };
        errno(result.unwrap_or(Err(EBUSY)))
    }

    extern "C" fn restore_callback(vdev: *mut bindings::virtio_device) -> kernel::ffi::c_int {
        // SAFETY: The bus calls this after a successful probe.
        let result = unsafe { Self::with(vdev, |data, dev| data.restore(dev)) };
        errno(result.unwrap_or(Err(EBUSY)))
    }

    extern "C" fn reset_prepare_callback(vdev: *mut bindings::virtio_device) -> kernel::ffi::c_int {
        // SAFETY: The bus calls this for a device of ours; a driver may ask for a reset while it
        // still probes.
        let result = unsafe { Self::with(vdev, |data, dev| data.reset_prepare(dev)) };
        errno(result.unwrap_or(Err(EBUSY)))
    }

    extern "C" fn reset_done_callback(vdev: *mut bindings::virtio_device) -> kernel::ffi::c_int {
        // SAFETY: The bus calls this after a successful probe.
        let result = unsafe { Self::with(vdev, |data, dev| data.reset_done(dev)) };
        errno(result.unwrap_or(Err(EBUSY)))
    }
}
