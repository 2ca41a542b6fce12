// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A device is stopped twice.
//!
//! expect: E0382: use of moved value: `transport`
use kernel::device::Bound;
use virtio::{Device, Interrupt, Transport, Virtqueue};

/// Stops it twice.
pub fn stopped_twice<H: Interrupt>(
    dev: &Device<Bound>,
    transport: Transport<H, 1>,
    a: Virtqueue<u32>,
    b: Virtqueue<u32>,
) {
    transport.stop(dev, [a], |_, _| ());
    transport.stop(dev, [b], |_, _| ());
}
