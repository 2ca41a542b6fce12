// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver sends an event twice.
//!
//! expect: E0382: use of moved value: `event`
use drm::{event::Event, Driver};

/// Sends an event that the program may have read and freed.
pub fn event_sent_twice<T: Driver>(event: Event<T>) {
    event.send();
    event.send();
}
