// SPDX-License-Identifier: GPL-2.0
//! Commands: a request, room for the response, and what happens when the command ends.
//!
//! Whatever happens, a command ends exactly once: when the device answers it, when it could not be
//! sent, or when the device is reset under it. So nothing that depends on a command (pages,
//! references, counters) leaks. What happens at the end is an [`End`]: a [`Waiter`] is woken, or
//! [`Done::happen`] of the part that sent the command is called.
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{Arc, SpinLock},
};
use virtio::wait::WaitQueue;

use crate::{
    device::{Cause, Device, VirtGpu},
    gpu::{resp, Header, Wire},
};

/// A command on its way to the device and back.
pub(crate) type Chain = virtio::Chain<Cmd>;

/// What the transport needs from the parts above it. Implemented by the driver in `parts.rs`.
pub(crate) trait Callbacks {
    /// The things that may happen at the end of a command.
    type Done: Done;

    /// Called when a wait has timed out: finds out whether the device is alive. Does not sleep.
    fn ask(dev: &Device);

    /// Called when the device has to be reset.
    fn reset(dev: &Device, cause: Cause);

    /// Called when the queues are stopped and the device was reset: its trouble is over.
    fn forget(dev: &Device);
}

/// What a part does at the end of a command.
pub(crate) trait Done: Send + Sized {
    /// Called when the command was answered, could not be sent, or was lost in a reset (`ENODEV`).
    /// Returns the command, unless it is still needed.
    ///
    /// The caller is the work that takes answers off the ring; the next commit, if the command is
    /// lazy; `submit()`, if the command could not be sent; or the reset that the command was lost
    /// in. So this must not take a lock that is held while a command waits for room in the ring.
    fn happen(self, dev: &Device, chain: Chain, status: Result) -> Option<Chain>;
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
    /// The next command in the list of those that are kept.
    pub(super) next: Option<Chain>,
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
            next: None,
        }
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
    Chain::new(
        request.as_bytes(),
        core::mem::size_of::<A>(),
        Cmd::new(resp_type),
    )
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
    chain.data_mut().lazy = true;
    chain
}

/// Marks a command whose end frees memory that the device may use. Even if it cannot be sent, it
/// ends only with an answer or a reset, because the device may use the memory until then.
pub(crate) fn gives_back(mut chain: Chain) -> Chain {
    chain.data_mut().gives_back = true;
    chain
}

/// A task that waits for a command.
#[pin_data]
pub(crate) struct Waiter {
    /// The command's type.
    pub(super) kind: u32,
    #[pin]
    pub(super) result: SpinLock<Option<(Result, Chain)>>,
    #[pin]
    pub(super) queue: WaitQueue,
}

impl Waiter {
    /// Makes a waiter for a command of the type `kind`.
    pub(crate) fn new(kind: u32) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                kind,
                result <- new_spinlock!(None),
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
    use kunit::{expect_eq, Test};

    pub(crate) fn requests_have_names(test: &Test) {
        expect_eq!(test, cmd::name(cmd::RESOURCE_FLUSH), "RESOURCE_FLUSH");
        expect_eq!(test, cmd::name(cmd::MOVE_CURSOR), "MOVE_CURSOR");
        expect_eq!(test, cmd::name(0), "unknown");
        expect_eq!(test, cmd::name(resp::OK_NODATA), "unknown");
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
