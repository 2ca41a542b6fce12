// SPDX-License-Identifier: GPL-2.0
//! Mode setting of the whole device: its limits and its KMS objects.
use drm::kms::{Connector, Crtc, Encoder, KmsDriver, ModeConfigInfo, Plane, UnregisteredKmsDevice};
use kernel::prelude::*;

use crate::{
    device::{Device, VirtGpu},
    display::{connector, cursor, fb::Fb, output, primary::Primary},
};

const MIN_SIZE: u32 = 32;
/// Xorg shows three heads of 3840 pixels side by side from one framebuffer.
const MAX_SIZE: u32 = 16384;

impl KmsDriver for VirtGpu {
    type Framebuffer = Fb;

    const FEAT_CURSOR_HOTSPOT: bool = true;
    const FOLLOWS_WINDOWS: bool = true;

    fn mode_config_info(_dev: &Device) -> ModeConfigInfo {
        ModeConfigInfo {
            min_resolution: (MIN_SIZE, MIN_SIZE),
            max_resolution: (MAX_SIZE, MAX_SIZE),
            max_cursor: (cursor::SIZE, cursor::SIZE),
            preferred_depth: 24,
        }
    }

    fn has_room(dev: &Device, crtc: u32) -> bool {
        dev.display
            .outputs
            .get(crtc as usize)
            .is_some_and(|output| output.has_room())
    }

    fn create_objects(dev: &UnregisteredKmsDevice<'_, Self>) -> Result {
        for output in dev.display.outputs.iter() {
            let crtcs = 1 << output.index;
            let primary = Plane::new(
                dev,
                crtcs,
                Primary {
                    output: output.clone(),
                },
            )?;
            let cursor = Plane::new(
                dev,
                crtcs,
                cursor::CursorPlane {
                    cursor: output.cursor.clone(),
                },
            )?;
            let crtc = Crtc::new(
                dev,
                primary,
                Some(cursor),
                output::Crtc {
                    output: output.clone(),
                },
            )?;
            let connector = Connector::new(
                dev,
                connector::Connector {
                    output: output.clone(),
                },
            )?;
            Encoder::new(dev, crtc)?.attach(connector)?;
        }
        Ok(())
    }
}
