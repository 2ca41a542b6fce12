// SPDX-License-Identifier: GPL-2.0
//! The queues: a virtqueue that carries commands.
//!
//! [`Queue::submit`] adds a command to the ring and waits for room if there is none.
//! [`Queue::kick`] tells the device of all commands that were added since the last kick, so a batch
//! costs one kick. [`Queue::send`] does both for a single command.
//!
//! The work that an interrupt schedules takes finished commands off the ring ([`Queue::dequeue`]). For
//! commands that nothing waits for, the next frame or stream does that ([`Queue::reap`]). The work of the
//! control queue runs in softirq, where it signals fences and wakes waiters; another work ends the commands
//! whose end may sleep ([`Queue::finish_answered`]). The interrupt state is in [`irq`](super::irq).
//!
//! A queue is closed while the device is reset. Commands submitted then end with `ENODEV`.
use kernel::{prelude::*, sync::aref::ARef, time::msecs_to_jiffies, workqueue};
use virtgpu_c::{command_timeout, trace_cmd_queue, trace_cmd_response};
use virtio::{
    lock::SpinLockBh,
    new_spinlock_bh,
    wait::{jiffies, WaitQueue},
    Virtqueue,
};

use crate::{
    device::{work, Cause, Device, VirtGpu},
    gpu::cmd,
    transport::{
        answer::check,
        command::{kind, Callbacks, Chain, Cmd, Done, End, Ended, List, Waiter},
        irq::{Change, Irq},
    },
};

/// Returns how many descriptors have to be free for a command that has found no room, or `None` if
/// the ring is too small for it. A command takes one indirect descriptor, unless there is no memory
/// for its table.
fn room_needed(free: usize, size: usize, has_indirect: bool, descriptors: usize) -> Option<usize> {
    if has_indirect && free == 0 {
        return Some(1);
    }
    (descriptors <= size).then_some(descriptors)
}

/// Returns how many seconds to wait for a host that is not known to be in trouble.
fn patience_seconds() -> u32 {
    command_timeout().clamp(1, 86400)
}

/// Returns the same in jiffies.
pub(crate) fn patience() -> usize {
    msecs_to_jiffies(patience_seconds() * 1000)
}

/// Returns after how many jiffies the device is kicked again. A kick may get lost, e.g. in a host
/// that is not quite ready, and then waiting longer does not help.
pub(crate) fn kick_again_after() -> usize {
    msecs_to_jiffies(1000)
}

/// Statistics of a queue.
#[derive(Clone, Copy, Default)]
pub(crate) struct Stats {
    pub(crate) commands: u64,
    pub(crate) kicks: u64,
    pub(crate) interrupts: u64,
    pub(crate) errors: u64,
    pub(crate) dropped: u64,
}

/// The status of a queue, for debugfs.
pub(crate) struct Status {
    /// Number of descriptors in the ring, 0 while it is stopped.
    pub(crate) size: usize,
    pub(crate) free: usize,
    pub(crate) in_flight: u32,
    pub(crate) stalled: bool,
    pub(crate) stats: Stats,
}

struct State {
    /// `None` while the queue is stopped.
    vq: Option<Virtqueue<Cmd>>,
    irq: Irq,
    /// Number of commands added so far.
    seqno: u32,
    /// Number of commands that the device holds.
    in_flight: u32,
    /// Number of those without a fence, which hosts answer in order.
    unfenced: u32,
    /// The number of the command that asks whether the device is alive.
    asked: u32,
    /// Number of commands without a fence before that one that are not answered.
    older: u32,
    /// A command was not sent because the ring stayed full.
    has_dropped: bool,
    /// Number of commands answered so far.
    answers: u32,
    /// When the device last answered, or got a command while it had none, in jiffies.
    heard: usize,
    /// Commands that could not be sent and whose end frees memory. They end when they are sent
    /// after all, or with the next reset.
    kept: List,
    /// Commands that are answered, and wait for the work that ends them. The last one is the first.
    answered: List,
    /// How many works are ending commands.
    ending: u32,
    /// The device was reset, and was not given any memory since.
    is_clean: bool,
    /// The device was reset, and does not have all resources again yet.
    is_restoring: bool,
    stats: Stats,
}

