// SPDX-License-Identifier: GPL-2.0
//! Contexts: what a renderer on the host keeps for one open file.
//!
//! A context is created when the file first needs it, because many files never render. The driver
//! attaches an object to the context with the file's first handle of it, and detaches it with the
//! last.
//!
//! A context is *lost* with a reset of the device, or when its work does not end. After that the file
//! gets `EIO`.
use core::ops::Deref;

use drm::{
    file::{DriverFile, HandleFile},
    gem::BaseObject,
    uapi, File,
};
use kernel::{
    new_mutex, new_spinlock,
    prelude::*,
    rbtree::{RBTree, RBTreeNode, RBTreeNodeReservation},
    str::BStr,
    sync::{
        aref::ARef,
        atomic::{Acquire, Atomic, Full, Relaxed, Release},
        Arc, Mutex, SetOnce, SpinLock,
    },
    uaccess::{UserPtr, UserSlice},
};

use crate::{
    device::{work, Device, Object, VirtGpu, VirtGpuFile},
    gpu::cmd,
    memory::{callbacks::Callbacks as _, format, gem, resource::Resource},
    render::{
        callbacks::Callbacks,
        timeline::{self, Timeline, Times, MAX_RINGS},
    },
    transport::{
        command::{self, gives_back, on_done, Chain},
        encode,
    },
};

/// Including the NUL, which is not sent to the host.
const NAME_SIZE: usize = 64;
/// Each parameter may be set once.
const MAX_PARAMS: usize = 4;

/// A name for debugging on the host.
struct Name {
    bytes: [u8; NAME_SIZE],
    len: usize,
}

impl Name {
    fn new(name: &[u8]) -> Self {
        let mut bytes = [0; NAME_SIZE];
        let len = name.len().min(NAME_SIZE - 1);
        bytes[..len].copy_from_slice(&name[..len]);
        Self { bytes, len }
    }

