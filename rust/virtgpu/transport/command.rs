// SPDX-License-Identifier: GPL-2.0
//! A command: a request with room for the answer, and what is to happen at its end.
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{Arc, SpinLock},
};
use virtio::{
    gpu::{resp, Header, Wire},
    wait::WaitQueue,
};

use crate::device::{Cause, Device, VirtGpu};

/// A command on its way to the device and back.
pub(crate) type Chain = virtio::Chain<Cmd>;

/// What the transport needs from the parts above it. Implemented by the driver.
pub(crate) trait Callbacks {
    /// What they do when a command has ended, in whatever way.
    type Done: Done;

    /// A wait has timed out: finds out whether the device is alive. Does not sleep.
    fn ask(dev: &Device);

    /// Nothing but a reset helps.
    fn reset(dev: &Device, cause: Cause);

    /// The queues are down, and the device was reset: its trouble is over.
    fn forget(dev: &Device);
}

/// What a part does when a command has ended.
pub(crate) trait Done: Send + Sized {
    /// The command was answered, could not be sent, or was lost with a reset (`ENODEV`). Returns the
    /// command, unless it is still needed.
    ///
    /// Called from a work of the driver's workqueue after an answer, or from the next commit if nobody
    /// waits for it; from `submit()` if the command could not be sent; from the reset that it was lost
    /// with. So it takes none of the locks that are held while a command waits for room in the ring.
    fn happen(self, dev: &Device, chain: Chain, status: Result) -> Option<Chain>;
}

/// What is to happen when a command has ended.
pub(super) enum End {
    /// Somebody waits.
    Wake(Arc<Waiter>),
    Done(<VirtGpu as Callbacks>::Done),
}

/// The driver's part of a command.
pub(crate) struct Cmd {
    /// Position in the queue's history, for the tracepoints.
    pub(super) seqno: u32,
    /// Response that means success, 0 when the device sends none.
    pub(super) resp_type: u32,
    /// The host may refuse it, which is a debug message, not an error.
    pub(super) quiet: bool,
    /// Nobody waits for it: that it ended may be noticed with the next frame.
    pub(super) lazy: bool,
    /// It was sent before the device that was reset had all resources again.
    pub(super) early: bool,
    /// Its end gives memory back that the device may use.
    pub(super) gives_back: bool,
    pub(super) end: Option<End>,
    /// The next one in the list of those that are kept.
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

    /// Says what is to happen when it has ended.
    pub(crate) fn set_done(&mut self, done: impl Into<<VirtGpu as Callbacks>::Done>) {
        self.end = Some(End::Done(done.into()));
    }

    /// Nothing is to happen.
    pub(crate) fn clear_done(&mut self) {
        self.end = None;
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

/// Marks a command whose end gives memory back. It ends only with an answer or a reset, also if it
/// could not be sent, because the device may use the memory until then.
pub(crate) fn gives_back(mut chain: Chain) -> Chain {
    chain.data_mut().gives_back = true;
    chain
}

/// Somebody who waits for a command.
#[pin_data]
pub(crate) struct Waiter {
    #[pin]
    pub(super) result: SpinLock<Option<(Result, Chain)>>,
    #[pin]
    pub(super) queue: WaitQueue,
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

/// A command's type.
pub(super) fn kind(chain: &Chain) -> u32 {
    Header::from_bytes(chain.request()).map_or(0, |header| header.kind)
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect_eq, Test};
    use virtio::gpu::{cmd, GetEdid};

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
