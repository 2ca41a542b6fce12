// SPDX-License-Identifier: GPL-2.0
//! Resets: the rules for each cause, and how the device comes back.
//!
//! A device that was reset has lost everything. So the driver stops the queues before the reset.
//! Afterwards it starts them, creates the resources again, and shows what was shown. Contexts are
//! lost.
use kernel::{device::Bound, prelude::*, sync::aref::ARef, workqueue};

use crate::{
    device::{work, Cause, Device},
    display::{hotplug, redraw},
    life::{self, State},
    transport::{self, queue::kick_again_after},
};

/// The rules for a cause.
pub(crate) struct Rule {
    /// The text for the log.
    pub(crate) text: &'static str,
    /// The reset is called off if the device answers before it begins.
    pub(crate) is_called_off_by_answer: bool,
}

impl Cause {
    pub(crate) const fn rule(self) -> &'static Rule {
        match self {
            Self::Dead => &Rule {
                text: "the host does not answer",
                is_called_off_by_answer: true,
            },
            Self::Forgetful => &Rule {
                text: "the host has lost commands",
                is_called_off_by_answer: false,
            },
            Self::Broken => &Rule {
                text: "the ring is broken",
                is_called_off_by_answer: false,
            },
            Self::Asked => &Rule {
                text: "the device requests a reset",
                is_called_off_by_answer: false,
            },
            Self::KeptBack => &Rule {
                text: "a command that releases memory could not be sent",
                is_called_off_by_answer: false,
            },
        }
    }
}

/// Handles a change of the device's configuration; `display/hotplug.rs` has an overview.
pub(crate) fn config_changed(dev: &Device) {
    if !dev.life.is_up() {
        // Its registers may not be accessible. The display information is read after it has come
        // back.
        return;
    }
    match dev.transport.vdev.with(|vdev| vdev.needs_reset()) {
        // The display information is read after the reset.
        Some(true) => decide(dev, Cause::Asked),
        Some(false) => hotplug::run(dev),
        None => (),
    }
}

/// Decides on a reset of the device, logs why, and schedules it. It is delayed if the last one was
/// recent. A device that has lost commands is repaired instead as long as there are contexts. All
/// decisions come here: those of [`life::judge`], of the queues, and of [`config_changed`].
pub(crate) fn decide(dev: &Device, cause: Cause) {
    if cause == Cause::Forgetful {
        // Set before the contexts are checked, because the last one may end in between.
        dev.life.has_lost();
        if dev.render.contexts.are_live() {
            return mend(dev);
        }
    }
    note(dev, cause);
}

/// Logs why the device is reset, and schedules it. Does not sleep.
fn note(dev: &Device, cause: Cause) {
    let Some(delay) = dev.life.note_due(cause) else {
        return;
    };
    drm::drm_err!(dev, "{}: the device will be reset\n", cause.rule().text);
    run_after(dev, delay);
}

fn run_after(dev: &Device, delay: usize) {
    // If one is pending, it is not later than this one.
    let _ = workqueue::system_freezable()
        .enqueue_delayed::<ARef<Device>, { work::RESET }>(dev.into(), delay);
}

/// Resets a device in trouble and brings it back. Programs wait meanwhile.
pub(crate) fn run(dev: &Device) {
    let Some((state, cause)) = dev.life.due() else {
        return;
    };
    match state {
        State::InTrouble => (),
        State::Running | State::Gone => return,
        // A device that is in trouble enters that state when this one is over.
        State::Starting | State::Resetting | State::Asleep => {
            return run_after(dev, kick_again_after());
        }
    }
    // The device was dead when the driver decided on the reset, but that may be long ago.
    if cause.rule().is_called_off_by_answer && dev.life.has_answered(dev) {
        drm::drm_info!(dev, "the host answers again: the device is not reset\n");
        dev.life.call_off();
        return life::ask(dev);
    }

    // This may take long, so the time is recorded before and after.
    dev.life.note_reset();
    let result = if dev.display.outputs.is_empty() {
        reset_device(dev)
    } else {
        dev.with_modeset_locks(|| reset_device(dev))
    };
    dev.life.note_reset();
    match result {
        Ok(()) => (),
        // Something else holds the lock, which may be a reset, but need not be one.
        Err(EBUSY) => run_after(dev, kick_again_after()),
        Err(error) => {
            // If the reset failed between the callbacks, its end is not recorded yet.
            let _ = life::came_back(dev, Err(error));
        }
    }
}

