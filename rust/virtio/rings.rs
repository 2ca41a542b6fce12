// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The virtqueues of a device, which `virtqueue.rs` uses and `bind.rs` deletes.
use core::ptr::NonNull;

use drm_bindings as bindings;
use kernel::{
    alloc::KVec,
    sync::atomic::{Atomic, Relaxed},
};

/// The queues of a transport.
///
/// # Invariants
///
/// As long as `exist` is set, `queues` are virtqueues that were not deleted. Before they are deleted,
/// either all [`Virtqueue`](crate::Virtqueue)s of them were consumed, or `exist` was cleared, and the end
/// of all RCU read-side critical sections that may have found it set was awaited.
pub(crate) struct Rings {
    pub(crate) exist: Atomic<bool>,
    pub(crate) queues: KVec<NonNull<bindings::virtqueue>>,
}

// SAFETY: The pointers are only used by a `Virtqueue`, which is `Send`, and by the thread that deletes
// the queues.
unsafe impl Send for Rings {}
// SAFETY: As above.
unsafe impl Sync for Rings {}

impl Rings {
    /// Takes the queues away from their users, and waits for those that use one at the moment.
    pub(crate) fn revoke(&self) {
        self.exist.store(false, Relaxed);
        // SAFETY: The function may be called in any context that may sleep.
        unsafe { kernel::bindings::synchronize_rcu() };
    }
}