impl State {
    /// Enables or disables interrupts if the number of waiters says so. Returns false if the device
    /// has finished commands for which it may not interrupt any more.
    fn update_irq(&mut self) -> bool {
        let Some(vq) = self.vq.as_mut() else {
            return true;
        };
        apply(vq, self.irq.settle())
    }

    /// Counts a command that was added to the ring.
    #[inline]
    fn added(&mut self, lazy: bool, has_fence: bool) {
        self.stats.commands += 1;
        if self.in_flight == 0 {
            self.heard = jiffies();
        }
        self.in_flight += 1;
        self.unfenced += u32::from(!has_fence);
        self.irq.added(lazy);
    }

    /// Counts a command that was added to the ring and that the device has not been told of.
    fn queued(&mut self, name: &CStr, seqno: u32, kind: u32, lazy: bool, has_fence: bool) {
        self.seqno = seqno;
        self.irq.kick_later();
        self.added(lazy, has_fence);
        trace_cmd_queue(name, seqno, kind, self.in_flight);
    }

    /// Tells the device of the commands in the ring, unless it was told already. Returns whether there are
    /// finished commands for which it does not interrupt.
    fn kick(&mut self) -> bool {
        if !self.irq.take_kick() {
            return false;
        }
        let has_finished = !self.update_irq();
        let is_notified = self.vq.as_mut().is_some_and(Virtqueue::kick);
        self.stats.kicks += u64::from(is_notified);
        has_finished
    }

    /// Takes all finished commands off the ring, and returns them in order, and whether the device has left a
    /// state that the protocol does not have. The device interrupts for the next command if something waits
    /// for it.
    fn poll(&mut self) -> (List, bool) {
        let mut list = List::new();
        loop {
            if let Some(vq) = self.vq.as_mut() {
                vq.disable_cb();
            }
            self.pop_all(&mut list);
            let is_wanted = self.irq.drained();
            let Some(vq) = self.vq.as_mut() else {
                return (list.reversed(), false);
            };
            let is_empty = !is_wanted || vq.enable_cb();
            if is_empty || vq.is_broken() {
                let is_broken = vq.is_broken();
                return (list.reversed(), is_broken);
            }
        }
    }

    /// Returns whether a frame may end the commands in the ring. If not, the works end them, after those that
    /// they have taken off it before.
    fn may_reap(&self) -> bool {
        self.irq.may_reap() && self.answered.is_empty() && self.ending == 0
    }

    /// Moves the finished commands in the ring to a list, each as its first one.
    fn pop_all(&mut self, list: &mut List) {
        let Some(mut vq) = self.vq.take() else {
            return;
        };
        vq.for_each_used(|chain| {
            self.popped(&chain);
            list.push(chain);
        });
        self.vq = Some(vq);
        if !list.is_empty() {
            self.heard = jiffies();
        }
    }

    /// Counts a finished command that was taken off the ring.
    fn popped(&mut self, chain: &Chain) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.answers = self.answers.wrapping_add(1);
        self.irq.answered();
        if chain.data().fence.is_none() {
            self.unfenced = self.unfenced.saturating_sub(1);
            if (chain.data().seqno.wrapping_sub(self.asked) as i32) < 0 {
                self.older = self.older.saturating_sub(1);
            }
        }
        self.irq.removed(chain.data().lazy);
    }
}

/// Enables or disables the interrupts of a ring. Returns false if they were enabled too late for
/// commands that the device has finished.
fn apply(vq: &mut Virtqueue<Cmd>, change: Change) -> bool {
    match change {
        Change::Keep => true,
        Change::Enable => vq.enable_cb(),
        Change::Disable => {
            vq.disable_cb();
            true
        }
    }
}

/// A virtqueue that carries commands.
#[pin_data]
pub(crate) struct Queue {
    pub(crate) name: &'static CStr,
    #[pin]
    state: SpinLockBh<State>,
    #[pin]
    space: WaitQueue,
}

