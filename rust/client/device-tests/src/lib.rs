// SPDX-License-Identifier: GPL-2.0 OR MIT
//! What the tests have in common: IGT's command-line protocol, and requests to the host's judge.
mod harness;
pub mod judge;

use std::env;

use virtgpu::{Device, Location};

pub use harness::{run, Failure, Subtest, TestResult};

/// Fails a subtest unless a condition holds.
#[macro_export]
macro_rules! check {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            let message = format!($($message)+);
            return Err($crate::Failure::Fail(format!("{}:{}: {message}", file!(), line!())));
        }
    };
}

/// Fails a subtest unless two values are equal.
#[macro_export]
macro_rules! check_eq {
    ($left:expr, $right:expr) => {
        let (left, right) = (&$left, &$right);
        $crate::check!(
            left == right,
            "{}: {left:?} instead of {right:?}",
            stringify!($left)
        );
    };
}

/// Opens the virtio GPU.
///
/// # Errors
///
/// Fails without one.
pub fn device() -> Result<Device, Failure> {
    Ok(Device::first()?)
}

/// Returns where the virtio GPU is.
///
/// # Errors
///
/// Fails without one.
pub fn location() -> Result<Location, Failure> {
    let found = virtgpu::devices().into_iter().next();
    found.ok_or_else(|| Failure::Fail("no virtio GPU".into()))
}

/// Returns whether the kernel's own driver is tested.
#[must_use]
pub fn driver_is_stock() -> bool {
    env::var("VIRTGPU_DRIVER").as_deref() == Ok("stock")
}
