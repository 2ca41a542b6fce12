// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The driver's value of a bound device, and what keeps resets of the bus away from it.
//!
//! A PCI reset calls the driver without the lock of the virtio device (7.3), so it may do so beside a
//! probe and a removal. Both take the lock of the device below, which a PCI reset holds from its first
//! callback to its end. docs/upstream/virtio-reset-lock.patch would make that unnecessary, and excludes
//! it, because it takes the two locks in the opposite order.
//!
//! What is tied to a device is in the driver core's list of its resources (devres). Everything that the
//! driver or the crates have added to the list since the probe began is released by [`release`] before
//! virtio core goes on, in the reverse order: the registrations with other subsystems, then the queues,
//! then the memory that the device uses. So it does not matter whether the driver has kept the values
//! that stand for them.
use core::{
    any::Any,
    mem::{self, forget, offset_of, size_of},
    ptr,
};

use drm_bindings as bindings;
use kernel::{
    device::{self, Bound, Core, DeviceContext},
    ffi::{c_int, c_void},
    new_mutex,
    prelude::*,
    sync::{
        atomic::{Atomic, Full, Relaxed},
        Arc, Mutex, SetOnce,
    },
    time::{delay::fsleep, Delta},
    types::NotThreadSafe,
};

use crate::{config, rings::Rings, Device, Driver};

/// How often a lock or a state is looked at again.
const TRY: Delta = Delta::from_millis(10);

