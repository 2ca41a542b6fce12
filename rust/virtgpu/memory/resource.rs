// SPDX-License-Identifier: GPL-2.0
//! Host resources: created with their backing, kept until the host has let go of it, made anew
//! after a reset of the device.
use drm::{gem::shmem::Rows, kms::FramebufferInfo, Rect};
use kernel::{
    new_mutex, new_spinlock,
    prelude::*,
    rbtree::{RBTree, RBTreeNodeReservation},
    sync::{
        aref::ARef,
        atomic::{Atomic, Relaxed},
        Arc, Mutex, SpinLock,
    },
};
use virtio::gpu::{MemEntry, Wire};

use crate::{
    device::{Device, Object, VirtGpu},
    memory::{
        callbacks::Callbacks,
        keeper::{Keeper, Kept},
    },
    transport::{
        answer::is_refused,
        cmd,
        command::{self, gives_back, lazily, on_done, quiet, wake, Chain, Waiter},
    },
};

/// Bytes of a piece of a list of pages.
const PIECE: usize = 32768;

/// Buffer objects behind one resource; the whole list is sent again with each new one.
const MAX_PARTS: usize = 8;

/// Entries of a resource with several buffer objects: hosts look for a row from the start of the
/// list, so that sharing a resource should not make it long.
const MAX_SHARED_ENTRIES: usize = 2048;

/// QEMU and vhost-user-gpu refuse longer lists.
const MAX_ENTRIES: usize = 16384;

/// What happens when a command of a resource has ended.
pub(crate) enum Done {
    /// A resource is gone: so may be its pages.
    Unref(u32),
    /// The host no longer looks at a buffer object's pages: so may they go.
    Detached(Arc<Keeper>),
    /// The host made a resource, or refused to; somebody may wait for that.
    Created(Arc<Recipe>, Option<Arc<Waiter>>),
    /// The host made a resource again after a reset, or refused to.
    Restored(Arc<Recipe>),
    /// The host has a resource's backing, or has none; somebody may wait for that.
    Attached(Arc<Recipe>, Option<Arc<Waiter>>),
}

impl command::Done for Done {
    fn happen(self, dev: &Device, chain: Chain, status: Result) -> Option<Chain> {
        let waiter = match self {
            Self::Unref(id) => {
                dev.memory.resources.remove(id);
                None
            }
            Self::Detached(keeper) => {
                drop(keeper);
                None
            }
            Self::Created(recipe, waiter) => {
                if is_refused(&chain) {
                    recipe.refused();
                }
                waiter
            }
            Self::Restored(recipe) => {
                if is_refused(&chain) {
                    recipe.refused();
                    VirtGpu::lost(dev);
                }
                None
            }
            Self::Attached(recipe, waiter) => {
                if status.is_err() {
                    recipe.detached();
                }
                waiter
            }
        };
        let Some(waiter) = waiter else {
            return Some(chain);
        };
        waiter.wake(status, chain);
        None
    }
}

/// Bytes from a picture's first pixel to the first one of a rectangle.
fn pixel_offset(pitch: u32, rect: &Rect) -> u64 {
    rect.y1 as u64 * u64::from(pitch) + rect.x1 as u64 * 4
}

/// The bytes of a rectangle's pixels, the first of which is at an offset.
fn rows(offset: u64, pitch: u32, rect: &Rect) -> Rows {
    Rows {
        offset,
        length: rect.width() as u32 * 4,
        pitch,
        count: rect.height() as u32,
    }
}

/// Whether format, width and height are those that show a framebuffer.
fn has_shape(shape: (u32, u32, u32), format: u32, info: &FramebufferInfo) -> bool {
    shape == (format, info.pitch / 4, info.height)
}

/// A buffer object that backs a resource, or a part of it.
struct Part {
    keeper: Arc<Keeper>,
    /// Bytes that the host was told about.
    size: u64,
    entries: KVec<MemEntry>,
    /// The command that takes it away, made when there was memory.
    detach: Chain,
}