    /// Reads a string of user space, of which the end is cut off if it is too long.
    fn read(address: u64) -> Result<Self> {
        let mut bytes = [0; NAME_SIZE];
        let len = UserSlice::new(UserPtr::from_addr(address as usize), NAME_SIZE)
            .reader()
            .strcpy_into_buf(&mut bytes)?
            .to_bytes()
            .len();
        Ok(Self { bytes, len })
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The parameters of a context. They do not change after it was created.
#[derive(Default)]
struct Params {
    /// The renderer, 0 for the host's default.
    capset: u32,
    /// Its own timelines.
    rings: Option<KVec<Timeline>>,
    /// Rings whose fences send an event.
    poll_mask: u64,
    /// The name that user space has chosen, or that of the task.
    name: Option<Name>,
}

impl Params {
    fn rings(&self) -> &[Timeline] {
        self.rings.as_ref().map_or(&[], |rings| &rings[..])
    }

    /// Sets a parameter. `is_known` tells whether the host has a renderer.
    ///
    /// # Errors
    ///
    /// `EINVAL` for unknown and repeated parameters, and for values that they cannot have; `EFAULT`;
    /// `ENOMEM`.
    fn set(&mut self, param: u64, value: u64, is_known: impl Fn(u64) -> bool) -> Result {
        match u32::try_from(param).map_err(|_| EINVAL)? {
            uapi::VIRTGPU_CONTEXT_PARAM_CAPSET_ID => {
                if self.capset != 0 || !is_known(value) {
                    return Err(EINVAL);
                }
                self.capset = value as u32;
            }
            uapi::VIRTGPU_CONTEXT_PARAM_NUM_RINGS => {
                if self.rings.is_some() || value > u64::from(MAX_RINGS) {
                    return Err(EINVAL);
                }
                let mut rings = KVec::with_capacity(value as usize, GFP_KERNEL)?;
                for _ in 0..value {
                    rings.push(Timeline::new(1), GFP_KERNEL)?;
                }
                self.rings = Some(rings);
            }
            uapi::VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK => {
                if self.poll_mask != 0 {
                    return Err(EINVAL);
                }
                self.poll_mask = value;
            }
            uapi::VIRTGPU_CONTEXT_PARAM_DEBUG_NAME => {
                if self.name.is_some() {
                    return Err(EINVAL);
                }
                self.name = Some(Name::read(value)?);
            }
            _ => return Err(EINVAL),
        }
        Ok(())
    }

    /// Returns whether the rings to be polled are rings of the context.
    fn has_polled_rings(&self) -> bool {
        self.poll_mask
            .checked_shr(self.rings().len() as u32)
            .unwrap_or(0)
            == 0
    }

    fn polls(&self, ring: Option<u32>) -> bool {
        ring.is_some_and(|ring| self.poll_mask.checked_shr(ring).unwrap_or(0) & 1 != 0)
    }
}

/// How many handles a file has of each object, by the number of its resource. These resources are
/// attached.
struct Objects(RBTree<u32, u32>);

impl Objects {
    /// The file got a handle. Returns whether it is the first one.
    fn add(&mut self, id: u32, place: RBTreeNodeReservation<u32, u32>) -> bool {
        if let Some(count) = self.0.get_mut(&id) {
            *count += 1;
            return false;
        }
        self.0.insert(place.into_node(id, 1));
        true
    }

    /// The file closes a handle. Returns whether it is the last one.
    fn remove(&mut self, id: u32) -> bool {
        match self.0.get_mut(&id) {
            Some(count) if *count > 1 => {
                *count -= 1;
                false
            }
            Some(_) => self.0.remove(&id).is_some(),
            None => false,
        }
    }
}

/// A context of an open file.
#[pin_data]
pub(crate) struct Context {
    /// Its number on the host.
    pub(crate) id: u32,
    /// A number that no other context ever has.
    pub(super) owner: u64,
    /// When a fence of each ring was last signalled.
    pub(super) times: Arc<Times>,
    /// Number of values that keep it on the host: the file, and fences on its rings.
    holds: Atomic<u32>,
    /// The host is told to destroy it, or it is freed.
    is_ending: Atomic<bool>,
    /// The host has it.
    is_created: Atomic<bool>,
    /// The host has it and its objects.
    is_ready: Atomic<bool>,
    /// It was lost with a reset, or because its work did not end.
    is_lost: Atomic<bool>,
    params: SetOnce<Params>,
    /// Also held while it is created.
    #[pin]
    objects: Mutex<Objects>,
}

impl Context {
    fn new(id: u32, owner: u64) -> Result<Arc<Self>> {
        let times = Times::new()?;
        Arc::pin_init(
            pin_init!(Self {
                id,
                owner,
                times,
                // The hold of the file. It is counted before others can find the context, because a
                // context without holds is destroyed.
                holds: Atomic::new(1),
                is_ending: Atomic::new(false),
                is_created: Atomic::new(false),
                is_ready: Atomic::new(false),
                is_lost: Atomic::new(false),
                params: SetOnce::new(),
                objects <- new_mutex!(Objects(RBTree::new())),
            }),
            GFP_KERNEL,
        )
    }

    /// Returns whether it was lost. Before its commands are queued, this is checked again under
    /// [`Fences::emit`](timeline::Fences::emit).
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Relaxed)
    }

    /// Returns whether a reset would destroy it.
    fn is_live(&self) -> bool {
        self.is_created.load(Relaxed) && !self.is_lost()
    }

    /// Returns its own timelines.
    pub(super) fn rings(&self) -> &[Timeline] {
        self.params.as_ref().map_or(&[], Params::rings)
    }

    /// Returns whether the file gets an event for each fence of a ring.
    pub(super) fn polls(&self, ring: Option<u32>) -> bool {
        self.params
            .as_ref()
            .is_some_and(|params| params.polls(ring))
    }

    fn name(&self) -> &[u8] {
        let name = self.params.as_ref().and_then(|params| params.name.as_ref());
        name.map_or(&[], Name::as_bytes)
    }

    /// Takes a hold if there is one, because a context without one is about to end.
    fn try_hold(&self) -> bool {
        let mut holds = self.holds.load(Relaxed);
        while holds != 0 {
            match self.holds.cmpxchg(holds, holds + 1, Relaxed) {
                Ok(_) => return true,
                Err(other) => holds = other,
            }
        }
        false
    }

