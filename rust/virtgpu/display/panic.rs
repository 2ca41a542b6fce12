// SPDX-License-Identifier: GPL-2.0
//! The panic screen: no locks to wait for, no memory to allocate, no answers to expect.
use drm::Rect;
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{Arc, SpinLock},
};

use crate::{
    device::Device,
    transport::{
        cmd,
        command::{self, Chain},
    },
};

/// A command of the panic screen comes back, by its number.
pub(crate) struct Done(Arc<Panic>, usize);

impl command::Done for Done {
    fn happen(self, _dev: &Device, chain: Chain, _status: Result) -> Option<Chain> {
        self.0.commands.lock()[self.1] = Some(chain);
        None
    }
}

/// Commands set aside for the panic screen. The device has them from one panic (there are those
/// for tests) until it has answered.
#[pin_data]
pub(crate) struct Panic {
    #[pin]
    commands: SpinLock<[Option<Chain>; 2]>,
}

impl Panic {
    pub(crate) fn new() -> Result<Arc<Self>> {
        let (transfer, flush) = cmd::blanks()?;
        Arc::pin_init(
            pin_init!(Self {
                commands <- new_spinlock!([Some(transfer), Some(flush)]),
            }),
            GFP_KERNEL,
        )
    }

    /// Brings all of a resource to the host. A command that cannot be sent stays for the next time.
    pub(crate) fn flush(
        self: &Arc<Self>,
        dev: &Device,
        resource: u32,
        size: (u32, u32),
        offset: u64,
    ) {
        let Some(mut commands) = self.commands.try_lock() else {
            return;
        };
        // Else the device still has one of them.
        let [Some(transfer), Some(flush)] = commands.each_mut().map(Option::as_mut) else {
            return;
        };
        let all = Rect::new(0, 0, size.0 as i32, size.1 as i32);
        let filled = cmd::refill_transfer(transfer, resource, &all, offset)
            .and_then(|()| cmd::refill_flush(flush, resource, &all));
        if filled.is_err() {
            return;
        }
        for (index, chain) in [transfer, flush].into_iter().enumerate() {
            chain.data_mut().set_done(Done(self.clone(), index));
        }
        dev.transport.ctrl.try_submit(&mut *commands);
        for chain in commands.iter_mut().flatten() {
            // The caller has `self`, so that this is not the last reference.
            chain.data_mut().clear_done();
        }
    }
}
