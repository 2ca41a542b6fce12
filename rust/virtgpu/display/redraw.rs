// SPDX-License-Identifier: GPL-2.0
//! Redraw: shows again what is committed, after a reset, after a resource that is shown was given
//! up, or after the host has lost commands.
use kernel::{
    sync::{
        aref::ARef,
        atomic::{Full, Relaxed},
    },
    workqueue,
};

use crate::device::{work, Device};

/// Schedules [`run`]. If the host refused to create a resource again after a reset, another one
/// takes its place then.
pub(crate) fn schedule(dev: &Device) {
    if !dev.display.outputs.is_empty() {
        // It makes no difference if it is pending already.
        let _ = workqueue::system_long().enqueue::<ARef<Device>, { work::REDRAW }>(dev.into());
    }
}

/// Schedules [`run`] for a device that has lost commands, and then sends everything again.
pub(crate) fn mend(dev: &Device) {
    dev.display.is_stale.store(true, Relaxed);
    schedule(dev);
}

/// Commits the current state again. Its planes have no clips, so they are uploaded whole.
pub(crate) fn run(dev: &Device) {
    let redrawn = if dev.display.is_stale.xchg(false, Full) {
        // Under the locks, so that no commit is half done.
        dev.with_modeset_locks(|| {
            dev.display.mend();
            Ok(())
        })
    } else {
        Ok(())
    };
    if let Err(error) = redrawn.and_then(|()| dev.recommit()) {
        drm::drm_err!(dev, "cannot redraw the heads: {:?}\n", error);
    }
}
