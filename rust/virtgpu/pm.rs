// SPDX-License-Identifier: GPL-2.0
//! Suspend, hibernation, reset and recovery. In each the device may be reset and forget everything:
//! take the queues down, bring them up, create the resources anew, show what was shown.
use kernel::{device::Bound, prelude::*, sync::aref::ARef, workqueue};
use virtio::wait::jiffies;

use crate::{
    device::{work, Device},
    display::{hotplug, redraw},
    life,
    transport::queue::{self, patience},
};

/// The machine is about to sleep.
pub(crate) fn freeze(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    if !dev.display.outputs.is_empty() {
        dev.suspend_kms()?;
    }
    dev.cancel_work::<{ work::HOTPLUG }>();
    queue::stop(dev, vdev);
    Ok(())
}

/// Everything but the picture.
fn bring_up(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    dev.memory
        .resources
        .restore(dev, || queue::start(dev, vdev))?;
    // Behind that, because a commit before it may have shown what the host did not have yet.
    for output in dev.display.outputs.iter() {
        output.forget();
    }

    if !dev.display.outputs.is_empty() {
        hotplug::restored(dev);
    }
    Ok(())
}

/// The machine is awake again.
pub(crate) fn restore(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    bring_up(dev, vdev)?;
    if dev.display.outputs.is_empty() {
        return Ok(());
    }
    dev.resume_kms()
}

/// Until [`reset_done`] commits go nowhere; their state is what is shown then.
pub(crate) fn reset_prepare(dev: &Device, vdev: &virtio::Device<Bound>) {
    queue::stop(dev, vdev);
}

/// The device was reset.
pub(crate) fn reset_done(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    bring_up(dev, vdev)?;
    redraw::schedule(dev);
    Ok(())
}

fn reset_device(dev: &Device) -> Result {
    dev.transport.vdev.with(|vdev| vdev.reset()).ok_or(ENODEV)?
}

/// Resets the device and brings it back; programs wait instead of seeing one without queues.
pub(crate) fn reset(dev: &Device) {
    let is_broken = dev.life.take_broken();
    // It may have been dead only when the reset was decided upon, which may be long ago.
    if !is_broken && dev.life.has_answered(dev) {
        drm::drm_info!(dev, "the host answers again: the device is not reset\n");
        return life::ask(dev);
    }

    // New trouble leads to no reset for a while. This one may take long, so set it twice.
    *dev.reset_at.lock() = Some(jiffies());
    let result = if dev.display.outputs.is_empty() {
        reset_device(dev)
    } else {
        dev.with_modeset_locks(|| reset_device(dev))
    };
    *dev.reset_at.lock() = Some(jiffies());
    match result {
        Ok(()) => (),
        // What somebody else does with it may be a reset, but need not be one.
        Err(EBUSY) if is_broken => schedule_reset(dev, "it is not ours now"),
        Err(EBUSY) => reset_soon(dev, "it is not ours now"),
        Err(error) => drm::drm_err!(dev, "the device did not come back: {:?}\n", error),
    }
}

/// Has the device reset and restored, soon. One that breaks again at once is reset again only after
/// a while.
pub(crate) fn schedule_reset(dev: &Device, why: &str) {
    dev.life.broke();
    reset_soon(dev, why);
}

/// The same for a device that answers nothing, unless it does so before.
pub(crate) fn reset_dead(dev: &Device) {
    reset_soon(dev, "the host answers nothing");
}

fn reset_soon(dev: &Device, why: &str) {
    let since = dev
        .reset_at
        .lock()
        .map_or(usize::MAX, |at| jiffies().wrapping_sub(at));
    let delay = patience().saturating_sub(since);

    if workqueue::system_freezable()
        .enqueue_delayed::<ARef<Device>, { work::RESET }>(dev.into(), delay)
        .is_ok()
    {
        drm::drm_err!(dev, "{}: the device will be reset\n", why);
    }
}
