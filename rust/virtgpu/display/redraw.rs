// SPDX-License-Identifier: GPL-2.0
//! Shows again what is committed, after a reset or where something was given up that is shown.
use kernel::{sync::aref::ARef, workqueue};

use crate::device::{work, Device};

/// Has what is committed shown again, soon. Where the host refused to make a resource again after a
/// reset, another one shows it.
pub(crate) fn schedule(dev: &Device) {
    if !dev.display.outputs.is_empty() {
        // Pending already is as good.
        let _ = workqueue::system_long().enqueue::<ARef<Device>, { work::REDRAW }>(dev.into());
    }
}

/// Commits once more what is committed: a plane without clips is uploaded whole.
pub(crate) fn run(dev: &Device) {
    if let Err(error) = dev.recommit() {
        drm::drm_err!(dev, "cannot show again what was shown: {:?}\n", error);
    }
}
