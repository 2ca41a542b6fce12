// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Gates: who may use the driver's value of a bound device, and when.
//!
//! Virtio core (7.3) calls `reset_prepare` and `reset_done` without the lock of the device, so that
//! they may come beside a probe or a removal; docs/upstream/virtio-reset-lock.patch has the change
//! that core needs. Until then each callback enters a gate. It is open while the value is complete,
//! and nobody uses the value any more when the device is unbound and the value is dropped.
use core::{
    any::TypeId,
    cell::{Cell, UnsafeCell},
    ptr::{self, NonNull},
};

use drm_bindings as bindings;
use kernel::{device::Bound, error::to_result, prelude::*, types::NotThreadSafe};

use crate::{wait::WaitQueue, Device, Driver};

/// Where the binding of a device to its driver is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is no value yet.
    Probing,
    Open,
    /// The driver removes the device. A reset that is under way may end.
    Leaving,
    /// No callback of the driver runs.
    Left,
    /// Virtio core has done all it does with a device that its driver leaves.
    Closed,
}

/// The lock of all gates: one for the module, because a callback that comes late finds nothing of the
/// device that it could rely on.
struct Lock {
    flags: usize,
    _not_send: NotThreadSafe,
}

impl Lock {
    fn new() -> Self {
        Self {
            // SAFETY: The lock is not held: no function here calls one that takes it.
            flags: unsafe { bindings::helper_gates_lock() },
            _not_send: NotThreadSafe,
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // SAFETY: It was taken in `new` by this thread.
        unsafe { bindings::helper_gates_unlock(self.flags) };
    }
}

/// The part of a gate that does not know the driver. The cells are used under [`Lock`] only.
#[pin_data]
struct Entry {
    next: Cell<*const Entry>,
    vdev: *const bindings::virtio_device,
    /// The driver's type.
    driver: TypeId,
    stage: Cell<Stage>,
    /// Callbacks that use the gate.
    inside: Cell<u32>,
    /// Those of them that use the value.
    running: Cell<u32>,
    /// [`Device::reset`] is under way: waiting here for the driver could be waited for by the driver.
    recovers: Cell<bool>,
    #[pin]
    changed: WaitQueue,
}

impl Entry {
    fn new(vdev: *const bindings::virtio_device, driver: TypeId) -> impl PinInit<Self> {
        pin_init!(Self {
            next: Cell::new(ptr::null()),
            vdev,
            driver,
            stage: Cell::new(Stage::Probing),
            inside: Cell::new(0),
            running: Cell::new(0),
            recovers: Cell::new(false),
            changed <- WaitQueue::new(),
        })
    }

    /// Whether virtio core has done all it does in a probe, too: it marks a device as ready that is not
    /// after the driver's part, and a reset at that time would wait for ever for the mark to go.
    fn is_probed(&self) -> bool {
        // SAFETY: The gate is closed while the device is there.
        let dev = unsafe { (&raw const (*self.vdev).dev).cast_mut() };
        // SAFETY: As above.
        self.stage.get() == Stage::Open && unsafe { kernel::bindings::device_is_bound(dev) }
    }

    fn set(&self, stage: Stage, _lock: &Lock) {
        self.stage.set(stage);
        self.changed.wake_all();
    }

    /// Waits for something that is looked at under the lock.
    fn wait(&self, mut condition: impl FnMut(&Self) -> bool) {
        self.changed.wait(|| {
            let _lock = Lock::new();
            condition(self)
        });
    }
}

/// All gates of the module.
///
/// # Invariants
///
/// The list is changed under [`Lock`] only. Its entries are valid: who frees one has removed it.
struct Gates(Cell<*const Entry>);

// SAFETY: By the invariants there is one user at a time.
unsafe impl Sync for Gates {}

static GATES: Gates = Gates(Cell::new(ptr::null()));

impl Gates {
    fn find(&self, _lock: &Lock, mut is_it: impl FnMut(&Entry) -> bool) -> Option<NonNull<Entry>> {
        let mut next = self.0.get();
        // SAFETY: By the invariants, and because the lock is held.
        while let Some(entry) = unsafe { next.as_ref() } {
            if is_it(entry) {
                return Some(entry.into());
            }
            next = entry.next.get();
        }
        None
    }

    /// # Safety
    ///
    /// The entry has to stay until [`remove`](Self::remove) takes it.
    unsafe fn add(&self, _lock: &Lock, entry: &Entry) {
        entry.next.set(self.0.get());
        self.0.set(entry);
    }

