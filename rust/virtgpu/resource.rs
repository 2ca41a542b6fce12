// SPDX-License-Identifier: GPL-2.0
//! Host resources: created with their backing, kept until the host has let go of it, made anew
//! after a reset of the device.
use drm::{kms::FramebufferInfo, Rect};
use kernel::{
    new_mutex, new_spinlock,
    prelude::*,
    rbtree::RBTree,
    sync::{
        aref::ARef,
        atomic::{Atomic, Relaxed},
        Arc, Mutex, SpinLock,
    },
};
use virtio::gpu::{MemEntry, Wire};

use crate::{
    cmd,
    damage::Damage,
    drv::Device,
    fb::Framebuffer,
    gem::{Keeper, Object},
    queue::{lazily, on_done, Chain, Done, Waiter},
};

/// Bytes of a piece of a list of pages.
const PIECE: usize = 32768;

/// Buffer objects behind one resource; the whole list is sent again with each new one.
const MAX_PARTS: usize = 8;

/// Entries of a resource with several buffer objects: hosts look for a row from the start of the
/// list, so that sharing a resource should not make it long.
const MAX_ENTRIES: usize = 2048;

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
        bo.for_each_segment(dev.use_dma_addr || bo.is_imported(), |segment| {
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

/// The pages that back a resource, one buffer object behind the other.
struct Backing(KVec<Part>);

impl Backing {
    fn entries(&self) -> usize {
        self.0.iter().map(|part| part.entries.len()).sum()
    }

    /// Where a buffer object begins, in bytes.
    fn offset(&self, keeper: &Arc<Keeper>) -> u64 {
        self.0
            .iter()
            .take_while(|part| !Arc::ptr_eq(&part.keeper, keeper))
            .map(|part| part.size)
            .sum()
    }

    /// Tells the host of all of it, once it has none.
    fn attach(&self, id: u32) -> Result<Chain> {
        let mut pieces = KVec::new();
        for part in self.0.iter() {
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
}

impl Recipe {
    /// The host has no backing of it.
    pub(crate) fn detached(&self) {
        self.attached.store(false, Relaxed);
    }

    /// Sends CREATE and ATTACH in one batch.
    fn send(&self, dev: &Device, done: impl FnOnce(Chain, Chain) -> (Chain, Chain)) -> Result {
        let backing = self.backing.lock();
        let (create, attach) = done(
            cmd::resource_create_2d(self.id, self.format, self.width, self.height)?,
            backing.attach(self.id)?,
        );
        self.attached.store(true, Relaxed);
        dev.ctrl.submit(dev, create);
        dev.ctrl.submit(dev, attach);
        Ok(())
    }
}

struct Table {
    last: u32,
    recipes: RBTree<u32, Arc<Recipe>>,
}

/// All resources by number.
#[pin_data]
pub(crate) struct Resources {
    #[pin]
    table: Mutex<Table>,
}

impl Resources {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            table <- new_mutex!(Table {
                last: 0,
                recipes: RBTree::new(),
            }),
        })
    }

    /// Finds a number that is free, and keeps what is made for it.
    fn add(&self, make: impl FnOnce(u32) -> Result<Arc<Recipe>>) -> Result<Arc<Recipe>> {
        let mut table = self.table.lock();
        loop {
            table.last = table.last.wrapping_add(1) & 0x7fff_ffff;
            if table.last != 0 && table.recipes.get(&table.last).is_none() {
                break;
            }
        }
        let id = table.last;
        let recipe = make(id)?;
        table
            .recipes
            .try_create_and_insert(id, recipe.clone(), GFP_KERNEL)?;
        Ok(recipe)
    }

    /// The host has let go of a resource, or never had it.
    pub(crate) fn remove(&self, id: u32) {
        let recipe = self.table.lock().recipes.remove(&id);
        drop(recipe);
    }

    /// Creates every resource anew on a device that was reset, without their pixels.
    pub(crate) fn restore(&self, dev: &Device) {
        let mut last = 0;
        // The table is not locked while a command waits for room in the ring.
        while let Some(recipe) = self.next(last) {
            if let Err(error) = recipe.send(dev, |create, attach| (create, attach)) {
                drm::drm_err!(dev, "resource {} is lost: {:?}\n", recipe.id, error);
            }
            last = recipe.id;
        }
        dev.ctrl.kick(dev);
    }

    /// Calls `f` with number, format, size in pixels and bytes of the backing of each resource.
    pub(crate) fn for_each(&self, mut f: impl FnMut(u32, u32, (u32, u32), u64)) {
        let mut last = 0;
        while let Some(recipe) = self.next(last) {
            let size = recipe.backing.lock().0.iter().map(|part| part.size).sum();
            f(
                recipe.id,
                recipe.format,
                (recipe.width, recipe.height),
                size,
            );
            last = recipe.id;
        }
    }

    /// The first resource behind a number.
    fn next(&self, last: u32) -> Option<Arc<Recipe>> {
        let table = self.table.lock();
        let cursor = table.recipes.cursor_lower_bound(&(last + 1))?;
        Some(cursor.current().1.clone())
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
        let recipe = dev.resources.add(|id| {
            let part = Part::new(dev, bo, id)?;
            let mut parts = KVec::with_capacity(1, GFP_KERNEL)?;
            parts.push(part, GFP_KERNEL)?;
            Arc::pin_init(
                pin_init!(Recipe {
                    id,
                    format,
                    width,
                    height,
                    backing <- new_mutex!(Backing(parts)),
                    attached: Atomic::new(false),
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
            .inspect_err(|_| dev.resources.remove(id))
    }

    /// Creates a host resource over a buffer object, and waits for it.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when guest or host are out of memory, `EINVAL` when the host does not know the
    /// format, `ETIMEDOUT` or `EIO` for a host in trouble, `ENODEV` when the device is gone.
    pub(crate) fn create(bo: &Object, format: u32, width: u32, height: u32) -> Result<Arc<Self>> {
        let dev = bo.dev();
        let (created, attached) = (Waiter::new()?, Waiter::new()?);
        let resource = Self::new(bo, format, width, height)?;
        resource
            .recipe
            .send(dev, |create, attach| {
                (
                    on_done(create, Done::Wake(created.clone())),
                    on_done(attach, Done::Wake(attached.clone())),
                )
            })
            .inspect_err(|_| resource.forget())?;
        dev.ctrl.kick(dev);
        let created = dev.ctrl.wait(dev, &created).map(drop);
        let attached = dev.ctrl.wait(dev, &attached).map(drop);
        // After a time-out the host may still create it.
        if created.is_err_and(|error| error != ETIMEDOUT) {
            resource.forget();
        }
        created.and(attached)?;
        Ok(resource)
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
        let dev = bo.dev();
        let resource = Self::new(bo, format, width, height)?;
        resource
            .recipe
            .send(dev, |create, attach| (create, attach))
            .inspect_err(|_| resource.forget())?;
        dev.ctrl.kick(dev);
        Ok(resource)
    }

    /// Whether it has a framebuffer's format and shape.
    pub(crate) fn fits(&self, format: u32, info: &FramebufferInfo) -> bool {
        self.format == format && self.width == info.pitch / 4 && self.height == info.height
    }

    /// The host never had it.
    fn forget(&self) {
        drop(self.unref.lock().take());
        self.dev.resources.remove(self.id);
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
            if backing.0.len() == MAX_PARTS || backing.entries() + part.entries.len() > MAX_ENTRIES
            {
                return Err(ENOSPC);
            }
            backing.0.push(part, GFP_KERNEL)?;
            let attach = match backing.attach(self.id) {
                Ok(attach) => attach,
                Err(error) => {
                    let part = backing.0.pop();
                    drop(backing);
                    drop(part);
                    return Err(error);
                }
            };
            dev.ctrl.submit(dev, detach);
            self.recipe.attached.store(true, Relaxed);
            dev.ctrl
                .submit(dev, on_done(attach, Done::Wake(waiter.clone())));
        }
        dev.ctrl.kick(dev);
        dev.ctrl
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
            .0
            .iter()
            .position(|part| Arc::ptr_eq(&part.keeper, keeper));
        let Some(part) = index.and_then(|index| backing.0.remove(index).ok()) else {
            return;
        };
        self.recipe.detached();
        dev.ctrl
            .submit(dev, on_done(part.detach, Done::Detached(part.keeper)));
        if let Ok(attach) = backing.attach(self.id) {
            self.submit_attach(attach);
        }
        drop(backing);
        dev.ctrl.kick(dev);
    }

    fn submit_attach(&self, attach: Chain) {
        self.recipe.attached.store(true, Relaxed);
        self.dev.ctrl.submit(
            &self.dev,
            on_done(attach, Done::Attached(self.recipe.clone())),
        );
    }

    /// Copies pixels to the host, from a byte offset of the backing on; for a resource that one
    /// buffer object backs.
    pub(crate) fn transfer(&self, bo: &Object, pixels: &Rect, offset: u64) -> Result<Chain> {
        self.sync(bo);
        cmd::transfer(&self.dev, self.id, pixels, offset)
    }

    /// Where memory is encrypted the device reads a copy; a foreign buffer is its exporter's.
    fn sync(&self, bo: &Object) {
        if self.dev.use_dma_addr && !bo.is_imported() {
            bo.sync_for_device();
        }
    }

    /// Copies what is damaged of a framebuffer to the host.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn upload(&self, fb: &Framebuffer, damage: &Damage) -> Result {
        let (dev, bo, info) = (&*self.dev, fb.object(), fb.info());
        let keeper = bo.keeper().ok_or(ENOENT)?;
        let backing = self.recipe.backing.lock();
        if !self.recipe.attached.load(Relaxed) {
            let (detach, attach) = (cmd::detach_backing(self.id)?, backing.attach(self.id)?);
            dev.ctrl.submit(dev, detach);
            self.submit_attach(attach);
        }
        self.sync(bo);
        let base = backing.offset(&keeper) + u64::from(info.offset);
        for rect in damage.rects() {
            let offset = base + rect.y1 as u64 * u64::from(info.pitch) + rect.x1 as u64 * 4;
            let transfer = cmd::transfer(dev, self.id, rect, offset)?;
            dev.ctrl.submit(dev, lazily(transfer));
        }
        Ok(())
    }

    /// Where in the backing a buffer object begins, in bytes; for the panic screen: nothing is
    /// waited for.
    pub(crate) fn try_offset(&self, bo: &Object) -> Option<u64> {
        let keeper = bo.try_keeper()?;
        Some(self.recipe.backing.try_lock()?.offset(&keeper))
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        let chain = self.unref.lock().take();
        if let Some(chain) = chain {
            self.dev
                .ctrl
                .submit(&self.dev, on_done(chain, Done::Unref(self.id)));
            self.dev.ctrl.kick(&self.dev);
        }
    }
}
