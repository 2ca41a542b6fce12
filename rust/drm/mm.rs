// SPDX-License-Identifier: GPL-2.0 OR MIT
//! An allocator of ranges of numbers, e.g. of addresses in the memory of a device.
//!
//! C header: [`include/drm/drm_mm.h`](srctree/include/drm/drm_mm.h)
use core::mem;

use drm_bindings as bindings;
use kernel::{
    error::to_result,
    new_mutex,
    prelude::*,
    sync::{Arc, Mutex},
    types::Opaque,
};

/// An allocator; the C counterpart is `struct drm_mm`.
///
/// # Invariants
///
/// `mm` is initialized. It is only accessed under the lock. Each node in it belongs to a [`Node`].
///
/// # Context
///
/// Methods may sleep.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use drm::mm::Allocator;
///
/// let addresses = Allocator::new(0x3000)?;
/// let first = addresses.insert(0x1000)?;
/// let second = addresses.insert(0x2000)?;
/// assert_eq!(first.size(), 0x1000);
/// assert_ne!(first.start(), second.start());
///
/// // There is no room until another range is dropped.
/// assert!(matches!(addresses.insert(0x1000), Err(ENOSPC)));
/// drop(first);
/// assert!(addresses.insert(0x1000).is_ok());
/// # Ok::<(), Error>(())
/// ```
#[pin_data(PinnedDrop)]
pub struct Allocator {
    #[pin]
    lock: Mutex<()>,
    #[pin]
    mm: Opaque<bindings::drm_mm>,
}

// SAFETY: By the type's invariants, `mm` is only accessed under the lock.
unsafe impl Send for Allocator {}
// SAFETY: As above.
unsafe impl Sync for Allocator {}

impl Allocator {
    /// Creates an allocator of the numbers below `size`; C: `drm_mm_init()`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EINVAL` for a size of 0.
    pub fn new(size: u64) -> Result<Arc<Self>> {
        if size == 0 {
            return Err(EINVAL);
        }
        Arc::pin_init(
            pin_init!(Self {
                lock <- new_mutex!(()),
                // INVARIANT: The function initializes it.
                // SAFETY: The memory is valid, and does not move. The range is not empty.
                mm <- Opaque::ffi_init(|mm| unsafe { bindings::drm_mm_init(mm, 0, size) }),
            }),
            GFP_KERNEL,
        )
    }

    /// Allocates a range; C: `drm_mm_insert_node()`.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if there is no room, or for a size of 0; `ENOMEM`.
    pub fn insert(self: &Arc<Self>, size: u64) -> Result<Node> {
        // SAFETY: All zeros is a valid value of the C struct, and means that it is not in use.
        let node: bindings::drm_mm_node = unsafe { mem::zeroed() };
        let node = KBox::pin(Opaque::new(node), GFP_KERNEL)?;
        let guard = self.lock.lock();
        // SAFETY: By the type's invariants. The node does not move, and its drop removes it.
        to_result(unsafe {
            bindings::drm_mm_insert_node_in_range(
                self.mm.get(),
                node.get(),
                size,
                0,
                0,
                0,
                u64::MAX,
                bindings::drm_mm_insert_mode_DRM_MM_INSERT_BEST,
            )
        })?;
        drop(guard);
        // INVARIANT: It was inserted above.
        Ok(Node {
            node,
            allocator: self.clone(),
        })
    }
}

#[pinned_drop]
impl PinnedDrop for Allocator {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type's invariants, it is initialized. A `Node` holds a reference to it, so it has
        // no nodes.
        unsafe { bindings::drm_mm_takedown(self.mm.get()) };
    }
}

/// A range of an [`Allocator`], which is free again when this is dropped; the C counterpart is
/// `struct drm_mm_node`.
///
/// # Invariants
///
/// The node is one of the allocator.
///
/// # Context
///
/// The drop may sleep, the methods do not.
pub struct Node {
    node: Pin<KBox<Opaque<bindings::drm_mm_node>>>,
    allocator: Arc<Allocator>,
}

// SAFETY: The node is only changed under the lock of the allocator.
unsafe impl Send for Node {}
// SAFETY: As above, and what the methods read does not change.
unsafe impl Sync for Node {}

impl Node {
    /// Returns the first number.
    pub fn start(&self) -> u64 {
        // SAFETY: By the type's invariants. The field does not change.
        unsafe { (*self.node.get()).start }
    }

    /// Returns how many numbers it has.
    pub fn size(&self) -> u64 {
        // SAFETY: By the type's invariants. The field does not change.
        unsafe { (*self.node.get()).size }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let guard = self.allocator.lock.lock();
        // SAFETY: By the type's invariants, and the lock is held.
        unsafe { bindings::drm_mm_remove_node(self.node.get()) };
        drop(guard);
    }
}
