// SPDX-License-Identifier: GPL-2.0
//! Host resources: created with their backing, kept until the host has let go of it, made anew
//! after a reset of the device.
use drm::{gem::shmem, Rect};
use kernel::{
    new_mutex, new_spinlock,
    prelude::*,
    rbtree::RBTree,
    sync::{aref::ARef, Arc, Mutex, SpinLock},
};
use virtio::gpu::{MemEntry, Wire};

use crate::{
    cmd,
    drv::Device,
    gem::{Bo, Object},
    queue::{on_done, Chain, Done, Waiter},
};

/// Bytes of a piece of a list of pages.
const PIECE: usize = 32768;

/// What it takes to make a resource, now and after a reset. Its pages are pinned as long as it is
/// in the table.
struct Recipe {
    format: u32,
    width: u32,
    height: u32,
    /// Bytes of the backing.
    size: usize,
    entries: KVec<MemEntry>,
}

impl Recipe {
    fn commands(&self, id: u32) -> Result<(Chain, Chain)> {
        let mut pieces = KVec::new();
        for entries in self
            .entries
            .chunks(PIECE / core::mem::size_of::<MemEntry>())
        {
            let mut bytes = KVec::with_capacity(core::mem::size_of_val(entries), GFP_KERNEL)?;
            for entry in entries {
                bytes.extend_from_slice(entry.as_bytes(), GFP_KERNEL)?;
            }
            pieces.push(bytes, GFP_KERNEL)?;
        }
        Ok((
            cmd::resource_create_2d(id, self.format, self.width, self.height)?,
            cmd::attach_backing(id, pieces, self.entries.len() as u32)?,
        ))
    }
}

struct Table {
    last: u32,
    recipes: RBTree<u32, Recipe>,
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

    fn add(&self, recipe: Recipe) -> Result<u32> {
        let mut table = self.table.lock();
        loop {
            table.last = table.last.wrapping_add(1) & 0x7fff_ffff;
            if table.last != 0 && table.recipes.get(&table.last).is_none() {
                break;
            }
        }
        let id = table.last;
        table
            .recipes
            .try_create_and_insert(id, recipe, GFP_KERNEL)?;
        Ok(id)
    }

    fn remove(&self, id: u32) {
        let recipe = self.table.lock().recipes.remove(&id);
        drop(recipe);
    }

    /// Creates every resource anew on a device that was reset, without their pixels.
    pub(crate) fn restore(&self, dev: &Device) {
        let mut last = 0;
        // The table is not locked while a command waits for room in the ring.
        while let Some((id, commands)) = self.next(last) {
            match commands {
                Ok((create, attach)) => {
                    dev.ctrl.submit(dev, create);
                    dev.ctrl.submit(dev, attach);
                }
                Err(error) => drm::drm_err!(dev, "resource {} is lost: {:?}\n", id, error),
            }
            last = id;
        }
        dev.ctrl.kick();
    }

    /// Calls `f` with number, format, size in pixels and bytes of the backing of each resource.
    pub(crate) fn for_each(&self, mut f: impl FnMut(u32, u32, (u32, u32), usize)) {
        let table = self.table.lock();
        for (id, recipe) in table.recipes.iter() {
            f(
                *id,
                recipe.format,
                (recipe.width, recipe.height),
                recipe.size,
            );
        }
    }

    /// The first resource behind a number, and the commands that create it.
    fn next(&self, last: u32) -> Option<(u32, Result<(Chain, Chain)>)> {
        let table = self.table.lock();
        let cursor = table.recipes.cursor_lower_bound(&(last + 1))?;
        let (id, recipe) = cursor.current();
        Some((*id, recipe.commands(*id)))
    }
}

/// Whose pages a resource shows.
enum Backing {
    /// Those of the buffer object whose own resource it is, and with which it goes.
    Own,
    /// Those of an object that it keeps.
    Shared(ARef<Object>),
}

/// An image on the host, backed by a buffer object of ours.
pub(crate) struct Resource {
    pub(crate) id: u32,
    pub(crate) format: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    backing: Backing,
    /// The command that destroys it, made when there was memory, until it is sent.
    unref: Pin<KBox<SpinLock<Option<Chain>>>>,
}

/// A resource that the host is asked to destroy, with the pages it may still look at.
pub(crate) struct Unref {
    id: u32,
    _own: Option<shmem::Dying<Bo>>,
    _shared: Option<ARef<Object>>,
}

