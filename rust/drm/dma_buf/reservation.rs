// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Reservations of buffer objects. A reservation has the fences of the work that uses the object.
//!
//! C headers: [`include/linux/dma-resv.h`](srctree/include/linux/dma-resv.h),
//! [`include/drm/drm_exec.h`](srctree/include/drm/drm_exec.h)
use core::{mem::MaybeUninit, slice};

use drm_bindings as bindings;
use kernel::{
    error::to_result,
    prelude::*,
    sync::aref::{ARef, AlwaysRefCounted},
    types::{NotThreadSafe, ScopeGuard},
};

use super::SingleFence;
use crate::gem::IntoGEMObject;

/// How the work of a fence uses a buffer object; C: `enum dma_resv_usage`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Usage {
    /// The work writes. Others wait for it before they read or write.
    Write = bindings::dma_resv_usage_DMA_RESV_USAGE_WRITE,
    /// The work reads. Others wait for it before they write.
    Read = bindings::dma_resv_usage_DMA_RESV_USAGE_READ,
    /// Others do not wait for the work, except to move the memory.
    Bookkeep = bindings::dma_resv_usage_DMA_RESV_USAGE_BOOKKEEP,
}

/// Buffer objects whose reservations are locked and have room for one fence each.
///
/// # Invariants
///
/// The current thread holds the locks of the reservations of all objects. No two objects have the same
/// reservation. Room for a fence was reserved in each reservation after it was locked.
///
/// # Context
///
/// May sleep.
///
/// # Examples
///
/// ```no_run
/// # use kernel::prelude::*;
/// use drm::{
///     dma_buf::{Reserved, SingleFence, Usage},
///     gem::{shmem::Object, DriverObject},
/// };
///
/// fn will_be_written<T: DriverObject>(objects: Reserved<'_, Object<T>>, copy: &SingleFence) {
///     objects.add_fence(copy, Usage::Write);
/// }
/// ```
///
/// The compiler rejects a second fence, for which there is no room:
///
/// ```compile_fail,E0382
/// use drm::{
///     dma_buf::{Reserved, SingleFence, Usage},
///     gem::{shmem::Object, DriverObject},
/// };
///
/// fn twice<T: DriverObject>(objects: Reserved<'_, Object<T>>, fences: [&SingleFence; 2]) {
///     objects.add_fence(fences[0], Usage::Write);
///     objects.add_fence(fences[1], Usage::Write);
/// }
/// ```
pub struct Reserved<'a, O>(&'a [ARef<O>], NotThreadSafe)
where
    O: IntoGEMObject + AlwaysRefCounted;

impl<O: IntoGEMObject + AlwaysRefCounted> Reserved<'_, O> {
    /// Adds a fence to the reservations of all objects; C: `dma_resv_add_fence()`. The core does not accept
    /// a fence that consists of others.
    pub fn add_fence(self, fence: &SingleFence, usage: Usage) {
        for object in self.0 {
            // SAFETY: The object is valid, and its reservation does not change.
            let resv = unsafe { (*object.as_raw()).resv };
            // SAFETY: By the type's invariants, the lock is held, and there is room for a fence. This
            // value is consumed, so the room is used once.
            unsafe { kernel::bindings::dma_resv_add_fence(resv, fence.as_raw(), usage as u32) };
        }
    }
}

/// Locks the reservations of buffer objects, reserves room for one fence in each, and calls `f`. They are
/// unlocked when `f` returns. C: `drm_exec_prepare_array()`.
///
/// # Errors
///
/// `EALREADY` for an object that is there twice; `EINTR` if a signal comes; `ENOMEM`; the errors of `f`.
///
/// # Context
///
/// May sleep, and `f` may, too. `f` may wait for fences, but must not lock a reservation.
///
/// # Examples
///
/// ```no_run
/// # use kernel::{prelude::*, sync::aref::ARef};
/// use drm::{
///     dma_buf::{reserve, DriverFence, FenceContextOps, Usage},
///     gem::{shmem::Object, DriverObject},
/// };
///
/// fn submit<T: DriverObject, C: FenceContextOps>(
///     objects: &[ARef<Object<T>>],
///     send: impl FnOnce() -> Result<DriverFence<C>>,
/// ) -> Result<DriverFence<C>> {
///     reserve(objects, |reserved| {
///         let fence = send()?;
///         reserved.add_fence(fence.as_single_fence(), Usage::Write);
///         Ok(fence)
///     })
/// }
/// ```
#[inline]
pub fn reserve<O, R>(
    objects: &[ARef<O>],
    f: impl for<'a> FnOnce(Reserved<'a, O>) -> Result<R>,
) -> Result<R>
where
    O: IntoGEMObject + AlwaysRefCounted,
{
    match objects {
        [] => f(Reserved(objects, NotThreadSafe)),
        [object] => reserve_one(object, f),
        _ => reserve_all(objects, f),
    }
}

/// Does what [`reserve`] does for several objects.
fn reserve_all<O, R>(
    objects: &[ARef<O>],
    f: impl for<'a> FnOnce(Reserved<'a, O>) -> Result<R>,
) -> Result<R>
where
    O: IntoGEMObject + AlwaysRefCounted,
{
    let mut exec = MaybeUninit::uninit();
    let exec: *mut bindings::drm_exec = exec.as_mut_ptr();
    // SAFETY: The memory is valid, and does not move until the end of this function.
    unsafe { bindings::helper_drm_exec_init(exec, objects.len() as u32) };
    let exec = ScopeGuard::new_with_data(exec, |exec| {
        // SAFETY: It was initialized above, and is not used after this. This unlocks the objects, which the
        // caller has references to.
        unsafe { bindings::drm_exec_fini(exec) };
    });
    // SAFETY: It was initialized above.
    while unsafe { bindings::drm_exec_cleanup(*exec) } {
        let result = objects.iter().try_for_each(|object| {
            // SAFETY: `exec` was initialized above, and the object is valid.
            to_result(unsafe { bindings::drm_exec_prepare_obj(*exec, object.as_raw(), 1) })
        });
        // SAFETY: As above. Nothing else accesses it.
        if unsafe { (**exec).contended }.is_null() {
            result?;
        }
    }
    // INVARIANT: The reservations were locked above, and there is room for a fence in each. The core refuses an
    // object whose reservation is locked already, so no two are the same.
    let result = f(Reserved(objects, NotThreadSafe));
    drop(exec);
    result
}

/// Does what [`reserve`] does for one object, for which the core needs no list; C:
/// `dma_resv_lock_interruptible()`, `dma_resv_reserve_fences()`.
fn reserve_one<O, R>(
    object: &ARef<O>,
    f: impl for<'a> FnOnce(Reserved<'a, O>) -> Result<R>,
) -> Result<R>
where
    O: IntoGEMObject + AlwaysRefCounted,
{
    // SAFETY: The object is valid, and its reservation does not change.
    let resv = unsafe { (*object.as_raw()).resv };
    // SAFETY: The reservation is valid as long as the object.
    to_result(unsafe { bindings::helper_dma_resv_lock_interruptible(resv) })?;
    let locked = ScopeGuard::new(|| {
        // SAFETY: It was locked above, on this thread. The caller has a reference to the object.
        unsafe { bindings::helper_dma_resv_unlock(resv) };
    });
    // SAFETY: The lock is held.
    to_result(unsafe { kernel::bindings::dma_resv_reserve_fences(resv, 1) })?;
    // INVARIANT: The lock is held, and there is room for a fence.
    let result = f(Reserved(slice::from_ref(object), NotThreadSafe));
    drop(locked);
    result
}
