// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A queue is used after its device was stopped.
//!
//! expect: E0382: borrow of moved value: `vq`
use kernel::device::Bound;
use virtio::{Device, Interrupt, Virtqueue, Virtqueues};

/// Kicks a queue that is gone.
pub fn queue_after_stop<H: Interrupt>(
    dev: &Device<Bound>,
    queues: Virtqueues<H, 1>,
    mut vq: Virtqueue<u32>,
) {
    queues.stop(dev, [vq], |_, _| ());
    vq.kick_prepare();
}
