// SPDX-License-Identifier: GPL-2.0
//! The two virtqueues: commands go in, are batched, kicked, answered, timed out.
//!
//! Nothing here knows what a command means.
use kernel::{
    device::Bound,
    new_spinlock,
    prelude::*,
    sync::{aref::ARef, Arc, SpinLock},
    time::{delay::fsleep, msecs_to_jiffies, Delta},
};
use virtio::{
    device::F_INDIRECT_DESC,
    gpu::{resp, Header, Wire},
    queue::Interrupt,
    trace,
    wait::{command_timeout, WaitQueue},
    Transport, Virtqueue,
};

use crate::device::{work, Cause, Device, VirtGpu};

/// A command on its way to the device and back.
pub(crate) type Chain = virtio::Chain<Cmd>;

/// What the transport needs from the parts above it. Implemented by the driver.
pub(crate) trait Callbacks {
    /// What they have happen when a command has ended, whatever the way.
    type Done: Done;

    /// A wait has timed out: finds out whether the device is alive. Does not sleep.
    fn ask(dev: &Device);

    /// Nothing but a reset helps.
    fn reset(dev: &Device, cause: Cause);

    /// The queues are down, and the device was reset: its trouble is over.
    fn forget(dev: &Device);
}

/// What a part has happen at a command's end.
pub(crate) trait Done: Send + Sized {
    /// Does it, for a command that was answered, could not be sent, or was lost with a reset
    /// (`ENODEV`). Returns the command, unless somebody else has it now.
    ///
    /// Runs in a work of the driver's workqueue; where the command is submitted if it could not be
    /// sent; in the reset otherwise.
    fn happen(self, dev: &Device, chain: Chain, status: Result) -> Option<Chain>;
}

/// What is to happen when a command has ended.
enum End {
    /// Somebody waits.
    Wake(Arc<Waiter>),
    Done(<VirtGpu as Callbacks>::Done),
}

/// The driver's part of a command.
pub(crate) struct Cmd {
    /// Position in the queue's history, for the tracepoints.
    seqno: u32,
    /// Response that means success, 0 when the device sends none.
    resp_type: u32,
    /// The host may refuse it, which is a debug message, not an error.
    quiet: bool,
    /// Nobody waits for it: that it ended may be noticed with the next frame.
    lazy: bool,
    /// Its end gives back what the device may use.
    gives_back: bool,
    end: Option<End>,
    /// The next one in [`State::kept`].
    next: Option<Chain>,
}

impl Cmd {
    fn new(resp_type: u32) -> Self {
        Self {
            seqno: 0,
            resp_type,
            quiet: false,
            lazy: false,
            gives_back: false,
            end: None,
            next: None,
        }
    }

    /// Says what is to happen when it has ended.
    pub(crate) fn set_done(&mut self, done: impl Into<<VirtGpu as Callbacks>::Done>) {
        self.end = Some(End::Done(done.into()));
    }

    /// Nothing is to happen.
    pub(crate) fn clear_done(&mut self) {
        self.end = None;
    }
}

/// Commands of which frames and orders to show cursors are made. Those that came back are used again,
/// and some are made in advance.
#[pin_data]
pub(crate) struct Pool {
    #[pin]
    chains: SpinLock<KVec<Chain>>,
}

/// Descriptors of most commands: the request, a payload, the response.
const CMD_DESCRIPTORS: usize = 3;

/// Commands kept: more than one commit on every head needs.
const POOL_SIZE: usize = 64;

impl Pool {
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            chains <- {
                let mut chains = KVec::with_capacity(POOL_SIZE, GFP_KERNEL)?;
                for _ in 0..POOL_SIZE {
                    chains.push(Chain::new(&[], 0, Cmd::new(0))?, GFP_KERNEL)?;
                }
                new_spinlock!(chains)
            },
        }? Error)
    }

    /// Waits for memory rather than fails: a commit must not.
    fn make<R: Wire>(&self, request: &R, response_len: usize, resp_type: u32) -> Result<Chain> {
        loop {
            let spare = self.chains.lock().pop();
            if let Some(mut chain) = spare {
                chain.renew(request.as_bytes(), response_len, Cmd::new(resp_type))?;
                return Ok(chain);
            }
            match Chain::new(request.as_bytes(), response_len, Cmd::new(resp_type)) {
                // A command may come back meanwhile.
                Err(ENOMEM) => fsleep(Delta::from_millis(1)),
                made => return made,
            }
        }
    }

    /// Makes a command of a request that is answered by a bare header.
    pub(crate) fn command<R: Wire>(&self, request: &R) -> Result<Chain> {
        self.make(request, core::mem::size_of::<Header>(), resp::OK_NODATA)
    }

    /// Makes a command that the device does not answer.
    pub(crate) fn command_without_response<R: Wire>(&self, request: &R) -> Result<Chain> {
        self.make(request, 0, 0)
    }

    fn put(&self, chain: Chain) {
        if !chain.is_renewable() {
            return;
        }
        let mut chains = self.chains.lock();
        let full = chains.push_within_capacity(chain);
        drop(chains);
        drop(full);
    }
}

