// SPDX-License-Identifier: GPL-2.0
//! Keepers: the pages of a buffer object outlive it as long as the host may use them.
//!
//! Everything that tells the host of an object's pages holds a reference to the object's
//! [`Keeper`]. When the object is freed, the keeper takes it over, and the last reference to the
//! keeper frees it.
//!
//! Often a command that has ended drops the last reference. Freeing pages takes the object's reservation.
//! The holder of the reservation may wait for a fence, which the works that end commands have to signal.
//! So another work frees the pages ([`Remains`]).
use core::ops::Deref;

use drm::{gem::shmem::Dying, workqueue::Workqueue};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{aref::ARef, Arc, SpinLock},
};

use crate::device::{self, work, Device};

/// A buffer object that nothing uses any more.
type Object = Dying<<device::Object as Deref>::Target>;

/// An entry in the list of objects to be freed. It is allocated in advance, because freeing memory must not
/// need memory.
struct Entry {
    object: Option<Object>,
    next: Option<KBox<Entry>>,
}

/// What a keeper has.
struct Kept {
    dev: ARef<Device>,
    entry: Option<KBox<Entry>>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        let entry = self.entry.take();
        if let Some(entry) = entry.filter(|entry| entry.object.is_some()) {
            self.dev.memory.remains.free(&self.dev, entry);
        }
    }
}

/// Keeps an object's pages from being freed.
#[pin_data]
pub(crate) struct Keeper {
    #[pin]
    kept: SpinLock<Kept>,
}

impl Keeper {
    pub(crate) fn new(dev: &Device) -> Result<Arc<Self>> {
        let entry = Entry {
            object: None,
            next: None,
        };
        let kept = Kept {
            dev: dev.into(),
            entry: Some(KBox::new(entry, GFP_KERNEL)?),
        };
        Arc::pin_init(pin_init!(Self { kept <- new_spinlock!(kept) }), GFP_KERNEL)
    }

    /// Takes over an object that nothing else uses any more. If the host does not use its pages, they
    /// are freed at once.
    pub(crate) fn take_over(self: Arc<Self>, object: Object) {
        if let Some(entry) = &mut self.kept.lock().entry {
            entry.object = Some(object);
        }
        if let Some(keeper) = Arc::into_unique_or_drop(self) {
            let entry = keeper.kept.lock().entry.take();
            drop(entry);
        }
    }
}

struct State {
    /// The work may run.
    is_open: bool,
    first: Option<KBox<Entry>>,
}

/// The objects of a device whose pages are to be freed.
#[pin_data]
pub(crate) struct Remains {
    #[pin]
    state: SpinLock<State>,
    /// Not the one of the works that signal fences, whose rescuer may have to signal the fences that
    /// this work waits for.
    queue: Workqueue,
}

impl Remains {
    pub(super) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            state <- new_spinlock!(State {
                is_open: false,
                first: None,
            }),
            queue: Workqueue::new(c"virtgpu_release")?,
        }? Error)
    }

    /// Frees an object in a work. If the work may not run, no work signals fences either, so the object is
    /// freed at once.
    fn free(&self, dev: &Device, mut entry: KBox<Entry>) {
        let mut state = self.state.lock();
        if !state.is_open {
            drop(state);
            return drop(entry);
        }
        entry.next = state.first.take();
        state.first = Some(entry);
        drop(state);
        // It makes no difference if it is pending already.
        let _ = self
            .queue
            .enqueue::<ARef<Device>, { work::REMAINS }>(dev.into());
    }

    /// Lets the work free objects from now on.
    pub(crate) fn open(&self) {
        self.state.lock().is_open = true;
    }

    /// Frees the objects in the list, and all later ones at once. The work must be disabled.
    pub(crate) fn close(&self) {
        self.state.lock().is_open = false;
        self.free_all();
    }

    /// Frees the objects in the list.
    pub(crate) fn free_all(&self) {
        let mut first = self.state.lock().first.take();
        while let Some(mut entry) = first {
            first = entry.next.take();
        }
    }
}

/// A buffer object, as the resources see it.
pub(crate) trait HasKeeper {
    /// Returns the keeper, to be held by everything that tells the host of the object's pages.
    fn keeper(&self) -> Option<Arc<Keeper>>;

    /// Does the same, but fails instead of waiting for a lock.
    fn try_keeper(&self) -> Option<Arc<Keeper>>;
}
