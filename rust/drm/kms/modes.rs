// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Display modes.
//!
//! C header: [`include/drm/drm_modes.h`](srctree/include/drm/drm_modes.h)
use drm_bindings as bindings;
use kernel::types::Opaque;

/// The timing of a mode.
///
/// # Examples
///
/// ```
/// use drm::kms::modes::Timing;
///
/// let timing = Timing::exact(640, 480, 60, 32);
/// // One pixel takes a microsecond at 1000 kHz.
/// let pixels = u32::from(timing.horizontal[3]) * u32::from(timing.vertical[3]);
/// assert_eq!(timing.clock as u32, (pixels * 60 + 500) / 1000);
/// ```
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
    ///
    /// # Panics
    ///
    /// If the size and the blanking together are more than 65535.
    ///
    /// # Examples
    ///
    /// ```
    /// use drm::kms::modes::Timing;
    ///
    /// let timing = Timing::exact(853, 480, 60, 32);
    /// assert_eq!(timing.horizontal, [853, 861, 869, 885]);
    /// assert_eq!(timing.vertical, [480, 488, 496, 512]);
    ///
    /// // 132 x 132 pixels at 60 Hz.
    /// assert_eq!(Timing::exact(100, 100, 60, 32).clock, 1045);
    /// ```
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
///
/// # Invariants
///
/// The contents are a valid mode, which does not change as long as there is a reference to it.
///
/// # Context
///
/// No method sleeps.
///
/// # Examples
///
/// ```no_run
/// use drm::kms::DisplayMode;
///
/// /// Checks a mode as `DriverCrtc::mode_valid` does.
/// fn mode_valid(mode: &DisplayMode) -> bool {
///     mode.hdisplay() <= 1920 && mode.vdisplay() <= 1080 && mode.vrefresh() <= 60
/// }
/// ```
#[repr(transparent)]
pub struct DisplayMode(Opaque<bindings::drm_display_mode>);

macro_rules! fields {
    ($($(#[$doc:meta])* $vis:vis $name:ident: $type:ty),* $(,)?) => {$(
        $(#[$doc])*
        $vis fn $name(&self) -> $type {
            // SAFETY: By the type's invariants.
            unsafe { (*self.0.get()).$name }
        }
    )*};
}

impl DisplayMode {
    /// # Safety
    ///
    /// `raw` must be a valid mode, which does not change as long as the reference is used.
    pub(crate) unsafe fn from_raw<'a>(raw: *const bindings::drm_display_mode) -> &'a Self {
        // SAFETY: By the requirements of this function. The type is transparent.
        unsafe { &*raw.cast() }
    }

    fields! {
        /// Returns the width in pixels.
        pub hdisplay: u16,
        /// Returns the height in pixels.
        pub vdisplay: u16,
        pub(crate) htotal: u16,
        pub(crate) vtotal: u16,
        pub(crate) vscan: u16,
        pub(crate) clock: i32,
        pub(crate) flags: u32,
    }

    /// Returns the frames per second, rounded, or 0 for a mode without a size; C:
    /// `drm_mode_vrefresh()`.
    pub fn vrefresh(&self) -> u32 {
        // SAFETY: By the type's invariants the mode is valid, and the function only reads it.
        let rate = unsafe { bindings::drm_mode_vrefresh(self.0.get()) };
        rate as u32
    }
}
