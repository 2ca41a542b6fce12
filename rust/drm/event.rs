// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Events that programs read from open files.
//!
//! C header: [`include/drm/drm_file.h`](srctree/include/drm/drm_file.h)
use core::{
    mem::{self, ManuallyDrop},
    ptr::{self, NonNull},
};

use drm_bindings as bindings;
use kernel::{error::to_result, prelude::*, sync::aref::ARef};

use crate::{file::DriverFile, Device, Driver, File};

/// The memory of an event. C frees it, as memory of `kmalloc()` with `base` at its start.
#[repr(C)]
struct Pending {
    base: bindings::drm_pending_event,
    event: bindings::drm_event,
}

/// An event for which room was reserved in an open file. Its drop gives the room back. If the file was closed
/// meanwhile, [`send`](Self::send) sends nothing. The C counterpart is `struct drm_pending_event`.
///
/// # Invariants
///
/// The pointer is an event that was reserved in a file of the device, and was not sent or given back.
///
/// # Context
///
/// Methods and drop do not sleep, so a driver may call them in interrupt context. It must not hold the last
/// reference to the device there.
///
/// # Examples
///
/// ```no_run
/// # use kernel::prelude::*;
/// use drm::{event::Event, file::DriverFile, File};
///
/// /// The number of the driver's event.
/// const DONE: u32 = 0x9000_0000;
///
/// fn start<F: DriverFile>(
///     file: &File<F>,
///     send: impl FnOnce(Event<F::Driver>) -> Result,
/// ) -> Result {
///     // A program that does not read its events cannot start anything.
///     send(file.reserve_event(DONE)?)
/// }
///
/// fn done<F: DriverFile>(event: Event<F::Driver>, result: Result) {
///     if result.is_ok() {
///         event.send();
///     }
/// }
/// ```
///
/// The compiler rejects an event that is sent twice:
///
/// ```compile_fail,E0382
/// fn twice<T: drm::Driver>(event: drm::event::Event<T>) {
///     event.send();
///     event.send();
/// }
/// ```
pub struct Event<T: Driver>(NonNull<Pending>, ARef<Device<T>>);

// SAFETY: Events may be sent on any thread.
unsafe impl<T: Driver> Send for Event<T> {}
// SAFETY: A shared reference gives access to nothing.
unsafe impl<T: Driver> Sync for Event<T> {}

impl<T: Driver> Event<T> {
    /// Sends the event to the file; C: `drm_send_event()`.
    pub fn send(self) {
        let this = ManuallyDrop::new(self);
        // SAFETY: The value is not used after this.
        let dev = unsafe { ptr::read(&this.1) };
        // SAFETY: By the type's invariants. The function takes the event.
        unsafe { bindings::drm_send_event(dev.as_raw(), this.0.as_ptr().cast()) };
    }
}

impl<T: Driver> Drop for Event<T> {
    fn drop(&mut self) {
        // SAFETY: By the type's invariants. The function frees the event.
        unsafe { bindings::drm_event_cancel_free(self.1.as_raw(), self.0.as_ptr().cast()) };
    }
}

impl<F: DriverFile> File<F> {
    /// Reserves room for an event that has a type and no other contents; C: `drm_event_reserve_init()`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if the file has no room because the program does not read its events.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn reserve_event(&self, kind: u32) -> Result<Event<F::Driver>> {
        // SAFETY: All zeros is a valid value of the C struct.
        let base: bindings::drm_pending_event = unsafe { mem::zeroed() };
        let event = bindings::drm_event {
            type_: kind,
            length: mem::size_of::<bindings::drm_event>() as u32,
        };
        let pending = KBox::into_raw(KBox::new(Pending { base, event }, GFP_KERNEL)?);
        let dev = self.dev();
        // SAFETY: The memory was allocated above.
        let event = unsafe { &raw mut (*pending).event };
        // SAFETY: The file is open, and is one of the device. The memory stays until the event is sent or
        // given back.
        let ret = to_result(unsafe {
            bindings::drm_event_reserve_init(dev.as_raw(), self.as_raw(), pending.cast(), event)
        });
        if let Err(error) = ret {
            // SAFETY: The function has not kept the memory, which was allocated above.
            drop(unsafe { KBox::from_raw(pending) });
            return Err(error);
        }
        // SAFETY: A box is not null.
        let pending = unsafe { NonNull::new_unchecked(pending) };
        // INVARIANT: The event was reserved above.
        Ok(Event(pending, dev.into()))
    }
}
