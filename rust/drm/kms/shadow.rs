// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Shadow buffers: framebuffers that the CPU copies to the device's own memory.
//!
//! C header: [`include/drm/drm_gem_atomic_helper.h`](srctree/include/drm/drm_gem_atomic_helper.h)
use core::marker::PhantomData;

use drm_bindings as bindings;
use kernel::{
    io::{IoBackend, IoBase, MmioBackend, Region},
    prelude::*,
    ptr::KnownSize,
};

use super::{DriverPlane, PlaneState};
use crate::Rect;

/// The pixels of a framebuffer that is being committed, mapped for the CPU; the C counterpart is
/// the `data` of `struct drm_shadow_plane_state`.
///
/// Programs may write to them at any time, so they can be copied, but there is no reference to
/// them.
///
/// # Invariants
///
/// For the lifetime, `fb` is a valid framebuffer, and `map` is the mapping of its first object, which is
/// mapped.
pub struct ShadowBuffer<'a> {
    fb: *mut bindings::drm_framebuffer,
    map: *mut kernel::bindings::iosys_map,
    _state: PhantomData<&'a ()>,
}

impl ShadowBuffer<'_> {
    /// Copies a part of the framebuffer, in pixels, to the memory of a device: to an offset in
    /// bytes and with a pitch in bytes. C: `drm_fb_memcpy()`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the part is not within the framebuffer, if it does not fit into the memory, if
    /// the pitch is 0 (which the C function would replace), and for formats with several planes or
    /// with pixels that are not whole bytes.
    pub fn copy_to<'io, const SIZE: usize>(
        &self,
        part: &Rect,
        memory: impl IoBase<'io, Backend = MmioBackend, Target = Region<SIZE>>,
        offset: usize,
        pitch: u32,
    ) -> Result {
        // SAFETY: By the type's invariants, the framebuffer is valid. These fields do not change.
        let fb_width = unsafe { (*self.fb).width };
        // SAFETY: As above.
        let fb_height = unsafe { (*self.fb).height };
        // SAFETY: As above.
        let format = unsafe { (*self.fb).format };
        let inside = part.x1 >= 0
            && part.y1 >= 0
            && part.x1 < part.x2
            && part.y1 < part.y2
            && part.x2 as u32 <= fb_width
            && part.y2 as u32 <= fb_height;
        // SAFETY: A framebuffer's format is a static entry of the core's table.
        let planes = unsafe { (*format).num_planes };
        // SAFETY: As above. Each format has a plane 0.
        let width = unsafe { bindings::drm_format_info_block_width(format, 0) };
        // SAFETY: As above.
        let height = unsafe { bindings::drm_format_info_block_height(format, 0) };
        if !inside || pitch == 0 || planes != 1 || (width, height) != (1, 1) {
            return Err(EINVAL);
        }

        // SAFETY: As above.
        let row = unsafe { bindings::drm_format_info_min_pitch(format, 0, part.width() as u32) };
        let region: *mut Region<SIZE> = MmioBackend::as_ptr(memory.as_view());
        let end = (part.height() as usize - 1)
            .checked_mul(pitch as usize)
            .and_then(|rows| rows.checked_add(row as usize))
            .and_then(|length| length.checked_add(offset))
            .ok_or(EINVAL)?;
        if end > Region::size(region) {
            return Err(EINVAL);
        }

        // SAFETY: It was checked above that the part is within the framebuffer, which is mapped,
        // and within the memory, which is mapped as long as `memory` exists.
        unsafe {
            bindings::helper_drm_fb_memcpy_toio(
                region.cast::<u8>().wrapping_add(offset).cast(),
                pitch,
                self.map,
                self.fb,
                &part.into_raw(),
            )
        }
        Ok(())
    }
}

impl<T: DriverPlane> PlaneState<T> {
    /// Returns the framebuffer's pixels during a commit. Does not compile for a plane without
    /// [`SHADOW`](DriverPlane::SHADOW).
    pub fn shadow_buffer(&self) -> Option<ShadowBuffer<'_>> {
        const {
            assert!(
                T::SHADOW,
                "only planes with SHADOW have their pixels mapped"
            )
        };
        let fb = self.raw_fb();
        if fb.is_null() {
            return None;
        }
        // The states of planes with `SHADOW` are shadow plane states, whose first field is the plane
        // state.
        let shadow: *mut bindings::drm_shadow_plane_state = self.as_raw().cast();
        // SAFETY: By the type's invariants, the state is valid.
        let map = unsafe { &raw mut (*shadow).data[0] };
        // SAFETY: As above. `begin_fb_access` has set the field, and nothing changes it until
        // `end_fb_access`, between which callbacks of a commit run.
        let address = unsafe { (*map).__bindgen_anon_1 };
        // SAFETY: Both variants are pointers.
        let vaddr = unsafe { address.vaddr };
        if vaddr.is_null() {
            return None;
        }
        // INVARIANT: The state holds a reference to the framebuffer, and is the owner of its mapping.
        Some(ShadowBuffer {
            fb,
            map,
            _state: PhantomData,
        })
    }
}
