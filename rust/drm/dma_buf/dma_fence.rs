// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Fences of any driver.
//!
//! C header: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h)
use core::{mem::MaybeUninit, ops::Deref, ptr::NonNull};

use drm_bindings as bindings;
use kernel::{
    ffi::c_long,
    prelude::*,
    sync::aref::{ARef, AlwaysRefCounted},
    task::MAX_SCHEDULE_TIMEOUT,
    types::Opaque,
};

use crate::waited;

/// A fence of any driver, which others can wait for; the C counterpart is `struct dma_fence`. The driver that
/// signals it has a [`DriverFence`](super::DriverFence).
///
/// # Invariants
///
/// It is a valid `struct dma_fence`, and its count is not zero as long as there is a reference to it.
///
/// # Context
///
/// No method sleeps, unless it says otherwise.
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, sync::aref::ARef};
/// use drm::dma_buf::{Fence, FenceContext};
///
/// # use doctests::Copies;
/// # doctests::drm(|dev| {
/// let context = FenceContext::<Copies>::new(1);
/// let copy = context.new_fence_allocation(dev, 0)?.new_fence();
/// let fence: ARef<Fence> = copy.as_fence().into();
/// assert!(!fence.is_signaled());
/// assert_eq!(fence.status(), None);
/// assert_eq!(fence.wait_timeout(1), Err(EBUSY));
///
/// copy.signal(Err(EIO));
/// // `wait` does not return the fence's error. `status` does.
/// fence.wait()?;
/// assert!(fence.is_signaled());
/// assert_eq!(fence.status(), Some(Err(EIO)));
/// # Ok(())
/// # });
/// ```
#[repr(transparent)]
pub struct Fence(Opaque<bindings::dma_fence>);

// SAFETY: Fences may be used on any thread.
unsafe impl Send for Fence {}
// SAFETY: As above.
unsafe impl Sync for Fence {}

// SAFETY: The functions use the reference count of the fence.
unsafe impl AlwaysRefCounted for Fence {
    fn inc_ref(&self) {
        // SAFETY: By the type's invariants, the count is not zero.
        unsafe { bindings::helper_dma_fence_get(self.as_raw()) }
    }

    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller passes a reference that it owns.
        unsafe { bindings::helper_dma_fence_put(obj.as_ptr().cast()) }
    }
}

impl Fence {
    /// # Safety
    ///
    /// `raw` must be a fence with a reference that lasts as long as the result is used.
    pub(crate) unsafe fn from_raw<'a>(raw: *mut bindings::dma_fence) -> &'a Self {
        // SAFETY: By the requirements of this function.
        unsafe { &*raw.cast() }
    }

    /// Returns the fence that a C function has returned a reference to, or `None` for null.
    ///
    /// # Safety
    ///
    /// `raw` must be null or a fence, of which the caller owns a reference.
    pub(crate) unsafe fn from_owned(raw: *mut bindings::dma_fence) -> Option<ARef<Self>> {
        // SAFETY: By the requirements of this function.
        NonNull::new(raw).map(|raw| unsafe { ARef::from_raw(raw.cast()) })
    }

    pub(crate) fn as_raw(&self) -> *mut bindings::dma_fence {
        self.0.get()
    }

    /// Returns the fence as one that does not consist of others, if it is one; C:
    /// `dma_fence_is_container()`.
    pub fn as_single(&self) -> Option<&SingleFence> {
        // SAFETY: By the type's invariants, the fence is valid.
        if unsafe { bindings::helper_dma_fence_is_container(self.as_raw()) } {
            return None;
        }
        // SAFETY: The fence is no array and no chain.
        Some(unsafe { SingleFence::from_raw(self.as_raw()) })
    }

    /// Returns the sequence number on its context.
    pub fn seqno(&self) -> u64 {
        // SAFETY: By the type's invariants, the fence is valid. The number does not change.
        unsafe { (*self.as_raw()).seqno }
    }

    /// Returns whether the fence was signalled; C: `dma_fence_is_signaled()`.
    pub fn is_signaled(&self) -> bool {
        // SAFETY: By the type's invariants, the fence is valid.
        unsafe { bindings::helper_dma_fence_is_signaled(self.as_raw()) }
    }

    /// Returns the result with which the fence was signalled, or `None` if it was not signalled yet; C:
    /// `dma_fence_get_status()`.
    pub fn status(&self) -> Option<Result> {
        // SAFETY: By the type's invariants, the fence is valid.
        match unsafe { bindings::dma_fence_get_status(self.as_raw()) } {
            0 => None,
            status if status < 0 => Some(Err(Error::from_errno(status))),
            _ => Some(Ok(())),
        }
    }