/// Makes a command of a request that is answered by a bare header.
pub(crate) fn command<R: Wire>(request: &R) -> Result<Chain> {
    command_with_response::<R, Header>(request, resp::OK_NODATA)
}

/// Makes a command of a request that is not answered.
pub(crate) fn command_without_response<R: Wire>(request: &R) -> Result<Chain> {
    Chain::new(request.as_bytes(), 0, Cmd::new(0))
}

/// Makes a command of a request that is answered by an `A`.
pub(crate) fn command_with_response<R: Wire, A: Wire>(
    request: &R,
    resp_type: u32,
) -> Result<Chain> {
    Chain::new(
        request.as_bytes(),
        core::mem::size_of::<A>(),
        Cmd::new(resp_type),
    )
}

/// Says what is to happen at a command's end.
pub(crate) fn on_done(mut chain: Chain, done: impl Into<<VirtGpu as Callbacks>::Done>) -> Chain {
    chain.data_mut().set_done(done);
    chain
}

/// Says who waits for a command's end.
pub(crate) fn wake(mut chain: Chain, waiter: &Arc<Waiter>) -> Chain {
    chain.data_mut().end = Some(End::Wake(waiter.clone()));
    chain
}

/// Has a refusal of a command be a debug message, not an error.
pub(crate) fn quiet(mut chain: Chain) -> Chain {
    chain.data_mut().quiet = true;
    chain
}

/// Says that nobody waits for a command.
pub(crate) fn lazily(mut chain: Chain) -> Chain {
    chain.data_mut().lazy = true;
    chain
}

/// Says that a command's end gives back what the device may use, so that it must not come for one that
/// never reached the device: only an answer or a reset says that the device has let go.
pub(crate) fn gives_back(mut chain: Chain) -> Chain {
    chain.data_mut().gives_back = true;
    chain
}

/// Somebody who waits for a command.
#[pin_data]
pub(crate) struct Waiter {
    #[pin]
    result: SpinLock<Option<(Result, Chain)>>,
    #[pin]
    queue: WaitQueue,
}

impl Waiter {
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                result <- new_spinlock!(None),
                queue <- WaitQueue::new(),
            }),
            GFP_KERNEL,
        )
    }

    /// The command that somebody waits for has ended.
    pub(crate) fn wake(&self, status: Result, chain: Chain) {
        *self.result.lock() = Some((status, chain));
        self.queue.wake_all();
    }
}

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

fn kind(chain: &Chain) -> u32 {
    Header::from_bytes(chain.request()).map_or(0, |header| header.kind)
}

/// What a response means of which `expected`, if it is not 0, is the type and `room` the size.
fn verdict(response: &[u8], expected: u32, room: usize) -> Result {
    if expected == 0 {
        return Ok(());
    }
    match Header::from_bytes(response).ok_or(EIO)?.kind {
        kind if kind == expected => {
            if response.len() == room {
                Ok(())
            } else {
                Err(EIO)
            }
        }
        resp::ERR_OUT_OF_MEMORY => Err(ENOMEM),
        resp::ERR_INVALID_SCANOUT_ID..=resp::ERR_INVALID_PARAMETER => Err(EINVAL),
        _ => Err(EIO),
    }
}

/// Says what is wrong with a response, unless it is a refusal that is expected.
fn complain(dev: &Device, chain: &Chain) {
    let (request, response) = (kind(chain), chain.response());
    let expected = chain.data().resp_type;
    let Some(header) = Header::from_bytes(response) else {
        drm::drm_err_ratelimited!(
            dev,
            "command 0x{:x}: response of {} bytes is no response\n",
            request,
            response.len()
        );
        return;
    };

    if header.kind == expected {
        drm::drm_err_ratelimited!(
            dev,
            "command 0x{:x}: response has {} of {} bytes\n",
            request,
            response.len(),
            chain.response_room()
        );
    } else if !chain.data().quiet {
        drm::drm_err_ratelimited!(
            dev,
            "command 0x{:x}: host answered 0x{:x}, expected 0x{:x}\n",
            request,
            header.kind,
            expected
        );
    }
}

