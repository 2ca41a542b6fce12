// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The fences of a device that were not signalled.
//!
//! Others may call the functions of such a fence, which are in the driver's module. So all of these fences are
//! signalled when the driver leaves the device, even if the driver has forgotten them. Code that calls a
//! function at that moment is in an RCU read-side critical section, and the unloading of a module waits for
//! the end of such sections.
use core::{cell::UnsafeCell, mem, ptr};

use drm_bindings as bindings;
use kernel::{
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        Arc,
    },
    types::Opaque,
};

/// A fence that can be in a list.
#[repr(C)]
pub(super) struct Unsignalled {
    fence: Opaque<bindings::dma_fence>,
    /// Protected by the lock of the list. Both fields are null if the fence is in no list.
    node: UnsafeCell<bindings::list_head>,
}

impl Unsignalled {
    pub(super) fn new() -> Self {
        Self {
            fence: Opaque::zeroed(),
            node: UnsafeCell::new(unlinked()),
        }
    }
}

fn unlinked() -> bindings::list_head {
    bindings::list_head {
        next: ptr::null_mut(),
        prev: ptr::null_mut(),
    }
}

/// The list of a device.
///
/// # Invariants
///
/// The head and the nodes of the list are only accessed under the lock. Each node belongs to an
/// [`Unsignalled`] fence, which is initialized, was not signalled, and has a reference.
#[pin_data]
pub(crate) struct Fences {
    #[pin]
    lock: Opaque<kernel::bindings::spinlock_t>,
    #[pin]
    head: Opaque<bindings::list_head>,
    /// The driver has left the device. Written under the lock.
    has_ended: Atomic<bool>,
}

// SAFETY: By the type's invariants, the list is only accessed under the lock.
unsafe impl Send for Fences {}
// SAFETY: As above.
unsafe impl Sync for Fences {}

impl Fences {
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                // SAFETY: The memory is valid, and does not move.
                lock <- Opaque::ffi_init(|lock| unsafe { bindings::helper_spin_lock_init(lock) }),
                head <- Opaque::ffi_init(|head: *mut bindings::list_head| {
                    let empty = bindings::list_head { next: head, prev: head };
                    // SAFETY: The memory is valid, and does not move.
                    unsafe { head.write(empty) }
                }),
                has_ended: Atomic::new(false),
            }),
            GFP_KERNEL,
        )
    }

    /// Returns whether the driver has left the device.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Relaxed)
    }

    fn locked<R>(&self, f: impl FnOnce(*mut bindings::list_head) -> R) -> R {
        // SAFETY: The lock was initialized.
        let flags = unsafe { bindings::helper_spin_lock_irqsave(self.lock.get()) };
        let result = f(self.head.get());
        // SAFETY: It was locked above.
        unsafe { bindings::helper_spin_unlock_irqrestore(self.lock.get(), flags) };
        result
    }

    /// Adds a fence, or signals it with `ECANCELED` if the driver has left the device.
    ///
    /// # Safety
    ///
    /// The fence must be initialized, not signalled and in no list, and have a reference until
    /// [`signal`](Self::signal) is called for it.
    pub(super) unsafe fn add(&self, fence: *mut Unsignalled) {
        // SAFETY: By the requirements of this function.
        let node = UnsafeCell::raw_get(unsafe { &raw const (*fence).node });
        let is_added = self.locked(|head| {
            if self.has_ended() {
                return false;
            }
            // SAFETY: Both are valid, and the lock is held.
            unsafe { bindings::helper_list_add_tail(node, head) };
            true
        });
        if !is_added {
            // SAFETY: By the requirements of this function. Nothing else signals it, because it is in no list.
            unsafe { signal(fence.cast(), Err(ECANCELED)) };
        }
    }

    /// Signals a fence, unless it was signalled.
    ///
    /// # Safety
    ///
    /// The fence must have been added to this list, and have a reference.
    pub(super) unsafe fn signal(&self, fence: *mut Unsignalled, result: Result) {
        // SAFETY: By the requirements of this function.
        let node = UnsafeCell::raw_get(unsafe { &raw const (*fence).node });
        // SAFETY: As above, and the lock is held.
        if self.locked(|_| unsafe { remove(node) }) {
            // SAFETY: As above. Nothing else signals it, because it is in no list.
            unsafe { signal(fence.cast(), result) };
        }
    }

    /// Signals all fences with `ECANCELED`, because the driver has left the device.
    pub(crate) fn end(&self) {
        while let Some(fence) = self.locked(|head| {
            self.has_ended.store(true, Relaxed);
            // SAFETY: The head is valid, and the lock is held.
            let node = unsafe { (*head).next };
            if node == head {
                return None;
            }
            // SAFETY: By the type's invariants, and the lock is held.
            unsafe { remove(node) };
            let fence: *mut bindings::dma_fence = node
                .wrapping_byte_sub(mem::offset_of!(Unsignalled, node))
                .cast();
            // SAFETY: By the type's invariants, the fence has a reference, which is not given up before the
            // lock was taken again.
            unsafe { bindings::helper_dma_fence_get(fence) };
            Some(fence)
        }) {
            // SAFETY: The fence was in the list, so it was not signalled, and nothing else signals it now.
            unsafe { signal(fence, Err(ECANCELED)) };
            // SAFETY: The reference was taken above.
            unsafe { bindings::helper_dma_fence_put(fence) };
        }
    }
}

/// Removes a node from its list, and returns whether it was in one.
///
/// # Safety
///
/// The node must be valid, and the lock of the list held.
unsafe fn remove(node: *mut bindings::list_head) -> bool {
    // SAFETY: By the requirements of this function.
    if unsafe { (*node).next }.is_null() {
        return false;
    }
    // SAFETY: As above.
    unsafe { bindings::helper_list_del(node) };
    // SAFETY: As above.
    unsafe { node.write(unlinked()) };
    true
}

/// # Safety
///
/// The fence must be valid and not signalled, and nothing else may signal it.
unsafe fn signal(fence: *mut bindings::dma_fence, result: Result) {
    if let Err(error) = result {
        // SAFETY: By the requirements of this function, nothing else accesses the field yet.
        unsafe { (*fence).error = error.to_errno() };
    }
    // SAFETY: By the requirements of this function.
    unsafe { bindings::dma_fence_signal(fence) };
}