    /// Returns true once, for the caller that ends it.
    fn begin_to_end(&self) -> bool {
        self.holds.load(Acquire) == 0 && !self.is_ending.xchg(true, Full)
    }

    /// Attaches or detaches a resource if the host has the context. The caller holds the lock of the
    /// objects, and kicks.
    fn tell(&self, dev: &Device, kind: u32, resource: u32) {
        if !self.is_live() {
            return;
        }
        match encode::ctx_resource(&dev.transport.pool, kind, self.id, resource) {
            Ok(chain) => dev.transport.ctrl.submit(dev, chain),
            Err(error) => drm::drm_err!(dev, "context {}: {:?}\n", self.id, error),
        }
    }

    /// The file got a handle of an object. The caller kicks.
    fn add(&self, dev: &Device, objects: &mut Objects, resource: &Resource) -> Result {
        if objects.add(resource.id, RBTreeNodeReservation::new(GFP_KERNEL)?) {
            self.tell(dev, cmd::CTX_ATTACH_RESOURCE, resource.id);
        }
        Ok(())
    }

    /// The file closes a handle of an object. Sent with the next kick; the end of the buffer kicks.
    fn remove(&self, dev: &Device, resource: &Resource) {
        let mut objects = self.objects.lock();
        if objects.remove(resource.id) && !resource.is_refused() {
            self.tell(dev, cmd::CTX_DETACH_RESOURCE, resource.id);
        }
    }
}

/// Keeps a context on the host. When the last one is dropped, the host destroys the context.
pub(crate) struct Hold {
    dev: ARef<Device>,
    context: Arc<Context>,
}

impl Hold {
    fn try_new(dev: &Device, context: Arc<Context>) -> Option<Self> {
        context.try_hold().then(|| Self {
            dev: dev.into(),
            context,
        })
    }

    pub(super) fn dev(&self) -> &Device {
        &self.dev
    }

    /// Makes sure that the host has the context.
    ///
    /// # Errors
    ///
    /// `EIO` for a context that is lost; those of
    /// [`while_up`](crate::memory::callbacks::Callbacks::while_up).
    pub(super) fn create(&self) -> Result {
        // Pairs with the release in `create_locked`, whose commands come first.
        if self.is_ready.load(Acquire) && !self.is_lost() {
            return Ok(());
        }
        self.create_locked(&self.objects.lock(), Params::default())
    }

    fn create_locked(&self, objects: &Objects, mut params: Params) -> Result {
        let dev = &*self.dev;
        if self.is_lost() {
            return Err(EIO);
        }
        if self.is_created.load(Relaxed) {
            return Ok(());
        }
        // A reset in progress would lose a context that is created now.
        VirtGpu::while_up(dev, || Ok(()))?;

        let capset = params.capset;
        let name = params
            .name
            .get_or_insert_with(|| Name::new(drm::task::current_name().as_bytes()));
        let create = encode::ctx_create(&dev.transport.pool, self.id, capset, name.as_bytes())?;
        self.params.populate(params);
        dev.transport
            .ctrl
            .submit(dev, on_done(create, Done::Created(self.clone())));
        self.is_created.store(true, Relaxed);
        // The objects of which the file had handles before.
        for id in objects.0.keys() {
            self.tell(dev, cmd::CTX_ATTACH_RESOURCE, *id);
        }
        // Pairs with the acquire in `create`: commands of others are queued after these.
        self.is_ready.store(true, Release);
        Ok(())
    }
}

