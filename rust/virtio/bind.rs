// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The driver's value of a bound device, and what keeps resets of the bus away from it.
//!
//! A PCI reset calls the driver without the lock of the virtio device (7.3), so it may do so beside a
//! probe and a removal. Both take the lock of the device below, which a PCI reset holds from its first
//! callback to its end. docs/upstream/virtio-reset-lock.patch would make that unnecessary, and excludes
//! it, because it takes the two locks in the opposite order.
//!
//! What is tied to a device is in the driver core's list of its resources (devres).
use core::{
    any::Any,
    mem::{forget, size_of},
    ptr,
};

use drm_bindings as bindings;
use kernel::{
    device::{self, Bound},
    ffi::{c_int, c_void},
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{Atomic, Full, Relaxed},
        Arc, SetOnce,
    },
    time::{delay::fsleep, Delta},
    types::NotThreadSafe,
};

use crate::{Device, Driver};

/// How often a lock or a state is looked at again.
const TRY: Delta = Delta::from_millis(10);

fn raw(dev: &device::Device<Bound>) -> *mut kernel::bindings::device {
    // `device::Device` is transparent over the C struct.
    ptr::from_ref(dev).cast_mut().cast()
}

/// The lock of the device that carries a virtio device, a PCI function for instance. While it is held,
/// nobody resets that one, removes it or has it sleep.
///
/// # Invariants
///
/// This thread holds the lock.
pub(crate) struct ParentLock<'a>(&'a Device<Bound>, NotThreadSafe);

impl<'a> ParentLock<'a> {
    /// Takes the lock unless somebody has it.
    pub(crate) fn try_new(dev: &'a Device<Bound>) -> Option<Self> {
        // SAFETY: The pointer is made of a reference to a device.
        let is_locked = unsafe { bindings::helper_device_trylock(raw(dev.parent())) };
        // INVARIANT: It was taken here.
        is_locked.then(|| Self(dev, NotThreadSafe))
    }

    /// Keeps resets of the bus away while the driver comes or goes.
    ///
    /// Who binds or unbinds the parent's driver holds the lock already, or waits with it for the lock of
    /// the virtio device, which the caller holds. So the lock is only tried. Sleeps.
    fn keep_resets_away(dev: &'a Device<Bound>) -> Option<Self> {
        let parent = raw(dev.parent());
        // SAFETY: The pointer is made of a reference to a device; C: `READ_ONCE()`.
        while unsafe { (&raw const (*parent).links.status).read_volatile() }
            == kernel::bindings::dl_dev_state_DL_DEV_DRIVER_BOUND
        {
            if let Some(lock) = Self::try_new(dev) {
                return Some(lock);
            }
            fsleep(TRY);
        }
        None
    }
}

impl Drop for ParentLock<'_> {
    fn drop(&mut self) {
        // SAFETY: By the invariants this thread holds the lock.
        unsafe { bindings::helper_device_unlock(raw(self.0.parent())) };
    }
}

/// What is tied to a device while it has a driver.
struct Binding<V: ?Sized> {
    /// The driver leaves the device.
    is_leaving: Atomic<bool>,
    /// The driver leaves, and the thread that unbinds it holds the lock of the parent.
    has_parent_lock: Atomic<bool>,
    /// Whether there are queues, see [`Transport`](crate::Transport).
    has_transport: Atomic<bool>,
    /// A `SetOnce` of the driver's type, which is empty until the probe has succeeded.
    value: V,
}

/// A binding in the list of a device's resources.
type Node = Arc<Binding<dyn Any + Send + Sync>>;

/// Ties a binding to a device that is about to be probed.
fn tie(dev: &Device<Bound>, node: Node) -> Result {
    // SAFETY: The name is a string that stays.
    let place = unsafe {
        kernel::bindings::__devres_alloc_node(
            Some(untie),
            size_of::<Node>(),
            bindings::GFP_KERNEL,
            bindings::NUMA_NO_NODE,
            c"virtio binding".as_char_ptr(),
        )
    };
    if place.is_null() {
        return Err(ENOMEM);
    }
    // SAFETY: The memory has the size of a node, and devres aligns it for any type.
    unsafe { place.cast::<Node>().write(node) };
    // SAFETY: devres made it, and the device is being bound.
    unsafe { kernel::bindings::devres_add(raw(dev.as_device()), place) };
    Ok(())
}

/// Comes after all that virtio core does with a device that its driver leaves, and after all that the
/// driver has put in the list itself, because the list is released from its end.
extern "C" fn untie(dev: *mut kernel::bindings::device, node: *mut c_void) {
    // SAFETY: It is what `tie` has written. The driver core releases it once, and then only frees the
    // memory.
    let node = unsafe { node.cast::<Node>().read() };
    let has_parent_lock = node.has_parent_lock.load(Relaxed);
    node.is_leaving.store(true, Relaxed);
    drop(node);
    if has_parent_lock {
        // SAFETY: The device is valid and has a parent. `remove` has taken its lock in this thread, which
        // unbinds the device.
        unsafe { bindings::helper_device_unlock((*dev).parent) };
    }
}

/// Runs `f` with what is tied to a device, under the lock of its resources. Does not sleep.
fn look(dev: &Device<Bound>, mut f: impl FnMut(&Node)) {
    extern "C" fn found(
        _dev: *mut kernel::bindings::device,
        node: *mut c_void,
        f: *mut c_void,
    ) -> c_int {
        // SAFETY: It is the pointer below, which nobody else uses.
        let f = unsafe { &mut *f.cast::<&mut dyn FnMut(&Node)>() };
        // SAFETY: It is what `tie` has written. It stays because the lock is held.
        f(unsafe { &*node.cast::<Node>() });
        1
    }

    let mut f: &mut dyn FnMut(&Node) = &mut f;
    // SAFETY: The device is valid; `found` gets the nodes that `untie` belongs to, and a pointer that is
    // valid until this returns.
    unsafe {
        kernel::bindings::devres_find(
            raw(dev.as_device()),
            Some(untie),
            Some(found),
            (&raw mut f).cast(),
        )
    };
}

