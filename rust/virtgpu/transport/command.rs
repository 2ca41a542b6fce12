// SPDX-License-Identifier: GPL-2.0
//! Commands: a request, room for the response, and what happens when the command ends.
//!
//! Whatever happens, a command ends exactly once: when the device answers it, when it could not be
//! sent, or when the device is reset under it. So nothing that depends on a command (pages,
//! references, counters) leaks. What happens at the end is an [`End`]: a [`Waiter`] is woken, or
//! [`Done::happen`] of the part that sent the command is called.
use kernel::{prelude::*, sync::Arc, transmute::AsBytes};
use virtio::{lock::SpinLockBh, new_spinlock_bh, virtqueue::REQUEST_SIZE, wait::WaitQueue};

use crate::{
    device::{Cause, Device, VirtGpu},
    gpu::{self, resp, Header, Wire},
};

/// A command on its way to the device and back.
pub(crate) type Chain = virtio::Chain<Cmd>;

/// What the transport needs from the parts above it. Implemented by the driver in `parts.rs`.
pub(crate) trait Callbacks {
    /// The things that may happen at the end of a command.
    type Done: Done;
    /// A fence that is signalled when a command has ended.
    type Fence: Send;

    /// Called when a wait has timed out: finds out whether the device is alive. Does not sleep.
    fn ask(dev: &Device);

    /// Called when the device has to be reset.
    fn reset(dev: &Device, cause: Cause);

    /// Called when the queues are stopped and the device was reset: its trouble is over.
    fn forget(dev: &Device);

    /// Called when the command of a fence has ended. `is_answered` tells whether the host has
    /// answered it. Does not sleep: it is called in softirq, too.
    fn fence_ended(dev: &Device, fence: Self::Fence, status: Result, is_answered: bool);
}

/// What a part does at the end of a command.
pub(crate) trait Done: Send + Sized {
    /// Called when the command was answered, could not be sent, or was lost in a reset (`ENODEV`).
    /// Returns the command, unless it is still needed.
    ///
    /// The caller is a work; the next commit, if the command is lazy; `submit()`, if the command could
    /// not be sent; or the reset that the command was lost in. It may sleep. So this must not take a lock that is held while a command waits for room in the ring.
    fn happen(self, dev: &Device, chain: Chain, status: Result) -> Option<Chain>;
}

/// How a command has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It never reached the device, which may still use what it has.
    Unsent,
    /// The device has answered it, well or badly.
    Answered,
    /// The device was reset and uses nothing any more.
    Lost,
}

/// What happens at the end of a command.
pub(super) enum End {
    /// A waiter is woken.
    Wake(Arc<Waiter>),
    Done(<VirtGpu as Callbacks>::Done),
}

/// The driver's data of a command.
pub(crate) struct Cmd {
    /// The command's number in its queue, for the tracepoints.
    pub(super) seqno: u32,
    /// Type of the response that means success, 0 if the device sends none.
    pub(super) resp_type: u32,
    /// An error of the host is expected and not logged.
    pub(super) quiet: bool,
    /// Nothing waits for it, so its answer may be taken off the ring with the next frame.
    pub(super) lazy: bool,
    /// It was sent after a reset, before the device had all resources again.
    pub(super) early: bool,
    /// Its end frees memory that the device may use until then.
    pub(super) gives_back: bool,
    pub(super) end: Option<End>,
    /// How it has ended.
    pub(super) ended: Ended,
    /// The fence that is signalled after its end.
    pub(super) fence: Option<<VirtGpu as Callbacks>::Fence>,
    /// What the answer says, while the command waits for the work that ends it.
    pub(super) status: Result,
    /// The next command in a [`List`].
    next: Option<Chain>,
}

/// A list of commands, which allocates nothing.
pub(super) struct List(Option<Chain>);

impl List {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Adds a command as the first one.
    pub(super) fn push(&mut self, mut chain: Chain) {
        chain.data_mut().next = self.0.take();
        self.0 = Some(chain);
    }

    /// Returns the commands, and leaves none.
    pub(super) fn take_all(&mut self) -> Self {
        Self(self.0.take())
    }

