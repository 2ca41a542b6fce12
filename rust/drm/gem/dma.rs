// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Mappings of buffer objects for a device. A buffer object may be open longer than its device
//! exists, but the DMA API requires that it is unmapped before the device goes.
//! `docs/upstream/drm-shmem-unmap-all.patch` would make the list of mapped objects unnecessary.
use core::ptr::NonNull;

use drm_bindings as bindings;
use kernel::{
    new_mutex,
    prelude::*,
    rbtree::{RBTree, RBTreeNodeReservation},
    sync::Mutex,
};

use crate::{Device, Driver};

type Raw = NonNull<bindings::drm_gem_shmem_object>;

/// Returns the error for memory that could not be mapped. The DMA API returns `EIO` if there is no
/// room for bounce buffers, which becomes `ENOMEM`.
pub(crate) fn error<T: Driver>(dev: &Device<T>, size: usize, error: Error) -> Error {
    if error != EIO || !dev.has_dma_limit() {
        return error;
    }
    crate::drm_err_ratelimited!(
        dev,
        "no bounce buffers for {} KiB: swiotlb= sets how many there are\n",
        size / 1024
    );
    ENOMEM
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Mapped(Raw);

// SAFETY: It is only an address. It is only dereferenced under the lock of `Mappings`.
unsafe impl Send for Mapped {}

struct State {
    objects: RBTree<Mapped, ()>,
    /// The device is gone, and nothing may be mapped any more.
    gone: bool,
}

/// The buffer objects of a device that are mapped for it.
///
/// # Invariants
///
/// All of them are valid and have a table of their pages, because an object is removed before it is
/// freed. Tables are only freed under the lock.
#[pin_data]
pub(crate) struct Mappings {
    #[pin]
    state: Mutex<State>,
}

impl Mappings {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            state <- new_mutex!(State {
                objects: RBTree::new(),
                gone: false,
            }),
        })
    }

    /// Calls `map`, which maps an object unless it is mapped already; records the object; and calls
    /// `then` under the lock, so that the object cannot be unmapped meanwhile.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the device is gone, `ENOMEM`, and the errors of `map` and `then`.
    ///
    /// # Safety
    ///
    /// `map` must return a valid object of the device, and [`remove`](Self::remove) must be called
    /// before the object is freed.
    pub(crate) unsafe fn add(
        &self,
        map: impl FnOnce() -> Result<Raw>,
        then: impl FnOnce() -> Result,
    ) -> Result {
        let reserved = RBTreeNodeReservation::new(GFP_KERNEL)?;
        // A device that was never registered is not unplugged before it is gone.
        if self.state.lock().gone {
            return Err(ENODEV);
        }
        let object = map()?;
        let mut state = self.state.lock();
        if state.gone {
            // SAFETY: The object is valid, by the requirements of this function.
            let sgt = unsafe { (*object.as_ptr()).sgt };
            if !sgt.is_null() {
                // SAFETY: As above. The object has a table, and the lock is held.
                unsafe { bindings::helper_drm_gem_shmem_unmap(object.as_ptr()) };
            }
            return Err(ENODEV);
        }
        // INVARIANT: `map` has mapped the object, so it has a table. By the requirements of this function,
        // it is removed before it is freed.
        let before = state.objects.insert(reserved.into_node(Mapped(object), ()));
        let result = then();
        drop(state);
        drop(before);
        result
    }

    /// Calls `f` under the lock, so that nothing can be unmapped meanwhile.
    pub(crate) fn keep<R>(&self, f: impl FnOnce() -> R) -> R {
        let state = self.state.lock();
        let result = f();
        drop(state);
        result
    }

    /// Does the same for the panic screen: returns `None` instead of waiting for the lock.
    pub(crate) fn try_keep<R>(&self, f: impl FnOnce() -> R) -> Option<R> {
        let state = self.state.try_lock()?;
        let result = f();
        drop(state);
        Some(result)
    }

    /// Unmaps an object that is about to be freed, if it is mapped.
    pub(crate) fn remove(&self, object: Raw) {
        let mut state = self.state.lock();
        let node = state.objects.remove_node(&Mapped(object));
        if node.is_some() {
            // SAFETY: By the type's invariants the object is valid and has a table, and the lock is
            // held.
            unsafe { bindings::helper_drm_gem_shmem_unmap(object.as_ptr()) };
        }
        drop(state);
        drop(node);
    }

    /// Unmaps all objects, and prevents that any is mapped again.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock();
        state.gone = true;
        let objects = core::mem::replace(&mut state.objects, RBTree::new());
        for (Mapped(object), ()) in objects.iter() {
            // SAFETY: By the type's invariants the object is valid and has a table, and the lock is
            // held.
            unsafe { bindings::helper_drm_gem_shmem_unmap(object.as_ptr()) };
        }
        drop(state);
        drop(objects);
    }
}
