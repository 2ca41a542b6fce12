// SPDX-License-Identifier: GPL-2.0
//! Resets: what they are decided upon for, and how the device comes back. It forgets everything: take
//! the queues down, bring them up, create the resources anew, show what was shown.
use kernel::{device::Bound, prelude::*, sync::aref::ARef, workqueue};

use crate::{
    drv::Device,
    life::{self, State},
    queue::{self, kick_again_after, patience},
};

/// Why the driver resets the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Nothing was answered since a question was asked.
    Dead,
    /// The question was answered, but not what came before it, or something could not be sent.
    Forgetful,
    /// The ring is in a state that the protocol does not have.
    Broken,
    /// The device's status has NEEDS_RESET.
    Asked,
    /// A command that gives memory back could not be sent, and not for lack of room in the ring.
    KeptBack,
}

/// What is to be known of a cause.
pub(crate) struct Rule {
    /// For the log.
    pub(crate) text: &'static str,
    /// An answer of the device before the reset begins calls the reset off.
    pub(crate) is_called_off_by_answer: bool,
    /// The device gets as long as for a command before the cause counts.
    needs_patience: bool,
}

impl Cause {
    pub(crate) const fn rule(self) -> &'static Rule {
        match self {
            Self::Dead => &Rule {
                text: "the host answers nothing",
                is_called_off_by_answer: true,
                needs_patience: true,
            },
            Self::Forgetful => &Rule {
                text: "the host forgets commands",
                is_called_off_by_answer: false,
                needs_patience: true,
            },
            Self::Broken => &Rule {
                text: "the ring is broken",
                is_called_off_by_answer: false,
                needs_patience: false,
            },
            Self::Asked => &Rule {
                text: "the device asks for it",
                is_called_off_by_answer: false,
                needs_patience: false,
            },
            Self::KeptBack => &Rule {
                text: "the host cannot be told to give memory back",
                is_called_off_by_answer: false,
                needs_patience: false,
            },
        }
    }

    /// Jiffies between the first sign and the decision.
    pub(crate) fn threshold(self) -> usize {
        if self.rule().needs_patience {
            patience()
        } else {
            0
        }
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
    let _ = workqueue::system_freezable().enqueue_delayed::<ARef<Device>, 4>(dev.into(), delay);
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
    let result = if dev.outputs.is_empty() {
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
    dev.vdev
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
    queue::stop(dev, vdev);
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
    schedule_redraw(dev);
    Ok(())
}

/// Brings up everything but the picture.
///
/// # Errors
///
/// Those of [`queue::start`]; then the device is gone.
pub(crate) fn come_back(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    life::came_back(dev, bring_up(dev, vdev))?;
    if !dev.outputs.is_empty() {
        crate::hotplug::restored(dev);
    }
    Ok(())
}

fn bring_up(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    dev.resources.restore(dev, || queue::start(dev, vdev))?;
    // Behind that, because a commit before it may have shown what the host did not have yet.
    for output in dev.outputs.iter() {
        output.forget();
    }
    Ok(())
}

/// Has what is committed shown again, soon. Where the host refused to make a resource again after a
/// reset, another one shows it.
pub(crate) fn schedule_redraw(dev: &Device) {
    if !dev.outputs.is_empty() {
        // Pending already is as good.
        let _ = workqueue::system_long().enqueue::<ARef<Device>, 5>(dev.into());
    }
}

/// Commits once more what is committed: a plane without clips is uploaded whole.
pub(crate) fn redraw(dev: &Device) {
    if let Err(error) = dev.recommit() {
        drm::drm_err!(dev, "cannot show again what was shown: {:?}\n", error);
    }
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

    fn host_that_may_be_late_has_time(test: &Test) {
        expect_eq!(test, Cause::Dead.threshold(), patience());
        expect_eq!(test, Cause::Forgetful.threshold(), patience());
        for cause in [Cause::Broken, Cause::Asked, Cause::KeptBack] {
            expect_eq!(test, cause.threshold(), 0);
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
            host_that_may_be_late_has_time,
            each_cause_has_words,
        ]
    );
}
