// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Display modes.
//!
//! C header: [`include/drm/drm_modes.h`](srctree/include/drm/drm_modes.h)
use drm_bindings as bindings;

/// The timing of a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Pixels until the end of the visible part, the start of sync, the end of sync and the end of
    /// the line.
    pub horizontal: [u16; 4],
    /// Lines until the same in a frame.
    pub vertical: [u16; 4],
    /// Pixel clock in kHz.
    pub clock: i32,
}

impl Timing {
    /// Computes the timing of a mode of exactly this size, with `refresh` frames per second and
    /// `blanking` pixels and lines. CVT and GTF would round the width.
    pub fn exact(width: u16, height: u16, refresh: u32, blanking: u16) -> Self {
        let times = |size: u16| {
            [
                size,
                size + blanking / 4,
                size + blanking / 2,
                size + blanking,
            ]
        };
        let (horizontal, vertical) = (times(width), times(height));
        // The number of pixels per second may not fit into 32 bits.
        let pixels = u64::from(horizontal[3]) * u64::from(vertical[3]) * u64::from(refresh);
        Self {
            horizontal,
            vertical,
            clock: i32::try_from((pixels + 500) / 1000).unwrap_or(i32::MAX),
        }
    }
}

/// A display mode; the C counterpart is `struct drm_display_mode`.
#[repr(transparent)]
pub struct DisplayMode(bindings::drm_display_mode);

impl DisplayMode {
    pub(crate) fn from_raw(raw: &bindings::drm_display_mode) -> &Self {
        // SAFETY: The type is transparent.
        unsafe { &*core::ptr::from_ref(raw).cast() }
    }

    pub(crate) fn raw(&self) -> &bindings::drm_display_mode {
        &self.0
    }

    /// Returns the width in pixels.
    pub fn hdisplay(&self) -> u16 {
        self.0.hdisplay
    }

    /// Returns the height in pixels.
    pub fn vdisplay(&self) -> u16 {
        self.0.vdisplay
    }

    /// Returns the frames per second, rounded, or 0 for a mode without a size; C:
    /// `drm_mode_vrefresh()`.
    pub fn vrefresh(&self) -> u32 {
        // SAFETY: The mode is valid, and the function only reads it.
        let rate = unsafe { bindings::drm_mode_vrefresh(&raw const self.0) };
        rate as u32
    }
}
