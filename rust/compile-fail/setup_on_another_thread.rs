// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A device is set up by two threads.
//!
//! expect: E0277: `*mut ()` cannot be sent between threads safely
use drm::{Driver, UnregisteredDevice};

fn send<T: Send>(_: T) {}

/// Gives an unregistered device away.
pub fn setup_on_another_thread<T: Driver>(drm: UnregisteredDevice<T>) {
    send(drm);
}
