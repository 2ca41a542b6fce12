// SPDX-License-Identifier: GPL-2.0
//! The pages of a buffer object outlive it while the host may look at them.
use drm::gem::shmem::Dying;
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{Arc, SpinLock},
};

use crate::device::VirtGpu;

type Object = Dying<<VirtGpu as drm::Driver>::Object>;

/// Keeps an object's pages while the host may look at them: once nobody uses the object any more,
/// the last one who keeps it frees it.
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

    /// Nobody uses the object any more.
    pub(crate) fn take_over(&self, object: Object) {
        let none = self.object.lock().replace(object);
        drop(none);
    }
}

/// A buffer object, as far as resources know it.
pub(crate) trait Kept {
    /// To be held by whoever tells the host of the object's pages.
    fn keeper(&self) -> Option<Arc<Keeper>>;

    /// The same, without waiting for anything.
    fn try_keeper(&self) -> Option<Arc<Keeper>>;
}
