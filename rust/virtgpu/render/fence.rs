// SPDX-License-Identifier: GPL-2.0
//! Fences: they signal when the host has executed a command and all before it on its ring.
//!
//! The host answers a command with a fence when it has executed the command. Each ring of a context is
//! a timeline; other commands are on the timeline of the device. An answer signals the fence and all
//! fences before it on the timeline. If the command was lost with a reset, or could not be sent, the
//! fence ends with an error after the fences before it.
//!
//! A fence is *late* if its timeline has not moved for `fence_timeout`. Then the device is asked
//! whether it is alive. If it is, the context of the late fence is lost, and its fences end with
//! `EIO`.
use drm::{
    dma_buf::{DriverFenceAllocation, SingleFence},
    event::Event,
};
use kernel::{
    prelude::*,
    rbtree::{RBTree, RBTreeNodeReservation},
    sync::{aref::ARef, atomic::Relaxed},
    time::msecs_to_jiffies,
    workqueue,
};
use virtgpu_c::fence_timeout;
use virtio::wait::jiffies;

use crate::{
    device::{work, Device, VirtGpu},
    render::{
        context::{self, Hold, RingHold},
        timeline::{signal, Names, Pending, Progress, Signal, Table, Timeline},
    },
    transport::{
        command::{set_fence_number, Callbacks, Chain},
        queue::kick_again_after,
    },
};

/// Returns how many jiffies rendering may take before a fence is late.
pub(crate) fn patience() -> usize {
    msecs_to_jiffies(fence_timeout().clamp(1, 86400) * 1000)
}

/// The fence of a command that was emitted, as the command has it.
pub(crate) struct Emitted {
    number: u64,
    /// Keeps the context, because a host drops the fences of a context that it destroys.
    hold: Option<RingHold>,
}

/// A fence that is not emitted yet.
pub(super) struct NewFence<'a> {
    allocation: DriverFenceAllocation<'a, Names>,
    event: Option<Event<VirtGpu>>,
    place: RBTreeNodeReservation<u64, Pending<Signal>>,
    timeline: u64,
}

impl<'a> NewFence<'a> {
    /// Allocates a fence of a timeline.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `ENODEV` if the driver has left the device.
    pub(super) fn new(dev: &Device, timeline: &'a Timeline) -> Result<Self> {
        Ok(Self {
            allocation: timeline.new_fence_allocation(dev, ())?,
            event: None,
            place: RBTreeNodeReservation::new(GFP_KERNEL)?,
            timeline: timeline.nr(),
        })
    }

    /// Sets the event that is sent when the fence is signalled.
    pub(super) fn set_event(&mut self, event: Event<VirtGpu>) {
        self.event = Some(event);
    }

    /// Numbers the fence and attaches it to a command of a context, on a ring or on the device's
    /// timeline. `last` is in [`Fences::emit`](super::timeline::Fences::emit). The caller submits the
    /// command before it unlocks that, so that numbers and commands have the same order.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a command without a header.
    pub(super) fn emit(
        self,
        last: &mut u64,
        chain: &mut Chain,
        hold: &Hold,
        ring: Option<u32>,
    ) -> Result<ARef<SingleFence>> {
        let dev = hold.dev();
        let number = *last + 1;
        set_fence_number(chain, number, ring)?;
        *last = number;
        // A fence on a polled ring stands for an event that may happen in hours, and hosts signal it
        // at the latest when the context is destroyed. So it is never late, and holds nothing.
        let is_polled = hold.polls(ring);
        let progress = match ring {
            None => Some(Progress(dev.render.fences.times.clone(), 0)),
            Some(_) if is_polled => None,
            Some(ring) => Some(Progress(hold.times.clone(), ring as usize)),
        };
        let may_be_late = progress.is_some();
        let fence = self.allocation.new_fence();
        let shared = fence.as_single_fence().into();
        let pending = Pending {
            timeline: self.timeline,
            owner: hold.owner,
            progress,
            since: jiffies(),
            has_ended: false,
            has_done: chain.data().has_done(),
            is_given_up: false,
            error: None,
            signal: Signal {
                fence,
                event: self.event,
            },
        };
        chain.data_mut().set_fence(Emitted {
            number,
            hold: (ring.is_some() && !is_polled).then(|| RingHold::new(hold)),
        });
        let node = self.place.into_node(number, pending);
        let none = dev.render.fences.pending.lock().0.insert(node);
        drop(none);
        if may_be_late {
            watch_later(dev);
        }
        Ok(shared)
    }
}

/// Schedules [`watch`]. Often, because `fence_timeout` may be changed meanwhile.
fn watch_later(dev: &Device) {
    // If it is pending already, it is not later than this.
    let _ = workqueue::system_freezable()
        .enqueue_delayed::<ARef<Device>, { work::FENCES }>(dev.into(), kick_again_after());
}

/// If a fence is late, asks the device whether it is alive.
pub(crate) fn watch(dev: &Device) {
    let (late, has_pending) = dev.render.fences.pending.lock().late(jiffies(), patience());
    if late.is_some() {
        VirtGpu::ask(dev);
    }
    if has_pending {
        dev.transport.ctrl.kick_again();
        watch_later(dev);
    }
}

/// Returns the first late fence and the owner of its context.
fn late(table: &Table<Signal>) -> Option<(u64, u64)> {
    let number = table.late(jiffies(), patience()).0?;
    Some((number, table.0.get(&number)?.owner))
}

/// Loses the contexts of late fences, because the host is alive.
pub(crate) fn lose_contexts(dev: &Device) {
    let pending = &dev.render.fences.pending;
    let first_late = || late(&pending.lock());
    while let Some((_, owner)) = first_late() {
        // First, because programs react when the fence is signalled.
        context::lose(dev, owner);
        let mut table = pending.lock();
        if let Some((number, _)) = late(&table).filter(|(_, other)| *other == owner) {
            table.give_up(number, owner);
            dev.render.fences.late.fetch_add(1, Relaxed);
        }
    }
    let mut done = RBTree::new();
    pending.lock().collect_given_up(&mut done);
    signal(done);
}

/// Signals the fence of a command that has ended, in the order of its ring. Without an answer, or with
/// an error, the commands before it may not have ended, because hosts answer an error at once, while
/// they still execute earlier commands. So the fence waits for theirs.
pub(crate) fn ended(dev: &Device, fence: Emitted, status: Result, is_answered: bool) {
    let error = status
        .err()
        .map(|error| if error == ENODEV { EIO } else { error });
    let mut done = RBTree::new();
    dev.render.fences.pending.lock().end(
        fence.number,
        error,
        is_answered && status.is_ok(),
        &mut done,
    );
    signal(done);
    // The host has answered, so it may destroy the context now.
    drop(fence.hold);
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect_eq, Test};

    fn rendering_may_take_a_minute(test: &Test) {
        expect_eq!(test, patience(), msecs_to_jiffies(60_000));
    }

    kunit::suite!(c"virtgpu_rs_fence", [rendering_may_take_a_minute]);
}
