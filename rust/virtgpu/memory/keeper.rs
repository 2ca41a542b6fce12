// SPDX-License-Identifier: GPL-2.0
//! Keepers: the pages of a buffer object outlive it as long as the host may use them.
//!
//! Everything that tells the host of an object's pages holds a reference to the object's
//! [`Keeper`]. When the object is freed, the keeper takes it over, and the last reference to the
//! keeper frees it.
use core::ops::Deref;

use drm::gem::shmem::Dying;
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{Arc, SpinLock},
};

use crate::device;

/// A buffer object that nothing uses any more.
type Object = Dying<<device::Object as Deref>::Target>;

/// Keeps an object's pages from being freed.
#[pin_data]
pub(crate) struct Keeper {
    #[pin]
    object: SpinLock<Option<Object>>,
}

impl Keeper {
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self { object <- new_spinlock!(None) }),
            GFP_KERNEL,
        )
    }

    /// Takes over an object that nothing else uses any more.
    pub(crate) fn take_over(&self, object: Object) {
        let none = self.object.lock().replace(object);
        drop(none);
    }
}

/// A buffer object, as the resources see it.
pub(crate) trait Kept {
    /// Returns the keeper, to be held by everything that tells the host of the object's pages.
    fn keeper(&self) -> Option<Arc<Keeper>>;

    /// Does the same, but fails instead of waiting for a lock.
    fn try_keeper(&self) -> Option<Arc<Keeper>>;
}
