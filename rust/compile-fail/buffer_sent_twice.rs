// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A buffer is handed to the device twice.
//!
//! expect: E0382: use of moved value: `chain`
use virtio::{Chain, Virtqueue};

/// Sends it twice.
pub fn buffer_sent_twice(vq: &mut Virtqueue<u32>, chain: Chain<u32>) {
    let _ = vq.add(chain);
    let _ = vq.add(chain);
}