/// Returns how a command has ended by the status of its answer.
fn by_answer(status: Result) -> Ended {
    match status {
        // It was sent before the device had all resources again after a reset.
        Err(ENODEV) => Ended::Lost,
        _ => Ended::Answered,
    }
}

/// Ends a command. Returns it, unless something has taken it.
#[inline]
fn conclude(dev: &Device, mut chain: Chain, ended: Ended, status: Result) -> Option<Chain> {
    let cmd = chain.data_mut();
    cmd.ended = ended;
    let fence = cmd.fence.take();
    let back = match cmd.end.take() {
        None => Some(chain),
        Some(End::Wake(waiter)) => {
            waiter.wake(status, chain);
            None
        }
        Some(End::Done(done)) => done.happen(dev, chain, status),
    };
    if let Some(fence) = fence {
        VirtGpu::fence_ended(dev, fence, status, ended == Ended::Answered);
    }
    back
}

/// Ends a command, and gives it back to the pool.
fn finish(dev: &Device, chain: Chain, ended: Ended, status: Result) {
    if let Some(chain) = conclude(dev, chain, ended, status) {
        dev.transport.pool.put(chain);
    }
}

impl Queue {
    pub(crate) fn new(name: &'static CStr) -> impl PinInit<Self> {
        pin_init!(Self {
            name,
            state <- new_spinlock_bh!(State {
                vq: None,
                irq: Irq::new(),
                seqno: 0,
                in_flight: 0,
                unfenced: 0,
                asked: 0,
                older: 0,
                has_dropped: false,
                answers: 0,
                heard: jiffies(),
                kept: List::new(),
                answered: List::new(),
                ending: 0,
                is_clean: true,
                is_restoring: false,
                stats: Stats {
                    commands: 0,
                    kicks: 0,
                    interrupts: 0,
                    errors: 0,
                    dropped: 0,
                },
            }),
            space <- WaitQueue::new(),
        })
    }

    /// Starts to accept commands.
    pub(super) fn open(&self, vq: Virtqueue<Cmd>) {
        let mut state = self.state.lock();
        state.vq = Some(vq);
        state.irq.open();
        state.in_flight = 0;
        state.unfenced = 0;
        state.older = 0;
        state.has_dropped = false;
        state.is_clean = false;
    }

    /// Keeps a command that could not be sent because of `error`, if the device may use the memory
    /// that its end frees. Returns whether the device has to be reset to end it. Otherwise the
    /// command comes back as the error, with how it has ended, and the caller finishes it.
    fn keep(&self, chain: Chain, error: Error) -> Result<bool, (Chain, Ended)> {
        let mut state = self.state.lock();
        state.stats.dropped += 1;
        state.has_dropped |= error == ETIMEDOUT;
        // A closed queue's device is about to be reset. If the queue was closed and is open again,
        // the device was reset in between.
        let is_open = state.vq.is_some();
        let lost = state.is_clean || (error == ENODEV && is_open);
        if lost {
            return Err((chain, Ended::Lost));
        }
        if !chain.data().gives_back {
            return Err((chain, Ended::Unsent));
        }
        state.kept.push(chain);
        // If the ring stayed full, the device was asked whether it is alive. That decides about a
        // reset.
        Ok(is_open && error != ETIMEDOUT)
    }

    /// Ends a command that the device held when it was reset.
    pub(super) fn lost(&self, dev: &Device, chain: Chain) {
        self.state.lock().irq.removed(chain.data().lazy);
        finish(dev, chain, Ended::Lost, Err(ENODEV));
    }

    /// Ends the commands that were kept until the device was reset.
    pub(super) fn end_kept(&self, dev: &Device) {
        self.state.lock().is_clean = true;
        for chain in self.take_kept() {
            finish(dev, chain, Ended::Lost, Err(ENODEV));
        }
    }

    /// Sends the commands that were kept because they could not be sent.
    pub(crate) fn send_kept(&self, dev: &Device) {
        for chain in self.take_kept() {
            self.submit(dev, chain);
        }
        self.kick(dev);
    }

