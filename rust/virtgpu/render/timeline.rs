// SPDX-License-Identifier: GPL-2.0
//! Timelines: which fences are signalled when a command has ended.
//!
//! Each ring of a context is a timeline; other commands are on the timeline of the device. The rules are
//! in [`Table`], which knows neither commands nor contexts.
use drm::{
    dma_buf::{DriverFence, FenceContext, FenceContextOps},
    event::Event,
};
use kernel::{
    new_mutex,
    prelude::*,
    rbtree::RBTree,
    sync::{
        atomic::{Atomic, Relaxed},
        Arc, Mutex,
    },
};
use virtio::{lock::SpinLockBh, new_spinlock_bh, wait::jiffies};

use crate::device::{Device, VirtGpu};

/// The maximum number of rings of a context, which is the number of bits in its poll mask.
pub(crate) const MAX_RINGS: u32 = 64;

/// What programs see of the timelines of this driver.
pub(crate) struct Names;

impl FenceContextOps for Names {
    const DRIVER_NAME: &'static CStr = c"virtio_gpu";
    const TIMELINE_NAME: &'static CStr = c"virtgpu";
    type FenceDataType = ();
    type Driver = VirtGpu;
}

/// A timeline of fences.
pub(crate) type Timeline = FenceContext<Names>;

/// When a fence of each of some timelines was last signalled, in jiffies.
pub(crate) struct Times([Atomic<usize>; MAX_RINGS as usize]);

impl Times {
    pub(crate) fn new() -> Result<Arc<Self>> {
        let now = jiffies();
        Ok(Arc::new(
            Self(core::array::from_fn(|_| Atomic::new(now))),
            GFP_KERNEL,
        )?)
    }
}

/// When a fence of a timeline was last signalled.
#[derive(Clone)]
pub(super) struct Progress(pub(super) Arc<Times>, pub(super) usize);

impl Progress {
    fn at(&self) -> usize {
        self.0 .0[self.1].load(Relaxed)
    }

    /// A fence is signalled now.
    fn made(&self) {
        self.0 .0[self.1].store(jiffies(), Relaxed);
    }
}

/// A fence that is not signalled.
pub(super) struct Pending<S> {
    /// The number of its timeline.
    pub(super) timeline: u64,
    /// The number of the owner of its command's context, or 0.
    pub(super) owner: u64,
    /// When a fence of its timeline was last signalled, or `None` if it is never late.
    pub(super) progress: Option<Progress>,
    /// When it was emitted, in jiffies.
    pub(super) since: usize,
    /// Its command has ended, and it waits for those before it.
    pub(super) has_ended: bool,
    /// At the end of its command, something happens before it is signalled.
    pub(super) has_done: bool,
    /// The host does not finish its command.
    pub(super) is_given_up: bool,
    /// Why its command failed.
    pub(super) error: Option<Error>,
    /// What is signalled.
    pub(super) signal: S,
}

impl<S> Pending<S> {
    /// Returns whether it is late, or `None` if it never is.
    fn is_late(&self, now: usize, patience: usize) -> Option<bool> {
        let progress = self.progress.as_ref().filter(|_| !self.is_given_up)?;
        let waited = now.wrapping_sub(self.since);
        Some(waited.min(now.wrapping_sub(progress.at())) >= patience)
    }
}

pub(super) type Numbered<S> = RBTree<u64, Pending<S>>;

/// The fences that are emitted and not signalled, by number and therefore in order.
pub(super) struct Table<S>(pub(super) Numbered<S>);

impl<S> Table<S> {
    /// Returns the number of the first late fence, and whether there are fences that may become late.
    pub(super) fn late(&self, now: usize, patience: usize) -> (Option<u64>, bool) {
        let mut has_pending = false;
        for (number, fence) in self.0.iter() {
            let Some(is_late) = fence.is_late(now, patience) else {
                continue;
            };
            has_pending = true;
            if is_late {
                return (Some(*number), true);
            }
        }
        (None, has_pending)
    }

    /// Returns the first fence of a timeline if it is to be signalled. Those before the number
    /// `executed` are, unless something has to happen before.
    fn next(&self, timeline: u64, executed: u64) -> Option<u64> {
        let (number, fence) = self
            .0
            .iter()
            .find(|(_, fence)| fence.timeline == timeline)?;
        let is_executed = *number < executed && !fence.has_done;
        (fence.has_ended || is_executed).then_some(*number)
    }