impl Part {
    fn new(dev: &Device, bo: &Object, id: u32) -> Result<Self> {
        let mut entries = KVec::new();
        let mut size = 0;
        bo.for_each_segment(dev.memory.use_dma_addr || bo.is_imported(), |segment| {
            if entries.len() == MAX_ENTRIES {
                drm::drm_err_ratelimited!(
                    dev,
                    "resource {}: its memory is in more pieces than the {} that hosts take\n",
                    id,
                    MAX_ENTRIES
                );
                return Err(ENOMEM);
            }
            size += u64::from(segment.length);
            Ok(entries.push(
                MemEntry {
                    addr: segment.address,
                    length: segment.length,
                    padding: 0,
                },
                GFP_KERNEL,
            )?)
        })?;
        Ok(Self {
            keeper: bo.keeper().ok_or(ENOENT)?,
            size,
            entries,
            detach: cmd::detach_backing(id)?,
        })
    }
}

/// What the host is to know of a resource.
#[derive(PartialEq, Eq)]
enum Stage {
    /// Nothing yet.
    New,
    /// It was told to make it, and is told again after a reset.
    Made,
    /// It was told to destroy it, or never had it. A reset does not bring it back.
    Ended,
}

/// The pages that back a resource, one buffer object behind the other.
struct Backing {
    parts: KVec<Part>,
    stage: Stage,
}

impl Backing {
    fn entries(&self) -> usize {
        self.parts.iter().map(|part| part.entries.len()).sum()
    }

    /// Where a buffer object begins, in bytes.
    fn offset(&self, keeper: &Arc<Keeper>) -> u64 {
        self.parts
            .iter()
            .take_while(|part| !Arc::ptr_eq(&part.keeper, keeper))
            .map(|part| part.size)
            .sum()
    }

    /// Tells the host of all of it, once it has none.
    fn attach(&self, id: u32) -> Result<Chain> {
        let mut pieces = KVec::new();
        for part in self.parts.iter() {
            for entries in part
                .entries
                .chunks(PIECE / core::mem::size_of::<MemEntry>())
            {
                let mut bytes = KVec::with_capacity(core::mem::size_of_val(entries), GFP_KERNEL)?;
                for entry in entries {
                    bytes.extend_from_slice(entry.as_bytes(), GFP_KERNEL)?;
                }
                pieces.push(bytes, GFP_KERNEL)?;
            }
        }
        cmd::attach_backing(id, pieces, self.entries() as u32)
    }
}

/// What it takes to make a resource, now and after a reset. Its pages stay as long as it is in the
/// table.
#[pin_data]
pub(crate) struct Recipe {
    id: u32,
    format: u32,
    width: u32,
    height: u32,
    /// Locked, also their order in the queue.
    #[pin]
    backing: Mutex<Backing>,
    /// The host knows the backing.
    attached: Atomic<bool>,
    /// The host did not make it, and is told no more of it.
    refused: Atomic<bool>,
    /// The host was told to destroy it, and it is made again when it is next shown.
    given_up: Atomic<bool>,
}

impl Recipe {
    /// The host did not make it.
    pub(crate) fn refused(&self) {
        self.refused.store(true, Relaxed);
    }

    /// The host has no backing of it.
    pub(crate) fn detached(&self) {
        self.attached.store(false, Relaxed);
    }

    /// Sends CREATE and ATTACH in one batch.
    fn send(&self, dev: &Device, backing: &mut Backing, created: Done, attached: Done) -> Result {
        let create = cmd::resource_create_2d(self.id, self.format, self.width, self.height)?;
        // The answer to CREATE comes after ATTACH was sent, and says what there is to say.
        let attach = quiet(backing.attach(self.id)?);
        let (create, attach) = (on_done(create, created), on_done(attach, attached));

        backing.stage = Stage::Made;
        self.attached.store(true, Relaxed);
        dev.transport.ctrl.submit(dev, create);
        dev.transport.ctrl.submit(dev, attach);
        Ok(())
    }

