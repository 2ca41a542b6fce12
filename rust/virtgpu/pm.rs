// SPDX-License-Identifier: GPL-2.0
//! Suspend and hibernation. The device may lose its state meanwhile: the heads are switched off before
//! and on again behind a bring-up as after a [reset].
use kernel::{device::Bound, prelude::*};

use crate::{
    device::{work, Device},
    life::State,
    reset, transport,
};

/// The machine is about to sleep.
pub(crate) fn freeze(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    if !dev.display.outputs.is_empty() {
        dev.suspend_kms()?;
    }
    dev.life.sleep();
    dev.cancel_work::<{ work::HOTPLUG }>();
    transport::stop(dev, vdev);
    Ok(())
}

/// The machine is awake again.
pub(crate) fn restore(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    if dev.life.status().0 == State::Asleep {
        reset::come_back(dev, vdev)?;
    }
    if dev.display.outputs.is_empty() {
        return Ok(());
    }
    dev.resume_kms()
}
