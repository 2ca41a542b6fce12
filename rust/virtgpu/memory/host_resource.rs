// SPDX-License-Identifier: GPL-2.0
//! What the host has of a resource.
//!
//! [`Resource`](super::resource::Resource) is the handle that the other parts use. A
//! [`HostResource`] outlives it until the host has answered that the resource is destroyed, because
//! until then the host may use the pages, and a reset has to know of it.
//!
//! [`Stage`] says whether the host is to have the resource. Three flags follow from the host's
//! answers: `attached`, `refused` and `given_up`.
use kernel::{
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        Arc, Mutex,
    },
};

use crate::{
    device::{Device, VirtGpu},
    gpu,
    memory::{
        access,
        backing::{Backing, Stage},
        callbacks::Callbacks,
        keeper::Keeper,
        kind::{Blob, Kind},
    },
    transport::{
        answer::is_refused,
        command::{self, on_done, quiet, Chain, Waiter},
        encode,
        pool::wait_for_memory,
    },
};

/// What happens at the end of a resource's commands.
pub(crate) enum Done {
    /// The host has destroyed the resource, so its pages may be freed.
    Unref(u32),
    /// The host no longer uses a buffer object's pages, so they may be freed.
    Detached(Arc<Keeper>),
    /// The host has created the resource, or refused to. There may be a waiter.
    Created(Arc<HostResource>, Option<Arc<Waiter>>),
    /// The host has created the resource again after a reset, or refused to.
    Restored(Arc<HostResource>),
    /// The host has attached the resource's backing, or failed to. There may be a waiter.
    Attached(Arc<HostResource>, Option<Arc<Waiter>>),
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
            Self::Created(host, waiter) => {
                if is_refused(&chain) {
                    host.refused();
                }
                waiter
            }
            Self::Restored(host) => {
                if is_refused(&chain) {
                    host.refused();
                    VirtGpu::lost(dev);
                }
                None
            }
            Self::Attached(host, waiter) => {
                if let Err(error) = status {
                    host.detached();
                    // The answer to the creation may have had the error.
                    let is_news = chain.data().is_quiet() && !host.refused.load(Relaxed);
                    if is_news && chain.data().is_answered() {
                        drm::drm_err_ratelimited!(
                            dev,
                            "resource {} has no backing: {:?}\n",
                            host.id,
                            error
                        );
                    }
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

/// A resource as the host has it, and what it takes to create it, now and after a reset. Its pages
/// are not freed as long as it is in the table.
#[pin_data]
pub(crate) struct HostResource {
    pub(super) id: u32,
    pub(super) format: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) kind: Kind,
    /// Also held while commands about the resource are queued, to keep them in order.
    #[pin]
    pub(super) backing: Mutex<Backing>,
    /// The host has the backing, as far as the driver knows.
    pub(super) attached: Atomic<bool>,
    /// The host refused to create it, and gets no more commands about it.
    pub(super) refused: Atomic<bool>,
    /// The host was told to destroy it. It is created again when it is next shown.
    pub(super) given_up: Atomic<bool>,
    /// The UUID by which other virtio devices know it, until the device is reset.
    #[pin]
    pub(super) uuid: Mutex<Option<[u8; 16]>>,
}

/// Returns whether the backing of a resource is attached only before the first transfer: most textures
/// are never transferred, and there are few bounce buffers.
pub(super) fn is_backed_late(dev: &Device, kind: &Kind) -> bool {
    matches!(kind, Kind::Texture(_)) && !kind.is_custom() && access::bounces(dev)
}

impl HostResource {
    /// Records that the host refused to create it.
    pub(crate) fn refused(&self) {
        self.refused.store(true, Relaxed);
    }

    /// Records that the host has no backing of it.
    pub(crate) fn detached(&self) {
        self.attached.store(false, Relaxed);
    }

    pub(super) fn is_backed_late(&self, dev: &Device) -> bool {
        is_backed_late(dev, &self.kind)
    }

    /// Makes the command that creates it.
    fn create(&self, backing: &Backing) -> Result<Chain> {
        match &self.kind {
            Kind::Blob(blob) => encode::resource_create_blob(
                blob.ctx_id,
                &gpu::ResourceCreateBlob {
                    resource_id: self.id,
                    blob_mem: blob.mem,
                    blob_flags: blob.flags,
                    blob_id: blob.id,
                    size: blob.size,
                    ..gpu::ResourceCreateBlob::zeroed()
                },
                backing.bytes()?,
                backing.entries() as u32,
            ),
            Kind::Image => {
                encode::resource_create_2d(self.id, self.format, self.width, self.height)
            }
            Kind::Texture(texture) => encode::resource_create_3d(&gpu::ResourceCreate3d {
                resource_id: self.id,
                target: texture.target,
                format: self.format,
                bind: texture.bind,
                width: self.width,
                height: self.height,
                depth: texture.depth,
                array_size: texture.array_size,
                last_level: texture.last_level,
                nr_samples: texture.nr_samples,
                flags: texture.flags,
                ..gpu::ResourceCreate3d::zeroed()
            }),
        }
    }

    /// Sends the commands that create it and attach its backing, in one batch.
    pub(super) fn send(
        &self,
        dev: &Device,
        backing: &mut Backing,
        created: Done,
        attached: Done,
    ) -> Result {
        let create = on_done(self.create(backing)?, created);
        // The creation of a blob includes its backing.
        if self.kind.blob().is_some() || self.is_backed_late(dev) {
            backing.stage = Stage::Made;
            self.detached();
            dev.transport.ctrl.submit(dev, create);
            return Ok(());
        }
        // If the host refuses the first, it also refuses this one, and one message is enough.
        let attach = on_done(quiet(backing.attach(self.id)?), attached);

        backing.stage = Stage::Made;
        self.attached.store(true, Relaxed);
        dev.transport.ctrl.submit(dev, create);
        dev.transport.ctrl.submit(dev, attach);
        Ok(())
    }

    /// Makes a device that was reset create it again. Waits for memory instead of failing, because
    /// programs do not learn of the reset.
    pub(super) fn restore(self: &Arc<Self>, dev: &Device) -> Result {
        // Under the lock, so that commands that end the resource are queued after this.
        let mut backing = self.backing.lock();
        // A reset discards it.
        self.uuid.lock().take();
        // Memory of the host was destroyed with its context.
        let is_hosts = self.kind.blob().is_some_and(Blob::is_hosts);
        if backing.stage != Stage::Made || self.refused.load(Relaxed) || is_hosts {
            return Ok(());
        }
        wait_for_memory(|| {
            let created = Done::Restored(self.clone());
            let attached = Done::Attached(self.clone(), None);
            self.send(dev, &mut backing, created, attached)
        })
    }

    /// Records that nothing uses it any more. Returns whether the host may have it, or may use its
    /// pages.
    pub(super) fn end(&self) -> bool {
        let stage = core::mem::replace(&mut self.backing.lock().stage, Stage::Ended);
        stage == Stage::Made && (!self.refused.load(Relaxed) || self.attached.load(Relaxed))
    }
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kernel::new_mutex;
    use kunit::{expect, Test};

    pub(crate) fn host_resource(id: u32) -> Result<Arc<HostResource>> {
        Arc::pin_init(
            pin_init!(HostResource {
                id,
                format: 2,
                width: 64,
                height: 48,
                kind: Kind::Image,
                backing <- new_mutex!(Backing { parts: KVec::new(), stage: Stage::New }),
                attached: Atomic::new(false),
                refused: Atomic::new(false),
                given_up: Atomic::new(false),
                uuid <- new_mutex!(None),
            }),
            GFP_KERNEL,
        )
    }

    /// Returns whether the host is told of the end of a resource.
    fn ends_on_host(stage: Stage, refused: bool, attached: bool) -> Result<bool> {
        let host = host_resource(1)?;
        host.backing.lock().stage = stage;
        host.refused.store(refused, Relaxed);
        host.attached.store(attached, Relaxed);
        Ok(host.end() && host.backing.lock().stage == Stage::Ended)
    }

    pub(crate) fn host_hears_of_the_end_of_what_it_may_have(test: &Test) -> Result {
        expect!(test, !ends_on_host(Stage::New, false, false)?);
        expect!(test, ends_on_host(Stage::Made, false, false)?);
        expect!(test, ends_on_host(Stage::Made, false, true)?);
        // The host may still use the pages.
        expect!(test, ends_on_host(Stage::Made, true, true)?);
        expect!(test, !ends_on_host(Stage::Made, true, false)?);
        expect!(test, !ends_on_host(Stage::Ended, false, true)?);
        Ok(())
    }
}
