// SPDX-License-Identifier: GPL-2.0
//! Suspend and hibernation. The device may lose its state, so the heads are switched off before and
//! on again afterwards, and the device is brought up in between as after a [reset].
use kernel::{device::Bound, prelude::*};

use crate::{
    device::{work, Device},
    life::State,
    reset, transport,
};

/// Called when the machine is suspended.
pub(crate) fn freeze(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    if !dev.display.outputs.is_empty() {
        dev.suspend_kms()?;
    }
    dev.life.sleep();
    dev.cancel_work::<{ work::CONFIG }>();
    dev.render.contexts.lose_all();
    transport::stop(dev, vdev);
    Ok(())
}

/// Called when the machine is resumed.
pub(crate) fn restore(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    if dev.life.status().0 == State::Asleep {
        reset::come_back(dev, vdev)?;
    }
    if dev.display.outputs.is_empty() {
        return Ok(());
    }
    dev.resume_kms()
}