    /// Returns the commands in the opposite order.
    pub(super) fn reversed(self) -> Self {
        let mut list = Self::new();
        for chain in self {
            list.push(chain);
        }
        list
    }
}

impl Iterator for List {
    type Item = Chain;

    fn next(&mut self) -> Option<Chain> {
        let mut chain = self.0.take()?;
        self.0 = chain.data_mut().next.take();
        Some(chain)
    }
}

impl Drop for List {
    /// Each command would drop the next one, with a stack that grows with the list.
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

impl Cmd {
    pub(super) fn new(resp_type: u32) -> Self {
        Self {
            seqno: 0,
            resp_type,
            quiet: false,
            lazy: false,
            early: false,
            gives_back: false,
            end: None,
            ended: Ended::Unsent,
            fence: None,
            status: Ok(()),
            next: None,
        }
    }

    /// Returns whether the host has answered the command.
    pub(crate) fn is_answered(&self) -> bool {
        self.ended == Ended::Answered
    }

    /// Returns whether the command never reached the device.
    pub(crate) fn is_unsent(&self) -> bool {
        self.ended == Ended::Unsent
    }

    /// Returns whether a part does something at the end of the command, before its fence is signalled.
    pub(crate) fn has_done(&self) -> bool {
        matches!(self.end, Some(End::Done(_)))
    }

    /// Returns whether an error of the host is not logged.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Marks a command that nothing waits for.
    pub(crate) fn set_lazy(&mut self) {
        self.lazy = true;
    }

    /// Sets the fence that is signalled after the end of the command.
    pub(crate) fn set_fence(&mut self, fence: <VirtGpu as Callbacks>::Fence) {
        self.fence = Some(fence);
    }

    /// Sets what happens at the end of the command.
    pub(crate) fn set_done(&mut self, done: impl Into<<VirtGpu as Callbacks>::Done>) {
        self.end = Some(End::Done(done.into()));
    }

    /// Makes nothing happen at the end of the command.
    pub(crate) fn clear_done(&mut self) {
        self.end = None;
    }
}

/// Makes a command from a request whose response is only a header.
pub(crate) fn command<R: Wire>(request: &R) -> Result<Chain> {
    command_with_response::<R, Header>(request, resp::OK_NODATA)
}

/// Makes a command from a request without a response.
pub(crate) fn command_without_response<R: Wire>(request: &R) -> Result<Chain> {
    Chain::new(request.as_bytes(), 0, Cmd::new(0))
}

/// Makes a command from a request whose response is an `A`.
pub(crate) fn command_with_response<R: Wire, A: Wire>(
    request: &R,
    resp_type: u32,
) -> Result<Chain> {
    command_with_room(request, core::mem::size_of::<A>(), resp_type)
}

/// Makes a command from a request whose response has this number of bytes.
pub(crate) fn command_with_room<R: Wire>(
    request: &R,
    room: usize,
    resp_type: u32,
) -> Result<Chain> {
    Chain::new(request.as_bytes(), room, Cmd::new(resp_type))
}

/// Sets what happens at the end of a command.
pub(crate) fn on_done(mut chain: Chain, done: impl Into<<VirtGpu as Callbacks>::Done>) -> Chain {
    chain.data_mut().set_done(done);
    chain
}

/// Sets the waiter that is woken at the end of a command.
pub(crate) fn wake(mut chain: Chain, waiter: &Arc<Waiter>) -> Chain {
    chain.data_mut().end = Some(End::Wake(waiter.clone()));
    chain
}

/// Marks a command whose error response is expected and not logged.
pub(crate) fn quiet(mut chain: Chain) -> Chain {
    chain.data_mut().quiet = true;
    chain
}

/// Marks a command that nothing waits for.
pub(crate) fn lazily(mut chain: Chain) -> Chain {
    chain.data_mut().set_lazy();
    chain
}

/// Marks a command whose end frees memory that the device may use. Even if it cannot be sent, it
/// ends only with an answer or a reset, because the device may use the memory until then.
pub(crate) fn gives_back(mut chain: Chain) -> Chain {
    chain.data_mut().gives_back = true;
    chain
}

/// Numbers the fence of a command, in its header. The fence is on a ring of the context, or on the
/// timeline of the device.
pub(crate) fn set_fence_number(chain: &mut Chain, number: u64, ring: Option<u32>) -> Result {
    let mut header = Header::read(chain.request()).ok_or(EINVAL)?;
    header.flags |= gpu::FLAG_FENCE;
    header.fence_id = number;
    if let Some(ring) = ring {
        header.flags |= gpu::FLAG_INFO_RING_IDX;
        header.ring = ring;
    }
    let mut bytes = [0; REQUEST_SIZE];
    let request = &mut bytes[..chain.request().len()];
    request.copy_from_slice(chain.request());
    request[..core::mem::size_of::<Header>()].copy_from_slice(header.as_bytes());
    chain.set_request(request)
}

/// A task that waits for a command.
#[pin_data]
pub(crate) struct Waiter {
    /// The command's type.
    pub(super) kind: u32,
    #[pin]
    pub(super) result: SpinLockBh<Option<(Result, Chain)>>,
    #[pin]
    pub(super) queue: WaitQueue,
}

impl Waiter {
    /// Makes a waiter for a command of the type `kind`.
    pub(crate) fn new(kind: u32) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                kind,
                result <- new_spinlock_bh!(None),
                queue <- WaitQueue::new(),
            }),
            GFP_KERNEL,
        )
    }

    /// Hands over the command that has ended, and wakes the task.
    pub(crate) fn wake(&self, status: Result, chain: Chain) {
        *self.result.lock() = Some((status, chain));
        self.queue.wake_all();
    }
}