    /// Moves the fences of a timeline that are to be signalled to `done`.
    fn collect(&mut self, timeline: u64, executed: u64, done: &mut Numbered<S>) {
        while let Some(number) = self.next(timeline, executed) {
            if let Some(node) = self.0.remove_node(&number) {
                done.insert(node);
            }
        }
    }

    /// The command of a fence has ended. Moves the fences that are to be signalled now to `done`.
    /// `is_executed` tells that the commands before it on its ring were executed, too.
    pub(super) fn end(
        &mut self,
        number: u64,
        error: Option<Error>,
        is_executed: bool,
        done: &mut Numbered<S>,
    ) {
        // If a later command on its ring was answered first, it is signalled already.
        let Some(fence) = self.0.get_mut(&number) else {
            return;
        };
        if error.is_some() {
            fence.error = error;
        }
        fence.has_ended = true;
        let (timeline, progress) = (fence.timeline, fence.progress.clone());
        self.collect(timeline, if is_executed { number } else { 0 }, done);
        if let Some(progress) = progress.filter(|_| !done.is_empty()) {
            progress.made();
        }
    }

    /// Ends the fences of a late fence's context with `EIO`. A late fence without a context is ended
    /// alone.
    pub(super) fn give_up(&mut self, late: u64, owner: u64) {
        for (number, fence) in self.0.iter_mut() {
            if *number != late && (owner == 0 || fence.owner != owner) {
                continue;
            }
            fence.error = Some(EIO);
            fence.has_ended = true;
            fence.is_given_up = true;
            // The time of the fences behind it starts now.
            if let Some(progress) = &fence.progress {
                progress.made();
            }
        }
    }

    /// Moves fences that were given up, and are the first on their timelines, to `done`.
    pub(super) fn collect_given_up(&mut self, done: &mut Numbered<S>) {
        let is_first = |table: &Self, number: u64, fence: &Pending<S>| {
            fence.is_given_up && table.next(fence.timeline, 0) == Some(number)
        };
        while let Some(timeline) = self
            .0
            .iter()
            .find(|(number, fence)| is_first(self, **number, fence))
            .map(|(_, fence)| fence.timeline)
        {
            self.collect(timeline, 0, done);
        }
    }

    /// Moves the fences of timelines to `done`, with an error.
    fn cancel(&mut self, is_of: impl Fn(u64) -> bool, error: Error, done: &mut Numbered<S>) {
        while let Some((number, fence)) = self.0.iter_mut().find(|(_, fence)| is_of(fence.timeline))
        {
            fence.error = Some(error);
            let number = *number;
            if let Some(node) = self.0.remove_node(&number) {
                done.insert(node);
            }
        }
    }
}

/// What is signalled: the fence, and the event for a file that polls the ring.
pub(super) struct Signal {
    pub(super) fence: DriverFence<Names>,
    pub(super) event: Option<Event<VirtGpu>>,
}

/// Signals fences in order. Not under the lock, because others wait for them.
pub(super) fn signal(mut done: Numbered<Signal>) {
    let mut cursor = done.cursor_front_mut();
    while let Some(first) = cursor {
        let (rest, node) = first.remove_current();
        let (_, pending) = node.to_key_value();
        pending
            .signal
            .fence
            .signal(pending.error.map_or(Ok(()), Err));
        if let Some(event) = pending.signal.event {
            event.send();
        }
        cursor = rest;
    }
}

/// The fences of a device.
#[pin_data]
pub(crate) struct Fences {
    /// The number of the last fence. Held while a fence is numbered and its command is queued, and
    /// while it is checked before that whether the context was lost.
    #[pin]
    pub(crate) emit: Mutex<u64>,
    #[pin]
    pub(super) pending: SpinLockBh<Table<Signal>>,
    /// The timeline of the device.
    pub(super) timeline: Timeline,
    pub(super) times: Arc<Times>,
    /// How many fences were late on a host that was alive.
    pub(crate) late: Atomic<u32>,
}