impl Unref {
    /// The host has let go of the pages: so may we.
    pub(crate) fn finish(self, dev: &Device) {
        dev.resources.remove(self.id);
    }
}

impl Resource {
    /// Creates a host resource over a buffer object, and waits for it.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when guest or host are out of memory, `EINVAL` when the host does not know the
    /// format, `ETIMEDOUT` or `EIO` for a host in trouble, `ENODEV` when the device is gone.
    pub(crate) fn create(
        bo: &Object,
        is_own: bool,
        format: u32,
        width: u32,
        height: u32,
    ) -> Result<Arc<Self>> {
        let dev = bo.dev();
        let mut entries = KVec::new();
        bo.for_each_segment(dev.use_dma_addr || bo.is_imported(), |segment| {
            Ok(entries.push(
                MemEntry {
                    addr: segment.address,
                    length: segment.length,
                    padding: 0,
                },
                GFP_KERNEL,
            )?)
        })?;
        let recipe = Recipe {
            format,
            width,
            height,
            size: bo.size(),
            entries,
        };
        let (wait_create, wait_attach) = (Waiter::new()?, Waiter::new()?);
        let id = dev.resources.add(recipe)?;
        let commands = {
            let table = dev.resources.table.lock();
            match table.recipes.get(&id) {
                Some(recipe) => recipe.commands(id),
                None => Err(ENOENT),
            }
        };
        let backing = if is_own {
            Backing::Own
        } else {
            Backing::Shared(bo.into())
        };
        let made = commands.and_then(|commands| {
            let unref = cmd::resource_unref(id)?;
            let resource = Arc::new(
                Self {
                    id,
                    format,
                    width,
                    height,
                    backing,
                    unref: KBox::pin_init(new_spinlock!(Some(unref)), GFP_KERNEL)?,
                },
                GFP_KERNEL,
            )?;
            Ok((commands, resource))
        });
        let ((create, attach), resource) = made.inspect_err(|_| dev.resources.remove(id))?;

        dev.ctrl
            .submit(dev, on_done(create, Done::Wake(wait_create.clone())));
        dev.ctrl
            .submit(dev, on_done(attach, Done::Wake(wait_attach.clone())));
        dev.ctrl.kick();
        let created = dev.ctrl.wait(dev, &wait_create).map(drop);
        let attached = dev.ctrl.wait(dev, &wait_attach).map(drop);

        match created {
            // After a time-out the host may still create it.
            Ok(()) | Err(ETIMEDOUT) => (),
            Err(error) => {
                drop(resource.unref.lock().take());
                dev.resources.remove(id);
                return Err(error);
            }
        }
        if let Err(error) = created.and(attached) {
            resource.destroy(None, Some(bo.into()));
            return Err(error);
        }
        Ok(resource)
    }

    /// Has the host destroy the resource, if it was not asked to yet, and keeps what it may still
    /// look at until it has.
    fn destroy(&self, own: Option<shmem::Dying<Bo>>, shared: Option<ARef<Object>>) {
        let Some(chain) = self.unref.lock().take() else {
            return;
        };
        let dev: ARef<Device> = match (&own, &shared) {
            (Some(bo), _) => bo.dev().into(),
            (None, Some(bo)) => bo.dev().into(),
            (None, None) => return,
        };
        let unref = Unref {
            id: self.id,
            _own: own,
            _shared: shared,
        };
        dev.ctrl.submit(&dev, on_done(chain, Done::Unref(unref)));
        dev.ctrl.kick();
    }

    /// Destroys a buffer object and the resource that is its own, in the order the host needs.
    pub(crate) fn destroy_own(&self, bo: shmem::Dying<Bo>) {
        self.destroy(Some(bo), None);
    }

    /// Copies pixels to the host, from a byte offset of the backing on.
    pub(crate) fn transfer(
        &self,
        dev: &Device,
        bo: &Object,
        pixels: &Rect,
        offset: u64,
    ) -> Result<Chain> {
        // Where memory is encrypted the device reads a copy; a foreign buffer is its exporter's.
        if dev.use_dma_addr && !bo.is_imported() {
            bo.sync_for_device();
        }
        cmd::transfer(self.id, pixels, offset)
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        if let Backing::Shared(bo) = &self.backing {
            self.destroy(None, Some(bo.clone()));
        }
    }
}