    /// Returns the commands that were kept, in order.
    fn take_kept(&self) -> List {
        let kept = self.state.lock().kept.take_all();
        kept.reversed()
    }

    pub(crate) fn status(&self) -> Status {
        let state = self.state.lock();
        Status {
            size: state.vq.as_ref().map_or(0, Virtqueue::size),
            free: state.vq.as_ref().map_or(0, Virtqueue::free),
            in_flight: state.in_flight,
            stalled: state.irq.is_stalled(),
            stats: state.stats,
        }
    }

    /// Stops to accept commands.
    pub(super) fn close(&self) -> Option<Virtqueue<Cmd>> {
        let mut state = self.state.lock();
        state.is_restoring = true;
        let vq = state.vq.take();
        drop(state);
        self.space.wake_all();
        vq
    }

    /// Records that the device has all resources again after a reset.
    pub(crate) fn restored(&self) {
        self.state.lock().is_restoring = false;
    }

    /// Returns how many jiffies to wait for the host. The wait for a stalled host is short, because
    /// otherwise each program would wait for the whole time, one after the other.
    pub(crate) fn timeout(&self) -> usize {
        if self.state.lock().irq.is_stalled() {
            1
        } else {
            patience()
        }
    }

    /// Records that a wait has timed out, and asks whether the device is alive.
    pub(crate) fn stall(&self, dev: &Device, what: &str) {
        let mut state = self.state.lock();
        let (is_first, change) = state.irq.stall();
        let has_finished = state.vq.as_mut().is_some_and(|vq| !apply(vq, change));
        let is_open = state.vq.is_some();
        drop(state);
        if has_finished {
            self.schedule(dev);
        }
        if is_open {
            VirtGpu::ask(dev);
        }
        if is_open && is_first {
            drm::drm_err!(
                dev,
                "{} queue: no answer from the host to {} in {} s\n",
                self.name,
                what,
                patience_seconds()
            );
        }
    }

    fn has_space(&self, need: usize) -> bool {
        let state = self.state.lock();
        state.vq.as_ref().is_none_or(|vq| vq.free() >= need)
    }

    /// Adds a command to the ring. Waits for room if there is none.
    ///
    /// The next [`kick`](Self::kick) tells the device. The command ends in any case. If it could
    /// not be added, it ends before this returns; if its end frees memory that the device may use,
    /// it ends when [`send_kept`](Self::send_kept) has sent it, or with the next reset.
    pub(crate) fn submit(&self, dev: &Device, chain: Chain) {
        // Its end has the error.
        let _ = self.add(dev, chain, false);
    }

