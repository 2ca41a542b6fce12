// SPDX-License-Identifier: GPL-2.0
//! Hot-plug: the host adds, removes, moves and resizes windows.
//!
//! Such a change of the device's configuration takes this path:
//!
//! 1. The device interrupts. The driver's `config_changed` (`drv.rs`) calls [`schedule`].
//! 2. The work, `config_changed` in `reset.rs`, decides on a reset if the device requests one.
//!    Otherwise it calls [`run`].
//! 3. [`run`] clears the event, and reads the display information and the EDIDs of all heads into
//!    their [`Window`]s.
//! 4. If anything differs, DRM core sends a hot-plug event. User space then requests the modes,
//!    which `connector.rs` makes from the [`Window`].
//!
//! A reset clears the event. Therefore `come_back` in `reset.rs` calls [`restored`] after each reset
//! and resume. It schedules the same work, and makes step 3 read the heads without an event.
use drm::kms::{
    connector::{EDID_EXTENSIONS, EDID_LENGTH},
    Edid,
};
use kernel::{
    prelude::*,
    sync::{aref::ARef, atomic::Relaxed},
    workqueue,
};

use crate::{
    device::{work, Device},
    display::output::Window,
    gpu,
    transport::encode,
};

/// Returns the bytes of the EDID in a response, or `None` if its size is not valid.
fn edid_bytes(response: &gpu::Edid) -> Option<&[u8]> {
    let bytes = response.edid.get(..response.size as usize)?;
    // Hosts return the size of their buffer, not of the EDID in it.
    let blocks = 1 + usize::from(*bytes.get(EDID_EXTENSIONS)?);
    let bytes = &bytes[..bytes.len().min(blocks * EDID_LENGTH)];
    (bytes.len() >= EDID_LENGTH).then_some(bytes)
}

/// Reads a head's EDID. It is not an error if there is none, because the head still has a size.
fn read_edid(dev: &Device, index: u32) -> Option<Edid> {
    let response = encode::get_edid(dev, index).ok()?;
    let Some(bytes) = edid_bytes(&response) else {
        drm::drm_err!(
            dev,
            "head {}: the EDID has an invalid size of {} bytes\n",
            index,
            response.size
        );
        return None;
    };
    match Edid::new(bytes) {
        Ok(edid) => Some(edid),
        Err(_) => {
            drm::drm_err!(dev, "head {}: the EDID is invalid\n", index);
            None
        }
    }
}

/// Reads the display information of all heads. Returns whether it has changed.
///
/// # Errors
///
/// Those of a command.
pub(crate) fn read_display_info(dev: &Device) -> Result<bool> {
    let info = encode::get_display_info(dev)?;
    let mut changed = false;

    for (output, one) in dev.display.outputs.iter().zip(info.pmodes) {
        let new = Window {
            enabled: one.enabled != 0,
            x: one.r.x,
            y: one.r.y,
            width: one.r.width,
            height: one.r.height,
            edid: if dev.display.has_edid {
                read_edid(dev, output.index)
            } else {
                None
            },
        };
        let mut window = output.window.lock();
        changed |= *window != new;
        *window = new;
    }
    Ok(changed)
}

/// Schedules the work that handles a change of the device's configuration.
pub(crate) fn schedule(dev: &Device) {
    // It makes no difference if it is pending already.
    let _ = workqueue::system_long().enqueue::<ARef<Device>, { work::CONFIG }>(dev.into());
}

/// Schedules the same after a reset. The windows may have changed without an event, because a reset
/// clears events, and because the device may be another one after a suspend.
pub(crate) fn restored(dev: &Device) {
    dev.display.windows_stale.store(true, Relaxed);
    schedule(dev);
}

/// Returns whether the device was reset since the display information was read. The caller reads it
/// now.
fn take_stale(dev: &Device) -> bool {
    let is_stale = dev.display.windows_stale.load(Relaxed);
    // If it is set after this, the work runs again.
    if is_stale {
        dev.display.windows_stale.store(false, Relaxed);
    }
    is_stale
}

