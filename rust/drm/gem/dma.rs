// SPDX-License-Identifier: GPL-2.0 OR MIT
//! What is mapped for a device. A buffer object may outlive its device, as long as somebody has it
//! open; its mapping must not.
use core::ptr::NonNull;

use drm_bindings as bindings;
use kernel::{
    new_mutex,
    prelude::*,
    rbtree::{RBTree, RBTreeNodeReservation},
    sync::Mutex,
};

type Raw = NonNull<bindings::drm_gem_shmem_object>;

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Mapped(Raw);

// SAFETY: An address; who follows it holds the lock of `Mappings`.
unsafe impl Send for Mapped {}

/// The objects of a device that are mapped for it.
///
/// # Invariants
///
/// All of them are valid, and have a table of their pages: an object is taken out before it is
/// freed.
#[pin_data]
pub(crate) struct Mappings {
    #[pin]
    objects: Mutex<RBTree<Mapped, ()>>,
}

impl Mappings {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            objects <- new_mutex!(RBTree::new()),
        })
    }

    /// Has `map` map an object, which it may have been before, and notes that.
    ///
    /// While the device is plugged, or [`clear`](Self::clear) might miss it.
    ///
    /// # Safety
    ///
    /// What `map` gives must be an object of the device, to be [`remove`](Self::remove)d before it
    /// is freed.
    pub(crate) unsafe fn add(&self, map: impl FnOnce() -> Result<Raw>) -> Result<Raw> {
        let reserved = RBTreeNodeReservation::new(GFP_KERNEL)?;
        let object = map()?;
        // SAFETY: The object is valid, by the requirements.
        if unsafe { !(*object.as_ptr()).sgt.is_null() } {
            let node = reserved.into_node(Mapped(object), ());
            let before = self.objects.lock().insert(node);
            drop(before);
        }
        Ok(object)
    }

    /// Unmaps an object that is about to be freed, if it is mapped.
    pub(crate) fn remove(&self, object: Raw) {
        let mut objects = self.objects.lock();
        let node = objects.remove_node(&Mapped(object));
        if node.is_some() {
            // SAFETY: By the type's invariants; the lock keeps others from unmapping it.
            unsafe { bindings::helper_drm_gem_shmem_unmap(object.as_ptr()) };
        }
        drop(objects);
        drop(node);
    }

    /// Unmaps everything.
    pub(crate) fn clear(&self) {
        let mut objects = self.objects.lock();
        for (Mapped(object), ()) in objects.iter() {
            // SAFETY: By the type's invariants; the lock keeps others from unmapping it.
            unsafe { bindings::helper_drm_gem_shmem_unmap(object.as_ptr()) };
        }
        *objects = RBTree::new();
    }
}
