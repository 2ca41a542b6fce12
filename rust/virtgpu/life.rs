// SPDX-License-Identifier: GPL-2.0
//! Is the device alive? A wait that times out has it asked. It is dead if it answers nothing
//! at all. Late answers are answers. A device that is alive is reset only if it has lost commands.
use kernel::{new_spinlock, prelude::*, sync::aref::ARef, sync::SpinLock, workqueue};
use virtio::wait::jiffies;

use crate::{
    device::{work, Device},
    pm,
    transport::{
        cmd,
        queue::{self, kick_again_after, on_done, patience, Chain},
    },
};

/// What is known of a device whose answer did not come in time.
#[derive(Default)]
struct State {
    /// It was asked whether it is alive, and is not judged yet.
    is_asked: bool,
    /// It has answered that question.
    is_answered: bool,
    /// How many answers there were when it was asked.
    answers: u32,
    /// When that was, in jiffies.
    asked_at: usize,
    /// Nothing but a reset helps, whether the device answers or not.
    is_broken: bool,
}

/// What a device turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Open,
    Alive,
    /// It answers others, but not the question.
    Forgetful,
    Dead,
}

impl State {
    /// Judges a device that now has given so many answers, so many jiffies after the question.
    fn verdict(&self, answers: u32, since: usize) -> Verdict {
        if !self.is_asked || self.is_answered {
            Verdict::Alive
        } else if since < patience() {
            Verdict::Open
        } else if answers != self.answers {
            Verdict::Forgetful
        } else {
            Verdict::Dead
        }
    }
}

/// The answer to the question whether a device is alive.
pub(crate) struct Question;

impl queue::Done for Question {
    fn happen(self, dev: &Device, chain: Chain, status: Result) -> Option<Chain> {
        // A reset says nothing.
        if status != Err(ENODEV) {
            dev.life.answered();
        }
        Some(chain)
    }
}

/// Judges a device.
#[pin_data]
pub(crate) struct Life {
    #[pin]
    state: SpinLock<State>,
}

impl Life {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            state <- new_spinlock!(State::default()),
        })
    }

    /// The device has answered the question.
    pub(crate) fn answered(&self) {
        self.state.lock().is_answered = true;
    }

    /// The device was reset: what it was asked does not count any more.
    pub(crate) fn forget(&self) {
        self.state.lock().is_asked = false;
    }

    /// Nothing but a reset helps.
    pub(crate) fn broke(&self) {
        self.state.lock().is_broken = true;
    }

    /// Whether nothing but the reset helps that is about to come.
    pub(crate) fn take_broken(&self) -> bool {
        core::mem::take(&mut self.state.lock().is_broken)
    }

    /// Whether a device that was dead has answered anything since.
    pub(crate) fn has_answered(&self, dev: &Device) -> bool {
        dev.transport.ctrl.has_finished(dev)
            || dev.transport.ctrl.answers() != self.state.lock().answers
    }
}

/// Has the device judged, soon.
fn judge_soon(dev: &Device) {
    // Pending already is as good.
    let _ = workqueue::system_freezable()
        .enqueue_delayed::<ARef<Device>, { work::JUDGE }>(dev.into(), kick_again_after());
}

/// A wait has timed out: asks the device whether it is alive. Does not sleep. If the ring is full,
/// no question is sent: the commands in it serve as one.
pub(crate) fn ask(dev: &Device) {
    let answers = dev.transport.ctrl.answers();
    let mut state = dev.life.state.lock();
    if state.is_asked {
        return;
    }
    state.is_asked = true;
    state.is_answered = false;
    state.answers = answers;
    state.asked_at = jiffies();
    drop(state);
    if let Ok(question) = cmd::question() {
        let question = on_done(question, Question);
        dev.transport.ctrl.ask(dev, question);
    }
    judge_soon(dev);
}

/// Judges the device, if it is time to.
pub(crate) fn judge(dev: &Device) {
    let verdict = if dev.transport.ctrl.has_finished(dev) {
        // Its answer is there, and nobody has looked.
        Verdict::Open
    } else {
        let answers = dev.transport.ctrl.answers();
        let mut state = dev.life.state.lock();
        let verdict = state.verdict(answers, jiffies().wrapping_sub(state.asked_at));
        state.is_asked = state.is_asked && verdict == Verdict::Open;
        verdict
    };
    if verdict == Verdict::Open {
        dev.transport.ctrl.kick_again();
        judge_soon(dev);
    } else if verdict == Verdict::Dead {
        pm::reset_dead(dev);
    } else {
        let has_lost = dev.transport.ctrl.take_lost() || dev.transport.cursor.status().stalled;
        if has_lost || verdict == Verdict::Forgetful {
            pm::schedule_reset(dev, "the host forgets commands");
        }
    }
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect_eq, Test};

    fn asked() -> State {
        State {
            is_asked: true,
            answers: 5,
            ..State::default()
        }
    }

    fn host_has_time_for_the_question(test: &Test) {
        expect_eq!(test, asked().verdict(5, 0), Verdict::Open);
        expect_eq!(test, asked().verdict(5, patience() - 1), Verdict::Open);
        expect_eq!(test, asked().verdict(6, patience() - 1), Verdict::Open);
    }

    fn host_that_answers_nothing_is_dead(test: &Test) {
        expect_eq!(test, asked().verdict(5, patience()), Verdict::Dead);
    }

    fn host_that_answers_others_forgets(test: &Test) {
        expect_eq!(test, asked().verdict(6, patience()), Verdict::Forgetful);
    }

    fn late_answer_is_an_answer(test: &Test) {
        let mut state = asked();
        state.is_answered = true;
        expect_eq!(test, state.verdict(6, 10 * patience()), Verdict::Alive);
    }

    kunit::suite!(
        c"virtgpu_rs_life",
        [
            host_has_time_for_the_question,
            host_that_answers_nothing_is_dead,
            host_that_answers_others_forgets,
            late_answer_is_an_answer,
        ]
    );
}