impl Deref for Hold {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

impl Clone for Hold {
    fn clone(&self) -> Self {
        self.holds.fetch_add(1, Relaxed);
        Self {
            dev: self.dev.clone(),
            context: self.context.clone(),
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.holds.fetch_sub(1, Full) != 1 {
            return;
        }
        if self.is_live() {
            destroy_later(&self.dev);
        } else if self.begin_to_end() {
            free(&self.dev, self.id);
        }
    }
}

/// The hold of a fence on a ring of the context. In contrast to a [`Hold`], it may be dropped in softirq.
pub(super) struct RingHold {
    dev: ARef<Device>,
    context: Arc<Context>,
}

impl RingHold {
    pub(super) fn new(hold: &Hold) -> Self {
        hold.holds.fetch_add(1, Relaxed);
        Self {
            dev: hold.dev.clone(),
            context: hold.context.clone(),
        }
    }
}

impl Drop for RingHold {
    fn drop(&mut self) {
        if self.context.holds.fetch_sub(1, Full) == 1 {
            destroy_later(&self.dev);
        }
    }
}

/// What happens at the end of a context's commands.
pub(crate) enum Done {
    /// The host has the context, or it is lost.
    Created(Hold),
    /// The host has no context of that number any more.
    Destroyed(Arc<Context>),
    /// The host has destroyed a context that was lost.
    LostDestroyed(Hold),
}

impl command::Done for Done {
    fn happen(self, dev: &Device, chain: Chain, _status: Result) -> Option<Chain> {
        match self {
            Self::Created(hold) => {
                // It was sent during a reset, so the host does not have the context.
                if !chain.data().is_answered() {
                    hold.is_lost.store(true, Relaxed);
                }
                drop(hold);
            }
            Self::Destroyed(context) => {
                timeline::cancel(dev, context.rings());
                free(dev, context.id);
            }
            Self::LostDestroyed(hold) => drop(hold),
        }
        Some(chain)
    }
}

struct Table {
    /// The entry is `None` while the context is being set up.
    contexts: RBTree<u32, Option<Arc<Context>>>,
    last_owner: u64,
}

impl Table {
    /// Reserves the lowest free number, and a number of an owner.
    fn take_number(
        &mut self,
        place: RBTreeNodeReservation<u32, Option<Arc<Context>>>,
    ) -> Option<(u32, u64)> {
        let mut id = 1;
        for used in self.contexts.keys() {
            if *used != id {
                break;
            }
            id += 1;
        }
        if id > i32::MAX as u32 {
            return None;
        }
        self.contexts.insert(place.into_node(id, None));
        self.last_owner += 1;
        Some((id, self.last_owner))
    }
}

/// The contexts of a device. Empty without renderers.
#[pin_data]
pub(crate) struct Contexts {
    #[pin]
    table: SpinLock<Table>,
}

impl Contexts {
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            table <- new_spinlock!(Table {
                contexts: RBTree::new(),
                last_owner: 0,
            }),
        })
    }

    fn add(&self) -> Result<Arc<Context>> {
        let place = RBTreeNodeReservation::new(GFP_KERNEL)?;
        let (id, owner) = self.table.lock().take_number(place).ok_or(EBUSY)?;
        let context = Context::new(id, owner).inspect_err(|_| drop(self.take(id)))?;
        if let Some(entry) = self.table.lock().contexts.get_mut(&id) {
            *entry = Some(context.clone());
        }
        Ok(context)
    }

    fn take(&self, id: u32) -> Option<RBTreeNode<u32, Option<Arc<Context>>>> {
        self.table.lock().contexts.remove_node(&id)
    }

    /// Returns the first context for which `f` is true.
    fn find(&self, f: impl Fn(&Context) -> bool) -> Option<Arc<Context>> {
        let table = self.table.lock();
        let mut all = table.contexts.values().flatten();
        all.find(|context| f(context)).cloned()
    }

    /// Returns whether there are contexts, which a reset would destroy.
    pub(crate) fn are_live(&self) -> bool {
        self.count_live() != 0
    }

    /// Returns how many contexts there are that a reset would destroy.
    pub(crate) fn count_live(&self) -> usize {
        let table = self.table.lock();
        let all = table.contexts.values().flatten();
        all.filter(|context| context.is_live()).count()
    }

    /// Marks all contexts as lost, because of a reset.
    pub(crate) fn lose_all(&self) {
        for context in self.table.lock().contexts.values().flatten() {
            if context.is_created.load(Relaxed) {
                context.is_lost.store(true, Relaxed);
            }
        }
    }
}

fn free(dev: &Device, id: u32) {
    let context = dev.render.contexts.take(id);
    drop(context);
    VirtGpu::context_gone(dev);
}

/// Schedules [`destroy_released`], because sending waits for room in the ring, and the completions that make
/// room may drop the last hold.
fn destroy_later(dev: &Device) {
    // It makes no difference if it is pending already.
    let _ = dev
        .transport
        .completions
        .enqueue::<ARef<Device>, { work::CONTEXTS }>(dev.into());
}

