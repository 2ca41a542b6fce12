// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Syncobjs: objects of programs that have a fence, or a timeline of fences.
//!
//! C header: [`include/drm/drm_syncobj.h`](srctree/include/drm/drm_syncobj.h)
use core::ptr::{self, NonNull};

use drm_bindings as bindings;
use kernel::{
    error::to_result,
    prelude::*,
    sync::aref::{ARef, AlwaysRefCounted},
    types::Opaque,
};

use crate::{
    dma_buf::{Fence, FenceChain, SingleFence},
    file::DriverFile,
    Driver, File,
};

/// A syncobj; the C counterpart is `struct drm_syncobj`.
///
/// # Invariants
///
/// It is a valid `struct drm_syncobj`, and its count is not zero as long as there is a reference to it.
///
/// # Context
///
/// No method sleeps.
///
/// # Examples
///
/// ```no_run
/// # use kernel::{prelude::*, sync::aref::ARef};
/// use drm::{dma_buf::{FenceChain, SingleFence}, syncobj::SyncObj};
///
/// /// What a program wants to be signalled. The memory is allocated before the work is sent.
/// enum Signal {
///     Binary(ARef<SyncObj>),
///     Point(ARef<SyncObj>, FenceChain, u64),
/// }
///
/// fn publish(signals: KVec<Signal>, fence: &SingleFence) {
///     for signal in signals {
///         match signal {
///             Signal::Binary(syncobj) => syncobj.replace_fence(Some(fence)),
///             Signal::Point(syncobj, chain, point) => syncobj.add_point(chain, fence, point),
///         }
///     }
/// }
/// ```
#[repr(transparent)]
pub struct SyncObj(Opaque<bindings::drm_syncobj>);

// SAFETY: Syncobjs may be used on any thread.
unsafe impl Send for SyncObj {}
// SAFETY: As above, and they have their own locks.
unsafe impl Sync for SyncObj {}

// SAFETY: The functions use the reference count of the syncobj.
unsafe impl AlwaysRefCounted for SyncObj {
    fn inc_ref(&self) {
        // SAFETY: By the type's invariants, the count is not zero.
        unsafe { bindings::helper_drm_syncobj_get(self.as_raw()) }
    }

    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller passes a reference that it owns.
        unsafe { bindings::helper_drm_syncobj_put(obj.as_ptr().cast()) }
    }
}

/// Does not compile for a file of a driver without syncobjs, because the core does not initialize its table.
const fn assert_syncobjs<F: DriverFile>() {
    const {
        assert!(
            <F::Driver as Driver>::FEAT_SYNCOBJ,
            "the driver has syncobjs"
        )
    }
}

impl SyncObj {
    fn as_raw(&self) -> *mut bindings::drm_syncobj {
        self.0.get()
    }

    /// Returns the syncobj that has a handle in a file of a driver with
    /// [syncobjs](Driver::FEAT_SYNCOBJ); C: `drm_syncobj_find()`.
    ///
    /// # Errors
    ///
    /// `ENOENT`.
    pub fn lookup_handle<F: DriverFile>(file: &File<F>, handle: u32) -> Result<ARef<Self>> {
        assert_syncobjs::<F>();
        // SAFETY: The file is valid, and has a table of syncobjs.
        let raw = unsafe { bindings::drm_syncobj_find(file.as_raw(), handle) };
        let raw = NonNull::new(raw).ok_or(ENOENT)?;
        // SAFETY: The reference that the function returned is moved into the `ARef`.
        Ok(unsafe { ARef::from_raw(raw.cast()) })
    }

    /// Returns the fence of the syncobj that has a handle in a file, or the fence of a point of its
    /// timeline, if `point` is not 0. C: `drm_syncobj_find_fence()`.
    ///
    /// # Errors
    ///
    /// `ENOENT` for an unknown handle; `EINVAL` if the syncobj has no fence, or the point does not exist.
    pub fn find_fence<F: DriverFile>(
        file: &File<F>,
        handle: u32,
        point: u64,
    ) -> Result<ARef<Fence>> {
        assert_syncobjs::<F>();
        let mut raw = ptr::null_mut();
        // SAFETY: The file is valid, and has a table of syncobjs.
        to_result(unsafe {
            bindings::drm_syncobj_find_fence(file.as_raw(), handle, point, 0, &mut raw)
        })?;
        // SAFETY: The function has returned a reference.
        unsafe { Fence::from_owned(raw) }.ok_or(EINVAL)
    }

    /// Replaces the fence of the syncobj, or removes it; C: `drm_syncobj_replace_fence()`.
    pub fn replace_fence(&self, fence: Option<&Fence>) {
        let raw = fence.map_or(ptr::null_mut(), Fence::as_raw);
        // SAFETY: Both are valid. The function takes a reference of its own.
        unsafe { bindings::drm_syncobj_replace_fence(self.as_raw(), raw) };
    }

    /// Adds a point to the syncobj's timeline, which is reached when a fence is signalled; C:
    /// `drm_syncobj_add_point()`. The core does not accept a fence that consists of others.
    pub fn add_point(&self, chain: FenceChain, fence: &SingleFence, point: u64) {
        // SAFETY: All are valid. The function takes the memory of the point and a reference to the fence.
        unsafe {
            bindings::drm_syncobj_add_point(self.as_raw(), chain.into_raw(), fence.as_raw(), point)
        };
    }
}