    fn remove(&self, lock: &Lock, entry: &Entry) {
        let after = entry.next.get();
        match self.find(lock, |other| ptr::eq(other.next.get(), entry)) {
            // SAFETY: It was found in the list just now.
            Some(before) => unsafe { before.as_ref() }.next.set(after),
            None => self.0.set(after),
        }
    }
}

/// A device's gate. The entry comes first, so that a pointer to it is one to the gate.
#[pin_data]
#[repr(C)]
pub(crate) struct Gate<T> {
    #[pin]
    entry: Entry,
    /// Written while the stage is `Probing`, and by whoever frees the gate.
    value: UnsafeCell<Option<T>>,
}

/// A callback that has entered a gate.
///
/// # Invariants
///
/// It is counted in the gate, which therefore stays.
struct Inside<T> {
    gate: NonNull<Gate<T>>,
    is_running: Cell<bool>,
}

impl<T> Inside<T> {
    fn new(gate: NonNull<Gate<T>>, _lock: &Lock) -> Self {
        // INVARIANT: It is counted here.
        let inside = Self {
            gate,
            is_running: Cell::new(false),
        };
        let entry = inside.entry();
        entry.inside.set(entry.inside.get() + 1);
        inside
    }

    fn entry(&self) -> &Entry {
        // SAFETY: By the invariants.
        unsafe { &(*self.gate.as_ptr()).entry }
    }

    /// Begins to use the driver's value.
    fn run(&self, _lock: &Lock) {
        let entry = self.entry();
        entry.running.set(entry.running.get() + 1);
        self.is_running.set(true);
    }

    /// The driver's value, if it may be used.
    fn value(&self) -> Option<&T> {
        if !self.is_running.get() {
            return None;
        }
        // SAFETY: By the invariants; it was complete before anybody could begin to use it.
        unsafe { (*(*self.gate.as_ptr()).value.get()).as_ref() }
    }

    fn stop(&self, _lock: &Lock) {
        let entry = self.entry();
        if self.is_running.replace(false) {
            entry.running.set(entry.running.get() - 1);
            entry.changed.wake_all();
        }
    }
}

impl<T> Drop for Inside<T> {
    fn drop(&mut self) {
        let lock = Lock::new();
        self.stop(&lock);
        let entry = self.entry();
        entry.inside.set(entry.inside.get() - 1);
        // Who frees the gate looks under the lock, so that it stays until this has ended.
        entry.changed.wake_all();
    }
}

/// A reset that the driver asked for.
pub(crate) struct Recovery<'a>(&'a Device<Bound>);

impl<'a> Recovery<'a> {
    /// Begins one, unless the driver still probes the device, or removes it.
    pub(crate) fn new(dev: &'a Device<Bound>) -> Option<Self> {
        let lock = Lock::new();
        let entry = find(&lock, dev).filter(|entry| entry.is_probed())?;
        entry.recovers.set(true);
        Some(Self(dev))
    }
}

impl Drop for Recovery<'_> {
    fn drop(&mut self) {
        let lock = Lock::new();
        if let Some(entry) = find(&lock, self.0) {
            entry.recovers.set(false);
        }
    }
}

/// The gate of a device, whoever's.
fn find<'a>(lock: &'a Lock, dev: &Device<Bound>) -> Option<&'a Entry> {
    let entry = GATES.find(lock, |entry| ptr::eq(entry.vdev, dev.as_raw()))?;
    // SAFETY: It was found in the list, and the lock is held.
    Some(unsafe { entry.as_ref() })
}

impl<T: Driver> Gate<T> {
    fn find(lock: &Lock, vdev: *const bindings::virtio_device) -> Option<NonNull<Self>> {
        let driver = TypeId::of::<T>();
        let entry = GATES.find(lock, |entry| {
            ptr::eq(entry.vdev, vdev) && entry.driver == driver
        })?;
        // Entries of that type are in gates of that type.
        Some(entry.cast())
    }

