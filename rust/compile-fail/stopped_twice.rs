// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A device is stopped twice.
//!
//! expect: E0382: use of moved value: `queues`
use kernel::device::Bound;
use virtio::{Device, Interrupt, Virtqueue, Virtqueues};

/// Stops it twice.
pub fn stopped_twice<H: Interrupt>(
    dev: &Device<Bound>,
    queues: Virtqueues<H, 1>,
    a: Virtqueue<u32>,
    b: Virtqueue<u32>,
) {
    queues.stop(dev, [a], |_, _| ());
    queues.stop(dev, [b], |_, _| ());
}
