// SPDX-License-Identifier: GPL-2.0
//! Mode setting of the whole device: its limits and its KMS objects.
use drm::{
    kms::{
        connector::{self as drm_connector, UnregisteredConnector},
        crtc::{Crtc, OpaqueCrtc, RawCrtc, UnregisteredCrtc},
        encoder::{self, PlainEncoder, UnregisteredEncoder},
        plane::{Type, UnregisteredPlane},
        KmsDriver, ModeConfigInfo, UnregisteredKmsDevice,
    },
    Driver,
};
use kernel::prelude::*;

use crate::{
    device::VirtGpu,
    display::{
        connector::Connector, cursor, cursor::CursorPlane, fb::Fb, output, primary::Primary,
    },
    memory::format,
};

const MIN_SIZE: u32 = 32;
/// Xorg shows three heads of 3840 pixels side by side from one framebuffer.
const MAX_SIZE: u32 = 16384;

#[vtable]
impl KmsDriver for VirtGpu {
    type Framebuffer = Fb;

    const FEAT_CURSOR_HOTSPOT: bool = true;
    const FOLLOWS_WINDOWS: bool = true;

    fn mode_config_info(
        _dev: &kernel::device::Device,
        _data: &<Self as Driver>::Data,
    ) -> Result<ModeConfigInfo> {
        Ok(ModeConfigInfo {
            min_resolution: (MIN_SIZE, MIN_SIZE),
            max_resolution: (MAX_SIZE, MAX_SIZE),
            max_cursor: (cursor::SIZE, cursor::SIZE),
            preferred_depth: 24,
        })
    }

    fn commit_now(crtc: &OpaqueCrtc<Self>) -> bool {
        Crtc::<output::Crtc>::try_from_opaque(crtc).is_ok_and(|crtc| crtc.output.has_room())
    }

    fn create_objects(dev: &UnregisteredKmsDevice<'_, Self>) -> Result {
        for output in dev.display.outputs.iter() {
            let crtcs = 1 << output.index;
            let primary = UnregisteredPlane::<Primary>::new(
                dev,
                crtcs,
                &format::FOURCCS,
                Type::Primary,
                None,
                output.clone(),
            )?;
            primary.enable_fb_damage_clips();
            let cursor = UnregisteredPlane::<CursorPlane>::new(
                dev,
                crtcs,
                &[format::ARGB8888],
                Type::Cursor,
                None,
                output.cursor.clone(),
            )?;
            cursor.add_size_hint(cursor::SIZE as u16, cursor::SIZE as u16)?;
            let crtc = UnregisteredCrtc::<output::Crtc>::new(
                dev,
                primary,
                Some(cursor),
                None,
                output.clone(),
            )?;
            let encoder = UnregisteredEncoder::<PlainEncoder<Self>>::new(
                dev,
                encoder::Type::Virtual,
                crtc.mask(),
                0,
                None,
                (),
            )?;
            UnregisteredConnector::<Connector>::new(
                dev,
                drm_connector::Type::Virtual,
                output.clone(),
            )?
            .attach_encoder(encoder)?;
        }
        Ok(())
    }
}
