// SPDX-License-Identifier: GPL-2.0
//! Resources: the driver's handles of the images and textures that the host keeps.
//!
//! A resource is created together with its backing, and is destroyed with the last reference to it.
//! A host that is out of memory may be told to destroy one earlier ([`Resource::give_up`]) and to
//! create it again when it is next shown ([`Resource::take_back`]). After a reset all are created
//! again ([`Resources::restore`](super::table::Resources::restore)).
//!
//! Only an error of the protocol means that the host did not create the resource. After any other
//! wrong answer, or none, the host is told to destroy it. A command that was lost in a reset means
//! nothing, because the reset may have created the resource again.
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
    device::{Device, Object, VirtGpu},
    gpu::cmd,
    memory::{
        access,
        backing::{Backing, Part, Stage, MAX_GROUP_ENTRIES, MAX_PARTS},
        callbacks::Callbacks,
        format,
        host_resource::{is_backed_late, Done, HostResource},
        keeper::{HasKeeper, Keeper},
        kind::{Blob, Kind, Texture},
    },
    transport::{
        command::{gives_back, lazily, on_done, quiet, wake, Chain, Waiter},
        encode,
        pool::wait_for_memory,
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
        length: u64::from(rect.width() as u32) * u64::from(cpp),
        pitch,
        count: rect.height() as u32,
    }
}

/// Returns whether a resource of this format, width and height can show a framebuffer.
fn has_shape(shape: (u32, u32, u32), format: u32, info: &FramebufferInfo) -> bool {
    shape == (format, format::row(info), info.height)
}

/// Returns the error for a resource that the host has not created. If the host is out of memory, it may
/// help to give another resource up.
fn no_room(error: Error, chain: &Chain) -> Error {
    if error == ENOMEM && chain.data().is_answered() {
        ENOSPC
    } else {
        error
    }
}

/// A resource of the host, backed by buffer objects.
pub(crate) struct Resource {
    dev: ARef<Device>,
    pub(crate) id: u32,
    pub(crate) format: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Bytes per pixel.
    cpp: u32,
    host: Arc<HostResource>,
    /// The command that destroys it, until it is sent. It is allocated in advance, because
    /// destroying must not fail.
    unref: Pin<KBox<SpinLock<Option<Chain>>>>,
}

impl Resource {
    fn new(bo: &Object, format: u32, width: u32, height: u32, kind: Kind) -> Result<Arc<Self>> {
        let dev = bo.dev();
        let cpp = match kind {
            Kind::Image => format::by_number(format).ok_or(EINVAL)?.cpp,
            Kind::Texture(_) | Kind::Blob(_) => 0,
        };
        let is_uncopied = kind.is_uncopied();
        let host = dev.memory.resources.add(|id| {
            let part = if !bo.has_pages() || is_backed_late(dev, &kind) {
                Part::unmapped(bo, id)?
            } else {
                Part::new(dev, bo, id)?
            };
            let mut parts = KVec::with_capacity(1, GFP_KERNEL)?;
            parts.push(part, GFP_KERNEL)?;
            Arc::pin_init(
                pin_init!(HostResource {
                    id,
                    format,
                    width,
                    height,
                    kind,
                    backing <- new_mutex!(Backing { parts, stage: Stage::New }),
                    attached: Atomic::new(false),
                    refused: Atomic::new(false),
                    given_up: Atomic::new(false),
                    uuid <- new_mutex!(None),
                }),
                GFP_KERNEL,
            )
        })?;
        let id = host.id;
        encode::resource_unref(id)
            // The host may have refused to create what user space asked for.
            .map(|unref| if is_uncopied { quiet(unref) } else { unref })
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

    /// Creates a resource that is backed by a buffer object. Waits for the answer.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if the guest is out of memory; `ENOSPC` if the host is, so that another resource
    /// may have to be given up, see
    /// [`Callbacks::make_room`]; `EINVAL` if the host does
    /// not know the format; `ETIMEDOUT` or `EIO` if the host is in trouble; `ENODEV` if the device
    /// is gone or is reset.
    pub(crate) fn create(bo: &Object, format: u32, width: u32, height: u32) -> Result<Arc<Self>> {
        let resource = Self::new(bo, format, width, height, Kind::Image)?;
        resource.make()?;
        Ok(resource)
    }

    /// Creates a resource for a renderer, in whose numbers `format` and `texture` are. Does not wait,
    /// and leaves it to the caller to kick. A host that refuses to create it also refuses the
    /// commands that use it.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn create_texture(
        bo: &Object,
        format: u32,
        width: u32,
        height: u32,
        texture: Texture,
    ) -> Result<Arc<Self>> {
        let resource = Self::new(bo, format, width, height, Kind::Texture(texture))?;
        resource.send(None, None)?;
        Ok(resource)
    }

