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
//! | any | `Listening` | [`open`](Irq::open): the ring is new |
//! | `Silent` | `Listening` | [`settle`](Irq::settle): there are waiters; [`listen`](Irq::listen): answers are looked for |
//! | `Listening` | `Silent` | [`settle`](Irq::settle): there are no waiters |
//! | `Silent`, `Listening` | `Stalled` | [`stall`](Irq::stall): a wait has timed out |
//! | `Stalled` | `Listening` | [`answered`](Irq::answered): the device has answered something |
//!
//! The number of waiters changes in every state. The work disables interrupts while it takes answers off the
//! ring, and follows the state when the ring is empty ([`drained`](Irq::drained)).
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
    /// The device was not told of all commands yet.
    is_kick_due: bool,
}

impl Irq {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Listening,
            waiters: 0,
            is_kick_due: false,
        }
    }

    /// The ring is new, and its interrupts are enabled.
    pub(super) fn open(&mut self) {
        self.state = State::Listening;
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
        let is_first = !self.is_stalled();
        let (next, change) = match self.state {
            State::Silent => (State::Stalled, Change::Enable),
            State::Listening | State::Stalled => (State::Stalled, Change::Keep),
        };
        self.state = next;
        (is_first, change)
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

    /// Returns whether answers may be taken off the ring without an interrupt. In other states the work
    /// does that.
    pub(super) fn may_reap(&self) -> bool {
        self.state == State::Silent
    }

    /// The ring was found empty, with interrupts disabled. Returns whether the device is to interrupt for the
    /// next command that it finishes.
    pub(super) fn drained(&mut self) -> bool {
        // They are disabled already.
        let _ = self.settle();
        self.state != State::Silent
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

    fn drained(state: State, waiters: u32) -> (State, bool) {
        let mut irq = irq(state, waiters);
        let is_wanted = irq.drained();
        (irq.state, is_wanted)
    }

    fn new_ring_is_listening(test: &Test) {
        let mut irq = irq(State::Stalled, 0);
        irq.open();
        expect_eq!(test, irq.state, State::Listening);
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
                (State::Stalled, true)
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
        expect_eq!(test, irq(State::Listening, 0).stall(), (true, Change::Keep));
    }

    fn answer_ends_a_stall(test: &Test) {
        for (waiters, state) in [(0, State::Silent), (1, State::Listening)] {
            let mut irq = irq(State::Stalled, waiters);
            irq.answered();
            expect!(test, !irq.is_stalled());
            expect_eq!(test, irq.drained(), waiters != 0);
            expect_eq!(test, irq.state, state);
        }
    }

    fn only_a_silent_ring_is_reaped(test: &Test) {
        expect!(test, irq(State::Silent, 0).may_reap());
        expect!(test, !irq(State::Listening, 0).may_reap());
        expect!(test, !irq(State::Stalled, 0).may_reap());
    }

    fn end_of_a_drain_follows_the_waiters(test: &Test) {
        for state in [State::Silent, State::Listening] {
            expect_eq!(test, drained(state, 0), (State::Silent, false));
            expect_eq!(test, drained(state, 1), (State::Listening, true));
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
            answer_ends_a_stall,
            only_a_silent_ring_is_reaped,
            end_of_a_drain_follows_the_waiters,
            looking_for_answers_is_no_answer,
            kick_is_due_once,
        ]
    );
}
