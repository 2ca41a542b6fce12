// SPDX-License-Identifier: GPL-2.0
//! Heads that come, go and change size on the host.
use drm::kms::{
    connector::{EDID_EXTENSIONS, EDID_LENGTH},
    Edid,
};
use kernel::{prelude::*, sync::aref::ARef, workqueue};
use virtio::gpu;

use crate::{cmd, drv::Device, output::Window};

/// A head without a usable EDID still has a size.
fn read_edid(dev: &Device, index: u32) -> Option<Edid> {
    let response = cmd::get_edid(dev, index).ok()?;
    let size = response.size as usize;

    if size < EDID_LENGTH || size > response.edid.len() {
        drm::drm_err!(dev, "head {}: EDID of {} bytes\n", index, size);
        return None;
    }
    // Hosts give the size of their buffer, not that of what is in it.
    let blocks = 1 + usize::from(response.edid[EDID_EXTENSIONS]);
    match Edid::new(&response.edid[..size.min(blocks * EDID_LENGTH)]) {
        Ok(edid) => Some(edid),
        Err(_) => {
            drm::drm_err!(dev, "head {}: invalid EDID\n", index);
            None
        }
    }
}

/// Asks the host about all heads; tells whether anything differs from the last time.
///
/// # Errors
///
/// Those of a command.
pub(crate) fn read_display_info(dev: &Device) -> Result<bool> {
    let info = cmd::get_display_info(dev)?;
    let mut changed = false;

    for (output, one) in dev.outputs.iter().zip(info.pmodes) {
        let new = Window {
            enabled: one.enabled != 0,
            width: one.r.width,
            height: one.r.height,
            edid: if dev.has_edid {
                read_edid(dev, output.index)
            } else {
                None
            },
        };
        let mut window = output.window.lock();
        changed |= window.enabled != new.enabled
            || (window.width, window.height) != (new.width, new.height)
            || window.edid.as_ref().map(Edid::bytes) != new.edid.as_ref().map(Edid::bytes);
        *window = new;
    }
    Ok(changed)
}

/// Has the heads read again, soon.
pub(crate) fn schedule(dev: &Device) {
    // Pending already is as good.
    let _ = workqueue::system_long().enqueue::<ARef<Device>, 3>(dev.into());
}

/// Acts on a change of the device's configuration.
pub(crate) fn configuration_changed(dev: &Device) {
    let events = dev.vdev.with(|vdev| {
        if vdev.needs_reset() {
            crate::pm::schedule_reset(dev, "the device asks for it");
            return 0;
        }
        let events = vdev.read_config(gpu::CONFIG_EVENTS_READ);
        if events & gpu::EVENT_DISPLAY != 0 {
            // Cleared before it is read: what changes meanwhile is announced anew.
            vdev.write_config(gpu::CONFIG_EVENTS_CLEAR, gpu::EVENT_DISPLAY);
        }
        events
    });
    if events.unwrap_or(0) & gpu::EVENT_DISPLAY == 0 || dev.outputs.is_empty() {
        return;
    }

    match read_display_info(dev) {
        Ok(true) => dev.hotplug_event(),
        Ok(false) => (),
        Err(error) => {
            drm::drm_err!(
                dev,
                "cannot read what changed on the host's displays: {:?}\n",
                error
            );
        }
    }
}