/// Has the host destroy the contexts that nothing holds any more.
pub(crate) fn destroy_released(dev: &Device) {
    while let Some(context) = dev.render.contexts.find(Context::begin_to_end) {
        let id = context.id;
        let chain = match context.is_live() {
            true => encode::ctx_destroy(&dev.transport.pool, id).ok(),
            false => None,
        };
        let Some(chain) = chain else {
            free(dev, id);
            continue;
        };
        dev.transport
            .ctrl
            .submit(dev, gives_back(on_done(chain, Done::Destroyed(context))));
        dev.transport.ctrl.kick(dev);
    }
}

/// Loses a context whose work does not end, and has the host destroy it. It may be freed already.
pub(super) fn lose(dev: &Device, owner: u64) {
    let found = dev.render.contexts.find(|context| context.owner == owner);
    let Some(hold) = found.and_then(|context| Hold::try_new(dev, context)) else {
        return;
    };
    // After this section none of its commands are queued any more.
    let emit = dev.render.fences.emit.lock();
    let was_lost = hold.is_lost.xchg(true, Full);
    drop(emit);
    if was_lost {
        return;
    }
    drm::drm_err!(
        dev,
        "context {} ({}) does not finish its work: it is lost\n",
        hold.id,
        BStr::from_bytes(hold.name())
    );
    if let Ok(chain) = encode::ctx_destroy(&dev.transport.pool, hold.id) {
        let done = Done::LostDestroyed(hold);
        dev.transport
            .ctrl
            .submit(dev, gives_back(on_done(chain, done)));
        dev.transport.ctrl.kick(dev);
    }
    VirtGpu::context_gone(dev);
}

/// An open file. Without a renderer it has no context.
pub(crate) struct OpenFile(Option<Hold>);

impl DriverFile for OpenFile {
    type Driver = VirtGpu;

    /// The host creates the context when it is first needed.
    fn open(dev: &Device) -> Result<Pin<KBox<Self>>> {
        let hold = if dev.render.has_3d {
            let context = dev.render.contexts.add()?;
            Some(Hold {
                dev: dev.into(),
                context,
            })
        } else {
            None
        };
        Ok(KBox::new(Self(hold), GFP_KERNEL)?.into())
    }
}

/// Returns the context of a file, if it has one.
pub(super) fn of(file: &File<VirtGpuFile>) -> Option<&Hold> {
    file.inner().get_ref().0.as_ref()
}

/// Does the same for a file in which a handle is opened or closed.
fn of_handle(file: &HandleFile<VirtGpuFile>) -> Option<&Hold> {
    file.inner().get_ref().0.as_ref()
}

/// A file got a handle of an object. A dumb buffer has no resource before it is named, see [`name`].
///
/// # Errors
///
/// `ENOMEM`.
pub(crate) fn opened(bo: &Object, file: &HandleFile<VirtGpuFile>) -> Result {
    let (Some(hold), Some(resource)) = (of_handle(file), bo.own()) else {
        return Ok(());
    };
    if resource.is_refused() {
        return Ok(());
    }
    let added = hold.add(hold.dev(), &mut hold.objects.lock(), &resource);
    hold.dev().transport.ctrl.kick(hold.dev());
    added
}

/// A file closes a handle of an object.
pub(crate) fn closed(bo: &Object, file: &HandleFile<VirtGpuFile>) {
    if let (Some(hold), Some(resource)) = (of_handle(file), bo.own()) {
        hold.remove(hold.dev(), &resource);
    }
}

