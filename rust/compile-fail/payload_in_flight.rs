// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver changes a payload that the device may be reading.
//!
//! expect: E0382: borrow of moved value: `payload`
use kernel::prelude::*;
use virtio::{Chain, Virtqueue};

/// Writes to the payload of a chain that was sent.
pub fn payload_in_flight(
    queue: &mut Virtqueue<()>,
    mut chain: Chain<()>,
    mut payload: KVVec<u8>,
) -> Result {
    chain.set_payload(payload)?;
    queue.add(chain).map_err(|(error, _chain)| error)?;
    payload.clear();
    Ok(())
}
