// SPDX-License-Identifier: GPL-2.0
//! The life of a device: its state, and whether it is alive.
//!
//! [`State`] is changed only by [`Known::enter`]. docs/architecture.md has a figure of the states
//! and their transitions. [`Life::while_up`] waits for a state in which programs can use the
//! device.
//!
//! When a wait times out, the device is asked whether it is alive ([`ask`]), and is judged some
//! time later ([`judge`]). It is dead if it has answered nothing at all since; late answers count
//! as answers. A device that is alive is reset only if it has lost commands, and if there is no
//! context, which a reset would destroy. While there are contexts, the heads are shown again
//! instead, and the reset follows when the last context is gone.
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{aref::ARef, SpinLock},
    time::msecs_to_jiffies,
    workqueue,
};
use virtio::wait::{jiffies, WaitQueue};

use crate::{
    device::{work, Cause, Device, VirtGpu},
    render::fence,
    transport::{
        command::{self, on_done, Callbacks, Chain},
        encode,
        queue::{kick_again_after, patience},
    },
};

/// The state of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is being probed, and programs cannot use it yet.
    Starting,
    Running,
    /// It was asked whether it is alive and is not judged yet, or a reset is due.
    InTrouble,
    /// Its queues are stopped until it comes back from a reset.
    Resetting,
    /// Its queues are stopped until the machine is resumed.
    Asleep,
    /// It has not come back from a reset, but may do so after the next one; or the driver leaves
    /// it.
    Gone,
}

impl State {
    /// Returns whether this state may follow another one.
    fn may_follow(self, last: Self) -> bool {
        match self {
            Self::Starting => false,
            Self::Running => !matches!(last, Self::Running | Self::Gone),
            Self::InTrouble => !matches!(last, Self::InTrouble | Self::Gone),
            Self::Resetting => !matches!(last, Self::Resetting | Self::Starting | Self::Asleep),
            // The bus does not tell if a device has not come back from a reset, so a suspend may
            // find it resetting.
            Self::Asleep => !matches!(last, Self::Asleep | Self::Starting),
            Self::Gone => last != Self::Gone,
        }
    }

    /// Returns whether programs can use the device.
    fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::InTrouble)
    }

    /// Returns whether the device must not be asked, and no reset becomes due.
    fn is_away_for_long(self) -> bool {
        matches!(self, Self::Asleep | Self::Gone)
    }

    /// Returns the name for debugfs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::InTrouble => "in trouble",
            Self::Resetting => "resetting",
            Self::Asleep => "asleep",
            Self::Gone => "gone",
        }
    }
}

/// The result of judging a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Open,
    Alive,
    /// It has answered other commands, but not the question.
    Forgetful,
    Dead,
}

/// What the driver knows of a device.
struct Known {
    state: State,
    /// The driver leaves the device.
    is_leaving: bool,
    /// How often it has come back from a reset or a suspend.
    epoch: u32,
    /// When the current reset began, in jiffies.
    resetting_since: usize,
    /// Why a reset is due.
    due: Option<Cause>,
    /// Why the last reset was due.
    last: Option<Cause>,
    /// How many resets have begun.
    resets: u32,
    /// When the driver last reset it, in jiffies.
    reset_at: Option<usize>,
    /// It was asked whether it is alive, and is not judged yet.
    is_asked: bool,
    /// It has answered that question.
    is_answered: bool,
    /// It has lost commands, and was not reset since.
    has_forgotten: bool,
    /// The number of answers when it was asked.
    answers: u32,
    /// When it was asked, in jiffies.
    asked_at: usize,
}

impl Known {
    fn new() -> Self {
        Self {
            state: State::Starting,
            is_leaving: false,
            epoch: 0,
            resetting_since: 0,
            due: None,
            last: None,
            resets: 0,
            reset_at: None,
            is_asked: false,
            is_answered: false,
            has_forgotten: false,
            answers: 0,
            asked_at: 0,
        }
    }

    /// Changes the state. Nothing else does.
    fn enter(&mut self, state: State) {
        if !drm::warn_on(!state.may_follow(self.state)) {
            self.state = state;
        }
    }

