// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A buffer goes to a queue of another kind of buffers.
//!
//! expect: E0308: mismatched types
use virtio::{Chain, Virtqueue};

/// Sends a cursor's buffer to the control queue.
pub fn wrong_queue(vq: &mut Virtqueue<u32>, chain: Chain<u64>) {
    let _ = vq.add(chain);
}
