// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Display modes.
//!
//! C header: [`include/drm/drm_modes.h`](srctree/include/drm/drm_modes.h)
use drm_bindings as bindings;

/// A mode of a monitor; the C counterpart is `struct drm_display_mode`.
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

    /// Pixels of a row.
    pub fn hdisplay(&self) -> u16 {
        self.0.hdisplay
    }

    /// Rows.
    pub fn vdisplay(&self) -> u16 {
        self.0.vdisplay
    }
}
