// SPDX-License-Identifier: GPL-2.0
//! Host resources: created with their backing, and kept until the host has let go of it.
use drm::{gem::shmem::Rows, kms::FramebufferInfo, Rect};
use kernel::{
    new_mutex, new_spinlock,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{Atomic, Relaxed},
        Arc, SpinLock,
    },
};

use crate::{
    device::{Device, Object},
    memory::{
        backing::{Backing, Part, Stage, MAX_GROUP_ENTRIES, MAX_PARTS},
        format,
        host_resource::{Done, HostResource},
        keeper::{Keeper, Kept},
    },
    transport::{
        cmd,
        command::{gives_back, lazily, on_done, wake, Chain, Waiter},
    },
};

/// Returns the number of bytes from an image's first pixel to the first one of a rectangle.
fn pixel_offset(cpp: u32, pitch: u32, rect: &Rect) -> u64 {
    rect.y1 as u64 * u64::from(pitch) + rect.x1 as u64 * u64::from(cpp)
}

/// Returns the bytes of a rectangle's pixels, the first of which is at `offset`.
fn rows(cpp: u32, offset: u64, pitch: u32, rect: &Rect) -> Rows {
    Rows {
        offset,
        length: rect.width() as u32 * cpp,
        pitch,
        count: rect.height() as u32,
    }
}

/// Whether format, width and height are those that show a framebuffer.
fn has_shape(shape: (u32, u32, u32), format: u32, info: &FramebufferInfo) -> bool {
    shape == (format, format::row(info), info.height)
}

/// An image on the host, backed by buffer objects of ours.
pub(crate) struct Resource {
    dev: ARef<Device>,
    pub(crate) id: u32,
    pub(crate) format: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Bytes per pixel.
    cpp: u32,
    host: Arc<HostResource>,
    /// The command that destroys it, made when there was memory, until it is sent.
    unref: Pin<KBox<SpinLock<Option<Chain>>>>,
}