fn get(dev: &Device<Bound>) -> Option<Node> {
    let mut found = None;
    look(dev, |node| found = Some(node.clone()));
    found
}

impl<V: ?Sized> Binding<V> {
    /// Disables the queues that the driver has not deleted. They stay allocated, because something may
    /// still refer to them.
    fn quiesce(&self, dev: &Device<Bound>) {
        if !self.has_transport.load(Relaxed) {
            return;
        }
        dev_err!(dev.as_device(), "the driver has not deleted its queues\n");
        // The core does not call the driver for a broken queue.
        // SAFETY: The device is valid and bound.
        unsafe { bindings::virtio_break_device(dev.as_raw()) };
        // SAFETY: As above.
        unsafe { bindings::virtio_reset_device(dev.as_raw()) };
        // The driver's code may be unloaded next, so this waits for calls that began before.
        // SAFETY: As above.
        unsafe { bindings::helper_virtio_synchronize_cbs(dev.as_raw()) };
        // The queues refer to the device.
        forget(ARef::<Device>::from(dev));
    }
}

impl Binding<dyn Any + Send + Sync> {
    /// The driver's value; none before the end of the probe, or of another driver.
    fn value<T: Driver>(&self) -> Option<&T> {
        self.value.downcast_ref::<SetOnce<T>>()?.as_ref()
    }

    /// Waits until virtio core has done the last of what it does in a probe.
    ///
    /// After the driver's part core marks the device as ready, unless it is. A reset that clears the
    /// mark just before that would wait for ever for the device to be clear. A driver that leaves
    /// after a failed probe ends the wait.
    fn wait_bound(&self, dev: &Device<Bound>) {
        // SAFETY: The pointer is made of a reference to a device.
        while !unsafe { kernel::bindings::device_is_bound(raw(dev.as_device())) }
            && !self.is_leaving.load(Relaxed)
        {
            fsleep(TRY);
        }
    }
}

/// Has the driver probe a device, and keeps its value.
///
/// # Errors
///
/// Those of the driver; `ENOMEM`; `EPROBE_DEFER` for a device that was reset since virtio core began.
pub(crate) fn probe<T: Driver>(dev: &Device<Bound>) -> Result {
    let _lock = ParentLock::keep_resets_away(dev);
    if !dev.has_driver_status() {
        // Nothing is negotiated any more.
        return Err(EPROBE_DEFER);
    }
    let binding = Arc::new(
        Binding {
            is_leaving: Atomic::new(false),
            has_parent_lock: Atomic::new(false),
            has_transport: Atomic::new(false),
            value: SetOnce::new(),
        },
        GFP_KERNEL,
    )?;
    tie(dev, binding.clone())?;
    match T::probe(dev) {
        Ok(value) => {
            binding.value.populate(value);
            Ok(())
        }
        Err(error) => {
            binding.quiesce(dev);
            Err(error)
        }
    }
}

/// Has the driver remove a device. From here until virtio core has done the last of what it does then,
/// the device is not reset.
pub(crate) fn remove<T: Driver>(dev: &Device<Bound>) {
    let lock = ParentLock::keep_resets_away(dev);
    let Some(node) = get(dev) else {
        return;
    };
    node.has_parent_lock.store(lock.is_some(), Relaxed);
    // `untie` gives it back.
    forget(lock);
    if let Some(value) = node.value::<T>() {
        value.remove(dev);
    }
    node.quiesce(dev);
}

/// Runs `f` with the driver's value of a device, if there is one.
pub(crate) fn with<T: Driver, R>(dev: &Device<Bound>, f: impl FnOnce(&T) -> R) -> Option<R> {
    get(dev)?.value().map(f)
}

/// As [`with`], once the device is bound. A reset is about to come: the lock of the parent is held.
pub(crate) fn with_bound<T: Driver, R>(dev: &Device<Bound>, f: impl FnOnce(&T) -> R) -> Option<R> {
    let node = get(dev)?;
    node.wait_bound(dev);
    node.value().map(f)
}

/// Records that the device has queues. Returns false if it had some before.
pub(crate) fn claim(dev: &Device<Bound>) -> bool {
    if get(dev).is_none_or(|node| node.has_transport.xchg(true, Full)) {
        return false;
    }
    // SAFETY: The device is valid.
    let queues = unsafe { &raw const (*dev.as_raw()).vqs };
    // SAFETY: As above. Nothing else changes the list, because queues are only created after `claim`.
    let is_empty = ptr::eq(unsafe { (*queues).next }, queues);
    if !is_empty {
        // A driver that was bound before has not deleted them.
        give_back(dev);
    }
    is_empty
}

/// Records that the device has no queues any more.
pub(crate) fn give_back(dev: &Device<Bound>) {
    if let Some(node) = get(dev) {
        node.has_transport.xchg(false, Full);
    }
}

/// Runs `f` with the driver's value of a device, if there is one, in any context and under a lock.
///
/// virtio core lets its events through after a reset, even if it ends after the driver has left.
pub(crate) fn notify<T: Driver>(dev: &Device<Bound>, f: impl Fn(&T)) {
    look(dev, |node| {
        if let Some(value) = node.value() {
            f(value);
        }
    });
}
