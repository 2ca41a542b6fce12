// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Mappings of buffer objects for a device. A buffer object may be open longer than its device
//! exists, but the DMA API requires that it is unmapped before the device goes.
//! `docs/upstream/drm-shmem-unmap-all.patch` would make the list of mapped objects unnecessary.
use core::ptr::NonNull;

use drm_bindings as bindings;
use kernel::{
    new_condvar, new_mutex,
    prelude::*,
    rbtree::{RBTree, RBTreeNodeReservation},
    sync::{CondVar, Mutex},
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

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Mapped(Raw);

// SAFETY: It is only an address. `Mappings` dereferences it only as long as the object is not freed.
unsafe impl Send for Mapped {}

struct State {
    objects: RBTree<Mapped, ()>,
    /// The object that [`Mappings::clear`] unmaps, which is not in `objects` any more.
    unmapped: Option<Mapped>,
    /// The device is gone, and nothing may be mapped any more.
    gone: bool,
}

/// The buffer objects of a device that are mapped for it.
///
/// The lock is taken with reservations held, so no reservation is taken under it. To unmap an object takes
/// its reservation, so that is done after the object was removed, and without the lock.
///
/// # Invariants
///
/// All objects, and `unmapped`, are valid, because [`remove`](Self::remove) is called before an object is
/// freed, and waits until it is neither of them. All objects have a table of their pages, which is only
/// freed after the object was removed.
#[pin_data]
pub(crate) struct Mappings {
    #[pin]
    state: Mutex<State>,
    /// Notified when `unmapped` changes.
    #[pin]
    is_unmapped: CondVar,
}

/// Unmaps an object, if it is mapped.
///
/// # Safety
///
/// The object must be valid, and in no list of mapped objects.
unsafe fn unmap(object: Raw) {
    // SAFETY: By the requirements of this function.
    unsafe { bindings::helper_drm_gem_shmem_unmap(object.as_ptr()) };
}

impl Mappings {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            state <- new_mutex!(State {
                objects: RBTree::new(),
                unmapped: None,
                gone: false,
            }),
            is_unmapped <- new_condvar!(),
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
    /// `map` must return a valid object of the device, to which the caller has a reference, and
    /// [`remove`](Self::remove) must be called before the object is freed.
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
            // `clear` will unmap an object that is still in the list.
            let is_listed = state.objects.get(&Mapped(object)).is_some();
            drop(state);
            if !is_listed {
                // SAFETY: The object is valid, by the requirements of this function, and in no list. It cannot
                // be added any more.
                unsafe { unmap(object) };
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

    /// Calls `f` under the lock if an object is mapped. It is not unmapped meanwhile.
    pub(crate) fn keep(&self, object: Raw, f: impl FnOnce()) {
        let state = self.state.lock();
        if state.objects.get(&Mapped(object)).is_some() {
            f();
        }
        drop(state);
    }

    /// Does the same for the panic screen: returns false instead of waiting for the lock.
    pub(crate) fn try_keep(&self, object: Raw, f: impl FnOnce()) -> bool {
        let Some(state) = self.state.try_lock() else {
            return false;
        };
        if state.objects.get(&Mapped(object)).is_some() {
            f();
        }
        drop(state);
        true
    }

    /// Unmaps an object that is about to be freed, if it is mapped.
    ///
    /// # Safety
    ///
    /// The object must be valid, and nothing else may use it.
    pub(crate) unsafe fn remove(&self, object: Raw) {
        let object = Mapped(object);
        let mut state = self.state.lock();
        let node = state.objects.remove_node(&object);
        while state.unmapped == Some(object) {
            self.is_unmapped.wait(&mut state);
        }
        drop(state);
        if node.is_some() {
            // SAFETY: By the requirements of this function. It was removed above.
            unsafe { unmap(object.0) };
        }
        drop(node);
    }

    /// Takes an object out of the list.
    fn pop(&self) -> Option<Mapped> {
        let mut state = self.state.lock();
        state.gone = true;
        let object = state
            .objects
            .cursor_front()
            .map(|cursor| *cursor.current().0);
        let node = object.and_then(|object| state.objects.remove_node(&object));
        // INVARIANT: It was in the list, so it is valid, and `remove` waits for it.
        state.unmapped = object;
        drop(state);
        self.is_unmapped.notify_all();
        drop(node);
        object
    }

    /// Unmaps all objects, and prevents that any is mapped again.
    pub(crate) fn clear(&self) {
        while let Some(Mapped(object)) = self.pop() {
            // SAFETY: By the type's invariants the object is valid as long as it is `unmapped`. It was removed.
            unsafe { unmap(object) };
        }
    }
}