    /// Waits until the fence is signalled, or a signal comes; C: `dma_fence_wait()`.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` for a signal. The error of the fence itself is not returned.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn wait(&self) -> Result {
        self.wait_for(MAX_SCHEDULE_TIMEOUT)
    }

    /// Does the same as [`wait`](Self::wait) for at most `timeout` jiffies; C:
    /// `dma_fence_wait_timeout()`.
    ///
    /// # Errors
    ///
    /// The errors of [`wait`](Self::wait), and `EBUSY` after the time.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn wait_timeout(&self, timeout: usize) -> Result {
        self.wait_for(timeout.try_into().unwrap_or(MAX_SCHEDULE_TIMEOUT))
    }

    fn wait_for(&self, timeout: c_long) -> Result {
        // SAFETY: By the type's invariants, the fence is valid. The time is not negative.
        waited(unsafe { bindings::dma_fence_wait_timeout(self.as_raw(), true, timeout) })
    }

    /// Returns whether the fence, or each fence of an array, is of a context; C:
    /// `dma_fence_match_context()`.
    pub fn matches_context(&self, context: u64) -> bool {
        // SAFETY: By the type's invariants, the fence is valid.
        unsafe { bindings::dma_fence_match_context(self.as_raw(), context) }
    }

    /// Calls `f` with each fence of a chain or an array, until `f` fails. For any other fence, calls `f` with
    /// the fence itself. C: `dma_fence_unwrap_for_each()`.
    ///
    /// # Errors
    ///
    /// The errors of `f`.
    ///
    /// # Context
    ///
    /// `f` may sleep where the caller may.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::prelude::*;
    /// use drm::dma_buf::{Fence, FenceContext};
    ///
    /// /// Waits for the parts of a fence that others signal.
    /// fn wait_for_others(fence: &Fence, own: u64) -> Result {
    ///     fence.unwrap_for_each(|part| {
    ///         if part.matches_context(own) {
    ///             return Ok(());
    ///         }
    ///         part.wait()
    ///     })
    /// }
    ///
    /// # use doctests::Copies;
    /// # doctests::drm(|dev| {
    /// let context = FenceContext::<Copies>::new(1);
    /// let copy = context.new_fence_allocation(dev, 0)?.new_fence();
    /// // This would wait forever otherwise.
    /// wait_for_others(copy.as_fence(), context.nr())?;
    /// # Ok(())
    /// # });
    /// ```
    pub fn unwrap_for_each(&self, mut f: impl FnMut(&Fence) -> Result) -> Result {
        let mut cursor = MaybeUninit::zeroed();
        // SAFETY: The fence is valid. The function initializes the cursor.
        let mut part =
            unsafe { bindings::dma_fence_unwrap_first(self.as_raw(), cursor.as_mut_ptr()) };
        while !part.is_null() {
            // SAFETY: The cursor holds a reference to the fence, or to one that holds it.
            if let Err(error) = f(unsafe { Fence::from_raw(part) }) {
                // SAFETY: It was initialized above.
                let chain = unsafe { (*cursor.as_ptr()).chain };
                // SAFETY: The cursor owns this reference, and is not used after this.
                unsafe { bindings::helper_dma_fence_put(chain) };
                return Err(error);
            }
            // SAFETY: The cursor is that of the iteration, which has not ended.
            part = unsafe { bindings::dma_fence_unwrap_next(cursor.as_mut_ptr()) };
        }
        Ok(())
    }
}

/// A fence that does not consist of others: neither an array nor a chain. Reservations and the points of
/// timelines have only such fences.
///
/// # Invariants
///
/// The fence is no array and no chain.
///
/// # Context
///
/// No method sleeps, unless it says otherwise.
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, sync::aref::ARef};
/// use drm::dma_buf::{Fence, FenceContext, SingleFence};
///
/// # use doctests::Copies;
/// # doctests::drm(|dev| {
/// let context = FenceContext::<Copies>::new(1);
/// let copy = context.new_fence_allocation(dev, 0)?.new_fence();
/// let single: ARef<SingleFence> = copy.as_single_fence().into();
/// assert!(!single.is_signaled());
///
/// // A fence of another driver may be either.
/// let any: &Fence = &single;
/// assert!(any.as_single().is_some());
/// # Ok(())
/// # });
/// ```
#[repr(transparent)]
pub struct SingleFence(Fence);

impl SingleFence {
    /// # Safety
    ///
    /// `raw` must be a fence that is no array and no chain, with a reference that lasts as long as the result
    /// is used.
    pub(super) unsafe fn from_raw<'a>(raw: *mut bindings::dma_fence) -> &'a Self {
        // INVARIANT: By the requirements of this function.
        // SAFETY: As above.
        unsafe { &*raw.cast() }
    }
}

impl Deref for SingleFence {
    type Target = Fence;

    fn deref(&self) -> &Fence {
        &self.0
    }
}

// SAFETY: The functions use the reference count of the fence.
unsafe impl AlwaysRefCounted for SingleFence {
    fn inc_ref(&self) {
        self.0.inc_ref();
    }

    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller passes a reference that it owns.
        unsafe { Fence::dec_ref(obj.cast()) }
    }
}

/// The memory of a point on a timeline of fences, see
/// [`SyncObj::add_point`](crate::syncobj::SyncObj::add_point). The C counterpart is
/// `struct dma_fence_chain`.
///
/// # Invariants
///
/// The pointer is memory that the C function has allocated and nothing else refers to.
///
/// # Context
///
/// Its drop does not sleep.
pub struct FenceChain(NonNull<bindings::dma_fence_chain>);

// SAFETY: It is only memory.
unsafe impl Send for FenceChain {}
// SAFETY: As above.
unsafe impl Sync for FenceChain {}

impl FenceChain {
    /// Allocates the memory; C: `dma_fence_chain_alloc()`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn new() -> Result<Self> {
        // SAFETY: The function has no requirements.
        let raw = unsafe { bindings::helper_dma_fence_chain_alloc() };
        // INVARIANT: It was allocated above.
        Ok(Self(NonNull::new(raw).ok_or(ENOMEM)?))
    }

    /// Returns the memory, which the caller then owns.
    pub(crate) fn into_raw(self) -> *mut bindings::dma_fence_chain {
        core::mem::ManuallyDrop::new(self).0.as_ptr()
    }
}

impl Drop for FenceChain {
    fn drop(&mut self) {
        // SAFETY: By the type's invariants.
        unsafe { bindings::helper_dma_fence_chain_free(self.0.as_ptr()) }
    }
}
