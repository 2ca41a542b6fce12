// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Open files.
//!
//! C header: [`include/drm/drm_file.h`](srctree/include/drm/drm_file.h)
use core::marker::PhantomData;

use drm_bindings as bindings;
use kernel::{prelude::*, types::Opaque};

use crate::Device;

/// The driver's data of an open file.
///
/// # Context
///
/// Methods may sleep.
///
/// # Examples
///
/// ```no_run
/// # use kernel::prelude::*;
/// use drm::{file::DriverFile, Device, Driver};
///
/// /// A driver without data for a file.
/// struct File<T>(core::marker::PhantomData<fn(&T)>);
///
/// impl<T: Driver> DriverFile for File<T> {
///     type Driver = T;
///
///     fn open(_dev: &Device<T>) -> Result<Pin<KBox<Self>>> {
///         Ok(KBox::pin(Self(core::marker::PhantomData), GFP_KERNEL)?)
///     }
/// }
/// ```
pub trait DriverFile: Send + Sync + Sized {
    /// The driver.
    type Driver: crate::Driver;

    /// Called when the device is opened.
    ///
    /// # Errors
    ///
    /// The error that `open()` returns.
    fn open(device: &Device<Self::Driver>) -> Result<Pin<KBox<Self>>>;

    /// Called when the file and all its handles were closed; C: `drm_driver.postclose`.
    fn postclose(this: Pin<KBox<Self>>, _device: &Device<Self::Driver>) {
        drop(this);
    }
}

/// The open files of a driver that has no data of its own in them.
///
/// # Examples
///
/// ```no_run
/// use drm::{file::PlainFile, Driver, File};
///
/// /// Compiles for a driver with `type File = PlainFile<Self>;`.
/// fn file_of<T: Driver<File = PlainFile<T>>>(file: &File<T::File>) -> &File<PlainFile<T>> {
///     file
/// }
/// ```
pub struct PlainFile<T>(PhantomData<fn() -> T>);

impl<T: crate::Driver> DriverFile for PlainFile<T> {
    type Driver = T;

    fn open(_dev: &Device<T>) -> Result<Pin<KBox<Self>>> {
        Ok(KBox::new(Self(PhantomData), GFP_KERNEL)?.into())
    }
}

/// An open file; the C counterpart is `struct drm_file`.
///
/// # Invariants
///
/// The contents are a valid `struct drm_file` with the data that `T::open` returned.
///
/// # Context
///
/// No method sleeps, unless it says otherwise.
#[repr(transparent)]
pub struct File<T: DriverFile>(Opaque<bindings::drm_file>, PhantomData<T>);

impl<T: DriverFile> File<T> {
    /// # Safety
    ///
    /// `ptr` must be an open file of `T`'s driver as long as the reference is used.
    pub(crate) unsafe fn from_raw<'a>(ptr: *mut bindings::drm_file) -> &'a Self {
        // SAFETY: By the requirements of this function.
        unsafe { &*ptr.cast() }
    }

    pub(crate) fn as_raw(&self) -> *mut bindings::drm_file {
        self.0.get()
    }

    /// Returns the device of which the file was opened.
    pub fn dev(&self) -> &Device<T::Driver> {
        // SAFETY: By the type's invariants, the file is valid, and its minor does not change.
        let minor = unsafe { (*self.as_raw()).minor };
        // SAFETY: A file holds a reference to its minor.
        let dev = unsafe { (*minor).dev };
        // SAFETY: The minor belongs to the device, which is one of the file's driver.
        unsafe { Device::from_raw(dev) }
    }

    /// Returns the driver's data.
    pub fn inner(&self) -> Pin<&T> {
        // SAFETY: By the type's invariants, the file is valid.
        let inner = unsafe { (*self.as_raw()).driver_priv };
        // SAFETY: By the type's invariants, it is the `T` that `open_callback` has stored, which is
        // valid until `postclose_callback`.
        let inner = unsafe { &*inner.cast() };
        // SAFETY: As above, and it does not move.
        unsafe { Pin::new_unchecked(inner) }
    }

    pub(crate) extern "C" fn open_callback(
        raw_dev: *mut bindings::drm_device,
        raw_file: *mut bindings::drm_file,
    ) -> kernel::ffi::c_int {
        // SAFETY: The core calls this with a device of this driver.
        let dev = unsafe { Device::<T::Driver>::from_raw(raw_dev) };

        crate::errno(T::open(dev).map(|inner| {
            // SAFETY: `inner` stays pinned, because it is only accessed by reference until
            // `postclose_callback` drops it.
            let inner = KBox::into_raw(unsafe { Pin::into_inner_unchecked(inner) });
            // SAFETY: The file is being opened, so nothing else uses it.
            unsafe { (*raw_file).driver_priv = inner.cast() };
        }))
    }

    pub(crate) extern "C" fn postclose_callback(
        raw_dev: *mut bindings::drm_device,
        raw_file: *mut bindings::drm_file,
    ) {
        // SAFETY: The core calls this with a device of this driver.
        let dev = unsafe { Device::<T::Driver>::from_raw(raw_dev) };
        // SAFETY: The core calls this with a file that `open_callback` has opened.
        let inner = unsafe { (*raw_file).driver_priv };
        // SAFETY: `open_callback` has stored it, and the file is closed, so nothing else uses it.
        let inner = unsafe { KBox::<T>::from_raw(inner.cast()) };
        T::postclose(KBox::into_pin(inner), dev);
    }
}

/// A file in which a handle of an object is opened or closed, see
/// [`DriverObject::close`](crate::gem::DriverObject::close). The file itself may be closed, so nothing can be
/// added to it: an event would refer to a file that is freed.
///
/// # Context
///
/// No method sleeps.
///
/// # Examples
///
/// ```no_run
/// # use core::pin::Pin;
/// use drm::{file::{HandleFile, DriverFile}, Driver};
///
/// /// Tells the device of a handle that is closed, as `DriverObject::close` does.
/// fn close<T: Driver>(file: &HandleFile<T::File>, forget: impl FnOnce(Pin<&T::File>)) {
///     forget(file.inner());
/// }
/// ```
#[repr(transparent)]
pub struct HandleFile<T: DriverFile>(File<T>);

impl<T: DriverFile> HandleFile<T> {
    /// # Safety
    ///
    /// `ptr` must be a file of `T`'s driver as long as the reference is used.
    pub(crate) unsafe fn from_raw<'a>(ptr: *mut bindings::drm_file) -> &'a Self {
        // SAFETY: By the requirements of this function.
        unsafe { &*ptr.cast() }
    }

    /// Returns the device of which the file was opened.
    pub fn dev(&self) -> &Device<T::Driver> {
        self.0.dev()
    }

    /// Returns the driver's data.
    pub fn inner(&self) -> Pin<&T> {
        self.0.inner()
    }
}
