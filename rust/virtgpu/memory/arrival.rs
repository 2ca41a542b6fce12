// SPDX-License-Identifier: GPL-2.0
//! Arrivals: what the host writes into bounce buffers is copied to the CPU, before the fence of the
//! command is signalled.
//!
//! All bytes are copied back, also those that the host has not changed. So the bounce buffers have to
//! hold what the CPU wrote last when the command is sent. And an object has only one arrival at a
//! time: a second one would overwrite what the CPU writes after the first one's fence.
use drm::gem::shmem::Rows;
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{Acquire, Relaxed, Release},
    },
    workqueue,
};

use crate::{
    device::{work, Device, Object},
    transport::command::{self, Chain},
};

/// The buffer objects that the host writes into for a command, with the bytes that it may write.
pub(crate) struct Arrivals {
    objects: KVVec<(ARef<Object>, Rows)>,
    dev: ARef<Device>,
    is_over: bool,
    /// The next one in the list of those that are to be dropped.
    next: Option<KBox<Arrivals>>,
}

impl Arrivals {
    /// Prepares for at most `max` objects.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(dev: &Device, max: usize) -> Result<KBox<Self>> {
        Ok(KBox::new(
            Self {
                objects: KVVec::with_capacity(max, GFP_KERNEL)?,
                dev: dev.into(),
                is_over: false,
                next: None,
            },
            GFP_KERNEL,
        )?)
    }

    /// Adds an object whose reservation the caller holds until the command is submitted. The caller
    /// makes what the CPU wrote visible to the device.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` if a signal came before an earlier command was done.
    pub(crate) fn add(&mut self, bo: &Object, rows: Rows) -> Result {
        wait(&self.dev, bo)?;
        self.objects.push((bo.into(), rows), GFP_KERNEL)?;
        bo.is_arriving.store(true, Relaxed);
        Ok(())
    }

    /// Records that the CPU has what the host wrote, or that the host writes nothing.
    fn end(&mut self) {
        for (bo, _) in self.objects.iter() {
            // Pairs with the acquire in `wait`.
            bo.is_arriving.store(false, Release);
        }
        self.is_over = true;
        self.dev.memory.arrived.wake_all();
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        if !self.is_over {
            self.end();
        }
    }
}

/// Waits until an object, whose reservation the caller holds, has no arrival.
///
/// # Errors
///
/// `ERESTARTSYS` if a signal came before.
pub(crate) fn wait(dev: &Device, bo: &Object) -> Result {
    dev.memory
        .arrived
        // Pairs with the release in `end`.
        .wait_interruptible(|| !bo.is_arriving.load(Acquire))
}

/// What happens at the end of a command with arrivals.
pub(crate) struct Done(pub(crate) KBox<Arrivals>);

impl command::Done for Done {
    fn happen(self, dev: &Device, chain: Chain, _status: Result) -> Option<Chain> {
        let mut arrivals = self.0;
        if chain.data().is_unsent() {
            // The caller has references to the objects, too. The work may not run any more.
            drop(arrivals);
            return Some(chain);
        }
        // A lost command fails, and the host may have written only a part.
        if chain.data().is_answered() {
            for (bo, rows) in arrivals.objects.iter() {
                bo.sync_for_cpu(rows);
            }
        }
        arrivals.end();
        // The last reference to an object sends a command, which may have to wait for room in the
        // ring, so it is dropped elsewhere.
        let mut ended = dev.memory.ended_arrivals.lock();
        arrivals.next = ended.take();
        *ended = Some(arrivals);
        drop(ended);
        // It makes no difference if it is pending already.
        let _ = workqueue::system_long().enqueue::<ARef<Device>, { work::ARRIVALS }>(dev.into());
        Some(chain)
    }
}

/// Drops the references of arrivals that are over.
pub(crate) fn drop_ended(dev: &Device) {
    let mut ended = dev.memory.ended_arrivals.lock().take();
    while let Some(mut arrivals) = ended {
        ended = arrivals.next.take();
    }
}