    /// Does the same, and returns why the command could not be added.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub(crate) fn try_to_submit(&self, dev: &Device, chain: Chain) -> Result {
        self.add(dev, chain, false).map(drop)
    }

    /// Does the same, and tells the device at once. Returns how many commands the device has.
    ///
    /// # Errors
    ///
    /// `ENODEV` during a reset, `E2BIG` for a command that is larger than the ring, `ETIMEDOUT` if
    /// the ring stays full, `EIO` if it is broken.
    pub(crate) fn send(&self, dev: &Device, chain: Chain) -> Result<u32> {
        self.add(dev, chain, true)
    }

    fn add(&self, dev: &Device, mut chain: Chain, kicks: bool) -> Result<u32> {
        let descriptors = chain.descriptors();
        let (lazy, has_fence) = (chain.data().lazy, chain.data().fence.is_some());
        let error = loop {
            let kind = kind(&chain);
            let mut state = self.state.lock();
            let seqno = state.seqno.wrapping_add(1);
            chain.data_mut().seqno = seqno;
            chain.data_mut().early = state.is_restoring;
            let result = match state.vq.as_mut() {
                None => Err((ENODEV, chain)),
                Some(vq) => vq.add(chain),
            };
            let (error, back) = match result {
                Ok(()) => {
                    state.queued(self.name, seqno, kind, lazy, has_fence);
                    if kicks && state.kick() {
                        self.schedule(dev);
                    }
                    return Ok(state.in_flight);
                }
                Err(back) => back,
            };
            let need = state
                .vq
                .as_ref()
                .and_then(|vq| room_needed(vq.free(), vq.size(), vq.has_indirect(), descriptors));
            drop(state);
            chain = back;
            if error != ENOSPC {
                break error;
            }
            let Some(need) = need else {
                drm::drm_err_ratelimited!(
                    dev,
                    "{} queue: the ring is too small for a command of {} descriptors\n",
                    self.name,
                    descriptors
                );
                break E2BIG;
            };

            self.kick(dev);
            if !self.wait_for(dev, &self.space, "make room in the ring", || {
                self.has_space(need)
            }) {
                break ETIMEDOUT;
            }
        };

        if error == EIO {
            VirtGpu::reset(dev, Cause::Broken);
        }
        match self.keep(chain, error) {
            Ok(true) => VirtGpu::reset(dev, Cause::KeptBack),
            Ok(false) => (),
            Err((chain, ended)) => finish(dev, chain, ended, Err(error)),
        }
        Err(error)
    }

    /// Ends a command that is not to be submitted.
    pub(crate) fn cancel(&self, dev: &Device, chain: Chain) {
        finish(dev, chain, Ended::Unsent, Err(ECANCELED));
    }

    /// Tells the device of the commands submitted so far, unless it was told already.
    pub(crate) fn kick(&self, dev: &Device) {
        let mut state = self.state.lock();
        if state.kick() {
            self.schedule(dev);
        }
    }

    /// Tells the device again, because it may have missed the last kick.
    pub(crate) fn kick_again(&self) {
        let mut state = self.state.lock();
        if state.in_flight == 0 {
            return;
        }
        if let Some(vq) = state.vq.as_mut() {
            vq.notify();
            state.stats.kicks += 1;
        }
    }

    /// Waits for a condition until the time-out, and repeats the kick meanwhile. Returns false
    /// after the time-out.
    fn wait_kicking(&self, queue: &WaitQueue, mut condition: impl FnMut() -> bool) -> bool {
        let mut left = self.timeout();
        while !queue.wait_timeout(left.min(kick_again_after()), &mut condition) {
            left = left.saturating_sub(kick_again_after());
            if left == 0 {
                return false;
            }
            self.kick_again();
        }
        true
    }

    /// Sends a command that asks whether the device is alive, unless the ring has no room for it.
    /// Does not wait. Older commands without a fence that are not answered before this one are lost.
    pub(crate) fn ask(&self, dev: &Device, mut chain: Chain) {
        let mut state = self.state.lock();
        let seqno = state.seqno.wrapping_add(1);
        chain.data_mut().seqno = seqno;
        let kind = kind(&chain);
        let added = state.vq.as_mut().is_some_and(|vq| vq.add(chain).is_ok());
        if !added {
            return;
        }
        state.older = state.unfenced;
        state.asked = seqno;
        state.queued(self.name, seqno, kind, false, false);
        drop(state);
        self.kick(dev);
    }

    /// Returns whether commands were lost or not sent since the last call. Called when the device
    /// has answered the question.
    pub(crate) fn take_lost(&self) -> bool {
        let mut state = self.state.lock();
        let older = core::mem::take(&mut state.older);
        let has_dropped = core::mem::take(&mut state.has_dropped);
        older != 0 || has_dropped || !state.kept.is_empty()
    }

    /// Returns the number of commands answered so far.
    pub(crate) fn answers(&self) -> u32 {
        self.state.lock().answers
    }

    /// Returns for how many jiffies the device has answered nothing, although it had commands.
    pub(crate) fn silent_for(&self) -> usize {
        jiffies().wrapping_sub(self.state.lock().heard)
    }

    /// Returns whether there are finished commands in the ring, and schedules the work that takes
    /// them off.
    pub(crate) fn has_finished(&self, dev: &Device) -> bool {
        let mut state = self.state.lock();
        state.irq.listen();
        let has_finished = state.vq.as_mut().is_some_and(|vq| !vq.enable_cb());
        let has_answered = !state.answered.is_empty();
        drop(state);
        if has_finished {
            self.schedule(dev);
        }
        has_finished || has_answered
    }

    /// Schedules the work that takes finished commands off the ring.
    fn schedule(&self, dev: &Device) {
        schedule(&dev.into(), core::ptr::eq(self, &dev.transport.ctrl));
    }

    /// Waits for a condition that the end of a command makes true, also of a lazy one. Returns
    /// false after the time-out.
    pub(crate) fn wait_for(
        &self,
        dev: &Device,
        queue: &WaitQueue,
        what: &str,
        condition: impl FnMut() -> bool,
    ) -> bool {
        let mut state = self.state.lock();
        state.irq.get();
        if !state.update_irq() {
            self.schedule(dev);
        }
        drop(state);
        let met = self.wait_kicking(queue, condition);
        if !met {
            self.stall(dev, what);
        }
        self.state.lock().irq.put();
        met
    }

    /// Adds commands to the ring and kicks, without waiting for anything. It is for the panic
    /// screen, when a lock that is held is never released. Commands that cannot be added stay in
    /// `chains`, because freeing them may take a lock.
    pub(crate) fn try_submit(&self, chains: &mut [Option<Chain>]) {
        let Some(mut state) = self.state.try_lock() else {
            return;
        };
        for slot in chains {
            let State { vq: Some(vq), .. } = &mut *state else {
                return;
            };
            let Some(chain) = slot.take() else {
                continue;
            };
            if let Err((_, chain)) = vq.try_add(chain) {
                *slot = Some(chain);
                break;
            }
            state.added(false, false);
        }
        if let Some(vq) = state.vq.as_mut() {
            vq.kick();
        }
    }

    /// Waits for a command that was submitted, and returns it with its response.
    ///
    /// # Errors
    ///
    /// That of the response, `ETIMEDOUT`, `ENODEV` if the device is reset.
    pub(crate) fn wait(&self, dev: &Device, waiter: &Waiter) -> Result<Chain> {
        let (status, chain) = self.wait_for_end(dev, waiter)?;
        status.map(|()| chain)
    }

    /// Does the same, and returns the command with its status, also if it has failed.
    ///
    /// # Errors
    ///
    /// `ETIMEDOUT`.
    pub(crate) fn wait_for_end(&self, dev: &Device, waiter: &Waiter) -> Result<(Result, Chain)> {
        if !self.wait_kicking(&waiter.queue, || waiter.result.lock().is_some()) {
            self.stall(dev, cmd::name(waiter.kind));
            return Err(ETIMEDOUT);
        }
        waiter.result.lock().take().ok_or(EIO)
    }

    /// Checks the response of a command and ends it. The caller gives the commands in `back` to the pool, all at
    /// once. In softirq, a command whose end may sleep is left to [`finish_answered`](Self::finish_answered).
    fn end(&self, dev: &Device, mut chain: Chain, may_sleep: bool, back: &mut List) -> bool {
        let status = check(dev, &chain);
        trace_cmd_response(self.name, chain.data().seqno, kind(&chain), status);
        if status.is_err() {
            self.state.lock().stats.errors += 1;
        }
        if may_sleep || !chain.data().has_done() {
            let chain = conclude(dev, chain, by_answer(status), status);
            // Others are dropped here, and not under the lock of the pool.
            if let Some(chain) = chain.filter(Chain::is_renewable) {
                back.push(chain);
            }
            return true;
        }
        chain.data_mut().status = status;
        self.state.lock().answered.push(chain);
        false
    }

    /// Ends the commands that [`dequeue`](Self::dequeue) has left. Resets the device if it has broken the ring.
    pub(crate) fn finish_answered(&self, dev: &Device) {
        let mut state = self.state.lock();
        let answered = state.answered.take_all();
        state.ending += 1;
        let is_broken = state.vq.as_ref().is_some_and(Virtqueue::is_broken);
        drop(state);
        for chain in answered.reversed() {
            let status = chain.data().status;
            finish(dev, chain, by_answer(status), status);
        }
        self.state.lock().ending -= 1;
        if is_broken {
            VirtGpu::reset(dev, Cause::Broken);
        }
    }

    /// Ends the commands that the device has finished without an interrupt.
    ///
    /// A frame calls it before its commands are sent, a stream without a fence after its own. So those that
    /// follow each other need no interrupts.
    pub(crate) fn reap(&self, dev: &Device) {
        let mut state = self.state.lock();
        if !state.may_reap() {
            return;
        }
        let (mut list, mut back) = (List::new(), List::new());
        state.pop_all(&mut list);
        drop(state);
        for chain in list.reversed() {
            self.end(dev, chain, true, &mut back);
        }
        dev.transport.pool.put_all(back);
    }

    /// Takes all commands off the ring that the device has finished, and ends them. This is the work that
    /// an interrupt schedules. In softirq, it leaves what may sleep to
    /// [`finish_answered`](Self::finish_answered).
    pub(crate) fn dequeue(&self, dev: &Device, may_sleep: bool) {
        let mut state = self.state.lock();
        if state.vq.is_none() {
            return;
        }
        state.stats.interrupts += 1;
        state.ending += 1;
        let (finished, is_broken) = state.poll();
        drop(state);
        self.space.wake_all();

        let (mut is_all, mut back) = (!is_broken, List::new());
        for chain in finished {
            is_all &= self.end(dev, chain, may_sleep, &mut back);
        }
        dev.transport.pool.put_all(back);
        self.state.lock().ending -= 1;
        if is_all {
            return;
        }
        if may_sleep {
            self.finish_answered(dev);
        } else {
            // It makes no difference if it is pending already.
            let _ = dev
                .transport
                .completions
                .enqueue::<ARef<Device>, { work::FINISH }>(dev.into());
        }
    }
}