/// Judges length and type of a response before anyone reads it: the device is not trusted.
fn check(dev: &Device, chain: &Chain) -> Result {
    verdict(
        chain.response(),
        chain.data().resp_type,
        chain.response_room(),
    )
    .inspect_err(|_| complain(dev, chain))
}

/// Whether the host says that it did not carry a command out. Any other answer that is wrong, or
/// none, leaves that open.
pub(crate) fn is_refused(chain: &Chain) -> bool {
    Header::from_bytes(chain.response()).is_some_and(|header| resp::ERRORS.contains(&header.kind))
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

    fn open(&self, vq: Virtqueue<Cmd>) {
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

    /// The device was reset: returns the commands that were kept until now.
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

    fn close(&self) -> Option<Virtqueue<Cmd>> {
        let vq = self.state.lock().vq.take();
        self.space.wake_all();
        vq
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
fn enqueue(dev: &ARef<Device>, is_ctrl: bool) {
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

/// Keeps the device while its queues run.
pub(crate) struct Handler(ARef<Device>);

impl Interrupt for Handler {
    fn interrupt(&self, queue: usize) {
        enqueue(&self.0, queue == 0);
    }
}

/// Finds the virtqueues and lets commands through.
pub(crate) fn start(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    let (transport, [ctrl, cursor]) =
        Transport::start(vdev, [c"control", c"cursor"], Handler(dev.into()))?;
    if !vdev.has_feature(F_INDIRECT_DESC) && ctrl.size() < CMD_DESCRIPTORS {
        drm::drm_err!(
            dev,
            "the control queue has {} descriptors, a command takes {}\n",
            ctrl.size(),
            CMD_DESCRIPTORS
        );
        transport.stop(vdev, [ctrl, cursor], |_, _| ());
        return Err(EINVAL);
    }
    *dev.transport.running.lock() = Some(transport);
    dev.transport.ctrl.open(ctrl);
    dev.transport.cursor.open(cursor);
    // What came before the queues were open.
    enqueue(&dev.into(), true);
    Ok(())
}

/// Resets the device and takes every command back.
///
/// From here until [`start`] submitted commands fail with `ENODEV`. Safe on stopped queues.
pub(crate) fn stop(dev: &Device, vdev: &virtio::Device<Bound>) {
    let transport = dev.transport.running.lock().take();
    let (Some(transport), Some(ctrl), Some(cursor)) = (
        transport,
        dev.transport.ctrl.close(),
        dev.transport.cursor.close(),
    ) else {
        return;
    };
    // The works that handle answers end before anybody acts upon the reset.
    dev.cancel_work::<{ work::CONTROL }>();
    dev.cancel_work::<{ work::CURSOR }>();
    transport.stop(vdev, [ctrl, cursor], |index, chain| {
        let queue = if index == 0 {
            &dev.transport.ctrl
        } else {
            &dev.transport.cursor
        };
        let mut state = queue.state.lock();
        if !chain.data().lazy {
            state.awaited = state.awaited.saturating_sub(1);
        }
        drop(state);
        finish(dev, chain, Err(ENODEV));
    });
    for queue in [&dev.transport.ctrl, &dev.transport.cursor] {
        for chain in queue.take_kept() {
            finish(dev, chain, Err(ENODEV));
        }
    }
    VirtGpu::forget(dev);
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, expect_eq, Test};
    use virtio::gpu::{cmd, GetEdid, ResourceFlush};

    const ROOM: usize = core::mem::size_of::<Header>();

    fn answer(kind: u32) -> Header {
        Header {
            kind,
            ..Header::zeroed()
        }
    }

    fn judge(kind: u32, len: usize) -> Result {
        verdict(&answer(kind).as_bytes()[..len], resp::OK_NODATA, ROOM)
    }

    fn right_answer_is_taken(test: &Test) {
        expect_eq!(test, judge(resp::OK_NODATA, ROOM), Ok(()));
    }

    fn answer_without_a_header_is_none(test: &Test) {
        expect_eq!(test, judge(resp::OK_NODATA, 0), Err(EIO));
        expect_eq!(test, judge(resp::OK_NODATA, ROOM - 1), Err(EIO));
        // The device did not write the whole type, so that it means nothing.
        expect_eq!(test, judge(resp::ERR_OUT_OF_MEMORY, ROOM - 1), Err(EIO));
    }

    fn short_answer_is_rejected(test: &Test) {
        let header = answer(resp::OK_EDID);
        let short = verdict(header.as_bytes(), resp::OK_EDID, ROOM + 1);
        expect_eq!(test, short, Err(EIO));
    }

    fn errors_become_errnos(test: &Test) {
        for (kind, error) in [
            (0x1200, EIO),
            (0x1201, ENOMEM),
            (0x1202, EINVAL),
            (0x1203, EINVAL),
            (0x1204, EINVAL),
            (0x1205, EINVAL),
            // What the protocol does not have, another success, a request.
            (0x1206, EIO),
            (resp::OK_EDID, EIO),
            (cmd::RESOURCE_FLUSH, EIO),
            (0, EIO),
            (u32::MAX, EIO),
        ] {
            expect_eq!(test, judge(kind, ROOM), Err(error));
        }
    }

    fn command_without_answer_is_not_judged(test: &Test) {
        expect_eq!(test, verdict(&[], 0, 0), Ok(()));
    }

    fn commands_have_room_for_their_answer(test: &Test) -> Result {
        let request = answer(cmd::GET_EDID);
        let chain = command_with_response::<_, GetEdid>(&request, resp::OK_EDID)?;
        expect_eq!(test, chain.response_room(), core::mem::size_of::<GetEdid>());
        expect_eq!(test, chain.data().resp_type, resp::OK_EDID);
        expect_eq!(test, chain.descriptors(), 2);
        let chain = command_without_response(&request)?;
        expect_eq!(test, chain.data().resp_type, 0);
        expect_eq!(test, chain.descriptors(), 1);
        Ok(())
    }

    /// How many commands a pool keeps, and how many it could.
    fn size(pool: &Pool) -> (usize, usize) {
        let chains = pool.chains.lock();
        (chains.len(), chains.capacity())
    }

    /// Nothing of the command before is in the next one that has its memory.
    fn used_command_comes_back_clean(test: &Test) -> Result {
        let pool = KBox::pin_init(Pool::new(), GFP_KERNEL)?;
        let first = lazily(quiet(pool.command(&answer(cmd::UPDATE_CURSOR))?));
        let left = size(&pool).0;
        pool.put(first);
        expect_eq!(test, size(&pool).0, left + 1);
        let request = ResourceFlush {
            hdr: answer(cmd::RESOURCE_FLUSH),
            ..ResourceFlush::zeroed()
        };
        let chain = pool.command(&request)?;
        expect_eq!(test, size(&pool).0, left);
        expect_eq!(test, kind(&chain), cmd::RESOURCE_FLUSH);
        expect_eq!(test, chain.request(), request.as_bytes());
        expect!(test, !chain.data().quiet && !chain.data().lazy);
        Ok(())
    }

    /// Before any came back.
    fn pool_has_commands_in_advance(test: &Test) -> Result {
        let pool = KBox::pin_init(Pool::new(), GFP_KERNEL)?;
        expect_eq!(test, size(&pool).0, POOL_SIZE);
        let chain = pool.command(&answer(cmd::RESOURCE_FLUSH))?;
        expect_eq!(test, size(&pool).0, POOL_SIZE - 1);
        expect_eq!(test, kind(&chain), cmd::RESOURCE_FLUSH);
        expect_eq!(test, chain.response_room(), ROOM);
        Ok(())
    }

    fn pool_keeps_so_many_commands(test: &Test) -> Result {
        let pool = KBox::pin_init(Pool::new(), GFP_KERNEL)?;
        for _ in 0..POOL_SIZE + 8 {
            pool.put(command(&answer(cmd::RESOURCE_FLUSH))?);
        }
        let (len, capacity) = size(&pool);
        expect!(test, len >= POOL_SIZE);
        expect_eq!(test, len, capacity);
        Ok(())
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
        Ok(gives_back(command(&answer(cmd::RESOURCE_UNREF))?))
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
        let chain = command(&answer(cmd::RESOURCE_FLUSH))?;
        expect!(test, queue.keep(chain, ENODEV).is_err());
        expect_eq!(test, queue.take_kept().count(), 0);
        Ok(())
    }

    /// There may be another panic screen later, and nothing may be freed now.
    fn unsent_command_of_a_panic_stays(test: &Test) -> Result {
        let queue = KBox::pin_init(Queue::new(c"test"), GFP_KERNEL)?;
        let mut chains = [Some(command(&answer(cmd::RESOURCE_FLUSH))?), None];
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
