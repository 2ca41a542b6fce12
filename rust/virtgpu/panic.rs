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
    queue::{on_done, Chain, Done},
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
    pub(crate) fn put_back(&self, index: usize, chain: Chain) {
        self.commands.lock()[index] = Some(chain);
    }
}

impl Output {
    /// Brings all of a resource to the host.
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
        let [Some(transfer), Some(flush)] = commands.each_mut().map(Option::take) else {
            return;
        };
        let all = Rect::new(0, 0, size.0 as i32, size.1 as i32);
        let mut pair = [transfer, flush];
        let filled = cmd::refill_transfer(&mut pair[0], resource, &all, offset)
            .and_then(|()| cmd::refill_flush(&mut pair[1], resource, &all));
        let mut index = 0;
        let pair = pair.map(|chain| {
            index += 1;
            on_done(chain, Done::Panic(self.clone(), index - 1))
        });
        // What cannot be queued is lost with the machine.
        if filled.is_ok() {
            dev.ctrl.try_submit(pair);
        }
    }
}
