// SPDX-License-Identifier: GPL-2.0
//! The two virtqueues: commands go in, are batched, kicked, answered, timed out.
//!
//! Nothing here knows what a command means.
use kernel::{
    device::Bound,
    new_spinlock,
    prelude::*,
    sync::{aref::ARef, Arc, SpinLock},
    time::msecs_to_jiffies,
    workqueue,
};
use virtio::{
    gpu::{resp, Header, Wire},
    queue::Interrupt,
    trace,
    wait::WaitQueue,
    Transport, Virtqueue,
};

use crate::{drv::Device, gem::Keeper, module_parameters, output::Output, resource::Recipe};

/// A command on its way to the device and back.
pub(crate) type Chain = virtio::Chain<Cmd>;

/// What is to happen when a command has ended, whatever the way.
pub(crate) enum Done {
    /// A frame was drawn.
    Frame(Arc<Output>),
    /// The host took an order to show a cursor.
    Cursor(Arc<Output>),
    /// A cursor's image was uploaded.
    CursorUpload(Arc<Output>),
    /// A resource is gone: so may be its pages.
    Unref(u32),
    /// The host no longer looks at a buffer object's pages: so may they go.
    Detached(Arc<Keeper>),
    /// The host has a resource's backing, or has none.
    Attached(Arc<Recipe>),
    /// A command of the panic screen comes back, by its number.
    Panic(Arc<Output>, usize),
    /// Somebody waits.
    Wake(Arc<Waiter>),
}

/// The driver's part of a command.
pub(crate) struct Cmd {
    /// Position in the queue's history, for the tracepoints.
    seqno: u32,
    /// Response that means success, 0 when the device sends none.
    resp_type: u32,
    /// A host that refuses it is no news.
    quiet: bool,
    /// Nobody waits for it: that it ended may be noticed with the next frame.
    lazy: bool,
    done: Option<Done>,
}

impl Cmd {
    fn new(resp_type: u32) -> Self {
        Self {
            seqno: 0,
            resp_type,
            quiet: false,
            lazy: false,
            done: None,
        }
    }
}

/// Commands that came back: a frame is made of them, without allocating any.
#[pin_data]
pub(crate) struct Pool {
    #[pin]
    chains: SpinLock<KVec<Chain>>,
}

/// Commands kept: more than one commit on every head needs.
const POOL_SIZE: usize = 64;