fn raw<Ctx: DeviceContext>(dev: &device::Device<Ctx>) -> *mut kernel::bindings::device {
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

    /// Prevents resets of the bus while the driver is bound or unbound. Sleeps.
    ///
    /// If the parent's driver is being bound or unbound, that thread holds the lock, and may wait for the
    /// lock of the virtio device, which the caller holds. So the lock is only tried.
    fn keep_resets_away(dev: &'a Device<Bound>) -> Option<Self> {
        let parent = raw(dev.parent());
        // SAFETY: The pointer is made of a reference to a device.
        let status = unsafe { &raw const (*parent).links.status };
        // SAFETY: As above; C: `READ_ONCE()`.
        while unsafe { status.read_volatile() }
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

/// The queues of a device.
enum Queues {
    None,
    /// A thread starts or stops them.
    Changing,
    Running(Running),
    /// The driver leaves, so there are none any more.
    Closed,
}

/// Queues that exist.
///
/// # Invariants
///
/// `rings` are all queues of the device, and `end` is a function that may be called for them.
pub(crate) struct Running {
    rings: Arc<Rings>,
    // # Safety: its requirements are those of `started`.
    end: unsafe fn(&Device<Bound>, &Rings),
}

/// What is tied to a device while it has a driver.
struct Binding<V: ?Sized> {
    /// The driver leaves the device.
    is_leaving: Atomic<bool>,
    /// The driver leaves, and the thread that unbinds it holds the lock of the parent.
    has_parent_lock: Atomic<bool>,
    /// The list of resources has an entry for the queues.
    has_queue_entry: Atomic<bool>,
    /// Size of the configuration space in bytes.
    config_size: usize,
    queues: Pin<KBox<Mutex<Queues>>>,
    /// A `SetOnce` of the driver's value, which is empty until the probe has succeeded.
    value: V,
}

/// A binding in the list of a device's resources.
type Node = Arc<Binding<dyn Any + Send + Sync>>;

/// A function that releases a [`Node`].
type Release = extern "C" fn(*mut kernel::bindings::device, *mut c_void);

/// Adds an entry to the list of a device's resources.
fn tie(dev: &Device<Bound>, release: Release, node: Node) -> Result {
    // SAFETY: The name is a string that stays.
    let place = unsafe {
        kernel::bindings::__devres_alloc_node(
            Some(release),
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
    // SAFETY: devres made it, and the device is being bound or is bound.
    unsafe { kernel::bindings::devres_add(raw(dev.as_ref()), place) };
    Ok(())
}

/// The name of the group that contains what a driver has added to the list.
fn group() -> *mut c_void {
    untie as Release as *mut c_void
}

/// Releases what the driver and the crates have added to the list since the probe began.
fn release(dev: &Device<Bound>) {
    // SAFETY: `probe` has opened the group. It releases it once, or `remove` does.
    unsafe { kernel::bindings::devres_release_group(raw(dev.as_ref()), group()) };
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
        // SAFETY: The device is valid.
        let parent = unsafe { (*dev).parent };
        // SAFETY: The device holds a reference to its parent. `remove` has taken its lock in this
        // thread, which unbinds the device.
        unsafe { bindings::helper_device_unlock(parent) };
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
            raw(dev.as_ref()),
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

/// Ends the queues of a device that its driver leaves, if the driver has not done so.
extern "C" fn close_queues(dev: *mut kernel::bindings::device, node: *mut c_void) {
    // SAFETY: It is what `tie` has written. The driver core releases it once, and then only frees the
    // memory.
    let node = unsafe { node.cast::<Node>().read() };
    // `tie` is only called with virtio devices.
    let vdev = dev
        .wrapping_byte_sub(offset_of!(bindings::virtio_device, dev))
        .cast();
    // SAFETY: The list is released while the device is being unbound.
    node.close_queues(unsafe { Device::from_raw(vdev) });
}

impl<V: ?Sized> Binding<V> {
    /// Deletes the queues that the driver has not deleted, and prevents that there are new ones. Waits
    /// for a thread that starts or stops them. Sleeps.
    fn close_queues(&self, dev: &Device<Bound>) {
        let queues = loop {
            let queues = mem::replace(&mut *self.queues.lock(), Queues::Changing);
            if !matches!(queues, Queues::Changing) {
                break queues;
            }
            fsleep(TRY);
        };
        if let Queues::Running(Running { rings, end }) = queues {
            dev_err!(dev, "the driver has not deleted its queues\n");
            rings.revoke();
            // SAFETY: By the invariants of `Running`, this is the function for these queues. Nothing
            // else uses them, because they were revoked.
            unsafe { end(dev, &rings) };
        }
        *self.queues.lock() = Queues::Closed;
    }
}

impl Binding<dyn Any + Send + Sync> {
    /// The driver's value; none before the end of the probe, or of another driver.
    fn value<T: Driver>(&self) -> Option<Pin<&T>> {
        Some(
            self.value
                .downcast_ref::<SetOnce<Pin<KBox<T>>>>()?
                .as_ref()?
                .as_ref(),
        )
    }

    /// Waits until virtio core has done the last of what it does in a probe.
    ///
    /// After the driver's part core marks the device as ready, unless it is. A reset that clears the
    /// mark just before that would wait for ever for the device to be clear. A driver that leaves
    /// after a failed probe ends the wait.
    fn wait_bound(&self, dev: &Device<Bound>) {
        // SAFETY: The pointer is made of a reference to a device.
        while !unsafe { kernel::bindings::device_is_bound(raw(dev.as_ref())) }
            && !self.is_leaving.load(Relaxed)
        {
            fsleep(TRY);
        }
    }
}

/// Makes the lock of a device's queues. Not generic, because lockdep wants one name for its class, and each
/// crate with a driver would have a copy of the name.
#[inline(never)]
fn no_queues() -> Result<Pin<KBox<Mutex<Queues>>>> {
    KBox::pin_init(new_mutex!(Queues::None), GFP_KERNEL)
}

/// Has the driver probe a device, and keeps its value.
///
/// # Errors
///
/// The errors of the driver; `ENOMEM`; `EPROBE_DEFER` for a device that was reset since virtio core began.
pub(crate) fn probe<T: Driver>(dev: &Device<Core<'_>>) -> Result {
    let _lock = ParentLock::keep_resets_away(dev);
    if !dev.has_driver_status() {
        // Nothing is negotiated any more.
        return Err(EPROBE_DEFER);
    }
    let place = KBox::<T>::new_uninit(GFP_KERNEL)?;
    let binding = Arc::new(
        Binding {
            is_leaving: Atomic::new(false),
            has_parent_lock: Atomic::new(false),
            has_queue_entry: Atomic::new(false),
            config_size: config::size(dev),
            queues: no_queues()?,
            value: SetOnce::<Pin<KBox<T>>>::new(),
        },
        GFP_KERNEL,
    )?;
    tie(dev, untie, binding.clone())?;
    // SAFETY: The device is being bound. The name is unique in its list.
    let group = unsafe {
        kernel::bindings::devres_open_group(raw(dev.as_ref()), group(), bindings::GFP_KERNEL)
    };
    if group.is_null() {
        return Err(ENOMEM);
    }
    match place.write_pin_init(T::probe(dev)) {
        Ok(value) => {
            binding.value.populate(value);
            Ok(())
        }
        Err(error) => {
            end(dev);
            Err(error)
        }
    }
}

/// Calls the driver's `remove` for a device. The bus does not reset the device from here until virtio
/// core has finished the removal.
pub(crate) fn remove<T: Driver>(dev: &Device<Core<'_>>) {
    let lock = ParentLock::keep_resets_away(dev);
    let Some(node) = get(dev) else {
        return;
    };
    node.has_parent_lock.store(lock.is_some(), Relaxed);
    // `untie` gives it back.
    forget(lock);
    if let Some(value) = node.value::<T>() {
        T::remove(dev, value);
    }
    end(dev);
}

/// Ends all that the driver has started on a device, and resets the device, because queues that were
/// enabled cannot be set up again before.
fn end(dev: &Device<Bound>) {
    release(dev);
    if dev.status() != 0 {
        // The driver has had no queues, whose end would have reset the device, or has failed to start
        // them.
        // SAFETY: The device is valid, and is being bound or unbound.
        unsafe { bindings::virtio_reset_device(dev.as_raw()) };
    }
}

/// Runs `f` with the driver's value of a device, if there is one.
pub(crate) fn with<T: Driver, R>(dev: &Device<Bound>, f: impl FnOnce(&T) -> R) -> Option<R> {
    get(dev)?.value().map(|value: Pin<&T>| f(value.get_ref()))
}

/// As [`with`], once the device is bound. A reset is about to come: the lock of the parent is held.
pub(crate) fn with_bound<T: Driver, R>(dev: &Device<Bound>, f: impl FnOnce(&T) -> R) -> Option<R> {
    let node = get(dev)?;
    node.wait_bound(dev);
    node.value().map(|value: Pin<&T>| f(value.get_ref()))
}

/// Returns the size of the device's configuration space in bytes.
pub(crate) fn config_size(dev: &Device<Bound>) -> usize {
    get(dev).map_or(0, |node| node.config_size)
}

/// The right to start or stop the queues of a device. When it is dropped, there are none.
///
/// # Invariants
///
/// Unless the claim is over, the state of the node's queues is `Changing`, and only this value changes it.
pub(crate) struct Claim {
    node: Node,
    /// The queues exist, so the state is not `Changing` any more.
    is_over: bool,
}

impl Claim {
    /// Claims the queues of a device that has none, to start them.
    ///
    /// # Errors
    ///
    /// `EBUSY` if it has queues, or if another thread starts or stops them; `ENODEV` if the driver
    /// leaves; `ENOMEM`.
    pub(crate) fn to_start(dev: &Device<Bound>) -> Result<Self> {
        let node = get(dev).ok_or(ENODEV)?;
        let mut queues = node.queues.lock();
        match *queues {
            Queues::None => *queues = Queues::Changing,
            Queues::Closed => return Err(ENODEV),
            Queues::Changing | Queues::Running(_) => return Err(EBUSY),
        }
        drop(queues);
        // INVARIANT: It was set to `Changing` above, from which other threads do not change it.
        let claim = Self {
            node,
            is_over: false,
        };
        // SAFETY: The device is valid.
        let list = unsafe { &raw const (*dev.as_raw()).vqs };
        // SAFETY: As above. Nothing else changes the list, because queues are only created with a claim.
        if !ptr::eq(unsafe { (*list).next }, list) {
            // A driver that was bound before has not deleted them.
            return Err(EBUSY);
        }
        // There is one entry for all queues that follow each other.
        if !claim.node.has_queue_entry.xchg(true, Full) {
            tie(dev, close_queues, claim.node.clone())
                .inspect_err(|_| claim.node.has_queue_entry.store(false, Relaxed))?;
        }
        Ok(claim)
    }

    /// Claims the queues of a device to stop them, if they are those.
    pub(crate) fn to_stop(dev: &Device<Bound>, rings: &Arc<Rings>) -> Option<Self> {
        let node = get(dev)?;
        let mut queues = node.queues.lock();
        match &*queues {
            Queues::Running(running) if Arc::ptr_eq(&running.rings, rings) => (),
            _ => return None,
        }
        let running = mem::replace(&mut *queues, Queues::Changing);
        drop(queues);
        drop(running);
        // INVARIANT: It was set to `Changing` above, from which other threads do not change it.
        Some(Self {
            node,
            is_over: false,
        })
    }

    /// Records that the queues exist.
    ///
    /// # Safety
    ///
    /// `rings` must be all queues of the device. It must be sound to call `end` with them and with the
    /// device, after they were revoked.
    pub(crate) unsafe fn started(
        mut self,
        rings: Arc<Rings>,
        end: unsafe fn(&Device<Bound>, &Rings),
    ) {
        self.is_over = true;
        // INVARIANT: By the requirements of this function.
        *self.node.queues.lock() = Queues::Running(Running { rings, end });
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.is_over {
            *self.node.queues.lock() = Queues::None;
        }
    }
}

/// Runs `f` with the driver's value of a device, if there is one, in any context and under a lock.
///
/// virtio core lets its events through after a reset, even if it ends after the driver has left.
pub(crate) fn notify<T: Driver>(dev: &Device<Bound>, f: impl Fn(&T)) {
    look(dev, |node| {
        if let Some(value) = node.value::<T>() {
            f(value.get_ref());
        }
    });
}
