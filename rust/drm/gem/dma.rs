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

/// Whether an object that is mapped is being unmapped.
type IsEnding = bool;

struct State {
    /// The objects that are mapped, until they have been unmapped.
    objects: RBTree<Mapped, IsEnding>,
    /// The device is gone, and nothing may be mapped any more.
    gone: bool,
}

impl State {
    /// Returns an object that nobody unmaps. The caller unmaps it.
    fn begin(&mut self) -> Option<Mapped> {
        let (object, is_ending) = self
            .objects
            .iter_mut()
            .find(|(_, is_ending)| !**is_ending)?;
        *is_ending = true;
        Some(*object)
    }
}

/// The buffer objects of a device that are mapped for it.
///
/// The lock is taken with reservations held, so no reservation is taken under it. To unmap an object takes
/// its reservation, so that is done without the lock. The object stays in the list meanwhile, so
/// [`clear`](Self::clear) waits for it, and [`remove`](Self::remove) for `clear`.
///
/// # Invariants
///
/// All objects are valid, because [`remove`](Self::remove) is called before an object is freed, and waits
/// until it is not in the list. All objects have a table of their pages, unless they are being unmapped.
#[pin_data]
pub(crate) struct Mappings {
    #[pin]
    state: Mutex<State>,
    /// Notified when an object has left the list.
    #[pin]
    is_unmapped: CondVar,
}

/// Unmaps an object, if it is mapped.
///
/// # Safety
///
/// The object must be valid, and in no list of mapped objects, unless the caller has set that it is being
/// unmapped.
unsafe fn unmap(object: Raw) {
    // SAFETY: By the requirements of this function.
    unsafe { bindings::helper_drm_gem_shmem_unmap(object.as_ptr()) };
}

impl Mappings {
    /// Initializes the list of a device. Not generic, because lockdep wants one name for the class of a lock, and
    /// each crate with a driver would have a copy of the name.
    ///
    /// # Safety
    ///
    /// `slot` must be memory for it, which does not move.
    #[inline(never)]
    pub(crate) unsafe fn init(slot: *mut Self) {
        let init = pin_init!(Self {
            state <- new_mutex!(State {
                objects: RBTree::new(),
                gone: false,
            }),
            is_unmapped <- new_condvar!(),
        });
        // SAFETY: By the requirements of this function.
        let Ok(()) = unsafe { pin_init::raw_try_init(slot, init) };
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
            // It was mapped again if it was unmapped before `map`.
            while state.objects.get(&Mapped(object)) == Some(&true) {
                self.is_unmapped.wait(&mut state);
            }
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
        let before = state
            .objects
            .insert(reserved.into_node(Mapped(object), false));
        let result = then();
        drop(state);
        drop(before);
        result
    }

    /// Calls `then` under the lock for an object that is mapped. [`add`](Self::add)s it before, unless it is
    /// mapped, because `map` takes its reservation even then.
    ///
    /// # Errors
    ///
    /// Those of `add`.
    ///
    /// # Safety
    ///
    /// `object` must be a valid object of the device, to which the caller has a reference. `map` must map it.
    /// [`remove`](Self::remove) must be called before the object is freed.
    pub(crate) unsafe fn visit(
        &self,
        object: Raw,
        map: impl FnOnce() -> Result,
        then: impl FnOnce() -> Result,
    ) -> Result {
        let state = self.state.lock();
        if state.objects.get(&Mapped(object)) == Some(&false) {
            return then();
        }
        drop(state);
        // SAFETY: By the requirements of this function.
        unsafe { self.add(|| map().map(|()| object), then) }
    }

    /// Calls `f` under the lock if an object is mapped. It is not unmapped meanwhile.
    pub(crate) fn keep(&self, object: Raw, f: impl FnOnce()) {
        let state = self.state.lock();
        if state.objects.get(&Mapped(object)) == Some(&false) {
            f();
        }
        drop(state);
    }

    /// Does the same for the panic screen: returns false instead of waiting for the lock.
    pub(crate) fn try_keep(&self, object: Raw, f: impl FnOnce()) -> bool {
        let Some(state) = self.state.try_lock() else {
            return false;
        };
        if state.objects.get(&Mapped(object)) == Some(&false) {
            f();
        }
        drop(state);
        true
    }

    /// Unmaps an object that is in the list and marked.
    ///
    /// # Safety
    ///
    /// The caller must have marked the object as being unmapped.
    unsafe fn end(&self, object: Mapped) {
        // SAFETY: By the type's invariants it is valid as long as it is in the list. It is unmapped by this
        // call only, by the requirements of this function.
        unsafe { unmap(object.0) };
        let node = self.state.lock().objects.remove_node(&object);
        self.is_unmapped.notify_all();
        drop(node);
    }

    /// Unmaps an object that is about to be freed, if it is mapped.
    ///
    /// # Safety
    ///
    /// The object must be valid, and nothing else may use it.
    pub(crate) unsafe fn remove(&self, object: Raw) {
        let object = Mapped(object);
        let mut state = self.state.lock();
        while state.objects.get(&object) == Some(&true) {
            self.is_unmapped.wait(&mut state);
        }
        let Some(is_ending) = state.objects.get_mut(&object) else {
            return;
        };
        *is_ending = true;
        drop(state);
        // SAFETY: It was marked above.
        unsafe { self.end(object) };
    }

    /// Unmaps all objects, waits for those that others unmap, and prevents that any is mapped again.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock();
        state.gone = true;
        loop {
            if let Some(object) = state.begin() {
                drop(state);
                // SAFETY: `begin` has marked it.
                unsafe { self.end(object) };
                state = self.state.lock();
            } else if state.objects.is_empty() {
                break;
            } else {
                self.is_unmapped.wait(&mut state);
            }
        }
    }
}
