// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Files in debugfs, `/sys/kernel/debug/dri/N/`.
//!
//! C header: [`include/drm/drm_debugfs.h`](srctree/include/drm/drm_debugfs.h)
use core::marker::PhantomData;

use drm_bindings as bindings;
use kernel::{prelude::*, seq_file::SeqFile};

use crate::{Device, Driver};

/// A file whose contents are generated each time it is read. The C counterpart is
/// `struct drm_debugfs_info`.
///
/// # Examples
///
/// ```no_run
/// # use kernel::prelude::*;
/// use drm::{debugfs::Info, Device, Driver};
/// use kernel::{seq_file::SeqFile, seq_print};
///
/// fn show<T: Driver>(dev: &Device<T>, m: &SeqFile) -> Result {
///     seq_print!(m, "huge pages: {}\n", dev.has_huge_pages());
///     Ok(())
/// }
///
/// /// The value of `Driver::DEBUGFS`.
/// const fn files<T: Driver>() -> [Info<T>; 1] {
///     [Info::new(c"memory", show::<T>)]
/// }
/// ```
pub struct Info<T: Driver> {
    name: &'static CStr,
    show: fn(&Device<T>, &SeqFile) -> Result,
    _driver: PhantomData<T>,
}

impl<T: Driver> Info<T> {
    /// Describes a file by its name and the function that generates its contents.
    ///
    /// # Context
    ///
    /// The function runs when a program reads the file. It may sleep.
    pub const fn new(name: &'static CStr, show: fn(&Device<T>, &SeqFile) -> Result) -> Self {
        Self {
            name,
            show,
            _driver: PhantomData,
        }
    }
}

extern "C" fn show_callback<T: Driver>(
    m: *mut kernel::bindings::seq_file,
    _data: *mut kernel::ffi::c_void,
) -> kernel::ffi::c_int {
    // SAFETY: The core calls this with a file of debugfs that is open.
    let entry = unsafe { (*m).private }.cast::<bindings::drm_debugfs_entry>();
    // SAFETY: The core has stored the entry, which `init_callback` has created.
    let dev = unsafe { (*entry).dev };
    // SAFETY: As above.
    let info = unsafe { (*entry).file.data }.cast::<Info<T>>();
    // SAFETY: The entry is one of a device of `T`, which exists as long as the file.
    let dev = unsafe { Device::<T>::from_raw(dev) };
    // SAFETY: `init_callback` has stored a static `Info<T>`.
    let info = unsafe { &*info };
    // SAFETY: As above.
    let m = unsafe { SeqFile::from_raw(m) };
    crate::errno((info.show)(dev, m))
}

pub(crate) extern "C" fn init_callback<T: Driver>(minor: *mut bindings::drm_minor) {
    // SAFETY: The core calls this with a valid minor.
    let dev = unsafe { (*minor).dev };
    for info in T::DEBUGFS {
        // SAFETY: The device is valid; name and data are static.
        unsafe {
            bindings::drm_debugfs_add_file(
                dev,
                info.name.as_ptr().cast(),
                Some(show_callback::<T>),
                core::ptr::from_ref(info).cast_mut().cast(),
            )
        }
    }
}
