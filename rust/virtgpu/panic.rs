// SPDX-License-Identifier: GPL-2.0
//! The panic screen: no locks to wait for, no memory to allocate, no answers to expect.
use drm::Rect;
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{Arc, SpinLock},
};

use crate::{
    cmd,
    drv::Device,
    output::Output,
    queue::{Chain, Done},
};

/// Commands set aside for the panic screen. The device has them from one panic (there are those
/// for tests) until it has answered.
#[pin_data]
pub(crate) struct Panic {
    #[pin]
    commands: SpinLock<[Option<Chain>; 2]>,
}

impl Panic {
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            commands <- {
                let (transfer, flush) = cmd::blanks()?;
                new_spinlock!([Some(transfer), Some(flush)])
            },
        }? Error)
    }

    /// A command comes back.
    pub(crate) fn put_back(&self, index: usize, mut chain: Chain) {
        // It names the head, which has it.
        let done = chain.data_mut().take_done();
        self.commands.lock()[index] = Some(chain);
        drop(done);
    }
}

impl Output {
    /// Brings all of a resource to the host. A command that cannot be sent stays for the next time.
    pub(crate) fn panic_flush(
        self: &Arc<Self>,
        dev: &Device,
        resource: u32,
        size: (u32, u32),
        offset: u64,
    ) {
        let Some(mut commands) = self.panic.commands.try_lock() else {
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
            chain.data_mut().set_done(Done::Panic(self.clone(), index));
        }
        dev.ctrl.try_submit(&mut *commands);
        for chain in commands.iter_mut().flatten() {
            // The head has it, so that this is not the last reference.
            let done = chain.data_mut().take_done();
            drop(done);
        }
    }
}