/// Returns a command's type.
pub(super) fn kind(chain: &Chain) -> u32 {
    Header::read(chain.request()).map_or(0, |header| header.kind)
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use crate::gpu::{cmd, GetEdid};
    use kunit::{expect, expect_eq, Test};

    pub(crate) fn requests_have_names(test: &Test) {
        expect_eq!(test, cmd::name(cmd::RESOURCE_FLUSH), "RESOURCE_FLUSH");
        expect_eq!(test, cmd::name(cmd::MOVE_CURSOR), "MOVE_CURSOR");
        expect_eq!(test, cmd::name(0), "unknown");
        expect_eq!(test, cmd::name(resp::OK_NODATA), "unknown");
    }

    /// The rest of the request stays.
    pub(crate) fn fences_are_numbered_in_the_header(test: &Test) -> Result {
        let request = gpu::CmdSubmit {
            hdr: Header {
                kind: cmd::SUBMIT_3D,
                ctx_id: 7,
                ..Header::zeroed()
            },
            size: 64,
            padding: 0,
        };
        let mut chain = command(&request)?;
        set_fence_number(&mut chain, 0x12_3456_789a, None)?;
        let sent = gpu::CmdSubmit::read(chain.request()).ok_or(EIO)?;
        expect_eq!(
            test,
            (sent.hdr.kind, sent.hdr.ctx_id, sent.size),
            (cmd::SUBMIT_3D, 7, 64)
        );
        expect_eq!(
            test,
            (sent.hdr.flags, sent.hdr.fence_id),
            (1, 0x12_3456_789a)
        );
        expect_eq!(test, sent.hdr.ring, 0);
        set_fence_number(&mut chain, 8, Some(3))?;
        let sent = gpu::CmdSubmit::read(chain.request()).ok_or(EIO)?;
        expect_eq!(test, (sent.hdr.flags, sent.hdr.fence_id), (3, 8));
        expect_eq!(test, sent.hdr.ring, 3);
        expect!(test, !chain.data().has_done());
        Ok(())
    }

    pub(crate) fn commands_have_room_for_their_answer(test: &Test) -> Result {
        let request = Header {
            kind: cmd::GET_EDID,
            ..Header::zeroed()
        };
        let chain = command_with_response::<_, GetEdid>(&request, resp::OK_EDID)?;
        expect_eq!(test, chain.response_room(), core::mem::size_of::<GetEdid>());
        expect_eq!(test, chain.data().resp_type, resp::OK_EDID);
        expect_eq!(test, chain.descriptors(), 2);
        let chain = command_without_response(&request)?;
        expect_eq!(test, chain.data().resp_type, 0);
        expect_eq!(test, chain.descriptors(), 1);
        Ok(())
    }
}