    /// Makes a gate for a device that is about to be probed; it is closed when the device is unbound,
    /// or if the probe fails.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    ///
    /// # Safety
    ///
    /// `vdev` must be valid and being bound.
    pub(crate) unsafe fn make(vdev: *mut bindings::virtio_device) -> Result {
        extern "C" fn close<T: Driver>(vdev: *mut kernel::ffi::c_void) {
            Gate::<T>::close(vdev.cast());
        }

        let gate = KBox::pin_init(
            pin_init!(Self {
                entry <- Entry::new(vdev, TypeId::of::<T>()),
                value: UnsafeCell::new(None),
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: It is not moved: `close` frees it where it is.
        let gate = KBox::leak(unsafe { Pin::into_inner_unchecked(gate) });
        let lock = Lock::new();
        // SAFETY: `close` removes it before it frees it.
        unsafe { GATES.add(&lock, &gate.entry) };
        drop(lock);
        // The first action is the last to run.
        // SAFETY: By the requirements of this function.
        to_result(unsafe {
            bindings::helper_devm_add_action_or_reset(
                &raw mut (*vdev).dev,
                Some(close::<T>),
                vdev.cast(),
            )
        })
    }

    /// Opens the gate of a device that was probed.
    pub(crate) fn open(vdev: *const bindings::virtio_device, value: T) {
        let lock = Lock::new();
        let gate = Self::find(&lock, vdev);
        drop(lock);
        // SAFETY: It is closed only after this, when the device is unbound.
        let Some(gate) = gate.map(|gate| unsafe { gate.as_ref() }) else {
            return;
        };
        // SAFETY: Nobody looks at the value in this stage.
        unsafe { *gate.value.get() = Some(value) };
        let lock = Lock::new();
        gate.entry.set(Stage::Open, &lock);
    }

    /// Has the driver remove a device, and waits until none of its callbacks runs.
    ///
    /// # Safety
    ///
    /// `vdev` must be valid and bound.
    pub(crate) unsafe fn leave(
        vdev: *mut bindings::virtio_device,
        f: impl FnOnce(&T, &Device<Bound>),
    ) {
        let lock = Lock::new();
        let Some(gate) = Self::find(&lock, vdev) else {
            return;
        };
        let inside = Inside::new(gate, &lock);
        let entry = inside.entry();
        entry.set(Stage::Leaving, &lock);
        inside.run(&lock);
        drop(lock);
        if let Some(value) = inside.value() {
            // SAFETY: By the requirements of this function.
            f(value, unsafe { Device::from_raw(vdev) });
        }
        let lock = Lock::new();
        inside.stop(&lock);
        entry.set(Stage::Left, &lock);
        drop(lock);
        entry.wait(|entry| entry.running.get() == 0);
    }

    /// Has those leave who wait, and drops the value. Sleeps.
    fn close(vdev: *const bindings::virtio_device) {
        let lock = Lock::new();
        let Some(gate) = Self::find(&lock, vdev) else {
            return;
        };
        // SAFETY: It was found in the list; only this function frees it, once it is not in it.
        let entry = unsafe { &(*gate.as_ptr()).entry };
        GATES.remove(&lock, entry);
        entry.set(Stage::Closed, &lock);
        drop(lock);
        entry.wait(|entry| entry.inside.get() == 0);
        // SAFETY: `make` leaked it; it is in no list, and nobody is inside.
        drop(unsafe { KBox::from_raw(gate.as_ptr()) });
    }

    /// Runs `f` with a device and the driver's value of it, if there is one. Does not sleep.
    ///
    /// # Safety
    ///
    /// `vdev` must be valid.
    pub(crate) unsafe fn with<R>(
        vdev: *mut bindings::virtio_device,
        f: impl FnOnce(&T, &Device<Bound>) -> R,
    ) -> Option<R> {
        let lock = Lock::new();
        let inside = Inside::new(Self::find(&lock, vdev)?, &lock);
        if matches!(inside.entry().stage.get(), Stage::Open | Stage::Leaving) {
            inside.run(&lock);
        }
        drop(lock);
        let value = inside.value()?;
        // SAFETY: The device is valid, and stays bound while `inside` runs.
        Some(f(value, unsafe { Device::from_raw(vdev) }))
    }

    /// Runs `f`, which prepares a reset, as [`with`](Self::with) does. Waits for the end of a probe or a
    /// removal before the device is reset: it must not be while virtio core looks at it. Sleeps.
    ///
    /// # Safety
    ///
    /// `vdev` must be valid.
    pub(crate) unsafe fn prepare_reset(
        vdev: *mut bindings::virtio_device,
        f: impl FnOnce(&T, &Device<Bound>) -> Result,
    ) -> Option<Result> {
        let lock = Lock::new();
        let inside = Inside::new(Self::find(&lock, vdev)?, &lock);
        drop(lock);
        let entry = inside.entry();
        let is_leaving = |entry: &Entry| {
            matches!(entry.stage.get(), Stage::Leaving | Stage::Left) && !entry.recovers.get()
        };

        let may_go_on = || {
            let lock = Lock::new();
            let stage = entry.stage.get();
            if entry.is_probed() || (stage == Stage::Leaving && entry.recovers.get()) {
                inside.run(&lock);
                return true;
            }
            stage == Stage::Closed || (stage == Stage::Left && entry.recovers.get())
        };
        // The end of a probe wakes nobody.
        while !entry.changed.wait_timeout(1, may_go_on) {}
        // SAFETY: The device is valid, and stays bound while `inside` runs.
        let result = f(inside.value()?, unsafe { Device::from_raw(vdev) });
        let lock = Lock::new();
        inside.stop(&lock);
        drop(lock);
        if result.is_err() {
            entry.wait(|entry| !is_leaving(entry));
        }
        Some(result)
    }
}
