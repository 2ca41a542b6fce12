// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Rectangles of pixels.
use drm_bindings as bindings;

/// A rectangle in pixels, without its right and lower edges; the C counterpart is `struct
/// drm_rect`.
///
/// # Examples
///
/// ```
/// use drm::Rect;
///
/// let screen = Rect { x1: 0, y1: 0, x2: 640, y2: 480 };
/// assert_eq!(screen, Rect::new(0, 0, 640, 480));
/// assert_eq!(Rect::default().area(), 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rect {
    /// Left edge.
    pub x1: i32,
    /// Upper edge.
    pub y1: i32,
    /// Right edge.
    pub x2: i32,
    /// Lower edge.
    pub y2: i32,
}

impl Rect {
    /// Makes a rectangle from its upper left corner and its size.
    ///
    /// Edges wrap around, so this does not panic. A device has unsigned 32-bit values.
    /// [`width`](Self::width) and [`height`](Self::height) return them unchanged, even those beyond
    /// `i32::MAX`.
    ///
    /// # Examples
    ///
    /// ```
    /// use drm::Rect;
    ///
    /// let rect = Rect::new(3, 5, 70, 90);
    /// assert_eq!((rect.x1, rect.y1), (3, 5));
    /// assert_eq!((rect.x2, rect.y2), (73, 95));
    ///
    /// // A width of 4294967295 pixels.
    /// assert_eq!(Rect::new(5, 0, -1, 1).width() as u32, u32::MAX);
    /// ```
    #[inline]
    pub const fn new(x: i32, y: i32, width: i32, height: i32) -> Self {
        Self {
            x1: x,
            y1: y,
            x2: x.wrapping_add(width),
            y2: y.wrapping_add(height),
        }
    }

    #[inline]
    pub(crate) fn from_raw(raw: &bindings::drm_rect) -> Self {
        Self {
            x1: raw.x1,
            y1: raw.y1,
            x2: raw.x2,
            y2: raw.y2,
        }
    }

    /// Reads a rectangle of C code.
    ///
    /// # Safety
    ///
    /// `raw` must be valid, and not be written to meanwhile.
    #[inline]
    pub(crate) unsafe fn read(raw: *const bindings::drm_rect) -> Self {
        // SAFETY: By the requirements of this function.
        let raw = unsafe { raw.read() };
        Self::from_raw(&raw)
    }

    #[inline]
    pub(crate) fn into_raw(self) -> bindings::drm_rect {
        bindings::drm_rect {
            x1: self.x1,
            y1: self.y1,
            x2: self.x2,
            y2: self.y2,
        }
    }

    /// Converts 16.16 fixed point to whole pixels, without fractions; C: `drm_rect_fp_to_int()`.
    ///
    /// # Examples
    ///
    /// ```
    /// use drm::Rect;
    ///
    /// let part = Rect { x1: 0x1_8000, y1: 0x2_0000, x2: 0xb_8000, y2: 0x5_0000 };
    /// assert_eq!(Rect::from_fixed_point(part), Rect::new(1, 2, 10, 3));
    /// ```
    #[inline]
    pub fn from_fixed_point(raw: Self) -> Self {
        Self::new(
            raw.x1 >> 16,
            raw.y1 >> 16,
            raw.width() >> 16,
            raw.height() >> 16,
        )
    }

    /// Returns the width in pixels.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(drm::Rect::new(-10, 0, 30, 5).width(), 30);
    /// ```
    #[inline]
    pub const fn width(&self) -> i32 {
        self.x2.wrapping_sub(self.x1)
    }

    /// Returns the height in pixels.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(drm::Rect::new(0, -10, 5, 30).height(), 30);
    /// ```
    #[inline]
    pub const fn height(&self) -> i32 {
        self.y2.wrapping_sub(self.y1)
    }

    /// Returns the number of pixels.
    /// Width and height count as unsigned numbers, so the result always fits.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(drm::Rect::new(0, 0, 65536, 65536).area(), 1 << 32);
    /// ```
    #[inline]
    pub const fn area(&self) -> u64 {
        self.width() as u32 as u64 * self.height() as u32 as u64
    }

    /// Returns the smallest rectangle that contains both.
    ///
    /// # Examples
    ///
    /// ```
    /// use drm::Rect;
    ///
    /// let (left, right) = (Rect::new(0, 0, 10, 10), Rect::new(20, 5, 10, 10));
    /// assert_eq!(left.join(&right), Rect::new(0, 0, 30, 15));
    /// ```
    #[inline]
    pub fn join(&self, other: &Self) -> Self {
        Self {
            x1: self.x1.min(other.x1),
            y1: self.y1.min(other.y1),
            x2: self.x2.max(other.x2),
            y2: self.y2.max(other.y2),
        }
    }
}