    fn is_in_trouble(&self) -> bool {
        self.is_asked || self.due.is_some()
    }

    /// Sets the state of a device that is up according to whether it is in trouble.
    fn settle(&mut self) {
        match (self.state, self.is_in_trouble()) {
            (State::Running, true) => self.enter(State::InTrouble),
            (State::InTrouble, false) => self.enter(State::Running),
            _ => (),
        }
    }

    /// Sets the state of a device that has come up, for the first time or again.
    fn arrive(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.enter(if self.is_in_trouble() {
            State::InTrouble
        } else {
            State::Running
        });
    }

    /// Records that the device's trouble is over.
    fn forget(&mut self) {
        self.is_asked = false;
        self.has_forgotten = false;
        self.due = None;
    }

    /// Records that the device is asked whether it is alive, with the current number of answers.
    /// Returns false if it must not be asked: it was asked already, or it is away for long.
    fn ask(&mut self, answers: u32) -> bool {
        if self.is_asked || self.state.is_away_for_long() {
            return false;
        }
        self.is_asked = true;
        self.is_answered = false;
        self.answers = answers;
        self.asked_at = jiffies();
        self.settle();
        true
    }

    /// Records that a reset is due. Returns its delay in jiffies, unless one was due before.
    fn note_due(&mut self, cause: Cause) -> Option<usize> {
        if self.state.is_away_for_long() {
            return None;
        }
        let is_news = self.due.is_none();
        // A cause that an answer does not call off takes precedence.
        if self
            .due
            .is_none_or(|old| old.rule().is_called_off_by_answer)
        {
            self.due = Some(cause);
            self.last = Some(cause);
        }
        self.settle();
        let since = self
            .reset_at
            .map_or(usize::MAX, |at| jiffies().wrapping_sub(at));
        is_news.then(|| patience().saturating_sub(since))
    }

    /// Judges a device by the current number of answers, the jiffies since the question, and whether
    /// the host may be rendering, and may therefore answer nothing.
    fn verdict(&self, answers: u32, since: usize, may_render: bool) -> Verdict {
        if !self.is_asked || self.is_answered {
            Verdict::Alive
        } else if since < patience() {
            Verdict::Open
        } else if answers != self.answers {
            Verdict::Forgetful
        } else if may_render {
            Verdict::Open
        } else {
            Verdict::Dead
        }
    }
}

/// Returns how many jiffies a reset may take: as long as the PCI core waits for a device.
fn return_time() -> usize {
    msecs_to_jiffies(60_000)
}

/// What happens at the end of the question whether the device is alive.
pub(crate) struct Question;

impl command::Done for Question {
    fn happen(self, dev: &Device, chain: Chain, status: Result) -> Option<Chain> {
        // A question that was lost in a reset is not an answer.
        if status != Err(ENODEV) {
            dev.life.answered();
            // It makes no difference if it is pending already.
            let _ = workqueue::system_freezable()
                .enqueue::<ARef<Device>, { work::ANSWERED }>(dev.into());
        }
        Some(chain)
    }
}

/// The life of a device.
#[pin_data]
pub(crate) struct Life {
    #[pin]
    known: SpinLock<Known>,
    /// Tasks that wait for another state.
    #[pin]
    changed: WaitQueue,
}

