// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Fences of a driver, which it signals.
//!
//! C header: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h)
use core::{
    marker::PhantomData,
    ops::{Deref, DerefMut},
    ptr::{self, NonNull},
};

use drm_bindings as bindings;
use kernel::{
    ffi::c_char,
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        Arc,
    },
};

use super::{
    unsignalled::{Fences, Unsignalled},
    Fence, SingleFence,
};
use crate::{Device, Driver};

/// What the fences of a driver have in common.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use drm::dma_buf::{FenceContext, FenceContextOps};
///
/// /// The fences of a device that copies bytes.
/// struct Copies;
///
/// impl FenceContextOps for Copies {
///     const DRIVER_NAME: &'static CStr = c"example";
///     const TIMELINE_NAME: &'static CStr = c"copies";
///     /// The number of bytes.
///     type FenceDataType = usize;
///     type Driver = Copier;
/// }
///
/// # use doctests::Copier;
/// # doctests::drm(|dev| {
/// let context = FenceContext::<Copies>::new(1);
/// let copy = context.new_fence_allocation(dev, 4096)?.new_fence();
/// assert_eq!(*copy, 4096);
/// # Ok(())
/// # });
/// ```
pub trait FenceContextOps: 'static {
    /// The driver's name, for debugging; C: `dma_fence_ops.get_driver_name`.
    const DRIVER_NAME: &'static CStr;
    /// The contexts' name, for debugging; C: `dma_fence_ops.get_timeline_name`.
    const TIMELINE_NAME: &'static CStr;
    /// The driver's data of a [`DriverFence`].
    type FenceDataType: Send + Sync;
    /// The driver.
    type Driver: Driver;
}

/// A context of fences, i.e. a timeline on which they are signalled in order.
///
/// # Invariants
///
/// No other context has the number.
///
/// # Context
///
/// Methods do not sleep, unless they say otherwise.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use drm::dma_buf::FenceContext;
///
/// # use doctests::Copies;
/// # doctests::drm(|dev| {
/// let context = FenceContext::<Copies>::new(1);
/// let first = context.new_fence_allocation(dev, 0)?.new_fence();
/// let second = context.new_fence_allocation(dev, 0)?.new_fence();
/// assert_eq!(first.as_fence().seqno(), 1);
/// assert_eq!(second.as_fence().seqno(), 2);
/// assert!(second.as_fence().matches_context(context.nr()));
///
/// let other = FenceContext::<Copies>::new(1);
/// assert!(!second.as_fence().matches_context(other.nr()));
/// # Ok(())
/// # });
/// ```
pub struct FenceContext<T: FenceContextOps> {
    nr: u64,
    seqno: Atomic<u64>,
    _ops: PhantomData<fn() -> T>,
}

impl<T: FenceContextOps> FenceContext<T> {
    const OPS: bindings::dma_fence_ops = bindings::dma_fence_ops {
        get_driver_name: Some(driver_name_callback::<T>),
        get_timeline_name: Some(timeline_name_callback::<T>),
        enable_signaling: None,
        signaled: None,
        // With one of these two, the fence would need the module after it was signalled, too.
        wait: None,
        release: None,
        set_deadline: None,
    };

    /// Creates a context. The first fence has the sequence number `initial_seqno`. C:
    /// `dma_fence_context_alloc()`.
    pub fn new(initial_seqno: u64) -> Self {
        Self {
            // INVARIANT: The function returns each number once.
            // SAFETY: It has no requirements.
            nr: unsafe { bindings::dma_fence_context_alloc(1) },
            seqno: Atomic::new(initial_seqno),
            _ops: PhantomData,
        }
    }

    /// Returns its number, for [`Fence::matches_context`].
    pub fn nr(&self) -> u64 {
        self.nr
    }

    /// Allocates a fence of a device, with the driver's data.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `ENODEV` if the driver has left the device.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn new_fence_allocation(
        &self,
        dev: &Device<T::Driver>,
        data: T::FenceDataType,
    ) -> Result<DriverFenceAllocation<'_, T>> {
        if dev.fences.has_ended() {
            return Err(ENODEV);
        }
        let memory = KBox::new(
            DriverFenceData {
                fence: Unsignalled::new(),
                data,
            },
            GFP_KERNEL,
        )?;
        Ok(DriverFenceAllocation {
            memory,
            fences: dev.fences.clone(),
            context: self,
        })
    }
}

