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
    module::this_module,
    prelude::*,
    sync::atomic::{Atomic, Relaxed},
    types::Opaque,
};

use super::Fence;

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
///     type OwnerModule = Module;
/// }
///
/// # use doctests::Module;
/// let context = FenceContext::<Copies>::new(1);
/// let copy = context.new_fence_allocation(4096)?.new_fence();
/// assert_eq!(*copy, 4096);
/// # Ok::<(), Error>(())
/// ```
pub trait FenceContextOps: 'static {
    /// The driver's name, for debugging; C: `dma_fence_ops.get_driver_name`.
    const DRIVER_NAME: &'static CStr;
    /// The contexts' name, for debugging; C: `dma_fence_ops.get_timeline_name`.
    const TIMELINE_NAME: &'static CStr;
    /// The driver's data of a [`DriverFence`].
    type FenceDataType: Send + Sync;
    /// The driver's module. It cannot be unloaded as long as there are fences that were not signalled.
    type OwnerModule: kernel::ModuleMetadata;
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
/// let context = FenceContext::<Copies>::new(1);
/// let first = context.new_fence_allocation(0)?.new_fence();
/// let second = context.new_fence_allocation(0)?.new_fence();
/// assert_eq!(first.as_fence().seqno(), 1);
/// assert_eq!(second.as_fence().seqno(), 2);
/// assert!(second.as_fence().matches_context(context.nr()));
///
/// let other = FenceContext::<Copies>::new(1);
/// assert!(!second.as_fence().matches_context(other.nr()));
/// # Ok::<(), Error>(())
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
        // With one of these two, the fence would need its module for longer than it is not signalled.
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

    /// Allocates a fence with the driver's data.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `ENODEV` if the driver's module is being unloaded.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn new_fence_allocation(
        &self,
        data: T::FenceDataType,
    ) -> Result<DriverFenceAllocation<'_, T>> {
        let memory = KBox::new(
            DriverFenceData {
                fence: Opaque::zeroed(),
                data,
            },
            GFP_KERNEL,
        )?;
        Ok(DriverFenceAllocation {
            memory,
            module: ModuleReference::new(this_module::<T::OwnerModule>().as_ptr())?,
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

/// A reference that prevents that a module is unloaded.
///
/// # Invariants
///
/// The pointer is a module, of which this value owns a reference.
struct ModuleReference(*mut kernel::bindings::module);

// SAFETY: References to modules may be dropped on any thread.
unsafe impl Send for ModuleReference {}
// SAFETY: As above.
unsafe impl Sync for ModuleReference {}

impl ModuleReference {
    fn new(module: *mut kernel::bindings::module) -> Result<Self> {
        // SAFETY: The code of the caller is in the module, so it is loaded.
        if !unsafe { kernel::bindings::try_module_get(module) } {
            return Err(ENODEV);
        }
        // INVARIANT: The reference was taken above.
        Ok(Self(module))
    }
}

impl Drop for ModuleReference {
    fn drop(&mut self) {
        // SAFETY: By the type's invariants.
        unsafe { kernel::bindings::module_put(self.0) };
    }
}

/// The memory of a fence. C frees it, as memory of `kmalloc()` with the fence at its start.
#[repr(C)]
struct DriverFenceData<D> {
    fence: Opaque<bindings::dma_fence>,
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
/// let context = FenceContext::<Copies>::new(1);
/// let unused = context.new_fence_allocation(0)?;
/// let mut allocation = context.new_fence_allocation(0)?;
/// drop(unused);
/// *allocation += 1;
/// // Only now it gets its number.
/// assert_eq!(allocation.new_fence().as_fence().seqno(), 1);
/// # Ok::<(), Error>(())
/// ```
pub struct DriverFenceAllocation<'a, T: FenceContextOps> {
    memory: KBox<DriverFenceData<T::FenceDataType>>,
    module: ModuleReference,
    context: &'a FenceContext<T>,
}

impl<T: FenceContextOps> DriverFenceAllocation<'_, T> {
    /// Gives the fence the next sequence number of its context. From now on it has to be signalled. C:
    /// `dma_fence_init64()`.
    pub fn new_fence(self) -> DriverFence<T> {
        let seqno = self.context.seqno.fetch_add(1, Relaxed);
        let memory = KBox::into_raw(self.memory);
        // SAFETY: The memory was allocated for the fence. The table is static, in a module that is not
        // unloaded before the fence is signalled. The fence uses its own lock.
        unsafe {
            bindings::dma_fence_init64(
                memory.cast(),
                const { &FenceContext::<T>::OPS },
                ptr::null_mut(),
                self.context.nr,
                seqno,
            )
        };
        // INVARIANT: The fence was initialized above, and has one reference.
        DriverFence {
            // SAFETY: A box is not null.
            memory: unsafe { NonNull::new_unchecked(memory) },
            _module: self.module,
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

/// A fence of a driver, which is the only one that can signal it. If it is dropped, it is signalled with
/// `ECANCELED`. If it is forgotten, the driver's module cannot be unloaded any more.
///
/// # Invariants
///
/// The memory has an initialized fence, to which this value owns a reference, and the driver's data. Only
/// this value signals the fence, and accesses the data.
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
/// let context = FenceContext::<Copies>::new(1);
/// let done = context.new_fence_allocation(0)?.new_fence();
/// let given_up = context.new_fence_allocation(0)?.new_fence();
/// let fences: [ARef<Fence>; 2] = [done.as_fence().into(), given_up.as_fence().into()];
///
/// done.signal(Ok(()));
/// assert_eq!(fences[0].status(), Some(Ok(())));
///
/// drop(given_up);
/// assert_eq!(fences[1].status(), Some(Err(ECANCELED)));
/// # Ok::<(), Error>(())
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
    /// Other drivers may call functions of the module until the fence is signalled. Those that do so then
    /// are in RCU read-side critical sections, whose end the unloading of a module awaits.
    _module: ModuleReference,
}

// SAFETY: Fences may be signalled on any thread, and the driver's data is `Send`.
unsafe impl<T: FenceContextOps> Send for DriverFence<T> {}
// SAFETY: Fences may be used on any thread, and the driver's data is `Sync`.
unsafe impl<T: FenceContextOps> Sync for DriverFence<T> {}

impl<T: FenceContextOps> DriverFence<T> {
    /// Returns the fence for those that wait for it.
    pub fn as_fence(&self) -> &Fence {
        // SAFETY: By the type's invariants, there is a reference as long as `self`.
        unsafe { Fence::from_raw(self.memory.as_ptr().cast()) }
    }

    /// Signals the fence, with an error if what it stands for has failed. C: `dma_fence_set_error()`,
    /// `dma_fence_signal()`.
    ///
    /// # Context
    ///
    /// Any. No lock may be held that is taken by callbacks of the fence.
    pub fn signal(self, result: Result) {
        self.end(result);
    }

    fn end(&self, result: Result) {
        let raw = self.as_fence().as_raw();
        if let Err(error) = result {
            // SAFETY: The fence is valid and not signalled, so nothing else reads or writes the field.
            unsafe { (*raw).error = error.to_errno() };
        }
        // SAFETY: The fence is valid.
        unsafe { bindings::dma_fence_signal(raw) };
    }
}

impl<T: FenceContextOps> Deref for DriverFence<T> {
    type Target = T::FenceDataType;

    fn deref(&self) -> &T::FenceDataType {
        // SAFETY: By the type's invariants.
        unsafe { &self.memory.as_ref().data }
    }
}

impl<T: FenceContextOps> DerefMut for DriverFence<T> {
    fn deref_mut(&mut self) -> &mut T::FenceDataType {
        // SAFETY: By the type's invariants.
        unsafe { &mut self.memory.as_mut().data }
    }
}

impl<T: FenceContextOps> Drop for DriverFence<T> {
    fn drop(&mut self) {
        if !self.as_fence().is_signaled() {
            self.end(Err(ECANCELED));
        }
        // SAFETY: By the type's invariants, the memory is valid.
        let data = unsafe { &raw mut (*self.memory.as_ptr()).data };
        // SAFETY: By the type's invariants, nothing else accesses the data. It is not accessed after this: C
        // only frees the memory.
        unsafe { ptr::drop_in_place(data) };
        // SAFETY: By the type's invariants, this value owns the reference.
        unsafe { bindings::helper_dma_fence_put(self.memory.as_ptr().cast()) };
    }
}