impl Life {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            known <- new_spinlock!(Known::new()),
            changed <- WaitQueue::new(),
        })
    }

    /// Returns the state, and why the last reset was due.
    pub(crate) fn status(&self) -> (State, Option<Cause>) {
        let known = self.known.lock();
        (known.state, known.last)
    }

    /// Returns how many resets have begun.
    pub(crate) fn resets(&self) -> u32 {
        self.known.lock().resets
    }

    /// Records that the device has answered the question.
    pub(crate) fn answered(&self) {
        self.known.lock().is_answered = true;
    }

    /// Records that the queues are stopped and the device was reset.
    pub(crate) fn forget(&self) {
        self.known.lock().forget();
    }

    /// Returns whether a device that was dead has answered anything since.
    pub(crate) fn has_answered(&self, dev: &Device) -> bool {
        dev.transport.ctrl.has_finished(dev)
            || dev.transport.ctrl.answers() != self.known.lock().answers
    }

    /// Records that the probe has brought the device up.
    pub(crate) fn started(&self) {
        self.known.lock().arrive();
        self.changed.wake_all();
    }

    /// Records that a reset is due, for [`reset::decide`](crate::reset::decide). Returns its delay in jiffies,
    /// unless one was due before.
    pub(crate) fn note_due(&self, cause: Cause) -> Option<usize> {
        self.known.lock().note_due(cause)
    }

    /// Returns the state, and why a reset is due, if one is.
    pub(crate) fn due(&self) -> Option<(State, Cause)> {
        let known = self.known.lock();
        known.due.map(|cause| (known.state, cause))
    }

    /// Returns whether a reset is due and may begin.
    pub(crate) fn may_begin_reset(&self) -> bool {
        let known = self.known.lock();
        known.state == State::InTrouble && known.due.is_some()
    }

    /// Records that the device has lost commands.
    pub(crate) fn has_lost(&self) {
        self.known.lock().has_forgotten = true;
    }

    /// Returns whether it has lost commands, and was not reset since.
    pub(crate) fn has_forgotten(&self) -> bool {
        self.known.lock().has_forgotten
    }

    /// Cancels the reset that is due.
    pub(crate) fn call_off(&self) {
        let mut known = self.known.lock();
        known.due = None;
        known.settle();
    }

    /// Records when the driver resets the device, because the next reset is delayed after that.
    pub(crate) fn note_reset(&self) {
        self.known.lock().reset_at = Some(jiffies());
    }

    /// Begins a reset.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` if the device is to be reset without the driver.
    pub(crate) fn begin_reset(&self) -> Result {
        let mut known = self.known.lock();
        if known.is_leaving || matches!(known.state, State::Starting | State::Asleep) {
            return Err(EOPNOTSUPP);
        }
        // Resets do not overlap. If the state is set already, the bus did not report the end of the
        // last reset.
        if known.state != State::Resetting {
            known.enter(State::Resetting);
            known.resets = known.resets.wrapping_add(1);
        }
        known.resetting_since = jiffies();
        Ok(())
    }

    /// Records that the machine is suspended. No reset runs meanwhile, because both hold the lock
    /// of the parent device.
    pub(crate) fn sleep(&self) {
        let mut known = self.known.lock();
        if !known.is_leaving {
            known.enter(State::Asleep);
        }
    }

    /// Records that the driver leaves the device. Waits until a running reset has ended.
    pub(crate) fn leave(&self) {
        let try_leave = |now: bool| {
            let mut known = self.known.lock();
            if known.state == State::Resetting && !now {
                return false;
            }
            known.is_leaving = true;
            if known.state != State::Gone {
                known.enter(State::Gone);
            }
            true
        };
        if !self
            .changed
            .wait_timeout(return_time(), || try_leave(false))
        {
            try_leave(true);
        }
        self.changed.wake_all();
    }

    /// Returns whether programs can use the device.
    pub(crate) fn is_up(&self) -> bool {
        self.known.lock().state.is_up()
    }

    /// Waits until the device is up, and returns its epoch.
    ///
    /// # Errors
    ///
    /// `ENODEV` if it is gone, `EIO` if it does not come back soon, `ERESTARTSYS` if the program is
    /// killed.
    pub(crate) fn wait_up(&self) -> Result<u32> {
        let mut epoch = Err(EIO);
        self.changed.wait_killable(patience(), || {
            let known = self.known.lock();
            epoch = match known.state {
                State::Running | State::InTrouble => Ok(known.epoch),
                State::Gone => Err(ENODEV),
                _ => return false,
            };
            true
        })?;
        epoch
    }

    /// Returns whether the device is down, or has been since an epoch.
    fn was_down_since(&self, epoch: u32) -> bool {
        let known = self.known.lock();
        !known.state.is_up() || known.epoch != epoch
    }

    /// Waits until the device is up and calls `f`; repeats that if `f` fails because the device was
    /// reset meanwhile. The caller must hold no lock that a reset takes, because this waits for the
    /// end of a reset.
    ///
    /// # Errors
    ///
    /// Those of `f`; `ENODEV` if the device is gone, `EIO` if it does not come back soon,
    /// `ERESTARTSYS` if the program is killed.
    pub(crate) fn while_up<R>(&self, mut f: impl FnMut() -> Result<R>) -> Result<R> {
        loop {
            let epoch = self.wait_up()?;
            match f() {
                Err(ENODEV) if self.was_down_since(epoch) => (),
                result => return result,
            }
        }
    }
}

