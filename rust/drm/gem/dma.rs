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

use crate::{Device, Driver};

type Raw = NonNull<bindings::drm_gem_shmem_object>;

/// What to tell a program whose memory, of so many bytes, could not be mapped: the DMA API says `EIO`
/// if there is no room for bounce buffers.
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

// SAFETY: An address; who follows it holds the lock of `Mappings`.
unsafe impl Send for Mapped {}

struct State {
    objects: RBTree<Mapped, ()>,
    /// The device is, and nothing may be mapped any more.
    gone: bool,
}

/// The objects of a device that are mapped for it.
///
/// # Invariants
///
/// All of them are valid, and have a table of their pages: an object is taken out before it is
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

    /// Has `map` map an object, which it may have been before, notes that, and calls `then` while it
    /// is sure to be mapped.
    ///
    /// # Errors
    ///
    /// `ENODEV` when the device has gone, `ENOMEM`, and those of `map` and `then`.
    ///
    /// # Safety
    ///
    /// What `map` gives must be a valid object of the device, to be [`remove`](Self::remove)d before
    /// it is freed.
    pub(crate) unsafe fn add(
        &self,
        map: impl FnOnce() -> Result<Raw>,
        then: impl FnOnce() -> Result,
    ) -> Result {
        let reserved = RBTreeNodeReservation::new(GFP_KERNEL)?;
        let object = map()?;
        let mut state = self.state.lock();
        if state.gone {
            // SAFETY: The object is valid, by the requirements, and we have the lock.
            unsafe {
                if !(*object.as_ptr()).sgt.is_null() {
                    bindings::helper_drm_gem_shmem_unmap(object.as_ptr());
                }
            }
            return Err(ENODEV);
        }
        let before = state.objects.insert(reserved.into_node(Mapped(object), ()));
        let result = then();
        drop(state);
        drop(before);
        result
    }

    /// Calls `f` while nothing is unmapped.
    pub(crate) fn keep<R>(&self, f: impl FnOnce() -> R) -> R {
        let state = self.state.lock();
        let result = f();
        drop(state);
        result
    }

    /// The same without waiting, for the panic screen; none if something is being unmapped.
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
            // SAFETY: By the type's invariants; we have the lock.
            unsafe { bindings::helper_drm_gem_shmem_unmap(object.as_ptr()) };
        }
        drop(state);
        drop(node);
    }

    /// Unmaps everything, for good.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock();
        state.gone = true;
        let objects = core::mem::replace(&mut state.objects, RBTree::new());
        for (Mapped(object), ()) in objects.iter() {
            // SAFETY: By the type's invariants; we have the lock.
            unsafe { bindings::helper_drm_gem_shmem_unmap(object.as_ptr()) };
        }
        drop(state);
        drop(objects);
    }
}
