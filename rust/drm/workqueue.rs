// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver's own workqueues.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)
use core::{ops::Deref, ptr::NonNull};

use drm_bindings as bindings;
use kernel::{prelude::*, workqueue::Queue};

/// A workqueue for works that free memory. It has a rescuer thread for when no other thread can be
/// created. Its works run on any CPU, with a high priority.
///
/// When it is dropped, it waits for its works, so none of them may hold the last reference to it.
///
/// # Invariants
///
/// The pointer is a valid workqueue that only `drop` destroys.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use drm::workqueue::Workqueue;
/// use kernel::sync::{atomic::{Atomic, Relaxed}, Arc};
///
/// let done = Arc::new(Atomic::new(0), GFP_KERNEL)?;
/// let queue = Workqueue::new(c"example")?;
/// for _ in 0..3 {
///     let done = done.clone();
///     queue.try_spawn(GFP_KERNEL, move || {
///         done.fetch_add(1, Relaxed);
///     })?;
/// }
/// // Waits for the works.
/// drop(queue);
/// assert_eq!(done.load(Relaxed), 3);
/// # Ok::<(), Error>(())
/// ```
pub struct Workqueue(NonNull<kernel::bindings::workqueue_struct>);

impl Workqueue {
    /// Creates a workqueue. The name is for debugging.
    ///
    /// # Errors
    ///
    /// `ENOMEM`. C: `alloc_workqueue()` with `WQ_MEM_RECLAIM`.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn new(name: &'static CStr) -> Result<Self> {
        // SAFETY: The name is a static string.
        let raw = unsafe { bindings::helper_alloc_workqueue(name.as_char_ptr()) };
        // INVARIANT: It was created here, and the pointer is not passed on.
        Ok(Self(NonNull::new(raw.cast()).ok_or(ENOMEM)?))
    }

    /// Waits until the works that are queued now have run; C: `flush_workqueue()`.
    ///
    /// # Context
    ///
    /// May sleep. Must not be called by one of the works.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::prelude::*;
    /// use drm::workqueue::Workqueue;
    /// use kernel::sync::{atomic::{Atomic, Relaxed}, Arc};
    ///
    /// let done = Arc::new(Atomic::new(0), GFP_KERNEL)?;
    /// let queue = Workqueue::new(c"example")?;
    /// let by_work = done.clone();
    /// queue.try_spawn(GFP_KERNEL, move || by_work.store(1, Relaxed))?;
    /// queue.flush();
    /// assert_eq!(done.load(Relaxed), 1);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn flush(&self) {
        // SAFETY: By the type's invariants, the workqueue is valid.
        unsafe { kernel::bindings::__flush_workqueue(self.0.as_ptr()) };
    }

    pub(crate) fn as_raw(&self) -> *mut kernel::bindings::workqueue_struct {
        self.0.as_ptr()
    }
}

impl Deref for Workqueue {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        // SAFETY: By the type's invariants, the workqueue is valid.
        unsafe { Queue::from_raw(self.0.as_ptr()) }
    }
}

impl Drop for Workqueue {
    fn drop(&mut self) {
        // SAFETY: By the type's invariants, the workqueue is valid and is only destroyed here.
        unsafe { kernel::bindings::destroy_workqueue(self.0.as_ptr()) };
    }
}

// SAFETY: A workqueue may be used on any thread.
unsafe impl Send for Workqueue {}
// SAFETY: As above, and it has its own locks.
unsafe impl Sync for Workqueue {}