impl Fences {
    pub(super) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            emit <- new_mutex!(0),
            pending <- new_spinlock_bh!(Table(RBTree::new())),
            timeline: Timeline::new(1),
            times: Times::new()?,
            late: Atomic::new(0),
        }? Error)
    }
}

/// Signals the fences of timelines that belong to a context that the host has destroyed.
pub(super) fn cancel(dev: &Device, timelines: &[Timeline]) {
    let is_of = |number| timelines.iter().any(|timeline| timeline.nr() == number);
    let mut done = RBTree::new();
    dev.render
        .fences
        .pending
        .lock()
        .cancel(is_of, ECANCELED, &mut done);
    signal(done);
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, expect_eq, Test};

    type Plain = Table<()>;

    /// Adds a fence of a timeline and a context.
    fn add(
        table: &mut Plain,
        times: &Arc<Times>,
        number: u64,
        timeline: u64,
        owner: u64,
    ) -> Result {
        let pending = Pending {
            timeline,
            owner,
            progress: Some(Progress(times.clone(), timeline as usize)),
            since: jiffies(),
            has_ended: false,
            has_done: false,
            is_given_up: false,
            error: None,
            signal: (),
        };
        table
            .0
            .try_create_and_insert(number, pending, GFP_KERNEL)
            .map(drop)
    }

    /// Makes fences of (timeline, owner), numbered from 1.
    fn table(fences: &[(u64, u64)]) -> Result<(Plain, Arc<Times>)> {
        let (mut table, times) = (Table(RBTree::new()), Times::new()?);
        for (index, (timeline, owner)) in fences.iter().enumerate() {
            add(&mut table, &times, index as u64 + 1, *timeline, *owner)?;
        }
        Ok((table, times))
    }

    /// Returns the numbers of fences as the bits of a mask.
    fn numbers(fences: &Numbered<()>) -> u64 {
        fences.keys().fold(0, |mask, number| mask | 1 << number)
    }

    fn end(table: &mut Plain, number: u64, error: Option<Error>, is_executed: bool) -> u64 {
        let mut done = RBTree::new();
        table.end(number, error, is_executed, &mut done);
        numbers(&done)
    }

    fn answer_signals_those_before_on_the_timeline(test: &Test) -> Result {
        let (mut table, _times) = table(&[(1, 1), (2, 1), (1, 1), (1, 1)])?;
        expect_eq!(test, end(&mut table, 3, None, true), 1 << 1 | 1 << 3);
        expect_eq!(test, numbers(&table.0), 1 << 2 | 1 << 4);
        // The answer to the first comes later.
        expect_eq!(test, end(&mut table, 1, None, true), 0);
        expect_eq!(test, end(&mut table, 2, None, true), 1 << 2);
        Ok(())
    }

    fn error_waits_for_those_before(test: &Test) -> Result {
        let (mut table, _times) = table(&[(1, 1), (1, 1), (2, 1)])?;
        expect_eq!(test, end(&mut table, 2, Some(EINVAL), false), 0);
        expect!(test, table.0.get(&2).is_some_and(|fence| fence.has_ended));
        expect_eq!(test, end(&mut table, 1, None, true), 1 << 1 | 1 << 2);
        expect_eq!(test, numbers(&table.0), 1 << 3);
        Ok(())
    }

    fn error_stays_with_its_fence(test: &Test) -> Result {
        let (mut table, _times) = table(&[(1, 1), (1, 1)])?;
        let mut done = RBTree::new();
        table.end(2, Some(EINVAL), false, &mut done);
        table.end(1, None, true, &mut done);
        expect!(
            test,
            done.get(&1).is_some_and(|fence| fence.error.is_none())
        );
        expect!(
            test,
            done.get(&2)
                .is_some_and(|fence| fence.error == Some(EINVAL))
        );
        Ok(())
    }

    /// What the host wrote is copied to the CPU before the fence is signalled.
    fn fence_waits_for_what_happens_before(test: &Test) -> Result {
        let (mut table, _times) = table(&[(1, 1), (1, 1)])?;
        if let Some(fence) = table.0.get_mut(&1) {
            fence.has_done = true;
        }
        expect_eq!(test, end(&mut table, 2, None, true), 0);
        expect_eq!(test, end(&mut table, 1, None, true), 1 << 1 | 1 << 2);
        Ok(())
    }

    fn fence_is_late_after_its_patience(test: &Test) -> Result {
        let (mut table, times) = table(&[(1, 1)])?;
        let start = jiffies();
        times.0[1].store(start, Relaxed);
        if let Some(fence) = table.0.get_mut(&1) {
            fence.since = start;
        }
        expect_eq!(test, table.late(start + 99, 100), (None, true));
        expect_eq!(test, table.late(start + 100, 100), (Some(1), true));
        // Another fence of the timeline was signalled meanwhile.
        times.0[1].store(start + 50, Relaxed);
        expect_eq!(test, table.late(start + 100, 100), (None, true));
        expect_eq!(test, table.late(start + 150, 100), (Some(1), true));
        Ok(())
    }

    fn polled_fence_is_never_late(test: &Test) -> Result {
        let (mut table, _times) = table(&[(1, 1)])?;
        if let Some(fence) = table.0.get_mut(&1) {
            fence.progress = None;
        }
        let later = jiffies().wrapping_add(1 << 30);
        expect_eq!(test, table.late(later, 1), (None, false));
        Ok(())
    }

    fn all_fences_of_a_guilty_context_end(test: &Test) -> Result {
        let (mut table, _times) = table(&[(1, 7), (2, 7), (3, 8), (1, 7)])?;
        table.give_up(1, 7);
        let mut done = RBTree::new();
        table.collect_given_up(&mut done);
        expect_eq!(test, numbers(&done), 1 << 1 | 1 << 2 | 1 << 4);
        for (_, fence) in done.iter() {
            expect!(test, fence.error == Some(EIO));
        }
        expect_eq!(test, numbers(&table.0), 1 << 3);
        Ok(())
    }

    /// On the timeline of the device are the fences of all contexts.
    fn guilty_fence_waits_for_those_of_others(test: &Test) -> Result {
        let (mut table, _times) = table(&[(1, 8), (1, 7), (1, 8)])?;
        table.give_up(2, 7);
        let mut done = RBTree::new();
        table.collect_given_up(&mut done);
        expect!(test, done.is_empty());
        expect_eq!(test, end(&mut table, 1, None, true), 1 << 1 | 1 << 2);
        expect_eq!(test, numbers(&table.0), 1 << 3);
        Ok(())
    }

    fn given_up_fence_is_not_late_again(test: &Test) -> Result {
        let (mut table, _times) = table(&[(1, 8), (1, 7)])?;
        table.give_up(2, 7);
        let later = jiffies().wrapping_add(1 << 30);
        expect_eq!(test, table.late(later, 1), (Some(1), true));
        table.give_up(1, 8);
        expect_eq!(test, table.late(later, 1), (None, false));
        Ok(())
    }

    fn fence_without_a_context_ends_alone(test: &Test) -> Result {
        let (mut table, _times) = table(&[(1, 0), (2, 0)])?;
        table.give_up(1, 0);
        let mut done = RBTree::new();
        table.collect_given_up(&mut done);
        expect_eq!(test, numbers(&done), 1 << 1);
        Ok(())
    }

    fn fences_of_a_destroyed_context_are_cancelled(test: &Test) -> Result {
        let (mut table, _times) = table(&[(1, 7), (2, 7), (3, 8)])?;
        let mut done = RBTree::new();
        table.cancel(|timeline| timeline < 3, ECANCELED, &mut done);
        expect_eq!(test, numbers(&done), 1 << 1 | 1 << 2);
        expect!(
            test,
            done.iter().all(|(_, fence)| fence.error == Some(ECANCELED))
        );
        expect_eq!(test, numbers(&table.0), 1 << 3);
        Ok(())
    }

    kunit::suite!(
        c"virtgpu_rs_timeline",
        [
            answer_signals_those_before_on_the_timeline,
            error_waits_for_those_before,
            error_stays_with_its_fence,
            fence_waits_for_what_happens_before,
            fence_is_late_after_its_patience,
            polled_fence_is_never_late,
            all_fences_of_a_guilty_context_end,
            guilty_fence_waits_for_those_of_others,
            given_up_fence_is_not_late_again,
            fence_without_a_context_ends_alone,
            fences_of_a_destroyed_context_are_cancelled,
        ]
    );
}