/// Schedules the work that takes finished commands off a ring.
pub(super) fn schedule(dev: &ARef<Device>, is_ctrl: bool) {
    // It makes no difference if it is pending already.
    let _ = if is_ctrl {
        workqueue::system_bh().enqueue::<ARef<Device>, { work::CONTROL }>(dev.clone())
    } else {
        dev.transport
            .completions
            .enqueue::<ARef<Device>, { work::CURSOR }>(dev.clone())
    };
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, expect_eq, Test};

    use crate::{
        gpu::Header,
        transport::{
            answer::tests::*,
            command::{command, gives_back, tests::*},
            pool::tests::*,
        },
    };

    fn request(kind: u32) -> Header {
        Header {
            kind,
            ..Header::zeroed()
        }
    }

    fn stopped_queue_takes_everything(test: &Test) -> Result {
        let queue = KBox::pin_init(Queue::new(c"test"), GFP_KERNEL)?;
        expect!(test, queue.has_space(1000));
        expect_eq!(test, queue.status().size, 0);
        Ok(())
    }

    fn room_is_counted_in_descriptors(test: &Test) {
        expect_eq!(test, room_needed(3, 8, false, 4), Some(4));
        // A command that is larger than the ring does not wait.
        expect_eq!(test, room_needed(0, 8, false, 9), None);
        expect_eq!(test, room_needed(8, 8, false, 9), None);
        // With indirect descriptors each command takes one.
        expect_eq!(test, room_needed(0, 8, true, 1000), Some(1));
        // One was free, so there was no memory for the table.
        expect_eq!(test, room_needed(1, 8, true, 4), Some(4));
        expect_eq!(test, room_needed(1, 8, true, 1000), None);
    }

    fn unref() -> Result<Chain> {
        Ok(gives_back(command(&request(cmd::RESOURCE_UNREF))?))
    }

    /// The queue is closed, but the device is not reset yet and may still use the memory.
    fn what_a_host_may_use_is_kept_until_a_reset(test: &Test) -> Result {
        let queue = KBox::pin_init(Queue::new(c"test"), GFP_KERNEL)?;
        queue.state.lock().is_clean = false;
        // No other reset is needed, because one is about to come.
        expect!(test, matches!(queue.keep(unref()?, ENODEV), Ok(false)));
        expect!(test, matches!(queue.keep(unref()?, ENODEV), Ok(false)));
        expect_eq!(test, queue.status().stats.dropped, 2);
        expect_eq!(test, queue.take_kept().count(), 2);
        expect_eq!(test, queue.take_kept().count(), 0);
        // A device that was reset uses no memory.
        queue.state.lock().is_clean = true;
        expect!(
            test,
            matches!(queue.keep(unref()?, ENODEV), Err((_, Ended::Lost)))
        );
        Ok(())
    }

    /// Other commands end at once, because otherwise a program would wait for the reset.
    fn unsent_command_ends_before_the_reset(test: &Test) -> Result {
        let queue = KBox::pin_init(Queue::new(c"test"), GFP_KERNEL)?;
        queue.state.lock().is_clean = false;
        let chain = command(&request(cmd::RESOURCE_FLUSH))?;
        let unsent = queue.keep(chain, ENODEV);
        expect!(test, matches!(unsent, Err((_, Ended::Unsent))));
        expect_eq!(test, queue.take_kept().count(), 0);
        Ok(())
    }

    /// A queue that was never open has nothing to restore.
    fn commands_are_early_until_all_is_restored(test: &Test) -> Result {
        let queue = KBox::pin_init(Queue::new(c"test"), GFP_KERNEL)?;
        expect!(test, !queue.state.lock().is_restoring);
        expect!(test, queue.close().is_none());
        expect!(test, queue.state.lock().is_restoring);
        queue.restored();
        expect!(test, !queue.state.lock().is_restoring);
        Ok(())
    }

    /// Nothing may be freed now, and the next panic screen uses it.
    fn unsent_command_of_a_panic_stays(test: &Test) -> Result {
        let queue = KBox::pin_init(Queue::new(c"test"), GFP_KERNEL)?;
        let mut chains = [Some(command(&request(cmd::RESOURCE_FLUSH))?), None];
        queue.try_submit(&mut chains);
        expect!(test, chains[0].is_some());
        expect_eq!(test, queue.status().in_flight, 0);
        Ok(())
    }

    fn silent_host_is_not_waited_for(test: &Test) -> Result {
        let queue = KBox::pin_init(Queue::new(c"test"), GFP_KERNEL)?;
        expect_eq!(test, queue.timeout(), patience());
        queue.state.lock().irq.stall();
        expect_eq!(test, queue.timeout(), 1);
        Ok(())
    }

    /// Commands end in the order in which they are taken off the ring.
    fn frame_waits_for_the_works(test: &Test) -> Result {
        let queue = KBox::pin_init(Queue::new(c"test"), GFP_KERNEL)?;
        let mut state = queue.state.lock();
        expect!(test, !state.may_reap());
        let _ = state.irq.settle();
        expect!(test, state.may_reap());
        state.ending += 1;
        expect!(test, !state.may_reap());
        state.ending -= 1;
        drop(state);
        let chain = unref()?;
        let mut state = queue.state.lock();
        state.answered.push(chain);
        expect!(test, !state.may_reap());
        let answered = state.answered.take_all();
        expect!(test, state.may_reap());
        drop(state);
        drop(answered);
        Ok(())
    }

    fn host_has_ten_seconds(test: &Test) {
        expect_eq!(test, patience(), msecs_to_jiffies(10_000));
    }

    kunit::suite!(
        c"virtgpu_rs_queue",
        [
            right_answer_is_taken,
            answer_without_a_header_is_none,
            short_answer_is_rejected,
            errors_become_errnos,
            command_without_answer_is_not_judged,
            early_command_is_lost_with_the_reset,
            commands_are_early_until_all_is_restored,
            requests_have_names,
            commands_have_room_for_their_answer,
            fences_are_numbered_in_the_header,
            used_command_comes_back_clean,
            pool_has_commands_in_advance,
            pool_keeps_so_many_commands,
            pool_takes_a_list,
            stopped_queue_takes_everything,
            room_is_counted_in_descriptors,
            what_a_host_may_use_is_kept_until_a_reset,
            unsent_command_ends_before_the_reset,
            unsent_command_of_a_panic_stays,
            silent_host_is_not_waited_for,
            frame_waits_for_the_works,
            host_has_ten_seconds,
        ]
    );
}