    /// Has a device that was reset make it again.
    fn restore(self: &Arc<Self>, dev: &Device) -> Result {
        // Under the lock, so that the end of the resource comes behind this in the queue.
        let mut backing = self.backing.lock();
        if backing.stage != Stage::Made || self.refused.load(Relaxed) {
            return Ok(());
        }
        let created = Done::Restored(self.clone());
        let attached = Done::Attached(self.clone(), None);
        self.send(dev, &mut backing, created, attached)
    }

    /// Nobody uses it any more. Returns whether the host may have it, or may look at its pages.
    fn end(&self) -> bool {
        let stage = core::mem::replace(&mut self.backing.lock().stage, Stage::Ended);
        stage == Stage::Made && (!self.refused.load(Relaxed) || self.attached.load(Relaxed))
    }
}

struct Table {
    last: u32,
    /// None while a resource of that number is being made.
    recipes: RBTree<u32, Option<Arc<Recipe>>>,
}

impl Table {
    /// Finds a number that is free, and keeps it.
    fn take_number(&mut self, node: RBTreeNodeReservation<u32, Option<Arc<Recipe>>>) -> u32 {
        loop {
            self.last = self.last.wrapping_add(1) & 0x7fff_ffff;
            if self.last != 0 && self.recipes.get(&self.last).is_none() {
                break;
            }
        }
        self.recipes.insert(node.into_node(self.last, None));
        self.last
    }
}

/// All resources by number.
#[pin_data]
pub(crate) struct Resources {
    #[pin]
    table: Mutex<Table>,
    /// Held while a resource is made, and while [`restore`](Self::restore) makes all of them again,
    /// so that the device is told only once to make each of them.
    #[pin]
    making: Mutex<()>,
}

impl Resources {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            table <- new_mutex!(Table {
                last: 0,
                recipes: RBTree::new(),
            }),
            making <- new_mutex!(()),
        })
    }

    /// Finds a number that is free, and keeps what is made for it. Completions need the table, and
    /// memory may come free only with them: nothing is allocated while it is locked.
    fn add(&self, make: impl FnOnce(u32) -> Result<Arc<Recipe>>) -> Result<Arc<Recipe>> {
        let node = RBTreeNodeReservation::new(GFP_KERNEL)?;
        let id = self.table.lock().take_number(node);
        let recipe = make(id).inspect_err(|_| self.remove(id))?;
        if let Some(place) = self.table.lock().recipes.get_mut(&id) {
            *place = Some(recipe.clone());
        }
        Ok(recipe)
    }

    /// The host has let go of a resource, or never had it.
    pub(crate) fn remove(&self, id: u32) {
        let recipe = self.table.lock().recipes.remove(&id);
        drop(recipe);
    }

    /// Creates every resource anew, without their pixels, on a device that was reset and that
    /// `start` brings up.
    ///
    /// # Errors
    ///
    /// Those of `start`.
    pub(crate) fn restore(&self, dev: &Device, start: impl FnOnce() -> Result) -> Result {
        let making = self.making.lock();
        start()?;
        let mut last = 0;
        // The table is not locked while a command waits for room in the ring.
        while let Some(recipe) = self.next(last) {
            if let Err(error) = recipe.restore(dev) {
                drm::drm_err!(dev, "resource {} is lost: {:?}\n", recipe.id, error);
            }
            last = recipe.id;
        }
        drop(making);
        dev.transport.ctrl.kick(dev);
        Ok(())
    }

    /// Calls `f` with number, format, size in pixels and bytes of the backing of each resource that
    /// the host did not refuse, and that was not given up.
    pub(crate) fn for_each(&self, mut f: impl FnMut(u32, u32, (u32, u32), u64)) {
        let mut last = 0;
        while let Some(recipe) = self.next(last) {
            last = recipe.id;
            if recipe.refused.load(Relaxed) || recipe.given_up.load(Relaxed) {
                continue;
            }
            let size = recipe
                .backing
                .lock()
                .parts
                .iter()
                .map(|part| part.size)
                .sum();
            f(
                recipe.id,
                recipe.format,
                (recipe.width, recipe.height),
                size,
            );
        }
    }

    /// The first resource behind a number.
    fn next(&self, mut last: u32) -> Option<Arc<Recipe>> {
        let table = self.table.lock();
        loop {
            let cursor = table.recipes.cursor_lower_bound(&(last + 1))?;
            let (id, recipe) = cursor.current();
            if let Some(recipe) = recipe {
                return Some(recipe.clone());
            }
            last = *id;
        }
    }
}

