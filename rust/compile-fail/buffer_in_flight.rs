// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A buffer is looked at while the device owns it.
//!
//! expect: E0382: borrow of moved value: `chain`
use virtio::{Chain, Virtqueue};

/// Reads a response too early.
pub fn buffer_in_flight(vq: &mut Virtqueue<u32>, chain: Chain<u32>) -> usize {
    let _ = vq.add(chain);
    chain.response().len()
}
