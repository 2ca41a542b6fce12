// SPDX-License-Identifier: GPL-2.0
//! Connectors: what the host says of a head's window, as a monitor and its modes.
use drm::kms::{connector::ModeList, DriverConnector};
use kernel::sync::Arc;

use crate::{drv::VirtGpu, output::Output};

const DEFAULT_SIZE: (u32, u32) = (1024, 768);
const REFRESH: u32 = 60;
/// Pixels and lines around a mode of our own: no window needs any, a timing must have some.
const BLANKING: u16 = 32;

/// The driver's part of a connector.
pub(crate) struct Connector {
    pub(crate) output: Arc<Output>,
}

impl DriverConnector for Connector {
    type Driver = VirtGpu;

    fn detect(&self) -> bool {
        self.output.window.lock().enabled
    }

    fn get_modes(&self, modes: &mut ModeList<'_>) {
        let window = self.output.window.lock();
        let (min, max) = modes.limits();

        if modes.add_edid(window.edid.as_ref()) == 0 {
            modes.add_usual(max.0, max.1);
        }
        let (width, height) = if (min.0..=max.0).contains(&window.width)
            && (min.1..=max.1).contains(&window.height)
        {
            (window.width, window.height)
        } else {
            DEFAULT_SIZE
        };
        // The one preferred mode is the window's size, whatever the EDID prefers.
        modes.prefer(width as u16, height as u16, REFRESH, BLANKING);
    }
}