/// Returns the resource of a handle that a program names in an ioctl. A dumb buffer gets a resource
/// now, which is attached to the file's context if there is one. It is detached when the file closes a
/// handle, and attached again if another handle is named.
///
/// # Errors
///
/// `ENOENT` if the handle was closed meanwhile; those of [`gem::resource`].
pub(super) fn name(file: &File<VirtGpuFile>, handle: u32, bo: &Object) -> Result<Arc<Resource>> {
    // Textures had a resource before they had handles.
    if let Some(resource) = bo.uncopied() {
        return Ok(resource);
    }
    let resource = gem::resource(bo, format::default().number)?;
    let Some(hold) = of(file).filter(|_| !resource.is_refused()) else {
        return Ok(resource);
    };
    let dev = hold.dev();
    let mut objects = hold.objects.lock();
    let is_new = objects.0.get(&resource.id).is_none();
    if is_new {
        hold.add(dev, &mut objects, &resource)?;
    }
    drop(objects);
    // If the handle was closed meanwhile, the context did not have the object yet.
    let is_there = || {
        Object::lookup_handle(file, handle).is_ok_and(|again| core::ptr::eq(&raw const *again, bo))
    };
    let named = if !is_new || is_there() {
        Ok(resource)
    } else {
        hold.remove(dev, &resource);
        Err(ENOENT)
    };
    dev.transport.ctrl.kick(dev);
    named
}