/// An image on the host, backed by buffer objects of ours.
pub(crate) struct Resource {
    dev: ARef<Device>,
    pub(crate) id: u32,
    pub(crate) format: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    recipe: Arc<Recipe>,
    /// The command that destroys it, made when there was memory, until it is sent.
    unref: Pin<KBox<SpinLock<Option<Chain>>>>,
}

impl Resource {
    fn new(bo: &Object, format: u32, width: u32, height: u32) -> Result<Arc<Self>> {
        let dev = bo.dev();
        let recipe = dev.memory.resources.add(|id| {
            let part = Part::new(dev, bo, id)?;
            let mut parts = KVec::with_capacity(1, GFP_KERNEL)?;
            parts.push(part, GFP_KERNEL)?;
            Arc::pin_init(
                pin_init!(Recipe {
                    id,
                    format,
                    width,
                    height,
                    backing <- new_mutex!(Backing { parts, stage: Stage::New }),
                    attached: Atomic::new(false),
                    refused: Atomic::new(false),
                    given_up: Atomic::new(false),
                }),
                GFP_KERNEL,
            )
        })?;
        let id = recipe.id;
        cmd::resource_unref(id)
            .and_then(|unref| KBox::pin_init(new_spinlock!(Some(unref)), GFP_KERNEL))
            .and_then(|unref| {
                Ok(Arc::new(
                    Self {
                        dev: dev.into(),
                        id,
                        format,
                        width,
                        height,
                        recipe,
                        unref,
                    },
                    GFP_KERNEL,
                )?)
            })
            .inspect_err(|_| dev.memory.resources.remove(id))
    }

    /// Creates a host resource over a buffer object, and waits for it.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when the guest is out of memory; `ENOSPC` when the host is, and may have to give up
    /// another resource, see [`Callbacks::make_room`]; `EINVAL` when the host does not
    /// know the format, `ETIMEDOUT` or `EIO` for a host in trouble, `ENODEV` when the device is gone.
    pub(crate) fn create(bo: &Object, format: u32, width: u32, height: u32) -> Result<Arc<Self>> {
        let resource = Self::new(bo, format, width, height)?;
        resource.make()?;
        Ok(resource)
    }

    /// Has the host make it, and waits.
    fn make(&self) -> Result {
        let dev = &*self.dev;
        let (created, attached) = (Waiter::new()?, Waiter::new()?);
        self.send(Some(created.clone()), Some(attached.clone()))?;
        let created = dev.transport.ctrl.wait(dev, &created);
        let attached = dev.transport.ctrl.wait(dev, &attached);
        created.map_err(|error| if error == ENOMEM { ENOSPC } else { error })?;
        attached.inspect_err(|error| {
            drm::drm_err!(dev, "resource {}: no backing: {:?}\n", self.id, error);
        })?;
        Ok(())
    }

    /// Has the host destroy a resource that nobody shows, and waits; returns whether it has. It
    /// keeps its number and its backing.
    pub(crate) fn give_up(&self) -> bool {
        let (dev, recipe) = (&*self.dev, &self.recipe);
        let Ok((waiter, unref)) =
            Waiter::new().and_then(|w| Ok((w, cmd::resource_unref(self.id)?)))
        else {
            return false;
        };
        // A reset either finds it or does not make it again.
        let _making = dev.memory.resources.making.lock();
        let mut backing = recipe.backing.lock();
        if backing.stage != Stage::Made || self.is_refused() {
            return false;
        }
        dev.transport.ctrl.submit(dev, wake(unref, &waiter));
        dev.transport.ctrl.kick(dev);
        match dev.transport.ctrl.wait(dev, &waiter) {
            Ok(_) => {
                backing.stage = Stage::New;
                recipe.detached();
                recipe.given_up.store(true, Relaxed);
                true
            }
            // It was lost with a reset, or never sent.
            Err(error) if error == ENODEV => false,
            // The host may have it or not: another one takes its place.
            Err(_) => {
                recipe.refused();
                false
            }
        }
    }

