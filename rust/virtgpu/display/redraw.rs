// SPDX-License-Identifier: GPL-2.0
//! Redraw: shows again what is committed, after a reset, or after a resource that is shown was
//! given up.
use kernel::{sync::aref::ARef, workqueue};

use crate::device::{work, Device};

/// Schedules [`run`]. If the host refused to create a resource again after a reset, another one
/// takes its place then.
pub(crate) fn schedule(dev: &Device) {
    if !dev.display.outputs.is_empty() {
        // It makes no difference if it is pending already.
        let _ = workqueue::system_long().enqueue::<ARef<Device>, { work::REDRAW }>(dev.into());
    }
}

/// Commits the current state again. Its planes have no clips, so they are uploaded whole.
pub(crate) fn run(dev: &Device) {
    if let Err(error) = dev.recommit() {
        drm::drm_err!(dev, "cannot redraw the heads: {:?}\n", error);
    }
}
