// SPDX-License-Identifier: GPL-2.0
//! The panic screen: must not wait for locks, allocate memory, or expect answers.
//!
//! Its commands are allocated in advance, because after a panic nothing else may be relied on.
use drm::Rect;
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{Arc, SpinLock},
};

use crate::{
    device::Device,
    transport::{
        command::{self, Chain},
        encode,
    },
};

/// What happens at the end of a command of the panic screen: it goes back to its place in [`Panic`],
/// for the next panic screen. The number is the place.
pub(crate) struct Done(Arc<Panic>, usize);

impl command::Done for Done {
    fn happen(self, _dev: &Device, chain: Chain, _status: Result) -> Option<Chain> {
        self.0.commands.lock()[self.1] = Some(chain);
        None
    }
}

/// The commands of the panic screen. Those that were sent are missing until the device has answered
/// them. (Tests cause more than one panic.)
#[pin_data]
pub(crate) struct Panic {
    #[pin]
    commands: SpinLock<[Option<Chain>; 2]>,
}

impl Panic {
    pub(crate) fn new() -> Result<Arc<Self>> {
        let (transfer, flush) = encode::blanks()?;
        Arc::pin_init(
            pin_init!(Self {
                commands <- new_spinlock!([Some(transfer), Some(flush)]),
            }),
            GFP_KERNEL,
        )
    }

    /// Uploads all of a resource whose backing begins with an offset, or only redraws it. A command that
    /// cannot be sent is kept for the next time.
    pub(crate) fn flush(
        self: &Arc<Self>,
        dev: &Device,
        resource: u32,
        size: (u32, u32),
        offset: Option<u64>,
    ) {
        let Some(mut commands) = self.commands.try_lock() else {
            return;
        };
        // If one is missing, the device still has it.
        let [Some(transfer), Some(flush)] = commands.each_mut().map(Option::as_mut) else {
            return;
        };
        let all = Rect::new(0, 0, size.0 as i32, size.1 as i32);
        let (first, filled) = match offset {
            Some(offset) => (0, encode::refill_transfer(transfer, resource, &all, offset)),
            None => (1, Ok(())),
        };
        let filled = filled.and_then(|()| encode::refill_flush(flush, resource, &all));
        if filled.is_err() {
            return;
        }
        for (index, chain) in [transfer, flush].into_iter().enumerate().skip(first) {
            chain.data_mut().set_done(Done(self.clone(), index));
        }
        dev.transport.ctrl.try_submit(&mut commands[first..]);
        for chain in commands.iter_mut().flatten() {
            // This is not the last reference, because the caller holds one.
            chain.data_mut().clear_done();
        }
    }
}