/// Ends a reset or a suspend: the device is up again, or is gone.
///
/// # Errors
///
/// That of `result`; `ENODEV` if the device was removed meanwhile.
pub(crate) fn came_back(dev: &Device, result: Result) -> Result {
    let life = &dev.life;
    let mut known = life.known.lock();
    if !matches!(known.state, State::Resetting | State::Asleep) {
        return Err(ENODEV);
    }
    match result {
        Ok(()) => known.arrive(),
        Err(_) => {
            known.forget();
            known.enter(State::Gone);
        }
    }
    drop(known);
    life.changed.wake_all();
    result.inspect_err(|error| {
        drm::drm_err!(dev, "the device did not come back: {:?}\n", error);
    })
}

/// Schedules [`judge`].
pub(crate) fn judge_soon(dev: &Device) {
    // It makes no difference if it is pending already.
    let _ = workqueue::system_freezable()
        .enqueue_delayed::<ARef<Device>, { work::JUDGE }>(dev.into(), kick_again_after());
}

/// Asks the device whether it is alive, because a wait has timed out. Does not sleep. If the ring
/// is full, no question is sent, because an answer to one of the commands in it is as good.
pub(crate) fn ask(dev: &Device) {
    let answers = dev.transport.ctrl.answers();
    if !dev.life.known.lock().ask(answers) {
        return;
    }
    if let Ok(question) = encode::question() {
        let question = on_done(question, Question);
        dev.transport.ctrl.ask(dev, question);
    }
    judge_soon(dev);
}

/// Judges the device if it was asked, and ends a reset that takes too long.
pub(crate) fn judge(dev: &Device) {
    let known = dev.life.known.lock();
    let since = jiffies().wrapping_sub(known.resetting_since);
    let (is_resetting, is_asked) = (known.state == State::Resetting, known.is_asked);
    drop(known);
    if is_resetting && since >= return_time() {
        let _ = came_back(dev, Err(ETIMEDOUT));
    } else if is_resetting {
        judge_soon(dev);
    } else if is_asked {
        judge_answers(dev);
    }
}

