// SPDX-License-Identifier: GPL-2.0
//! Connectors: present a head's window on the host as a monitor with modes.
use drm::kms::{
    connector::{self, ConnectorGuard, DriverConnector, Status},
    ModeConfigGuard, PlainState,
};
use kernel::{prelude::*, sync::Arc};

use crate::{
    device::{Device, VirtGpu},
    display::output::Output,
};

const DEFAULT_SIZE: (u32, u32) = (1024, 768);
const REFRESH: u32 = 60;
/// Blanking of the preferred mode, in pixels and lines. A window needs none, but a timing must have
/// some.
const BLANKING: u16 = 32;

/// Returns the size of the preferred mode: the window's, unless framebuffers cannot have that size.
fn preferred_size(window: (u32, u32), min: (u32, u32), max: (u32, u32)) -> (u32, u32) {
    if (min.0..=max.0).contains(&window.0) && (min.1..=max.1).contains(&window.1) {
        window
    } else {
        DEFAULT_SIZE
    }
}

/// The driver's data of a connector.
pub(crate) struct Connector {
    pub(crate) output: Arc<Output>,
}

#[vtable]
impl DriverConnector for Connector {
    type Args = Arc<Output>;
    type Driver = VirtGpu;
    type State = PlainState<Self>;

    fn new(_dev: &Device, output: Arc<Output>) -> impl PinInit<Self, Error> {
        Ok(Self { output })
    }

    fn detect(connector: &connector::Connector<Self>, _force: bool) -> Status {
        if connector.output.window.lock().enabled {
            Status::Connected
        } else {
            Status::Disconnected
        }
    }

    fn get_modes<'a>(
        connector: ConnectorGuard<'a, Self>,
        guard: &ModeConfigGuard<'a, VirtGpu>,
    ) -> i32 {
        let window = connector.output.window.lock();
        let (min, max) = guard.limits();

        // Programs ask for a connector's modes before they read its properties, so it is set here.
        connector.suggest_position(window.x, window.y);
        let edid = connector.read_edid(window.edid.as_ref());
        let mut count = connector.add_edid(edid.as_ref());
        // If an administrator has overridden the EDID, that one also decides which mode is
        // preferred.
        if count > 0 && edid != window.edid {
            return count;
        }
        if count == 0 {
            count = connector.add_modes_noedid(max);
        }
        let (width, height) = preferred_size((window.width, window.height), min, max);
        // The only preferred mode has the window's size, even if the EDID prefers another.
        count + connector.prefer(width as u16, height as u16, REFRESH, BLANKING)
    }
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use drm::kms::modes::Timing;
    use kunit::{expect, expect_eq, Test};

    const MIN: (u32, u32) = (32, 34);
    const MAX: (u32, u32) = (8192, 8000);

    fn window_within_limits_is_preferred(test: &Test) {
        for window in [MIN, (853, 481), MAX] {
            expect_eq!(test, preferred_size(window, MIN, MAX), window);
        }
    }

    fn window_beyond_limits_is_ignored(test: &Test) {
        for window in [
            (0, 0),
            (31, 600),
            (600, 33),
            (8193, 600),
            (600, 8001),
            (u32::MAX, u32::MAX),
        ] {
            expect_eq!(test, preferred_size(window, MIN, MAX), (1024, 768));
        }
    }

    /// Also for windows so large that the pixels of a second do not fit into 32 bits.
    fn window_mode_has_60_frames(test: &Test) {
        for (width, height) in [
            (32, 32),
            (853, 481),
            (8191, 8191),
            (8192, 8192),
            (16384, 16384),
        ] {
            let timing = Timing::exact(width, height, REFRESH, BLANKING);
            let pixels = u64::from(width + BLANKING) * u64::from(height + BLANKING);
            let exact = pixels * 60;
            let clock = u64::from(timing.clock.unsigned_abs()) * 1000;
            expect!(test, timing.clock > 0);
            expect!(test, clock.abs_diff(exact) <= 500);
        }
    }

    kunit::suite!(
        c"virtgpu_rs_connector",
        [
            window_within_limits_is_preferred,
            window_beyond_limits_is_ignored,
            window_mode_has_60_frames,
        ]
    );
}
