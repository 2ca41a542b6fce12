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
pub struct Info<T: Driver> {
    name: &'static CStr,
    show: fn(&Device<T>, &SeqFile) -> Result,
    _driver: PhantomData<T>,
}

impl<T: Driver> Info<T> {
    /// Describes a file by its name and the function that generates its contents.
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
    // SAFETY: The core calls this for an entry that `init_callback` created.
    let (dev, m, info) = unsafe {
        let entry = (*m).private.cast::<bindings::drm_debugfs_entry>();
        (
            Device::<T>::from_raw((*entry).dev),
            SeqFile::from_raw(m),
            &*(*entry).file.data.cast::<Info<T>>(),
        )
    };
    crate::errno((info.show)(dev, m))
}

pub(crate) extern "C" fn init_callback<T: Driver>(minor: *mut bindings::drm_minor) {
    for info in T::DEBUGFS {
        // SAFETY: The minor is valid; name and data are static.
        unsafe {
            bindings::drm_debugfs_add_file(
                (*minor).dev,
                info.name.as_ptr().cast(),
                Some(show_callback::<T>),
                core::ptr::from_ref(info).cast_mut().cast(),
            )
        }
    }
}