fn judge_answers(dev: &Device) {
    let verdict = if dev.transport.ctrl.has_finished(dev) {
        // The answer is in the ring, and was not taken off yet.
        Verdict::Open
    } else {
        let answers = dev.transport.ctrl.answers();
        let may_render =
            dev.render.contexts.are_live() && dev.transport.ctrl.silent_for() < fence::patience();
        let mut known = dev.life.known.lock();
        let since = jiffies().wrapping_sub(known.asked_at);
        let verdict = known.verdict(answers, since, may_render);
        known.is_asked = known.is_asked && verdict == Verdict::Open;
        verdict
    };
    match verdict {
        Verdict::Open => {
            dev.transport.ctrl.kick_again();
            judge_soon(dev);
        }
        Verdict::Dead => VirtGpu::reset(dev, Cause::Dead),
        Verdict::Alive | Verdict::Forgetful => {
            fence::lose_contexts(dev);
            let has_lost = dev.transport.ctrl.take_lost() || dev.transport.cursor.status().stalled;
            if has_lost || verdict == Verdict::Forgetful {
                VirtGpu::reset(dev, Cause::Forgetful);
            }
        }
    }
    dev.life.known.lock().settle();
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, expect_eq, Test};

    const STATES: [State; 6] = [
        State::Starting,
        State::Running,
        State::InTrouble,
        State::Resetting,
        State::Asleep,
        State::Gone,
    ];

    fn asked() -> Known {
        Known {
            is_asked: true,
            answers: 5,
            ..Known::new()
        }
    }

    fn host_has_time_for_the_question(test: &Test) {
        expect_eq!(test, asked().verdict(5, 0, false), Verdict::Open);
        expect_eq!(
            test,
            asked().verdict(5, patience() - 1, false),
            Verdict::Open
        );
        expect_eq!(
            test,
            asked().verdict(6, patience() - 1, false),
            Verdict::Open
        );
    }

    fn host_that_answers_nothing_is_dead(test: &Test) {
        expect_eq!(test, asked().verdict(5, patience(), false), Verdict::Dead);
    }

    /// Some hosts render in the thread that answers.
    fn host_that_renders_may_be_silent(test: &Test) {
        expect_eq!(test, asked().verdict(5, patience(), true), Verdict::Open);
        expect_eq!(
            test,
            asked().verdict(6, patience(), true),
            Verdict::Forgetful
        );
    }

    fn reset_forgets_lost_commands(test: &Test) {
        let mut known = Known::new();
        known.has_forgotten = true;
        known.forget();
        expect!(test, !known.has_forgotten);
    }

    fn host_that_answers_others_forgets(test: &Test) {
        expect_eq!(
            test,
            asked().verdict(6, patience(), false),
            Verdict::Forgetful
        );
    }

    fn late_answer_is_an_answer(test: &Test) {
        let mut known = asked();
        known.is_answered = true;
        expect_eq!(
            test,
            known.verdict(6, 10 * patience(), false),
            Verdict::Alive
        );
    }

    /// Each row has the states that may follow the state of the row.
    fn each_state_has_its_followers(test: &Test) {
        let rows = [
            [false, true, true, false, false, true],
            [false, false, true, true, true, true],
            [false, true, false, true, true, true],
            [false, true, true, false, true, true],
            [false, true, true, false, false, true],
            [false, false, false, true, true, false],
        ];
        for (last, row) in STATES.iter().zip(rows) {
            for (next, may_follow) in STATES.iter().zip(row) {
                expect_eq!(test, next.may_follow(*last), may_follow);
            }
        }
    }

    fn started() -> Known {
        let mut known = Known::new();
        known.arrive();
        known
    }

    fn question_is_trouble_until_it_is_judged(test: &Test) {
        let mut known = started();
        expect_eq!(test, known.state, State::Running);
        expect!(test, known.ask(7));
        expect_eq!(test, known.answers, 7);
        expect!(test, !known.ask(8));
        expect_eq!(test, known.answers, 7);
        expect_eq!(test, known.state, State::InTrouble);
        known.is_asked = false;
        known.settle();
        expect_eq!(test, known.state, State::Running);
    }

    fn decision_is_trouble_until_the_reset(test: &Test) {
        let mut known = started();
        expect_eq!(test, known.note_due(Cause::Broken), Some(0));
        known.settle();
        expect_eq!(test, known.state, State::InTrouble);
        // A reset was due before.
        expect_eq!(test, known.note_due(Cause::Broken), None);
        known.enter(State::Resetting);
        known.due = None;
        known.arrive();
        expect_eq!(test, known.state, State::Running);
        expect_eq!(test, known.last, Some(Cause::Broken));
    }

    /// A device that breaks again at once is not reset for a while.
    fn resets_are_spaced(test: &Test) {
        let mut known = started();
        known.reset_at = Some(jiffies());
        let delay = known.note_due(Cause::Broken).unwrap_or(0);
        expect!(test, delay > patience() / 2 && delay <= patience());
    }

    /// An answer must not call off the reset of a broken ring.
    fn cause_that_no_answer_calls_off_stays(test: &Test) {
        let mut known = started();
        known.note_due(Cause::Dead);
        expect_eq!(test, known.due, Some(Cause::Dead));
        known.note_due(Cause::Broken);
        expect_eq!(test, known.due, Some(Cause::Broken));
        known.note_due(Cause::Dead);
        expect_eq!(test, known.due, Some(Cause::Broken));
    }

    fn trouble_of_a_start_shows_after_it(test: &Test) {
        let mut known = asked();
        known.settle();
        expect_eq!(test, known.state, State::Starting);
        known.arrive();
        expect_eq!(test, known.state, State::InTrouble);
    }

    /// It may come back after the next reset, but nothing waits for that.
    fn device_that_did_not_come_back_is_gone(test: &Test) -> Result {
        let life = KBox::pin_init(Life::new(), GFP_KERNEL)?;
        life.started();
        expect_eq!(test, life.begin_reset(), Ok(()));
        expect_eq!(test, life.begin_reset(), Ok(()));
        expect_eq!(test, life.resets(), 1);
        life.known.lock().enter(State::Gone);
        expect_eq!(test, life.while_up(|| Ok(())), Err(ENODEV));
        expect_eq!(test, life.begin_reset(), Ok(()));
        life.known.lock().arrive();
        expect_eq!(test, life.while_up(|| Ok(())), Ok(()));
        Ok(())
    }

    fn device_that_the_driver_leaves_is_not_reset(test: &Test) -> Result {
        let life = KBox::pin_init(Life::new(), GFP_KERNEL)?;
        expect_eq!(test, life.begin_reset(), Err(EOPNOTSUPP));
        life.started();
        expect_eq!(test, life.begin_reset(), Ok(()));
        life.known.lock().arrive();
        life.leave();
        expect_eq!(test, life.begin_reset(), Err(EOPNOTSUPP));
        expect_eq!(test, life.note_due(Cause::Dead), None);
        expect_eq!(test, life.while_up(|| Ok(())), Err(ENODEV));
        Ok(())
    }

    fn device_that_sleeps_is_not_reset(test: &Test) -> Result {
        let life = KBox::pin_init(Life::new(), GFP_KERNEL)?;
        life.started();
        life.sleep();
        expect_eq!(test, life.status().0, State::Asleep);
        expect_eq!(test, life.begin_reset(), Err(EOPNOTSUPP));
        Ok(())
    }

    /// A device that is away for long is not asked, and no reset becomes due.
    fn device_that_is_away_is_left_alone(test: &Test) {
        for state in [State::Asleep, State::Gone] {
            let mut known = started();
            known.enter(state);
            expect!(test, !known.ask(0));
            expect!(test, !known.is_asked);
            expect_eq!(test, known.note_due(Cause::Asked), None);
            expect_eq!(test, known.due, None);
            expect_eq!(test, known.last, None);
            expect_eq!(test, known.state, state);
        }
    }

    /// A call that a reset interrupted is repeated once.
    fn reset_in_between_is_no_failure(test: &Test) -> Result {
        let life = KBox::pin_init(Life::new(), GFP_KERNEL)?;
        life.started();
        let mut tries = 0;
        let result = life.while_up(|| {
            tries += 1;
            if tries == 1 {
                life.begin_reset()?;
                life.known.lock().arrive();
            }
            Err::<(), Error>(ENODEV)
        });
        expect_eq!(test, result, Err(ENODEV));
        expect_eq!(test, tries, 2);
        Ok(())
    }

    kunit::suite!(
        c"virtgpu_rs_life",
        [
            host_has_time_for_the_question,
            host_that_answers_nothing_is_dead,
            host_that_renders_may_be_silent,
            reset_forgets_lost_commands,
            host_that_answers_others_forgets,
            late_answer_is_an_answer,
            each_state_has_its_followers,
            question_is_trouble_until_it_is_judged,
            decision_is_trouble_until_the_reset,
            resets_are_spaced,
            cause_that_no_answer_calls_off_stays,
            trouble_of_a_start_shows_after_it,
            device_that_did_not_come_back_is_gone,
            device_that_the_driver_leaves_is_not_reset,
            device_that_sleeps_is_not_reset,
            device_that_is_away_is_left_alone,
            reset_in_between_is_no_failure,
        ]
    );
}
