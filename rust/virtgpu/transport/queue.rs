// SPDX-License-Identifier: GPL-2.0
//! A ring: commands go in, are batched, kicked, answered, timed out.
//!
//! Nothing here knows what a command means.
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{aref::ARef, SpinLock},
    time::msecs_to_jiffies,
};
use virtio::{
    trace,
    wait::{command_timeout, WaitQueue},
    Virtqueue,
};

use crate::{
    device::{work, Cause, Device, VirtGpu},
    transport::{
        answer::check,
        command::{kind, Callbacks, Chain, Cmd, Done, End, Waiter},
    },
};

/// How many descriptors have to be free for a command that has found no room; none when there never
/// is any. A command takes a single one that is indirect, unless there is no memory for its table.
fn room_needed(free: usize, size: usize, has_indirect: bool, descriptors: usize) -> Option<usize> {
    if has_indirect && free == 0 {
        return Some(1);
    }
    (descriptors <= size).then_some(descriptors)
}

/// Seconds that the host may take to answer, while it is not known to be in trouble.
fn patience_seconds() -> u32 {
    command_timeout().clamp(1, 86400)
}

/// The same in jiffies.
pub(crate) fn patience() -> usize {
    msecs_to_jiffies(patience_seconds() * 1000)
}

/// Jiffies to wait before the device is kicked again. A kick may get lost, e.g. in a host that is not
/// quite ready; waiting longer would not help.
pub(crate) fn kick_again_after() -> usize {
    msecs_to_jiffies(1000)
}

/// What went through a queue.
#[derive(Clone, Copy, Default)]
pub(crate) struct Stats {
    pub(crate) commands: u64,
    pub(crate) kicks: u64,
    pub(crate) interrupts: u64,
    pub(crate) errors: u64,
    pub(crate) dropped: u64,
}

/// How a queue is, for people.
pub(crate) struct Status {
    /// Descriptors of the ring, 0 while it is stopped.
    pub(crate) size: usize,
    pub(crate) free: usize,
    pub(crate) in_flight: u32,
    pub(crate) stalled: bool,
    pub(crate) stats: Stats,
}

struct State {
    /// None while the queue is stopped.
    vq: Option<Virtqueue<Cmd>>,
    /// The device let a command time out and has answered none since.
    stalled: bool,
    /// Commands added so far.
    seqno: u32,
    /// Commands the device holds.
    in_flight: u32,
    /// The command in the queue's history that was to find out whether the device is alive.
    asked: u32,
    /// Commands before that one that are not answered.
    older: u32,
    /// A command was not sent because the device made no room.
    has_dropped: bool,
    /// Commands answered so far.
    answers: u32,
    /// Commands among those the device holds that are not lazy, and those who wait for room or for a frame.
    awaited: u32,
    /// The device was not told of all commands yet.
    unkicked: bool,
    /// The device was told not to interrupt.
    silent: bool,
    /// Commands that could not be sent and give something back, until the device was reset.
    kept: Option<Chain>,
    /// The device was reset, and has not been given anything since.
    is_clean: bool,
    /// The device was reset, and does not have all resources again.
    is_restoring: bool,
    stats: Stats,
}

impl State {
    /// Lets the device interrupt only while somebody waits. False when it has finished more, and
    /// may not say so.
    fn listen(&mut self) -> bool {
        let listen = self.awaited > 0 || self.stalled;
        let Some(vq) = self.vq.as_mut().filter(|_| listen == self.silent) else {
            return true;
        };
        self.silent = !listen;
        if listen {
            return vq.enable_interrupts();
        }
        vq.disable_interrupts();
        true
    }

    /// The device holds one more command.
    fn added(&mut self, lazy: bool) {
        self.stats.commands += 1;
        self.in_flight += 1;
        self.awaited += u32::from(!lazy);
    }

    /// Notes that a command is in the ring, of which the device is still to be told.
    fn queued(&mut self, name: &CStr, seqno: u32, kind: u32, lazy: bool) {
        self.seqno = seqno;
        self.unkicked = true;
        self.added(lazy);
        trace::cmd_queue(name, seqno, kind, self.in_flight);
    }

    /// Takes a finished command off the ring.
    fn pop(&mut self) -> Option<Chain> {
        let chain = self.vq.as_mut()?.pop()?;
        self.in_flight = self.in_flight.saturating_sub(1);
        self.answers = self.answers.wrapping_add(1);
        self.stalled = false;
        if (chain.data().seqno.wrapping_sub(self.asked) as i32) < 0 {
            self.older = self.older.saturating_sub(1);
        }
        if !chain.data().lazy {
            self.awaited = self.awaited.saturating_sub(1);
        }
        Some(chain)
    }
}