    /// Creates a blob. Does not wait, and leaves it to the caller to kick. A host that refuses to create
    /// it also refuses the commands that use it.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn create_blob(bo: &Object, blob: Blob) -> Result<Arc<Self>> {
        let resource = Self::new(bo, 0, 0, 0, Kind::Blob(blob))?;
        resource.send(None, None)?;
        Ok(resource)
    }

    /// Creates a blob of the guest's pages, which the host can show without a copy. Waits for the
    /// answer. If the host cannot do that, zero copy ends.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    pub(crate) fn create_shown(bo: &Object, blob: Blob) -> Result<Arc<Self>> {
        let dev = bo.dev();
        let resource = Self::new(bo, 0, 0, 0, Kind::Blob(blob))?;
        let created = Waiter::new(cmd::RESOURCE_CREATE_BLOB)?;
        resource.send(Some(created.clone()), None)?;
        dev.transport.ctrl.kick(dev);
        let (status, chain) = dev.transport.ctrl.wait_for_end(dev, &created)?;
        if status.is_err() && chain.data().is_answered() {
            access::stop_zero_copy(dev);
        }
        status.map_err(|error| no_room(error, &chain))?;
        Ok(resource)
    }

    /// Returns the UUID by which other virtio devices know it. The host is asked once, and again after
    /// a reset, because a reset discards UUIDs. Waits for the answer.
    ///
    /// # Errors
    ///
    /// Those of the answer.
    pub(crate) fn uuid(&self) -> Result<[u8; 16]> {
        VirtGpu::while_up(&self.dev, || {
            let mut uuid = self.host.uuid.lock();
            if let Some(known) = *uuid {
                return Ok(known);
            }
            Ok(*uuid.insert(encode::assign_uuid(&self.dev, self.id)?))
        })
    }

    /// Makes the host create it. Waits for the answer.
    fn make(&self) -> Result {
        let dev = &*self.dev;
        let created = Waiter::new(cmd::RESOURCE_CREATE_2D)?;
        let attached = Waiter::new(cmd::RESOURCE_ATTACH_BACKING)?;
        self.send(Some(created.clone()), Some(attached.clone()))?;
        dev.transport.ctrl.kick(dev);
        let created = dev.transport.ctrl.wait_for_end(dev, &created);
        let attached = dev.transport.ctrl.wait(dev, &attached);
        let (status, chain) = created?;
        status.map_err(|error| no_room(error, &chain))?;
        attached.map(drop)
    }

    /// Makes the host destroy a resource that no head shows. Waits for the answer, and returns
    /// whether the host has destroyed it. The resource keeps its number and its backing.
    pub(crate) fn give_up(&self) -> bool {
        let (dev, host) = (&*self.dev, &self.host);
        let (Ok(waiter), Ok(unref)) = (
            Waiter::new(cmd::RESOURCE_UNREF),
            encode::resource_unref(self.id),
        ) else {
            return false;
        };
        // A restore after a reset comes either before this, or does not create it again.
        let _making = dev.memory.resources.making.lock();
        let mut backing = host.backing.lock();
        if backing.stage != Stage::Made || self.is_refused() {
            return false;
        }
        dev.transport.ctrl.submit(dev, wake(unref, &waiter));
        dev.transport.ctrl.kick(dev);
        match dev.transport.ctrl.wait_for_end(dev, &waiter) {
            Ok((Ok(()), _)) => {
                backing.stage = Stage::New;
                host.detached();
                host.given_up.store(true, Relaxed);
                true
            }
            // The command was lost in a reset, or was not sent.
            Ok((Err(_), chain)) if !chain.data().is_answered() => false,
            // It is not known whether the host has it, so another one takes its place.
            _ => {
                host.refused();
                false
            }
        }
    }

    /// Makes the host create a resource that was given up. Waits for the answer. Its pixels have to
    /// be uploaded again.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create). If guest or host have no memory for it, it is still given
    /// up. After other errors another one has to take its place.
    pub(crate) fn take_back(&self) -> Result {
        let host = &self.host;
        let made = self.make();
        let mut backing = host.backing.lock();
        if backing.stage == Stage::New {
            // The commands were not sent.
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

    /// Returns whether the host was told to destroy it.
    pub(crate) fn is_given_up(&self) -> bool {
        self.host.given_up.load(Relaxed)
    }

    /// As [`create`](Self::create), but does not wait. A host that refuses to create it also
    /// refuses the commands that use it.
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
        let resource = Self::new(bo, format, width, height, Kind::Image)?;
        resource.send(None, None)?;
        bo.dev().transport.ctrl.kick(bo.dev());
        Ok(resource)
    }

    /// Sends the commands that create it. There may be waiters for the answers. The caller kicks.
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
        sent
    }

    /// Makes sure that the host has the backing, before a transfer.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if there is no room for bounce buffers.
    pub(crate) fn back(&self, bo: &Object) -> Result {
        let dev = &*self.dev;
        if !self.host.is_backed_late(dev) {
            return Ok(());
        }
        let mut backing = self.host.backing.lock();
        if self.host.attached.load(Relaxed) {
            return Ok(());
        }
        let part = backing.parts.first_mut().ok_or(EINVAL)?;
        if part.entries.is_empty() {
            part.map(dev, bo, self.id)?;
        }
        self.submit_attach(backing.attach(self.id)?);
        Ok(())
    }

    /// Returns its device.
    pub(super) fn dev(&self) -> &Device {
        &self.dev
    }

    /// Returns its kind.
    pub(crate) fn kind(&self) -> &Kind {
        &self.host.kind
    }

    /// Returns whether the host refused to create it.
    pub(crate) fn is_refused(&self) -> bool {
        self.host.refused.load(Relaxed)
    }

    /// Returns whether it can show a framebuffer, and the host did not refuse it.
    pub(crate) fn fits(&self, format: u32, info: &FramebufferInfo) -> bool {
        has_shape((self.format, self.width, self.height), format, info) && !self.is_refused()
    }

    /// Appends a buffer object to those that back the resource. Waits for the answer.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if the resource has as many of them as it may have; those of
    /// [`create`](Self::create).
    pub(crate) fn add(&self, bo: &Object) -> Result {
        let dev = &*self.dev;
        let waiter = Waiter::new(cmd::RESOURCE_ATTACH_BACKING)?;
        let detach = encode::detach_backing(self.id)?;
        let part = Part::new(dev, bo, self.id)?;
        let keeper = part.keeper.clone();
        {
            // After a reset the host has the resource only once all are created again.
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

    /// Removes a buffer object from those that back the resource. The others are attached again
    /// now, or with the next upload if there is no memory for that.
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
            // The host does not know the pages.
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

    /// Makes a command that copies pixels from a byte offset of the backing to the host. For a
    /// resource that is backed by one buffer object only.
    pub(crate) fn transfer(&self, bo: &Object, pixels: &Rect, offset: u64) -> Result<Chain> {
        // Longer rows do not fit into any backing.
        let pitch = self.width.saturating_mul(self.cpp);
        self.sync(bo, &rows(self.cpp, offset, pitch, pixels));
        encode::transfer(&self.dev.transport.pool, self.id, pixels, offset)
    }

    /// Copies pixels to bounce buffers, if the device reads the memory there.
    fn sync(&self, bo: &Object, rows: &Rows) {
        if self.dev.memory.use_dma_addr {
            bo.sync_for_device(rows);
        }
    }

    /// Copies rectangles of a framebuffer to the host. Waits for memory instead of failing, because a
    /// commit must not fail.
    ///
    /// # Errors
    ///
    /// `EBUSY` if it was given up.
    pub(crate) fn upload(&self, bo: &Object, info: &FramebufferInfo, rects: &[Rect]) -> Result {
        let dev = &*self.dev;
        let keeper = bo.keeper().ok_or(ENOENT)?;
        let backing = self.host.backing.lock();
        if self.is_given_up() {
            // The next commit on this head needed the host's memory, and shows another resource.
            return Err(EBUSY);
        }
        if !self.host.attached.load(Relaxed) {
            let (detach, attach) = wait_for_memory(|| {
                Ok((encode::detach_backing(self.id)?, backing.attach(self.id)?))
            })?;
            dev.transport.ctrl.submit(dev, detach);
            self.submit_attach(attach);
        }
        let base = backing.offset(&keeper);
        for rect in rects {
            let offset = u64::from(info.offset) + pixel_offset(self.cpp, info.pitch, rect);
            self.sync(bo, &rows(self.cpp, offset, info.pitch, rect));
            let transfer = encode::transfer(&dev.transport.pool, self.id, rect, base + offset)?;
            dev.transport.ctrl.submit(dev, lazily(transfer));
        }
        Ok(())
    }

    /// Returns where in the backing a buffer object begins, in bytes. For the panic screen: fails
    /// instead of waiting for a lock.
    pub(crate) fn try_offset(&self, bo: &Object) -> Option<u64> {
        let keeper = bo.try_keeper()?;
        Some(self.host.backing.try_lock()?.offset(&keeper))
    }

    /// Makes what was drawn into rectangles of a framebuffer visible to a host that sees the guest's
    /// pages.
    pub(crate) fn show_drawn(bo: &Object, info: &FramebufferInfo, rects: &[Rect]) {
        let Some(format) = format::by_fourcc(info.fourcc) else {
            return;
        };
        if !access::needs_sync(bo.dev()) {
            return;
        }
        for rect in rects {
            let offset = u64::from(info.offset) + pixel_offset(format.cpp, info.pitch, rect);
            bo.sync_for_device(&rows(format.cpp, offset, info.pitch, rect));
        }
    }

    /// Copies all of a framebuffer to bounce buffers, for the panic screen. Returns false if that
    /// could not be done.
    pub(crate) fn try_sync(&self, bo: &Object, info: &FramebufferInfo) -> bool {
        let all = Rect::new(0, 0, info.width as i32, info.height as i32);
        !self.dev.memory.use_dma_addr
            || format::by_fourcc(info.fourcc).is_some_and(|format| {
                let offset = u64::from(info.offset);
                bo.try_sync_for_device(&rows(format.cpp, offset, info.pitch, &all))
            })
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        let chain = self.unref.lock().take();
        // Pages that the host may use are freed after its answer.
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
    use crate::memory::{host_resource::tests::*, kind::tests::*, table::tests::*};
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
        // This does not fit into 32 bits.
        expect_eq!(test, offset(0, 40_000), 40_000 * 131_072);
    }

    fn framebuffer_fits_its_own_shape(test: &Test) {
        // The resource is as wide as the pitch.
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
            only_images_are_copied,
            only_blobs_of_the_guest_are_seen,
            only_custom_buffers_are_written_by_streams,
        ]
    );
}