    /// Has the host make a resource that was given up, and waits. Its pixels have to be sent again.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create). It is given up as before if guest or host have no memory
    /// for it; after other errors another one has to take its place.
    pub(crate) fn take_back(&self) -> Result {
        let recipe = &self.recipe;
        let made = self.make();
        let mut backing = recipe.backing.lock();
        if backing.stage == Stage::New {
            // It was not sent.
            return made;
        }
        if made == Err(ENOSPC) && !recipe.attached.load(Relaxed) {
            backing.stage = Stage::New;
            recipe.refused.store(false, Relaxed);
            return made;
        }
        if made.is_err() {
            recipe.refused();
        }
        recipe.given_up.store(false, Relaxed);
        made
    }

    /// Whether the host was told to destroy it.
    pub(crate) fn is_given_up(&self) -> bool {
        self.recipe.given_up.load(Relaxed)
    }

    /// The same without waiting: a host that refuses it refuses what is done with it, too.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn create_unawaited(
        bo: &Object,
        format: u32,
        width: u32,
        height: u32,
    ) -> Result<Arc<Self>> {
        let resource = Self::new(bo, format, width, height)?;
        resource.send(None, None)?;
        Ok(resource)
    }

    /// Has the host make what it does not have; says who waits for the answers.
    fn send(&self, created: Option<Arc<Waiter>>, attached: Option<Arc<Waiter>>) -> Result {
        let (dev, recipe) = (&*self.dev, &self.recipe);
        let making = dev.memory.resources.making.lock();
        let sent = recipe.send(
            dev,
            &mut recipe.backing.lock(),
            Done::Created(recipe.clone(), created),
            Done::Attached(recipe.clone(), attached),
        );
        drop(making);
        dev.transport.ctrl.kick(dev);
        sent
    }

    /// Whether the host did not make it.
    pub(crate) fn is_refused(&self) -> bool {
        self.recipe.refused.load(Relaxed)
    }

    /// Whether it has a framebuffer's format and shape, and the host did not refuse it.
    pub(crate) fn fits(&self, format: u32, info: &FramebufferInfo) -> bool {
        has_shape((self.format, self.width, self.height), format, info) && !self.is_refused()
    }

    /// Puts a buffer object behind those that back the resource, and waits.
    ///
    /// # Errors
    ///
    /// `ENOSPC` when the resource has enough of them; else those of [`create`](Self::create).
    pub(crate) fn add(&self, bo: &Object) -> Result {
        let dev = &*self.dev;
        let waiter = Waiter::new()?;
        let detach = cmd::detach_backing(self.id)?;
        let part = Part::new(dev, bo, self.id)?;
        let keeper = part.keeper.clone();
        {
            let mut backing = self.recipe.backing.lock();
            if backing.parts.len() == MAX_PARTS
                || backing.entries() + part.entries.len() > MAX_SHARED_ENTRIES
            {
                return Err(ENOSPC);
            }
            backing.parts.push(part, GFP_KERNEL)?;
            let attach = match backing.attach(self.id) {
                Ok(attach) => attach,
                Err(error) => {
                    let part = backing.parts.pop();
                    drop(backing);
                    drop(part);
                    return Err(error);
                }
            };
            dev.transport.ctrl.submit(dev, detach);
            self.recipe.attached.store(true, Relaxed);
            dev.transport.ctrl.submit(dev, wake(attach, &waiter));
        }
        dev.transport.ctrl.kick(dev);
        dev.transport
            .ctrl
            .wait(dev, &waiter)
            .map(drop)
            .inspect_err(|_| self.remove(&keeper))
    }

    /// Takes a buffer object away from those that back the resource. The others are attached anew,
    /// now or, if that fails, with the next upload.
    pub(crate) fn remove(&self, keeper: &Arc<Keeper>) {
        let dev = &*self.dev;
        let mut backing = self.recipe.backing.lock();
        let index = backing
            .parts
            .iter()
            .position(|part| Arc::ptr_eq(&part.keeper, keeper));
        let Some(part) = index.and_then(|index| backing.parts.remove(index).ok()) else {
            return;
        };
        if (self.is_refused() || self.is_given_up()) && !self.recipe.attached.load(Relaxed) {
            // The host does not know of the pages.
            drop(backing);
            return;
        }
        self.recipe.detached();
        dev.transport.ctrl.submit(
            dev,
            gives_back(on_done(part.detach, Done::Detached(part.keeper))),
        );
        if let Ok(attach) = backing.attach(self.id) {
            self.submit_attach(attach);
        }
        drop(backing);
        dev.transport.ctrl.kick(dev);
    }

    fn submit_attach(&self, attach: Chain) {
        self.recipe.attached.store(true, Relaxed);
        self.dev.transport.ctrl.submit(
            &self.dev,
            on_done(attach, Done::Attached(self.recipe.clone(), None)),
        );
    }

    /// Copies pixels to the host, from a byte offset of the backing on; for a resource that one
    /// buffer object backs.
    pub(crate) fn transfer(&self, bo: &Object, pixels: &Rect, offset: u64) -> Result<Chain> {
        self.sync(bo, &rows(offset, self.width * 4, pixels));
        cmd::transfer(&self.dev.transport.pool, self.id, pixels, offset)
    }

    /// Where the device sees memory in bounce buffers it reads a copy.
    fn sync(&self, bo: &Object, rows: &Rows) {
        if self.dev.memory.use_dma_addr {
            bo.sync_for_device(rows);
        }
    }

    /// Copies rectangles of a framebuffer over a buffer object to the host.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn upload(&self, bo: &Object, info: &FramebufferInfo, rects: &[Rect]) -> Result {
        let dev = &*self.dev;
        let keeper = bo.keeper().ok_or(ENOENT)?;
        let backing = self.recipe.backing.lock();
        if self.is_given_up() {
            // The next commit on this head needed the room, and follows at once.
            return Err(EBUSY);
        }
        if !self.recipe.attached.load(Relaxed) {
            let (detach, attach) = (cmd::detach_backing(self.id)?, backing.attach(self.id)?);
            dev.transport.ctrl.submit(dev, detach);
            self.submit_attach(attach);
        }
        let base = backing.offset(&keeper);
        for rect in rects {
            let offset = u64::from(info.offset) + pixel_offset(info.pitch, rect);
            self.sync(bo, &rows(offset, info.pitch, rect));
            let transfer = cmd::transfer(&dev.transport.pool, self.id, rect, base + offset)?;
            dev.transport.ctrl.submit(dev, lazily(transfer));
        }
        Ok(())
    }

    /// Where in the backing a buffer object begins, in bytes; for the panic screen: nothing is
    /// waited for.
    pub(crate) fn try_offset(&self, bo: &Object) -> Option<u64> {
        let keeper = bo.try_keeper()?;
        Some(self.recipe.backing.try_lock()?.offset(&keeper))
    }

    /// Shows the device all of a framebuffer, for the panic screen. False when it could not be done.
    pub(crate) fn try_sync(&self, bo: &Object, info: &FramebufferInfo) -> bool {
        let all = Rect::new(0, 0, info.width as i32, info.height as i32);
        !self.dev.memory.use_dma_addr
            || bo.try_sync_for_device(&rows(u64::from(info.offset), info.pitch, &all))
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        let chain = self.unref.lock().take();
        // Pages that the host may look at stay until it answers.
        match chain.filter(|_| self.recipe.end()) {
            Some(chain) => {
                let unref = gives_back(on_done(chain, Done::Unref(self.id)));
                self.dev.transport.ctrl.submit(&self.dev, unref);
                self.dev.transport.ctrl.kick(&self.dev);
            }
            None => self.dev.memory.resources.remove(self.id),
        }
    }
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, expect_eq, Test};

    fn framebuffer(pitch: u32) -> FramebufferInfo {
        FramebufferInfo {
            fourcc: 0,
            pitch,
            offset: 0,
            width: 60,
            height: 48,
        }
    }

    fn pixels_lie_row_behind_row(test: &Test) {
        let offset = |x, y| pixel_offset(131_072, &Rect::new(x, y, 1, 1));
        expect_eq!(test, offset(0, 0), 0);
        expect_eq!(test, offset(1, 0), 4);
        expect_eq!(test, offset(7, 5), 5 * 131_072 + 28);
        // Does not fit into 32 bits.
        expect_eq!(test, offset(0, 40_000), 40_000 * 131_072);
    }

    fn framebuffer_fits_its_own_shape(test: &Test) {
        // The pitch counts, not the width.
        expect!(test, has_shape((2, 64, 48), 2, &framebuffer(256)));
        expect!(test, !has_shape((2, 64, 48), 1, &framebuffer(256)));
        expect!(test, !has_shape((2, 60, 48), 2, &framebuffer(256)));
        expect!(test, !has_shape((2, 64, 47), 2, &framebuffer(256)));
    }

    fn recipe(id: u32) -> Result<Arc<Recipe>> {
        Arc::pin_init(
            pin_init!(Recipe {
                id,
                format: 2,
                width: 64,
                height: 48,
                backing <- new_mutex!(Backing { parts: KVec::new(), stage: Stage::New }),
                attached: Atomic::new(false),
                refused: Atomic::new(false),
                given_up: Atomic::new(false),
            }),
            GFP_KERNEL,
        )
    }

    /// The protocol's 0 is no resource.
    fn numbers_start_at_one(test: &Test) -> Result {
        let resources = KBox::pin_init(Resources::new(), GFP_KERNEL)?;
        expect_eq!(test, resources.add(recipe)?.id, 1);
        expect_eq!(test, resources.add(recipe)?.id, 2);
        Ok(())
    }

    fn used_numbers_are_skipped(test: &Test) -> Result {
        let resources = KBox::pin_init(Resources::new(), GFP_KERNEL)?;
        resources.add(recipe)?;
        resources.table.lock().last = 0x7fff_fffe;
        expect_eq!(test, resources.add(recipe)?.id, 0x7fff_ffff);
        // Behind the last one comes the first one that is free.
        expect_eq!(test, resources.add(recipe)?.id, 2);
        Ok(())
    }

    fn every_resource_is_visited(test: &Test) -> Result {
        let resources = KBox::pin_init(Resources::new(), GFP_KERNEL)?;
        for _ in 0..3 {
            resources.add(recipe)?;
        }
        resources.remove(2);
        let mut ids = (0, 0);
        resources.for_each(|id, _, _, _| ids = (ids.1, id));
        expect_eq!(test, ids, (1, 3));
        Ok(())
    }

    /// Whether the host is told of the end of a resource.
    fn ends_on_host(stage: Stage, refused: bool, attached: bool) -> Result<bool> {
        let recipe = recipe(1)?;
        recipe.backing.lock().stage = stage;
        recipe.refused.store(refused, Relaxed);
        recipe.attached.store(attached, Relaxed);
        Ok(recipe.end() && recipe.backing.lock().stage == Stage::Ended)
    }

    fn host_hears_of_the_end_of_what_it_may_have(test: &Test) -> Result {
        expect!(test, !ends_on_host(Stage::New, false, false)?);
        expect!(test, ends_on_host(Stage::Made, false, false)?);
        expect!(test, ends_on_host(Stage::Made, false, true)?);
        // The host may still look at the pages.
        expect!(test, ends_on_host(Stage::Made, true, true)?);
        expect!(test, !ends_on_host(Stage::Made, true, false)?);
        expect!(test, !ends_on_host(Stage::Ended, false, true)?);
        Ok(())
    }

    kunit::suite!(
        c"virtgpu_rs_resource",
        [
            pixels_lie_row_behind_row,
            framebuffer_fits_its_own_shape,
            numbers_start_at_one,
            used_numbers_are_skipped,
            every_resource_is_visited,
            host_hears_of_the_end_of_what_it_may_have,
        ]
    );
}