extern "C" fn driver_name_callback<T: FenceContextOps>(
    _fence: *mut bindings::dma_fence,
) -> *const c_char {
    T::DRIVER_NAME.as_char_ptr()
}

extern "C" fn timeline_name_callback<T: FenceContextOps>(
    _fence: *mut bindings::dma_fence,
) -> *const c_char {
    T::TIMELINE_NAME.as_char_ptr()
}

/// The memory of a fence. C frees it, as memory of `kmalloc()` with the fence at its start.
#[repr(C)]
struct DriverFenceData<D> {
    fence: Unsignalled,
    data: D,
}

/// A fence that does not have a sequence number yet. Nothing can wait for it. When it is dropped, it is
/// freed.
///
/// # Context
///
/// May be dropped in any context in which the driver's data may.
///
/// # Examples
///
/// A driver allocates it before it takes locks under which it must not allocate:
///
/// ```
/// # use kernel::prelude::*;
/// use drm::dma_buf::FenceContext;
///
/// # use doctests::Copies;
/// # doctests::drm(|dev| {
/// let context = FenceContext::<Copies>::new(1);
/// let unused = context.new_fence_allocation(dev, 0)?;
/// let mut allocation = context.new_fence_allocation(dev, 0)?;
/// drop(unused);
/// *allocation += 1;
/// // It gets its number here.
/// assert_eq!(allocation.new_fence().as_fence().seqno(), 1);
/// # Ok(())
/// # });
/// ```
pub struct DriverFenceAllocation<'a, T: FenceContextOps> {
    memory: KBox<DriverFenceData<T::FenceDataType>>,
    fences: Arc<Fences>,
    context: &'a FenceContext<T>,
}

impl<T: FenceContextOps> DriverFenceAllocation<'_, T> {
    /// Gives the fence the next sequence number of its context. From now on it has to be signalled. C:
    /// `dma_fence_init64()`.
    pub fn new_fence(self) -> DriverFence<T> {
        let seqno = self.context.seqno.fetch_add(1, Relaxed);
        let memory = KBox::into_raw(self.memory);
        // SAFETY: The memory was allocated for the fence. The table is static, in a module that is not
        // unloaded before the driver has left the device, and the fence is signalled then. It has its own
        // lock.
        unsafe {
            bindings::dma_fence_init64(
                memory.cast(),
                const { &FenceContext::<T>::OPS },
                ptr::null_mut(),
                self.context.nr,
                seqno,
            )
        };
        // SAFETY: The fence was initialized above, and is in no list.
        unsafe { self.fences.add(memory.cast()) };
        // INVARIANT: The fence was initialized above, and has one reference.
        DriverFence {
            // SAFETY: A box is not null.
            memory: unsafe { NonNull::new_unchecked(memory) },
            fences: self.fences,
            result: Err(ECANCELED),
        }
    }
}

impl<T: FenceContextOps> Deref for DriverFenceAllocation<'_, T> {
    type Target = T::FenceDataType;

    fn deref(&self) -> &T::FenceDataType {
        &self.memory.data
    }
}

impl<T: FenceContextOps> DerefMut for DriverFenceAllocation<'_, T> {
    fn deref_mut(&mut self) -> &mut T::FenceDataType {
        &mut self.memory.data
    }
}

