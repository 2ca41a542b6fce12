// SPDX-License-Identifier: GPL-2.0 OR MIT
//! EDIDs.
//!
//! C header: [`include/drm/drm_edid.h`](srctree/include/drm/drm_edid.h)
use core::ptr::NonNull;

use drm_bindings as bindings;
use kernel::prelude::*;

/// The EDID of a monitor; the C counterpart is `struct drm_edid`.
///
/// # Invariants
///
/// The pointer is a valid EDID, which the value owns. Nothing changes it.
///
/// # Context
///
/// No method sleeps, except [`new`](Self::new).
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use drm::kms::{connector::EDID_LENGTH, Edid};
///
/// let mut bytes = [0; EDID_LENGTH];
/// bytes[..8].copy_from_slice(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
/// // EDID 1.3.
/// bytes[18..20].copy_from_slice(&[1, 3]);
/// // The sum of all bytes is a multiple of 256.
/// bytes[127] = 2;
///
/// let edid = Edid::new(&bytes)?;
/// assert_eq!(edid.bytes(), bytes);
/// assert!(edid == Edid::new(&bytes)?);
/// # Ok::<(), Error>(())
/// ```
///
/// The bytes cannot be kept for longer than the EDID:
///
/// ```compile_fail,E0505
/// use drm::kms::Edid;
///
/// fn bytes_of(edid: Edid) -> usize {
///     let bytes = edid.bytes();
///     drop(edid);
///     bytes.len()
/// }
/// ```
pub struct Edid(pub(super) NonNull<bindings::drm_edid>);

// SAFETY: The bytes of an EDID do not change.
unsafe impl Send for Edid {}
// SAFETY: As above.
unsafe impl Sync for Edid {}

/// Size of an EDID block in bytes.
pub const EDID_LENGTH: usize = 128;
/// Offset of the number of extension blocks in the first block.
pub const EDID_EXTENSIONS: usize = 126;

impl Edid {
    /// Makes an EDID from bytes.
    ///
    /// # Errors
    ///
    /// `EINVAL` if they are not a valid EDID, `ENOMEM`. C: `drm_edid_alloc()`, `drm_edid_valid()`.
    ///
    /// # Context
    ///
    /// May sleep.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::prelude::*;
    /// // Shorter than a block.
    /// assert!(matches!(drm::kms::Edid::new(&[0; 127]), Err(EINVAL)));
    /// ```
    pub fn new(bytes: &[u8]) -> Result<Self> {
        if bytes.len() < EDID_LENGTH {
            return Err(EINVAL);
        }
        // SAFETY: The function copies the bytes.
        let raw = unsafe { bindings::drm_edid_alloc(bytes.as_ptr().cast(), bytes.len()) };
        // INVARIANT: It was allocated above.
        let edid = Self(NonNull::new(raw.cast_mut()).ok_or(ENOMEM)?);
        // SAFETY: By the type's invariants.
        if !unsafe { bindings::drm_edid_valid(edid.0.as_ptr()) } {
            return Err(EINVAL);
        }
        Ok(edid)
    }

    /// Returns the bytes; C: `drm_edid_raw()`.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: By the type's invariants.
        let raw: *const u8 = unsafe { bindings::drm_edid_raw(self.0.as_ptr()) }.cast();
        if raw.is_null() {
            return &[];
        }
        // SAFETY: The core returns no pointer to less than one block.
        let extensions = unsafe { raw.add(EDID_EXTENSIONS) };
        // SAFETY: As above.
        let blocks = 1 + usize::from(unsafe { *extensions });
        // SAFETY: The core returns no pointer to fewer blocks than the first one announces. They
        // are valid as long as the EDID.
        unsafe { core::slice::from_raw_parts(raw, blocks * EDID_LENGTH) }
    }
}

impl PartialEq for Edid {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Drop for Edid {
    fn drop(&mut self) {
        // SAFETY: By the type's invariants.
        unsafe { bindings::drm_edid_free(self.0.as_ptr()) }
    }
}
