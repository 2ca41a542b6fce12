// SPDX-License-Identifier: GPL-2.0
//! A ring's interrupt state: whether the device is to interrupt when it has finished a command.
//!
//! Most commands of a frame need no interrupt, because the next frame takes their answers off the
//! ring ([`Queue::reap`](super::queue::Queue::reap)). The device is asked to interrupt only while
//! something waits for it.
//!
//! | state | the device interrupts | who takes answers off the ring |
//! |---|---|---|
//! | [`Silent`](State::Silent) | no, because nothing waits for an answer | the next frame |
//! | [`Listening`](State::Listening) | yes | the work that an interrupt schedules |
//! | [`Stalled`](State::Stalled) | yes; a wait has timed out, and the device has answered nothing since | the same work |
//!
//! | from | to | when |
//! |---|---|---|
//! | any | `Listening` | [`open`](Irq::open): the ring is new; [`listen`](Irq::listen): answers are looked for, unless it is stalled |
//! | `Silent` | `Listening` | [`settle`](Irq::settle), [`end_drain`](Irq::end_drain): there are waiters |
//! | `Listening` | `Silent` | the same two: there are no waiters |
//! | any | `Stalled` | [`stall`](Irq::stall): a wait has timed out |
//! | `Stalled` | `Listening` | [`answered`](Irq::answered): the device has answered something |
//!
//! While the work drains the ring ([`begin_drain`](Irq::begin_drain)), interrupts are disabled
//! whatever the state is, and [`settle`](Irq::settle) changes nothing.
//! [`end_drain`](Irq::end_drain) makes up for that.
//!
//! This module does not touch the ring. Its functions return what the caller has to do there.

/// Whether the device interrupts, and why.
#[cfg_attr(kunit, derive(Debug))]
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Silent,
    Listening,
    Stalled,
}

/// What to do about the interrupts of a ring.
#[cfg_attr(kunit, derive(Debug))]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Keep,
    Enable,
    Disable,
}

/// The interrupt state of a ring. Protected by the ring's lock.
pub(super) struct Irq {
    state: State,
    /// The number of commands in flight that are not lazy, plus the number of tasks that wait for
    /// room in the ring or for a frame.
    waiters: u32,
    /// The work is taking answers off the ring.
    is_draining: bool,
    /// The device was not told of all commands yet.
    is_kick_due: bool,
}