impl Pool {
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            chains <- new_spinlock!(KVec::with_capacity(POOL_SIZE, GFP_KERNEL)?),
        })
    }

    fn make<R: Wire>(&self, request: &R, response_len: usize, resp_type: u32) -> Result<Chain> {
        let spare = self.chains.lock().pop();
        let Some(mut chain) = spare else {
            return Chain::new(request.as_bytes(), response_len, Cmd::new(resp_type));
        };
        chain.renew(request.as_bytes(), response_len, Cmd::new(resp_type))?;
        Ok(chain)
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
pub(crate) fn on_done(mut chain: Chain, done: Done) -> Chain {
    chain.data_mut().done = Some(done);
    chain
}

/// Says that a host which refuses a command is no news.
pub(crate) fn quiet(mut chain: Chain) -> Chain {
    chain.data_mut().quiet = true;
    chain
}

/// Says that nobody waits for a command.
pub(crate) fn lazily(mut chain: Chain) -> Chain {
    chain.data_mut().lazy = true;
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
}

/// Jiffies that a host may take that is not known to be in trouble.
pub(crate) fn patience() -> usize {
    msecs_to_jiffies(module_parameters::command_timeout.value().clamp(1, 86400) * 1000)
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
    /// Commands among them that are not lazy, and those who wait for room or for a frame.
    awaited: u32,
    /// The device was not told of all commands yet.
    unkicked: bool,
    /// The device was told not to interrupt.
    silent: bool,
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

    /// Takes a finished command off the ring.
    fn pop(&mut self) -> Option<Chain> {
        let chain = self.vq.as_mut()?.pop()?;
        self.in_flight = self.in_flight.saturating_sub(1);
        if !chain.data().lazy {
            self.awaited = self.awaited.saturating_sub(1);
        }
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

/// Judges length and type of a response before anyone reads it: the device is not trusted.
fn check(dev: &Device, chain: &Chain) -> Result {
    let expected = chain.data().resp_type;
    if expected == 0 {
        return Ok(());
    }
    let request = kind(chain);
    let response = chain.response();
    let Some(header) = Header::from_bytes(response) else {
        drm::drm_err_ratelimited!(
            dev,
            "command 0x{:x}: response of {} bytes is no response\n",
            request,
            response.len()
        );
        return Err(EIO);
    };

    if chain.data().quiet && header.kind != expected {
        return Err(EINVAL);
    }
    if header.kind == expected {
        if response.len() == chain.response_room() {
            return Ok(());
        }
        drm::drm_err_ratelimited!(
            dev,
            "command 0x{:x}: response has {} of {} bytes\n",
            request,
            response.len(),
            chain.response_room()
        );
        return Err(EIO);
    }
    drm::drm_err_ratelimited!(
        dev,
        "command 0x{:x}: host answered 0x{:x}, expected 0x{:x}\n",
        request,
        header.kind,
        expected
    );
    Err(match header.kind {
        resp::ERR_OUT_OF_MEMORY => ENOMEM,
        resp::ERR_INVALID_SCANOUT_ID..=resp::ERR_INVALID_PARAMETER => EINVAL,
        _ => EIO,
    })
}

fn finish(dev: &Device, mut chain: Chain, status: Result) {
    match chain.data_mut().done.take() {
        None => (),
        Some(Done::Frame(output)) => output.frame_done(),
        Some(Done::Cursor(output)) => output.cursor_done(dev, status),
        Some(Done::CursorUpload(output)) => output.cursor_uploaded(dev),
        Some(Done::Unref(id)) => dev.resources.remove(id),
        Some(Done::Detached(keeper)) => drop(keeper),
        Some(Done::Attached(recipe)) => {
            if status.is_err() {
                recipe.detached();
            }
        }
        Some(Done::Panic(output, index)) => return output.panic.put_back(index, chain),
        Some(Done::Wake(waiter)) => {
            *waiter.result.lock() = Some((status, chain));
            waiter.queue.wake_all();
            return;
        }
    }
    dev.pool.put(chain);
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
                awaited: 0,
                unkicked: false,
                silent: false,
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
        state.silent = false;
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

    /// Notes that the host let us wait too long.
    pub(crate) fn stall(&self, dev: &Device, what: &str) {
        let mut state = self.state.lock();
        let first = state.vq.is_some() && !state.stalled;
        state.stalled = true;
        drop(state);
        if first {
            drm::drm_err!(
                dev,
                "{} queue: no answer from the host to {}\n",
                self.name,
                what
            );
        }
    }

    fn has_space(&self, descriptors: usize) -> bool {
        let state = self.state.lock();
        state.vq.as_ref().is_none_or(|vq| vq.free() >= descriptors)
    }

    /// Hands a command to the device, as soon as there is room in the ring.
    ///
    /// The device is told by the next [`kick`](Self::kick). What is to happen at the command's end
    /// happens in any case, before this returns if the command could not be queued.
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
                    state.seqno = seqno;
                    state.stats.commands += 1;
                    state.in_flight += 1;
                    state.unkicked = true;
                    state.awaited += u32::from(!lazy);
                    trace::cmd_queue(self.name, seqno, kind, state.in_flight);
                    return;
                }
                Err(back) => back,
            };
            drop(state);
            chain = back;
            if error != ENOSPC {
                break error;
            }

            self.kick(dev);
            if !self.wait_for(dev, &self.space, "make room in the ring", || {
                self.has_space(descriptors)
            }) {
                break ETIMEDOUT;
            }
        };

        if error == EIO {
            crate::pm::schedule_reset(dev, "the ring is broken");
        } else if error == ETIMEDOUT {
            crate::pm::schedule_reset(dev, "the ring is full of unanswered commands");
        }
        self.state.lock().stats.dropped += 1;
        finish(dev, chain, Err(error));
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

    fn dequeue_soon(&self, dev: &Device) {
        enqueue(dev.into(), core::ptr::eq(self, &dev.ctrl));
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
        let met = queue.wait_timeout(self.timeout(), condition);
        if !met {
            self.stall(dev, what);
        }
        let mut state = self.state.lock();
        state.awaited = state.awaited.saturating_sub(1);
        met
    }

    /// Hands commands to the device without waiting for anything, and kicks; for the panic screen,
    /// when nobody is left to release a lock.
    pub(crate) fn try_submit<const N: usize>(&self, chains: [Chain; N]) {
        let Some(mut state) = self.state.try_lock() else {
            return;
        };
        let Some(vq) = state.vq.as_mut() else {
            return;
        };
        for chain in chains {
            if let Err((_, chain)) = vq.try_add(chain) {
                // Freeing memory may wait.
                core::mem::forget(chain);
                return;
            }
        }
        if vq.kick_prepare() {
            vq.notify();
        }
    }

    /// Waits for a command that was submitted. The response is in the chain.
    ///
    /// # Errors
    ///
    /// What the host's answer means, `ETIMEDOUT`, `ENODEV`.
    pub(crate) fn wait(&self, dev: &Device, waiter: &Waiter) -> Result<Chain> {
        if !waiter
            .queue
            .wait_timeout(self.timeout(), || waiter.result.lock().is_some())
        {
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
        let mut woke_up = false;
        if let Some(vq) = self.state.lock().vq.as_mut() {
            vq.disable_interrupts();
        }
        let broken = loop {
            let mut state = self.state.lock();
            if let Some(chain) = state.pop() {
                woke_up |= core::mem::take(&mut state.stalled);
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

        // Answers may be lost for good, commands may have been dropped: begin anew.
        if woke_up {
            crate::pm::schedule_reset(dev, "the host answers again");
        }
        if broken {
            crate::pm::schedule_reset(dev, "the host broke the ring");
        }
    }
}

/// Has the work done that takes finished commands off a ring.
fn enqueue(dev: ARef<Device>, is_ctrl: bool) {
    // Pending already is as good.
    let _ = if is_ctrl {
        workqueue::system_highpri().enqueue::<ARef<Device>, 1>(dev)
    } else {
        workqueue::system_highpri().enqueue::<ARef<Device>, 2>(dev)
    };
}

/// Keeps the device while its queues run.
pub(crate) struct Handler(ARef<Device>);

impl Interrupt for Handler {
    fn interrupt(&self, queue: usize) {
        enqueue(self.0.clone(), queue == 0);
    }
}

/// Finds the virtqueues and lets commands through.
pub(crate) fn start(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    let (transport, [ctrl, cursor]) =
        Transport::start(vdev, [c"control", c"cursor"], Handler(dev.into()))?;
    *dev.transport.lock() = Some(transport);
    dev.ctrl.open(ctrl);
    dev.cursor.open(cursor);
    // What came before the queues were open.
    let _ = workqueue::system_highpri().enqueue::<ARef<Device>, 1>(dev.into());
    Ok(())
}

/// Resets the device and takes every command back.
///
/// From here until [`start`] submitted commands fail with `ENODEV`. Safe on stopped queues.
pub(crate) fn stop(dev: &Device, vdev: &virtio::Device<Bound>) {
    let transport = dev.transport.lock().take();
    let (Some(transport), Some(ctrl), Some(cursor)) =
        (transport, dev.ctrl.close(), dev.cursor.close())
    else {
        return;
    };
    transport.stop(vdev, [ctrl, cursor], |index, chain| {
        let queue = if index == 0 { &dev.ctrl } else { &dev.cursor };
        let mut state = queue.state.lock();
        if !chain.data().lazy {
            state.awaited = state.awaited.saturating_sub(1);
        }
        drop(state);
        finish(dev, chain, Err(ENODEV));
    });
}
