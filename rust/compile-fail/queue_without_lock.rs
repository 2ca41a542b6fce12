// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A ring is used by two threads at once.
//!
//! expect: E0596: cannot borrow `*vq` as mutable
use virtio::Virtqueue;

/// Pops through a shared reference.
pub fn queue_without_lock(vq: &Virtqueue<u32>) -> bool {
    vq.get_buf().is_some()
}