/// Sets the parameters of a file's context, and creates it.
///
/// # Errors
///
/// `EINVAL` if the device does not support parameters, for unknown and repeated parameters, and for
/// polled rings that the context does not have; `EEXIST` if the context exists; `EFAULT`; `ENOMEM`.
pub(super) fn init(
    dev: &Device,
    args: &uapi::drm_virtgpu_context_init,
    file: &File<VirtGpuFile>,
) -> Result {
    let count = args.num_params as usize;
    if !dev.render.has_context_init || count > MAX_PARAMS {
        return Err(EINVAL);
    }
    let hold = of(file).ok_or(EINVAL)?;
    let array = UserPtr::from_addr(args.ctx_set_params as usize);
    let mut reader = UserSlice::new(array, count * 16).reader();
    let mut values = [(0, 0); MAX_PARAMS];
    for value in &mut values[..count] {
        *value = (reader.read()?, reader.read()?);
    }

    let objects = hold.objects.lock();
    if hold.is_created.load(Relaxed) {
        return Err(EEXIST);
    }
    let mut params = Params::default();
    for (param, value) in &values[..count] {
        params.set(*param, *value, |id| dev.render.capsets.is_known(id))?;
    }
    if !params.has_polled_rings() {
        return Err(EINVAL);
    }
    hold.create_locked(&objects, params)?;
    drop(objects);
    dev.transport.ctrl.kick(dev);
    Ok(())
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, expect_eq, Test};

    const CAPSET: u64 = uapi::VIRTGPU_CONTEXT_PARAM_CAPSET_ID as u64;
    const RINGS: u64 = uapi::VIRTGPU_CONTEXT_PARAM_NUM_RINGS as u64;
    const POLL: u64 = uapi::VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK as u64;

    fn set(params: &mut Params, param: u64, value: u64) -> Result {
        params.set(param, value, |id| id == 2)
    }

    fn params(rings: u64, poll_mask: u64) -> Result<Params> {
        let mut params = Params::default();
        set(&mut params, RINGS, rings)?;
        set(&mut params, POLL, poll_mask)?;
        Ok(params)
    }

    fn parameters_are_set_once(test: &Test) -> Result {
        let mut params = Params::default();
        for (param, value) in [(CAPSET, 2), (RINGS, 3), (POLL, 5)] {
            expect_eq!(test, set(&mut params, param, value), Ok(()));
            expect_eq!(test, set(&mut params, param, value), Err(EINVAL));
        }
        expect_eq!(test, (params.capset, params.poll_mask), (2, 5));
        expect_eq!(test, params.rings().len(), 3);
        Ok(())
    }

    fn unknown_parameters_are_refused(test: &Test) {
        let mut params = Params::default();
        for param in [0, 5, 1 << 32 | CAPSET, u64::MAX] {
            expect_eq!(test, set(&mut params, param, 2), Err(EINVAL));
        }
        expect_eq!(test, set(&mut params, CAPSET, 3), Err(EINVAL));
        expect_eq!(test, set(&mut params, RINGS, 65), Err(EINVAL));
        expect_eq!(test, set(&mut params, RINGS, 64), Ok(()));
    }

    /// A context may say that it has no rings.
    fn rings_may_be_none(test: &Test) {
        let mut params = Params::default();
        expect_eq!(test, set(&mut params, RINGS, 0), Ok(()));
        expect_eq!(test, params.rings().len(), 0);
        expect_eq!(test, set(&mut params, RINGS, 2), Err(EINVAL));
    }

    fn rings_have_timelines_of_their_own(test: &Test) -> Result {
        let params = params(2, 0)?;
        expect!(test, params.rings()[0].nr() != params.rings()[1].nr());
        Ok(())
    }

    fn polled_rings_are_rings_of_the_context(test: &Test) -> Result {
        expect!(test, Params::default().has_polled_rings());
        expect!(test, params(3, 7)?.has_polled_rings());
        expect!(test, !params(3, 8)?.has_polled_rings());
        expect!(test, !params(0, 1)?.has_polled_rings());
        expect!(test, params(64, u64::MAX)?.has_polled_rings());
        expect!(test, !params(63, u64::MAX)?.has_polled_rings());
        Ok(())
    }

    fn only_chosen_rings_are_polled(test: &Test) -> Result {
        let params = params(64, 1 << 63 | 1 << 1)?;
        expect!(test, params.polls(Some(1)) && params.polls(Some(63)));
        expect!(test, !params.polls(Some(0)) && !params.polls(Some(62)));
        // The timeline of the device.
        expect!(test, !params.polls(None));
        Ok(())
    }

    fn names_are_cut_off(test: &Test) {
        let name = Name::new(b"glmark2");
        expect!(test, name.as_bytes() == b"glmark2");
        let name = Name::new(&[b'x'; 100]);
        expect_eq!(test, name.as_bytes().len(), 63);
        expect!(test, Name::new(b"").as_bytes().is_empty());
    }

    fn objects_are_attached_by_their_first_handle(test: &Test) -> Result {
        let mut objects = Objects(RBTree::new());
        let place = || RBTreeNodeReservation::new(GFP_KERNEL);
        expect!(test, objects.add(7, place()?));
        expect!(test, !objects.add(7, place()?));
        expect!(test, objects.add(8, place()?));
        expect!(test, !objects.remove(7));
        expect!(test, objects.remove(7));
        // It has no handle any more.
        expect!(test, !objects.remove(7));
        expect!(test, objects.remove(8));
        Ok(())
    }

    fn numbers_are_the_lowest_free_ones(test: &Test) -> Result {
        let contexts = KBox::pin_init(Contexts::new(), GFP_KERNEL)?;
        let first = contexts.add()?;
        expect_eq!(test, (first.id, contexts.add()?.id), (1, 2));
        drop(contexts.take(1));
        let again = contexts.add()?;
        expect_eq!(test, again.id, 1);
        expect!(test, again.owner != first.owner);
        expect_eq!(test, contexts.add()?.id, 3);
        Ok(())
    }

    fn only_created_contexts_are_lost(test: &Test) -> Result {
        let contexts = KBox::pin_init(Contexts::new(), GFP_KERNEL)?;
        let (new, created) = (contexts.add()?, contexts.add()?);
        expect!(test, !contexts.are_live());
        created.is_created.store(true, Relaxed);
        expect!(test, contexts.are_live());
        contexts.lose_all();
        expect!(test, created.is_lost() && !new.is_lost());
        expect!(test, !contexts.are_live());
        Ok(())
    }

    fn context_ends_once_and_without_holds(test: &Test) -> Result {
        let context = Context::new(1, 1)?;
        expect!(test, context.try_hold());
        expect!(test, !context.begin_to_end());
        context.holds.store(0, Relaxed);
        expect!(test, !context.try_hold());
        expect!(test, context.begin_to_end());
        expect!(test, !context.begin_to_end());
        Ok(())
    }

    kunit::suite!(
        c"virtgpu_rs_context",
        [
            parameters_are_set_once,
            unknown_parameters_are_refused,
            rings_may_be_none,
            rings_have_timelines_of_their_own,
            polled_rings_are_rings_of_the_context,
            only_chosen_rings_are_polled,
            names_are_cut_off,
            objects_are_attached_by_their_first_handle,
            numbers_are_the_lowest_free_ones,
            only_created_contexts_are_lost,
            context_ends_once_and_without_holds,
        ]
    );
}