impl Irq {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Listening,
            waiters: 0,
            is_draining: false,
            is_kick_due: false,
        }
    }

    /// The ring is new, and its interrupts are enabled.
    pub(super) fn open(&mut self) {
        self.state = State::Listening;
        self.is_draining = false;
    }

    /// A command was added to the ring.
    pub(super) fn added(&mut self, lazy: bool) {
        self.waiters += u32::from(!lazy);
    }

    /// A command was removed from the ring, or was lost with it.
    pub(super) fn removed(&mut self, lazy: bool) {
        self.waiters = self.waiters.saturating_sub(u32::from(!lazy));
    }

    /// A task begins to wait.
    pub(super) fn get(&mut self) {
        self.added(false);
    }

    /// A task no longer waits.
    pub(super) fn put(&mut self) {
        self.removed(false);
    }

    /// The device has to be told of a command.
    pub(super) fn kick_later(&mut self) {
        self.is_kick_due = true;
    }

    /// Returns whether the device has to be told of commands. The caller tells it now.
    pub(super) fn take_kick(&mut self) -> bool {
        core::mem::take(&mut self.is_kick_due)
    }

    /// Follows the number of waiters.
    pub(super) fn settle(&mut self) -> Change {
        if self.is_draining {
            return Change::Keep;
        }
        match (self.state, self.waiters) {
            (State::Silent, 1..) => {
                self.state = State::Listening;
                Change::Enable
            }
            (State::Listening, 0) => {
                self.state = State::Silent;
                Change::Disable
            }
            _ => Change::Keep,
        }
    }

    /// The caller enables interrupts to find out whether there are answers.
    pub(super) fn listen(&mut self) {
        if self.state == State::Silent {
            self.state = State::Listening;
        }
    }

    /// A wait has timed out. Returns whether this is the first one since the device answered
    /// something, and what to do about the interrupts.
    pub(super) fn stall(&mut self) -> (bool, Change) {
        let last = core::mem::replace(&mut self.state, State::Stalled);
        let change = if last == State::Silent && !self.is_draining {
            Change::Enable
        } else {
            Change::Keep
        };
        (last != State::Stalled, change)
    }

    /// The device has answered a command.
    pub(super) fn answered(&mut self) {
        if self.state == State::Stalled {
            self.state = State::Listening;
        }
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.state == State::Stalled
    }

    /// Returns whether answers may be taken off the ring without an interrupt. In other states the
    /// work does that, and there must be only one, because commands end in the order of their
    /// answers.
    pub(super) fn may_reap(&self) -> bool {
        self.state == State::Silent && !self.is_draining
    }

    /// The work begins to take answers off the ring, with interrupts disabled.
    pub(super) fn begin_drain(&mut self) {
        self.is_draining = true;
    }

    /// The work has found the ring empty, with interrupts still disabled.
    pub(super) fn end_drain(&mut self) -> Change {
        self.is_draining = false;
        if self.state != State::Stalled {
            self.state = State::Silent;
        }
        match self.settle() {
            Change::Keep if self.state == State::Stalled => Change::Enable,
            change => change,
        }
    }
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, expect_eq, Test};

    fn irq(state: State, waiters: u32) -> Irq {
        Irq {
            state,
            waiters,
            ..Irq::new()
        }
    }

    fn settled(state: State, waiters: u32) -> (State, Change) {
        let mut irq = irq(state, waiters);
        let change = irq.settle();
        (irq.state, change)
    }

    fn drained(state: State, waiters: u32) -> (State, Change) {
        let mut irq = irq(state, waiters);
        irq.begin_drain();
        let change = irq.end_drain();
        (irq.state, change)
    }

    fn new_ring_is_listening(test: &Test) {
        let mut irq = irq(State::Stalled, 0);
        irq.begin_drain();
        irq.open();
        expect_eq!(test, irq.state, State::Listening);
        expect!(test, !irq.is_draining);
    }

    fn waiters_decide_about_interrupts(test: &Test) {
        expect_eq!(
            test,
            settled(State::Silent, 0),
            (State::Silent, Change::Keep)
        );
        expect_eq!(
            test,
            settled(State::Silent, 1),
            (State::Listening, Change::Enable)
        );
        expect_eq!(
            test,
            settled(State::Listening, 0),
            (State::Silent, Change::Disable)
        );
        expect_eq!(
            test,
            settled(State::Listening, 1),
            (State::Listening, Change::Keep)
        );
    }

    fn stalled_ring_stays_stalled(test: &Test) {
        for waiters in [0, 1] {
            expect_eq!(
                test,
                settled(State::Stalled, waiters),
                (State::Stalled, Change::Keep)
            );
            expect_eq!(
                test,
                drained(State::Stalled, waiters),
                (State::Stalled, Change::Enable)
            );
        }
    }

    fn lazy_commands_are_no_waiters(test: &Test) {
        let mut irq = Irq::new();
        irq.added(true);
        expect_eq!(test, irq.waiters, 0);
        irq.added(false);
        irq.get();
        expect_eq!(test, irq.waiters, 2);
        irq.removed(true);
        expect_eq!(test, irq.waiters, 2);
        irq.removed(false);
        irq.put();
        expect_eq!(test, irq.waiters, 0);
    }

    fn stall_is_reported_once(test: &Test) {
        let mut irq = irq(State::Listening, 1);
        expect_eq!(test, irq.stall(), (true, Change::Keep));
        expect!(test, irq.is_stalled());
        expect_eq!(test, irq.stall(), (false, Change::Keep));
        irq.answered();
        expect_eq!(test, irq.state, State::Listening);
        expect_eq!(test, irq.stall(), (true, Change::Keep));
    }

    fn stalled_ring_interrupts(test: &Test) {
        expect_eq!(test, irq(State::Silent, 0).stall(), (true, Change::Enable));
        // The end of the drain enables them.
        let mut irq = irq(State::Silent, 0);
        irq.begin_drain();
        expect_eq!(test, irq.stall(), (true, Change::Keep));
        expect_eq!(test, irq.end_drain(), Change::Enable);
    }

    fn answer_to_a_reap_changes_nothing(test: &Test) {
        let mut irq = irq(State::Silent, 0);
        irq.answered();
        expect_eq!(test, irq.state, State::Silent);
    }

    fn only_a_silent_ring_is_reaped(test: &Test) {
        expect!(test, irq(State::Silent, 0).may_reap());
        expect!(test, !irq(State::Listening, 0).may_reap());
        expect!(test, !irq(State::Stalled, 0).may_reap());
        let mut irq = irq(State::Silent, 0);
        irq.begin_drain();
        expect!(test, !irq.may_reap());
        irq.end_drain();
        expect!(test, irq.may_reap());
    }

    fn drain_is_not_disturbed(test: &Test) {
        for (state, waiters) in [(State::Silent, 1), (State::Listening, 0)] {
            let mut irq = irq(state, waiters);
            irq.begin_drain();
            expect_eq!(test, irq.settle(), Change::Keep);
            expect_eq!(test, irq.state, state);
        }
    }

    fn end_of_a_drain_follows_the_waiters(test: &Test) {
        for state in [State::Silent, State::Listening] {
            // They were disabled for the drain, and stay so.
            expect_eq!(test, drained(state, 0), (State::Silent, Change::Keep));
            expect_eq!(test, drained(state, 1), (State::Listening, Change::Enable));
        }
    }

    fn looking_for_answers_is_no_answer(test: &Test) {
        let mut silent = irq(State::Silent, 0);
        silent.listen();
        expect_eq!(test, silent.state, State::Listening);
        let mut stalled = irq(State::Stalled, 0);
        stalled.listen();
        expect_eq!(test, stalled.state, State::Stalled);
    }

    fn kick_is_due_once(test: &Test) {
        let mut irq = Irq::new();
        expect!(test, !irq.take_kick());
        irq.kick_later();
        irq.kick_later();
        expect!(test, irq.take_kick());
        expect!(test, !irq.take_kick());
    }

    kunit::suite!(
        c"virtgpu_rs_irq",
        [
            new_ring_is_listening,
            waiters_decide_about_interrupts,
            stalled_ring_stays_stalled,
            lazy_commands_are_no_waiters,
            stall_is_reported_once,
            stalled_ring_interrupts,
            answer_to_a_reap_changes_nothing,
            only_a_silent_ring_is_reaped,
            drain_is_not_disturbed,
            end_of_a_drain_follows_the_waiters,
            looking_for_answers_is_no_answer,
            kick_is_due_once,
        ]
    );
}
