// SPDX-License-Identifier: GPL-2.0
//! What the driver knows of a resource as long as the host may have it.
use kernel::{
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        Arc, Mutex,
    },
};

use crate::{
    device::{Device, VirtGpu},
    memory::{
        backing::{Backing, Stage},
        callbacks::Callbacks,
        keeper::Keeper,
    },
    transport::{
        answer::is_refused,
        cmd,
        command::{self, on_done, quiet, Chain, Waiter},
    },
};

/// What happens when a command of a resource has ended.
pub(crate) enum Done {
    /// A resource is gone: so may be its pages.
    Unref(u32),
    /// The host no longer looks at a buffer object's pages: so may they go.
    Detached(Arc<Keeper>),
    /// The host made a resource, or refused to; somebody may wait for that.
    Created(Arc<HostResource>, Option<Arc<Waiter>>),
    /// The host made a resource again after a reset, or refused to.
    Restored(Arc<HostResource>),
    /// The host has a resource's backing, or has none; somebody may wait for that.
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
                if status.is_err() {
                    host.detached();
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

/// What it takes to make a resource, now and after a reset. Its pages stay as long as it is in the
/// table.
#[pin_data]
pub(crate) struct HostResource {
    pub(super) id: u32,
    pub(super) format: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Locked, also their order in the queue.
    #[pin]
    pub(super) backing: Mutex<Backing>,
    /// The host knows the backing.
    pub(super) attached: Atomic<bool>,
    /// The host did not make it, and is told no more of it.
    pub(super) refused: Atomic<bool>,
    /// The host was told to destroy it, and it is made again when it is next shown.
    pub(super) given_up: Atomic<bool>,
}

impl HostResource {
    /// The host did not make it.
    pub(crate) fn refused(&self) {
        self.refused.store(true, Relaxed);
    }

    /// The host has no backing of it.
    pub(crate) fn detached(&self) {
        self.attached.store(false, Relaxed);
    }

    /// Sends CREATE and ATTACH in one batch.
    pub(super) fn send(
        &self,
        dev: &Device,
        backing: &mut Backing,
        created: Done,
        attached: Done,
    ) -> Result {
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
    pub(super) fn restore(self: &Arc<Self>, dev: &Device) -> Result {
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
                backing <- new_mutex!(Backing { parts: KVec::new(), stage: Stage::New }),
                attached: Atomic::new(false),
                refused: Atomic::new(false),
                given_up: Atomic::new(false),
            }),
            GFP_KERNEL,
        )
    }

    /// Whether the host is told of the end of a resource.
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
        // The host may still look at the pages.
        expect!(test, ends_on_host(Stage::Made, true, true)?);
        expect!(test, !ends_on_host(Stage::Made, true, false)?);
        expect!(test, !ends_on_host(Stage::Ended, false, true)?);
        Ok(())
    }
}