/// Commands that were kept, one after the other.
struct Kept(Option<Chain>);

impl Iterator for Kept {
    type Item = Chain;

    fn next(&mut self) -> Option<Chain> {
        let mut chain = self.0.take()?;
        self.0 = chain.data_mut().next.take();
        Some(chain)
    }
}

/// A virtqueue that carries commands.
#[pin_data]
pub(crate) struct Queue {
    pub(crate) name: &'static CStr,
    #[pin]
    state: SpinLock<State>,
    #[pin]
    space: WaitQueue,
}

fn finish(dev: &Device, mut chain: Chain, status: Result) {
    let back = match chain.data_mut().end.take() {
        None => Some(chain),
        Some(End::Wake(waiter)) => return waiter.wake(status, chain),
        Some(End::Done(done)) => done.happen(dev, chain, status),
    };
    if let Some(chain) = back {
        dev.transport.pool.put(chain);
    }
}

impl Queue {
    pub(crate) fn new(name: &'static CStr) -> impl PinInit<Self> {
        pin_init!(Self {
            name,
            state <- new_spinlock!(State {
                vq: None,
                stalled: false,
                seqno: 0,
                in_flight: 0,
                asked: 0,
                older: 0,
                has_dropped: false,
                answers: 0,
                awaited: 0,
                unkicked: false,
                silent: false,
                kept: None,
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

    /// Lets commands through.
    pub(super) fn open(&self, vq: Virtqueue<Cmd>) {
        let mut state = self.state.lock();
        state.vq = Some(vq);
        state.stalled = false;
        state.in_flight = 0;
        state.older = 0;
        state.has_dropped = false;
        state.silent = false;
        state.is_clean = false;
    }

    /// Keeps a command that could not be sent, because of `error`, if the device may use what it
    /// gives back, and says whether the device has to be reset for it. Else the command comes back,
    /// and is to be finished.
    fn keep(&self, mut chain: Chain, error: Error) -> Result<bool, Chain> {
        let mut state = self.state.lock();
        state.stats.dropped += 1;
        state.has_dropped |= error == ETIMEDOUT;
        // A stop that is under way is about to reset the device. A queue that was closed and is open
        // again had its device reset in between.
        let is_open = state.vq.is_some();
        let lost = state.is_clean || (error == ENODEV && is_open);
        if lost || !chain.data().gives_back {
            return Err(chain);
        }
        chain.data_mut().next = state.kept.take();
        state.kept = Some(chain);
        // A device that made no room has been asked whether it is alive; what is kept is lost then.
        Ok(is_open && error != ETIMEDOUT)
    }

    /// Ends a command that a device held which was reset.
    pub(super) fn lost(&self, dev: &Device, chain: Chain) {
        let mut state = self.state.lock();
        if !chain.data().lazy {
            state.awaited = state.awaited.saturating_sub(1);
        }
        drop(state);
        finish(dev, chain, Err(ENODEV));
    }

    /// The device was reset: ends the commands that were kept until now.
    pub(super) fn end_kept(&self, dev: &Device) {
        for chain in self.take_kept() {
            finish(dev, chain, Err(ENODEV));
        }
    }

    fn take_kept(&self) -> Kept {
        let mut state = self.state.lock();
        state.is_clean = true;
        Kept(state.kept.take())
    }

    pub(crate) fn status(&self) -> Status {
        let state = self.state.lock();
        Status {
            size: state.vq.as_ref().map_or(0, Virtqueue::size),
            free: state.vq.as_ref().map_or(0, Virtqueue::free),
            in_flight: state.in_flight,
            stalled: state.stalled,
            stats: state.stats,
        }
    }

    /// Lets no more commands through.
    pub(super) fn close(&self) -> Option<Virtqueue<Cmd>> {
        let mut state = self.state.lock();
        state.is_restoring = true;
        let vq = state.vq.take();
        drop(state);
        self.space.wake_all();
        vq
    }

    /// The device that was reset has all resources again.
    pub(crate) fn restored(&self) {
        self.state.lock().is_restoring = false;
    }

    /// Jiffies to wait for the host; few once it is known not to answer, so that nobody queues up
    /// behind a dead host.
    pub(crate) fn timeout(&self) -> usize {
        if self.state.lock().stalled {
            1
        } else {
            patience()
        }
    }

    /// Notes that the host let us wait too long, and asks whether it is alive.
    pub(crate) fn stall(&self, dev: &Device, what: &str) {
        let mut state = self.state.lock();
        let is_open = state.vq.is_some();
        let first = is_open && !state.stalled;
        state.stalled = true;
        drop(state);
        if is_open {
            VirtGpu::ask(dev);
        }
        if first {
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

    /// Hands a command to the device, as soon as there is room in the ring.
    ///
    /// The device is told by the next [`kick`](Self::kick). What is to happen at the command's end
    /// happens in any case: before this returns if the command could not be queued, but only after
    /// the next reset if it gives something back.
    pub(crate) fn submit(&self, dev: &Device, mut chain: Chain) {
        let descriptors = chain.descriptors();
        let lazy = chain.data().lazy;
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
                    state.queued(self.name, seqno, kind, lazy);
                    return;
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
                    "{} queue: no room for a command of {} descriptors\n",
                    self.name,
                    descriptors
                );
                break error;
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
            Err(chain) => finish(dev, chain, Err(error)),
        }
    }

    /// Tells the device about the commands submitted so far. Does nothing if it has been told
    /// already.
    pub(crate) fn kick(&self, dev: &Device) {
        let mut state = self.state.lock();
        if !core::mem::take(&mut state.unkicked) {
            return;
        }
        if !state.listen() {
            self.dequeue_soon(dev);
        }
        if let Some(vq) = state.vq.as_mut() {
            if vq.kick_prepare() {
                vq.notify();
                state.stats.kicks += 1;
            }
        }
    }

    /// Tells the device once more, because it may have missed the last kick.
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

    /// Waits as long as there is time, and kicks again meanwhile.
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

    /// Hands a question to the device, unless there is no room for it. Waits for nothing. The answer
    /// says of each older command that is not answered by then that it is lost.
    pub(crate) fn ask(&self, dev: &Device, mut chain: Chain) {
        let mut state = self.state.lock();
        let seqno = state.seqno.wrapping_add(1);
        chain.data_mut().seqno = seqno;
        let kind = kind(&chain);
        let added = state.vq.as_mut().is_some_and(|vq| vq.add(chain).is_ok());
        if !added {
            return;
        }
        state.older = state.in_flight;
        state.asked = seqno;
        state.queued(self.name, seqno, kind, false);
        drop(state);
        self.kick(dev);
    }

    /// Whether a device that has answered the question has lost commands, or never got some, since
    /// this was called last.
    pub(crate) fn take_lost(&self) -> bool {
        let mut state = self.state.lock();
        let older = core::mem::take(&mut state.older);
        let has_dropped = core::mem::take(&mut state.has_dropped);
        older != 0 || has_dropped || state.kept.is_some()
    }

    /// Commands answered so far.
    pub(crate) fn answers(&self) -> u32 {
        self.state.lock().answers
    }

    /// Whether the device has finished something that nobody has noticed; it is noticed soon.
    pub(crate) fn has_finished(&self, dev: &Device) -> bool {
        let mut state = self.state.lock();
        state.silent = false;
        let has_finished = state.vq.as_mut().is_some_and(|vq| !vq.enable_interrupts());
        drop(state);
        if has_finished {
            self.dequeue_soon(dev);
        }
        has_finished
    }

    fn dequeue_soon(&self, dev: &Device) {
        enqueue(&dev.into(), core::ptr::eq(self, &dev.transport.ctrl));
    }

    /// Waits for something that happens at a command's end, also if nobody else waits for that.
    /// False when the host took too long.
    pub(crate) fn wait_for(
        &self,
        dev: &Device,
        queue: &WaitQueue,
        what: &str,
        condition: impl FnMut() -> bool,
    ) -> bool {
        let mut state = self.state.lock();
        state.awaited += 1;
        if !state.listen() {
            self.dequeue_soon(dev);
        }
        drop(state);
        let met = self.wait_kicking(queue, condition);
        if !met {
            self.stall(dev, what);
        }
        let mut state = self.state.lock();
        state.awaited = state.awaited.saturating_sub(1);
        met
    }

    /// Hands commands to the device without waiting for anything, and kicks; for the panic screen,
    /// when nobody is left to release a lock. Those that cannot be sent stay where they are, because
    /// to free memory may take a lock.
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
            state.added(false);
        }
        if let Some(vq) = state.vq.as_mut() {
            if vq.kick_prepare() {
                vq.notify();
            }
        }
    }

    /// Waits for a command that was submitted. The response is in the chain.
    ///
    /// # Errors
    ///
    /// What the host's answer means, `ETIMEDOUT`, `ENODEV`.
    pub(crate) fn wait(&self, dev: &Device, waiter: &Waiter) -> Result<Chain> {
        if !self.wait_kicking(&waiter.queue, || waiter.result.lock().is_some()) {
            self.stall(dev, "a command");
            return Err(ETIMEDOUT);
        }
        let (status, chain) = waiter.result.lock().take().ok_or(EIO)?;
        status.map(|()| chain)
    }

    /// Judges a finished command and does what is to be done at its end.
    fn end(&self, dev: &Device, chain: Chain) {
        let status = check(dev, &chain);
        trace::cmd_response(self.name, chain.data().seqno, kind(&chain), status);
        if status.is_err() {
            self.state.lock().stats.errors += 1;
        }
        finish(dev, chain, status);
    }

    /// Notices what the device has finished and does not interrupt for.
    ///
    /// Called where the next such commands are about to be sent: as long as frames follow each
    /// other no interrupt is needed for any.
    pub(crate) fn reap(&self, dev: &Device) {
        loop {
            let mut state = self.state.lock();
            // Else it interrupts, and keeps the order in which commands end.
            if !state.silent || state.stalled {
                return;
            }
            let Some(chain) = state.pop() else {
                return;
            };
            drop(state);
            self.end(dev, chain);
        }
    }

    /// Takes finished commands off the ring.
    pub(crate) fn dequeue(&self, dev: &Device) {
        if let Some(vq) = self.state.lock().vq.as_mut() {
            vq.disable_interrupts();
        }
        let broken = loop {
            let mut state = self.state.lock();
            if let Some(chain) = state.pop() {
                drop(state);
                self.end(dev, chain);
                continue;
            }
            state.silent = true;
            let quiet = state.listen();
            let Some(vq) = state.vq.as_mut() else {
                return;
            };
            let broken = vq.is_broken();
            if quiet || broken {
                state.stats.interrupts += 1;
                break broken;
            }
            vq.disable_interrupts();
            state.silent = false;
        };
        self.space.wake_all();

        if broken {
            VirtGpu::reset(dev, Cause::Broken);
        }
    }
}

/// Has the work done that takes finished commands off a ring.
pub(super) fn enqueue(dev: &ARef<Device>, is_ctrl: bool) {
    // Pending already is as good.
    let _ = if is_ctrl {
        dev.transport
            .completions
            .enqueue::<ARef<Device>, { work::CONTROL }>(dev.clone())
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
    use virtio::gpu::{cmd, Header, Wire};

    use crate::transport::{
        answer::tests::*,
        command::{command, gives_back, tests::*},
        pool::tests::*,
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
        // A command that is larger than the ring does not wait, however much is free.
        expect_eq!(test, room_needed(0, 8, false, 9), None);
        expect_eq!(test, room_needed(8, 8, false, 9), None);
        // With indirect descriptors each command needs one.
        expect_eq!(test, room_needed(0, 8, true, 1000), Some(1));
        // That one was free means that there was no memory for its table.
        expect_eq!(test, room_needed(1, 8, true, 4), Some(4));
        expect_eq!(test, room_needed(1, 8, true, 1000), None);
    }

    fn unref() -> Result<Chain> {
        Ok(gives_back(command(&request(cmd::RESOURCE_UNREF))?))
    }

    /// The queue is closed, but its device is not yet reset and may still use the memory.
    fn what_a_host_may_use_is_kept_until_a_reset(test: &Test) -> Result {
        let queue = KBox::pin_init(Queue::new(c"test"), GFP_KERNEL)?;
        queue.state.lock().is_clean = false;
        // The reset is about to come anyway.
        expect!(test, matches!(queue.keep(unref()?, ENODEV), Ok(false)));
        expect!(test, matches!(queue.keep(unref()?, ENODEV), Ok(false)));
        expect_eq!(test, queue.status().stats.dropped, 2);
        expect_eq!(test, queue.take_kept().count(), 2);
        expect_eq!(test, queue.take_kept().count(), 0);
        // A device that was reset uses nothing.
        expect!(test, queue.keep(unref()?, ENODEV).is_err());
        Ok(())
    }

    /// Other commands end at once, or a program would wait for the reset.
    fn unsent_command_ends_before_the_reset(test: &Test) -> Result {
        let queue = KBox::pin_init(Queue::new(c"test"), GFP_KERNEL)?;
        queue.state.lock().is_clean = false;
        let chain = command(&request(cmd::RESOURCE_FLUSH))?;
        expect!(test, queue.keep(chain, ENODEV).is_err());
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

    /// There may be another panic screen later, and nothing may be freed now.
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
        queue.state.lock().stalled = true;
        expect_eq!(test, queue.timeout(), 1);
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
            commands_have_room_for_their_answer,
            used_command_comes_back_clean,
            pool_has_commands_in_advance,
            pool_keeps_so_many_commands,
            stopped_queue_takes_everything,
            room_is_counted_in_descriptors,
            what_a_host_may_use_is_kept_until_a_reset,
            unsent_command_ends_before_the_reset,
            unsent_command_of_a_panic_stays,
            silent_host_is_not_waited_for,
            host_has_ten_seconds,
        ]
    );
}