fn reset_device(dev: &Device) -> Result {
    dev.transport
        .vdev
        .with(|vdev| vdev.reset(|| dev.life.may_begin_reset()))
        .ok_or(ENODEV)?
}

/// Called when a reset begins, the driver's own or one of the bus. Commits until [`done`] send
/// nothing; what they show is shown then.
///
/// # Errors
///
/// Those of [`Life::begin_reset`](life::Life::begin_reset).
pub(crate) fn prepare(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    dev.life.begin_reset()?;
    // Before the fences are signalled, because programs react to them.
    dev.render.contexts.lose_all();
    transport::stop(dev, vdev);
    // This finds out if the device does not come back.
    life::judge_soon(dev);
    Ok(())
}

/// Called when the device was reset.
///
/// # Errors
///
/// Those of [`come_back`].
pub(crate) fn done(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    if dev.life.status().0 != State::Resetting {
        return Err(EOPNOTSUPP);
    }
    come_back(dev, vdev)?;
    redraw::schedule(dev);
    Ok(())
}

/// Brings the device up, except for what it shows.
///
/// # Errors
///
/// Those of [`transport::start`]. The device is gone then.
pub(crate) fn come_back(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    life::came_back(dev, bring_up(dev, vdev)).inspect_err(|_| {
        // The driver may have stopped waiting, and may be leaving the device.
        transport::stop(dev, vdev);
    })?;
    if !dev.display.outputs.is_empty() {
        hotplug::restored(dev);
    }
    Ok(())
}

fn bring_up(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    // Also contexts that were created since the reset began. Nothing queues commands of a context
    // that was found valid before, see `Fences::emit`.
    let emit = dev.render.fences.emit.lock();
    dev.render.contexts.lose_all();
    drop(emit);
    dev.memory
        .resources
        .restore(dev, || transport::start(dev, vdev))?;
    // Comes after that, because a commit during the restore may have shown a resource that the host
    // did not have yet.
    dev.display.forget();
    Ok(())
}

/// Called when there is one context less: makes up for the reset that it has prevented. A command
/// that was lost keeps its memory until the device is reset. Does not sleep.
pub(crate) fn context_gone(dev: &Device) {
    if dev.life.has_forgotten() && !dev.render.contexts.are_live() {
        // Not `decide`, which may send commands.
        note(dev, Cause::Forgetful);
    }
}

/// Repairs a device that has lost commands without a reset.
fn mend(dev: &Device) {
    drm::drm_err_ratelimited!(dev, "the host has lost commands: the heads are redrawn\n");
    dev.transport.ctrl.send_kept(dev);
    redraw::mend(dev);
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, expect_eq, Test};

    const ALL: [Cause; 5] = [
        Cause::Dead,
        Cause::Forgetful,
        Cause::Broken,
        Cause::Asked,
        Cause::KeptBack,
    ];

    fn only_silence_is_called_off_by_an_answer(test: &Test) {
        for cause in ALL {
            let is_called_off = cause.rule().is_called_off_by_answer;
            expect_eq!(test, is_called_off, cause == Cause::Dead);
        }
    }

    fn each_cause_has_words(test: &Test) {
        for (i, cause) in ALL.iter().enumerate() {
            let rule = cause.rule();
            expect!(test, !rule.text.is_empty());
            let is_same = |other: &Cause| other.rule().text == rule.text;
            expect!(test, !ALL[..i].iter().any(is_same));
        }
    }

    kunit::suite!(
        c"virtgpu_rs_reset",
        [
            only_silence_is_called_off_by_an_answer,
            each_cause_has_words,
        ]
    );
}
