// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Workqueues of a driver's own.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)
use core::{ops::Deref, ptr::NonNull};

use drm_bindings as bindings;
use kernel::{prelude::*, workqueue::Queue};

/// A workqueue for works that others wait for to have memory freed: it has a thread of its own for
/// when no other can be made. Its works run on any processor, before most threads.
///
/// Dropped, it waits for its works, so that none of them may be the last to have it.
///
/// # Invariants
///
/// The pointer is a workqueue that nobody else destroys.
pub struct Workqueue(NonNull<kernel::bindings::workqueue_struct>);

impl Workqueue {
    /// A workqueue, named for people.
    ///
    /// # Errors
    ///
    /// `ENOMEM`. C: `alloc_workqueue()` with `WQ_MEM_RECLAIM`.
    pub fn new(name: &'static CStr) -> Result<Self> {
        // SAFETY: The name is a string that stays.
        let raw = unsafe { bindings::helper_alloc_workqueue(name.as_char_ptr()) };
        // INVARIANT: It was made here.
        Ok(Self(NonNull::new(raw.cast()).ok_or(ENOMEM)?))
    }

    /// Waits until the works that are queued now have run; C: `flush_workqueue()`.
    pub fn flush(&self) {
        // SAFETY: The workqueue is there as long as `self`.
        unsafe { kernel::bindings::__flush_workqueue(self.0.as_ptr()) };
    }

    pub(crate) fn as_raw(&self) -> *mut kernel::bindings::workqueue_struct {
        self.0.as_ptr()
    }
}

impl Deref for Workqueue {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        // SAFETY: The workqueue is there as long as `self`.
        unsafe { Queue::from_raw(self.0.as_ptr()) }
    }
}

impl Drop for Workqueue {
    fn drop(&mut self) {
        // SAFETY: By the type's invariants nobody else has destroyed it.
        unsafe { kernel::bindings::destroy_workqueue(self.0.as_ptr()) };
    }
}

// SAFETY: A workqueue may be used from any thread.
unsafe impl Send for Workqueue {}
// SAFETY: As above; it has its own lock.
unsafe impl Sync for Workqueue {}