/// A fence of a driver. Only this value can signal it. If the value is dropped, or if the driver leaves the
/// device, the fence is signalled with `ECANCELED`.
///
/// # Invariants
///
/// The memory has an initialized fence, to which this value owns a reference, and the driver's data. Only
/// this value accesses the data. `fences` is the list of the device.
///
/// # Context
///
/// Methods and drop do not sleep, unless the drop of the driver's data does.
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
/// let done = context.new_fence_allocation(dev, 0)?.new_fence();
/// let given_up = context.new_fence_allocation(dev, 0)?.new_fence();
/// let fences: [ARef<Fence>; 2] = [done.as_fence().into(), given_up.as_fence().into()];
///
/// done.signal(Ok(()));
/// assert_eq!(fences[0].status(), Some(Ok(())));
///
/// drop(given_up);
/// assert_eq!(fences[1].status(), Some(Err(ECANCELED)));
/// # Ok(())
/// # });
/// ```
///
/// The compiler rejects a fence that is signalled twice:
///
/// ```compile_fail,E0382
/// use drm::dma_buf::{DriverFence, FenceContextOps};
///
/// fn end<T: FenceContextOps>(fence: DriverFence<T>) {
///     fence.signal(Ok(()));
///     fence.signal(Ok(()));
/// }
/// ```
pub struct DriverFence<T: FenceContextOps> {
    memory: NonNull<DriverFenceData<T::FenceDataType>>,
    fences: Arc<Fences>,
    /// What the drop signals.
    result: Result,
}

// SAFETY: Fences may be signalled on any thread, and the driver's data is `Send`.
unsafe impl<T: FenceContextOps> Send for DriverFence<T> {}
// SAFETY: Fences may be used on any thread, and the driver's data is `Sync`.
unsafe impl<T: FenceContextOps> Sync for DriverFence<T> {}

impl<T: FenceContextOps> DriverFence<T> {
    /// Returns the fence that others can wait for.
    pub fn as_fence(&self) -> &Fence {
        // SAFETY: By the type's invariants, there is a reference as long as `self`.
        unsafe { Fence::from_raw(self.memory.as_ptr().cast()) }
    }

    /// Does the same as [`as_fence`](Self::as_fence). A driver's fence does not consist of others.
    pub fn as_single_fence(&self) -> &SingleFence {
        // SAFETY: By the type's invariants, there is a reference as long as `self`. The functions of the fence
        // are those of `FenceContext`, not those of an array or a chain.
        unsafe { SingleFence::from_raw(self.memory.as_ptr().cast()) }
    }

    /// Signals the fence, with the result of the work that it stands for. Does nothing if the driver has left
    /// the device, because the fence was signalled then. C: `dma_fence_set_error()`, `dma_fence_signal()`.
    ///
    /// # Context
    ///
    /// Any. The caller must not hold a lock that callbacks of the fence take.
    pub fn signal(mut self, result: Result) {
        self.result = result;
    }
}

impl<T: FenceContextOps> Deref for DriverFence<T> {
    type Target = T::FenceDataType;

    fn deref(&self) -> &T::FenceDataType {
        // This makes no reference to the fence itself, which other threads change.
        // SAFETY: By the type's invariants, the memory is valid.
        let data = unsafe { &raw const (*self.memory.as_ptr()).data };
        // SAFETY: By the type's invariants, only this value accesses the data.
        unsafe { &*data }
    }
}

impl<T: FenceContextOps> DerefMut for DriverFence<T> {
    fn deref_mut(&mut self) -> &mut T::FenceDataType {
        // SAFETY: By the type's invariants, the memory is valid.
        let data = unsafe { &raw mut (*self.memory.as_ptr()).data };
        // SAFETY: By the type's invariants, only this value accesses the data.
        unsafe { &mut *data }
    }
}

impl<T: FenceContextOps> Drop for DriverFence<T> {
    fn drop(&mut self) {
        let fence = self.memory.as_ptr().cast();
        // SAFETY: By the type's invariants, the fence is initialized and is one of the device.
        unsafe { self.fences.signal(fence, self.result) };
        // SAFETY: By the type's invariants, the memory is valid.
        let data = unsafe { &raw mut (*self.memory.as_ptr()).data };
        // SAFETY: By the type's invariants, nothing else accesses the data. It is not accessed after this: C
        // only frees the memory.
        unsafe { ptr::drop_in_place(data) };
        // SAFETY: By the type's invariants, this value owns the reference.
        unsafe { bindings::helper_dma_fence_put(self.memory.as_ptr().cast()) };
    }
}