impl Resource {
    fn new(bo: &Object, format: u32, width: u32, height: u32) -> Result<Arc<Self>> {
        let dev = bo.dev();
        let cpp = format::by_number(format).ok_or(EINVAL)?.cpp;
        let host = dev.memory.resources.add(|id| {
            let part = Part::new(dev, bo, id)?;
            let mut parts = KVec::with_capacity(1, GFP_KERNEL)?;
            parts.push(part, GFP_KERNEL)?;
            Arc::pin_init(
                pin_init!(HostResource {
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
        let id = host.id;
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
                        cpp,
                        host,
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
    /// another resource, see [`Callbacks::make_room`](crate::memory::callbacks::Callbacks::make_room); `EINVAL` when the host does not
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
        let (dev, host) = (&*self.dev, &self.host);
        let Ok((waiter, unref)) =
            Waiter::new().and_then(|w| Ok((w, cmd::resource_unref(self.id)?)))
        else {
            return false;
        };
        // A reset either finds it or does not make it again.
        let _making = dev.memory.resources.making.lock();
        let mut backing = host.backing.lock();
        if backing.stage != Stage::Made || self.is_refused() {
            return false;
        }
        dev.transport.ctrl.submit(dev, wake(unref, &waiter));
        dev.transport.ctrl.kick(dev);
        match dev.transport.ctrl.wait(dev, &waiter) {
            Ok(_) => {
                backing.stage = Stage::New;
                host.detached();
                host.given_up.store(true, Relaxed);
                true
            }
            // It was lost with a reset, or never sent.
            Err(error) if error == ENODEV => false,
            // The host may have it or not: another one takes its place.
            Err(_) => {
                host.refused();
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
        let host = &self.host;
        let made = self.make();
        let mut backing = host.backing.lock();
        if backing.stage == Stage::New {
            // It was not sent.
            return made;
        }
        if made == Err(ENOSPC) && !host.attached.load(Relaxed) {
            backing.stage = Stage::New;
            host.refused.store(false, Relaxed);
            return made;
        }
        if made.is_err() {
            host.refused();
        }
        host.given_up.store(false, Relaxed);
        made
    }

    /// Whether the host was told to destroy it.
    pub(crate) fn is_given_up(&self) -> bool {
        self.host.given_up.load(Relaxed)
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
        let (dev, host) = (&*self.dev, &self.host);
        let making = dev.memory.resources.making.lock();
        let sent = host.send(
            dev,
            &mut host.backing.lock(),
            Done::Created(host.clone(), created),
            Done::Attached(host.clone(), attached),
        );
        drop(making);
        dev.transport.ctrl.kick(dev);
        sent
    }

    /// Whether the host did not make it.
    pub(crate) fn is_refused(&self) -> bool {
        self.host.refused.load(Relaxed)
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
            // After a reset the host has the resource only when all are made again.
            let _making = dev.memory.resources.making.lock();
            let mut backing = self.host.backing.lock();
            if backing.parts.len() == MAX_PARTS
                || backing.entries() + part.entries.len() > MAX_GROUP_ENTRIES
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
            self.host.attached.store(true, Relaxed);
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
        let mut backing = self.host.backing.lock();
        let index = backing
            .parts
            .iter()
            .position(|part| Arc::ptr_eq(&part.keeper, keeper));
        let Some(part) = index.and_then(|index| backing.parts.remove(index).ok()) else {
            return;
        };
        if (self.is_refused() || self.is_given_up()) && !self.host.attached.load(Relaxed) {
            // The host does not know of the pages.
            drop(backing);
            return;
        }
        self.host.detached();
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
        self.host.attached.store(true, Relaxed);
        self.dev.transport.ctrl.submit(
            &self.dev,
            on_done(attach, Done::Attached(self.host.clone(), None)),
        );
    }

    /// Copies pixels to the host, from a byte offset of the backing on; for a resource that one
    /// buffer object backs.
    pub(crate) fn transfer(&self, bo: &Object, pixels: &Rect, offset: u64) -> Result<Chain> {
        self.sync(bo, &rows(self.cpp, offset, self.width * self.cpp, pixels));
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
        let backing = self.host.backing.lock();
        if self.is_given_up() {
            // The next commit on this head needed the room, and follows at once.
            return Err(EBUSY);
        }
        if !self.host.attached.load(Relaxed) {
            let (detach, attach) = (cmd::detach_backing(self.id)?, backing.attach(self.id)?);
            dev.transport.ctrl.submit(dev, detach);
            self.submit_attach(attach);
        }
        let base = backing.offset(&keeper);
        for rect in rects {
            let offset = u64::from(info.offset) + pixel_offset(self.cpp, info.pitch, rect);
            self.sync(bo, &rows(self.cpp, offset, info.pitch, rect));
            let transfer = cmd::transfer(&dev.transport.pool, self.id, rect, base + offset)?;
            dev.transport.ctrl.submit(dev, lazily(transfer));
        }
        Ok(())
    }

    /// Where in the backing a buffer object begins, in bytes; for the panic screen: nothing is
    /// waited for.
    pub(crate) fn try_offset(&self, bo: &Object) -> Option<u64> {
        let keeper = bo.try_keeper()?;
        Some(self.host.backing.try_lock()?.offset(&keeper))
    }

    /// Shows the device all of a framebuffer, for the panic screen. False when it could not be done.
    pub(crate) fn try_sync(&self, bo: &Object, info: &FramebufferInfo) -> bool {
        let all = Rect::new(0, 0, info.width as i32, info.height as i32);
        !self.dev.memory.use_dma_addr
            || bo.try_sync_for_device(&rows(self.cpp, u64::from(info.offset), info.pitch, &all))
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        let chain = self.unref.lock().take();
        // Pages that the host may look at stay until it answers.
        match chain.filter(|_| self.host.end()) {
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
    use crate::memory::{host_resource::tests::*, table::tests::*};
    use kunit::{expect, expect_eq, Test};

    fn framebuffer(pitch: u32) -> FramebufferInfo {
        FramebufferInfo {
            fourcc: format::XRGB8888,
            pitch,
            offset: 0,
            width: 60,
            height: 48,
        }
    }

    fn pixels_lie_row_behind_row(test: &Test) {
        let offset = |x, y| pixel_offset(4, 131_072, &Rect::new(x, y, 1, 1));
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