/// Reads the display information if it may have changed, and tells user space of changes.
pub(crate) fn run(dev: &Device) {
    let is_stale = take_stale(dev);
    let events = dev.transport.vdev.with(|vdev| {
        let events = vdev.read_config(&gpu::CONFIG_EVENTS_READ)?;
        if events & gpu::EVENT_DISPLAY != 0 {
            // Cleared before the information is read, so that later changes cause another event.
            vdev.write_config(&gpu::CONFIG_EVENTS_CLEAR, gpu::EVENT_DISPLAY)?;
        }
        Ok::<_, Error>(events)
    });
    // The probe has read a field behind these, so only a device that is gone has none.
    let Some(Ok(events)) = events else {
        return;
    };
    if dev.display.outputs.is_empty() || !(is_stale || events & gpu::EVENT_DISPLAY != 0) {
        return;
    }

    match read_display_info(dev) {
        Ok(true) => dev.hotplug_event(),
        // The device is being reset, after which the information is read again.
        Ok(false) | Err(ENODEV) => (),
        Err(error) => {
            drm::drm_err!(
                dev,
                "cannot read the display information after a change: {:?}\n",
                error
            );
        }
    }
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, expect_eq, Test};

    /// Makes a response with a valid EDID, its number of extensions, and the size that the host
    /// claims.
    fn response(size: u32, extensions: u8) -> Result<KBox<gpu::Edid>> {
        let mut response = KBox::new(gpu::Edid::zeroed(), GFP_KERNEL)?;
        response.size = size;
        for (i, block) in response.edid.chunks_mut(EDID_LENGTH).enumerate() {
            if i == 0 {
                block[1..7].fill(0xff);
                block[18] = 1;
                block[19] = 4;
                block[EDID_EXTENSIONS] = extensions;
            } else {
                block[0] = 2;
                block[1] = 3;
            }
            block[EDID_LENGTH - 1] = block
                .iter()
                .fold(0, |sum: u8, byte| sum.wrapping_sub(*byte));
        }
        Ok(response)
    }

    fn length(size: u32, extensions: u8) -> Result<Option<usize>> {
        Ok(edid_bytes(&*response(size, extensions)?).map(<[u8]>::len))
    }

    /// Makes a valid EDID with the given byte in its last block.
    fn edid(extensions: u8, byte: u8) -> Result<Edid> {
        let mut response = response(0, extensions)?;
        let length = (1 + usize::from(extensions)) * EDID_LENGTH;
        let bytes = &mut response.edid[..length];
        bytes[length - 3] = byte;
        bytes[length - 1] = bytes[length - 1].wrapping_sub(byte);
        Edid::new(bytes)
    }

    fn extensions_are_read(test: &Test) -> Result {
        expect_eq!(test, length(128, 0)?, Some(128));
        expect_eq!(test, length(256, 1)?, Some(256));
        expect_eq!(test, length(1024, 7)?, Some(1024));
        Ok(())
    }

    /// QEMU always returns 1024.
    fn rest_of_the_buffer_is_ignored(test: &Test) -> Result {
        expect_eq!(test, length(1024, 0)?, Some(128));
        expect_eq!(test, length(1024, 1)?, Some(256));
        expect_eq!(test, length(129, 0)?, Some(128));
        Ok(())
    }

    fn absurd_sizes_are_rejected(test: &Test) -> Result {
        for size in [0, 1, 126, 127, 1025, u32::MAX] {
            expect_eq!(test, length(size, 0)?, None);
        }
        Ok(())
    }

    fn missing_extensions_are_rejected(test: &Test) -> Result {
        let response = response(1024, 255)?;
        let bytes = edid_bytes(&response).ok_or(EIO)?;
        expect_eq!(test, bytes.len(), 1024);
        expect!(test, Edid::new(bytes).is_err_and(|error| error == EINVAL));
        Ok(())
    }

    fn garbage_is_rejected(test: &Test) {
        expect!(
            test,
            Edid::new(&[0x5a; EDID_LENGTH]).is_err_and(|error| error == EINVAL)
        );
    }

    /// The error must not be that of a lack of memory.
    fn short_bytes_are_no_edid(test: &Test) {
        for bytes in [&[][..], &[0; 1], &[0xff; EDID_LENGTH - 1]] {
            expect!(test, Edid::new(bytes).is_err_and(|error| error == EINVAL));
        }
    }

    fn edid_keeps_its_bytes(test: &Test) -> Result {
        let response = response(256, 1)?;
        let bytes = edid_bytes(&response).ok_or(EIO)?;
        expect!(test, Edid::new(bytes)?.bytes() == bytes);
        Ok(())
    }

    fn window(enabled: bool, width: u32, height: u32, edid: Option<Edid>) -> Window {
        Window {
            enabled,
            width,
            height,
            edid,
            ..Window::default()
        }
    }

    fn moves_of_a_window_are_noticed(test: &Test) {
        let at = |x, y| Window {
            x,
            y,
            ..Window::default()
        };
        expect!(test, at(1920, 40) == at(1920, 40));
        expect!(test, at(1920, 40) != at(1921, 40));
        expect!(test, at(1920, 40) != at(1920, 0));
    }

    fn changes_of_a_head_are_noticed(test: &Test) -> Result {
        let old = window(true, 800, 600, Some(edid(1, 1)?));
        expect!(test, old == window(true, 800, 600, Some(edid(1, 1)?)));
        expect!(test, old != window(false, 800, 600, Some(edid(1, 1)?)));
        expect!(test, old != window(true, 801, 600, Some(edid(1, 1)?)));
        expect!(test, old != window(true, 800, 601, Some(edid(1, 1)?)));
        expect!(test, old != window(true, 800, 600, Some(edid(1, 2)?)));
        expect!(test, old != window(true, 800, 600, Some(edid(0, 1)?)));
        expect!(test, old != window(true, 800, 600, None));
        Ok(())
    }

    kunit::suite!(
        c"virtgpu_rs_hotplug",
        [
            extensions_are_read,
            rest_of_the_buffer_is_ignored,
            absurd_sizes_are_rejected,
            missing_extensions_are_rejected,
            garbage_is_rejected,
            edid_keeps_its_bytes,
            changes_of_a_head_are_noticed,
            moves_of_a_window_are_noticed,
            short_bytes_are_no_edid,
        ]
    );
}
