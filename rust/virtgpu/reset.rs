// SPDX-License-Identifier: GPL-2.0
//! Resets: what they are decided upon for, and how the device comes back. It forgets everything: take
//! the queues down, bring them up, create the resources anew, show what was shown.
use kernel::{device::Bound, prelude::*, sync::aref::ARef, workqueue};

use crate::{
    device::{work, Cause, Device},
    display::{hotplug, redraw},
    life::{self, State},
    transport::{self, queue::kick_again_after},
};

/// What is to be known of a cause.
pub(crate) struct Rule {
    /// For the log.
    pub(crate) text: &'static str,
    /// An answer of the device before the reset begins calls the reset off.
    pub(crate) is_called_off_by_answer: bool,
}

impl Cause {
    pub(crate) const fn rule(self) -> &'static Rule {
        match self {
            Self::Dead => &Rule {
                text: "the host answers nothing",
                is_called_off_by_answer: true,
            },
            Self::Forgetful => &Rule {
                text: "the host forgets commands",
                is_called_off_by_answer: false,
            },
            Self::Broken => &Rule {
                text: "the ring is broken",
                is_called_off_by_answer: false,
            },
            Self::Asked => &Rule {
                text: "the device asks for it",
                is_called_off_by_answer: false,
            },
            Self::KeptBack => &Rule {
                text: "the host cannot be told to give memory back",
                is_called_off_by_answer: false,
            },
        }
    }
}

/// Acts on a change of the device's configuration.
pub(crate) fn configuration_changed(dev: &Device) {
    if !dev.life.is_up() {
        // Its registers may be away, too. When it is back its heads are read.
        return;
    }
    match dev.transport.vdev.with(|vdev| vdev.needs_reset()) {
        // After the reset the windows are read.
        Some(true) => decide(dev, Cause::Asked),
        Some(false) => hotplug::run(dev),
        None => (),
    }
}

/// Decides that the device is reset, soon. One that was reset just now is left alone for a while.
pub(crate) fn decide(dev: &Device, cause: Cause) {
    let Some(delay) = dev.life.decide(cause) else {
        return;
    };
    drm::drm_err!(dev, "{}: the device will be reset\n", cause.rule().text);
    run_after(dev, delay);
}

fn run_after(dev: &Device, delay: usize) {
    // One that is pending comes no later.
    let _ = workqueue::system_freezable()
        .enqueue_delayed::<ARef<Device>, { work::RESET }>(dev.into(), delay);
}

/// Resets a device in trouble and brings it back; programs wait instead of seeing one without queues.
pub(crate) fn run(dev: &Device) {
    let Some((state, cause)) = dev.life.decided() else {
        return;
    };
    match state {
        State::InTrouble => (),
        State::Running | State::Gone => return,
        // Trouble that began there shows when it is over.
        State::Starting | State::Resetting | State::Asleep => {
            return run_after(dev, kick_again_after());
        }
    }
    // It may have been dead only when the reset was decided upon, which may be long ago.
    if cause.rule().is_called_off_by_answer && dev.life.has_answered(dev) {
        drm::drm_info!(dev, "the host answers again: the device is not reset\n");
        dev.life.call_off();
        return life::ask(dev);
    }

    // This may take long, so it is noted twice.
    dev.life.note_reset();
    let result = if dev.display.outputs.is_empty() {
        reset_device(dev)
    } else {
        dev.with_modeset_locks(|| reset_device(dev))
    };
    dev.life.note_reset();
    match result {
        Ok(()) => (),
        // What somebody else does with it may be a reset, but need not be one.
        Err(EBUSY) => run_after(dev, kick_again_after()),
        Err(error) => {
            // If it failed between the callbacks, nobody has noted that yet.
            let _ = life::came_back(dev, Err(error));
        }
    }
}

fn reset_device(dev: &Device) -> Result {
    dev.transport
        .vdev
        .with(|vdev| vdev.reset(|| dev.life.is_reset_due()))
        .ok_or(ENODEV)?
}

/// A reset begins, the driver's own or one of the bus below. Until [`done`] commits go nowhere; their
/// state is what is shown then.
///
/// # Errors
///
/// Those of [`Life::begin_reset`](life::Life::begin_reset).
pub(crate) fn prepare(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    dev.life.begin_reset()?;
    transport::stop(dev, vdev);
    // Notices a device that does not come back.
    life::judge_soon(dev);
    Ok(())
}

/// The device was reset.
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

/// Brings up everything but the picture.
///
/// # Errors
///
/// Those of [`transport::start`]; then the device is gone.
pub(crate) fn come_back(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    life::came_back(dev, bring_up(dev, vdev)).inspect_err(|_| {
        // The driver may have waited long enough, and leaves.
        transport::stop(dev, vdev);
    })?;
    if !dev.display.outputs.is_empty() {
        hotplug::restored(dev);
    }
    Ok(())
}

fn bring_up(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    dev.memory
        .resources
        .restore(dev, || transport::start(dev, vdev))?;
    // Behind that, because a commit before it may have shown what the host did not have yet.
    dev.display.forget();
    Ok(())
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
