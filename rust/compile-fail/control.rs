// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Nothing wrong: this one has to compile, or the others fail for want of something else.
//!
//! expect: nothing
use kernel::{
    device::{Bound, Device},
    prelude::*,
};
use virtio::{Chain, Virtqueue};

/// Sends a chain and takes one back.
pub fn control(vq: &mut Virtqueue<u32>, chain: Chain<u32>) -> Option<Chain<u32>> {
    let _ = vq.add(chain);
    vq.kick_prepare().then(|| vq.notify());
    vq.get_buf()
}

/// Registers a device.
pub fn register<T>(dev: &Device<Bound>, drm: drm::UnregisteredDevice<T>) -> Result
where
    T: for<'a> drm::kms::KmsDriver<RegistrationData<'a> = ()>,
{
    drm::Registration::new(dev, drm, (), 0)?.setup_clients();
    Ok(())
}
