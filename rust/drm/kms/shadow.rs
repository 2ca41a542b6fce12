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

use super::{
    atomic::AtomicCommit,
    fourcc,
    object::AsRawState,
    plane::{DriverPlane, Plane, RawPlaneState},
    plane_state::raw_fb,
};
use crate::Rect;

/// The pixels of a framebuffer that is being committed, mapped for the CPU; the C counterpart is
/// the `data` of `struct drm_shadow_plane_state`.
///
/// Programs may write to them at any time, so they can be copied, but there is no reference to
/// them.
///
/// # Invariants
///
/// For the lifetime, `fb` is a valid framebuffer, `map` is the mapping of its first object, which is
/// mapped, and `scratch` is the memory for conversions of the same plane state.
///
/// # Context
///
/// Exists during a commit, which may sleep. Its methods do not sleep.
pub struct ShadowBuffer<'a> {
    fb: *mut bindings::drm_framebuffer,
    map: *mut kernel::bindings::iosys_map,
    scratch: *mut bindings::drm_format_conv_state,
    _state: PhantomData<&'a ()>,
}

/// A function that copies pixels and converts them, e.g. `drm_fb_xrgb8888_to_rgb565()`.
type Convert = unsafe extern "C" fn(
    dst: *mut kernel::bindings::iosys_map,
    dst_pitch: *const u32,
    src: *const kernel::bindings::iosys_map,
    fb: *const bindings::drm_framebuffer,
    clip: *const bindings::drm_rect,
    state: *mut bindings::drm_format_conv_state,
);

/// Returns the function of the core that converts pixels from one format to another.
fn conversion(from: u32, to: u32) -> Option<Convert> {
    if from != fourcc(b"XR24") {
        return None;
    }
    const RGB565: u32 = fourcc(b"RG16");
    const RGB888: u32 = fourcc(b"RG24");
    match to {
        RGB565 => Some(bindings::drm_fb_xrgb8888_to_rgb565),
        RGB888 => Some(bindings::drm_fb_xrgb8888_to_rgb888),
        _ => None,
    }
}

/// The memory that a conversion needs in addition to two rows of pixels, in bytes: the core aligns the
/// second row as `kmalloc()` aligns memory.
const CONVERSION_PADDING: usize = 128;

/// Maps the pixels, and allocates the memory for conversions. The conversions themselves return no error if
/// there is no memory, and run where nothing may sleep. C: `drm_plane_helper_funcs.begin_fb_access`.
pub(super) extern "C" fn begin_conversion_callback(
    plane: *mut bindings::drm_plane,
    state: *mut bindings::drm_plane_state,
) -> kernel::ffi::c_int {
    // SAFETY: The core calls this with a valid state, which it does not change meanwhile.
    let fb = unsafe { (*state).fb };
    if fb.is_null() {
        return 0;
    }
    // SAFETY: The state holds a reference to its framebuffer.
    let format = unsafe { (*fb).format };
    // SAFETY: As above.
    let width = unsafe { (*fb).width };
    // No format has more bytes per pixel than the one that can be converted.
    // SAFETY: A framebuffer's format is a static entry of the core's table.
    let row = unsafe { bindings::drm_format_info_min_pitch(format, 0, width) } as usize;
    // The states of planes are shadow plane states.
    let shadow: *mut bindings::drm_shadow_plane_state = state.cast();
    // SAFETY: The state is valid.
    let scratch = unsafe { &raw mut (*shadow).fmtcnv_state };
    let size = 2 * row + CONVERSION_PADDING;
    // SAFETY: Nothing else uses the memory of this state yet. It is freed with the state.
    let memory = unsafe {
        bindings::drm_format_conv_state_reserve(scratch, size, kernel::bindings::GFP_KERNEL)
    };
    if memory.is_null() {
        return ENOMEM.to_errno();
    }
    // SAFETY: The core calls this for a plane with a state of it.
    unsafe { bindings::drm_gem_begin_shadow_fb_access(plane, state) }
}

impl ShadowBuffer<'_> {
    /// Copies a part of the framebuffer, in pixels, to the memory of a device: to an offset in
    /// bytes and with a pitch in bytes. The device gets the framebuffer's format. C:
    /// `drm_fb_memcpy()`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the part is not within the framebuffer, if it does not fit into the memory, if
    /// the pitch is 0 (which the C function would replace), and for formats with several planes or
    /// with pixels that are not whole bytes.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use kernel::prelude::*;
    /// use drm::kms::plane::{DriverPlane, PlaneAtomicCommit, RawPlaneState};
    /// use kernel::io::{IoBase, MmioBackend, Region};
    ///
    /// /// Copies what is visible to the beginning of a device's memory, as `DriverPlane::atomic_update` does.
    /// fn update<'io, T: DriverPlane>(
    ///     commit: PlaneAtomicCommit<'_, T>,
    ///     memory: impl IoBase<'io, Backend = MmioBackend, Target = Region>,
    /// ) -> Result {
    ///     let src = commit.take_new_state().src();
    ///     match commit.shadow_buffer() {
    ///         Some(pixels) => pixels.copy_to(&src, memory, 0, 640 * 4),
    ///         None => Ok(()),
    ///     }
    /// }
    /// ```
    pub fn copy_to<'io, const SIZE: usize>(
        &self,
        part: &Rect,
        memory: impl IoBase<'io, Backend = MmioBackend, Target = Region<SIZE>>,
        offset: usize,
        pitch: u32,
    ) -> Result {
        let (mut target, _) = self.target(part, memory, offset, pitch, self.format())?;
        // SAFETY: By the type's invariants, the source is mapped. `target` has checked that the part is
        // within it, and within the memory, which is mapped as long as `memory` exists. The format has
        // one plane, so the function reads one pitch.
        unsafe { bindings::drm_fb_memcpy(&mut target, &pitch, self.map, self.fb, &part.into_raw()) }
        Ok(())
    }

    /// Does the same as [`copy_to`](Self::copy_to), and converts the pixels to the format `fourcc`. The
    /// framebuffer must have that format, or it must be `XRGB8888` and `fourcc` one of `RGB565` and
    /// `RGB888`. C: `drm_fb_xrgb8888_to_rgb565()`, `drm_fb_xrgb8888_to_rgb888()`.
    ///
    /// # Errors
    ///
    /// The errors of [`copy_to`](Self::copy_to); `EINVAL` for other formats, and for a plane without
    /// [`CONVERTS`](DriverPlane::CONVERTS).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use kernel::prelude::*;
    /// use drm::{
    ///     kms::{fourcc, ShadowBuffer},
    ///     Rect,
    /// };
    /// use kernel::io::{IoBase, MmioBackend, Region};
    ///
    /// /// Copies the upper left corner, for a device that shows 24 bits per pixel.
    /// fn corner<'io>(
    ///     pixels: &ShadowBuffer<'_>,
    ///     memory: impl IoBase<'io, Backend = MmioBackend, Target = Region>,
    /// ) -> Result {
    ///     pixels.convert_to(&Rect::new(0, 0, 64, 64), memory, 0, 3 * 1024, fourcc(b"RG24"))
    /// }
    /// ```
    pub fn convert_to<'io, const SIZE: usize>(
        &self,
        part: &Rect,
        memory: impl IoBase<'io, Backend = MmioBackend, Target = Region<SIZE>>,
        offset: usize,
        pitch: u32,
        fourcc: u32,
    ) -> Result {
        let from = self.format();
        // SAFETY: A framebuffer's format is a static entry of the core's table.
        let own = unsafe { (*from).format };
        if own == fourcc {
            return self.copy_to(part, memory, offset, pitch);
        }
        let convert = conversion(own, fourcc).ok_or(EINVAL)?;
        // SAFETY: The function has no requirements. It returns an entry of the core's table, because
        // `conversion` knows the format.
        let to = unsafe { bindings::drm_format_info(fourcc) };
        let (mut target, row) = self.target(part, memory, offset, pitch, to)?;
        // SAFETY: `from` is an entry of the core's table.
        let own_row = unsafe { bindings::drm_format_info_min_pitch(from, 0, part.width() as u32) };
        // SAFETY: By the type's invariants, the memory belongs to the plane state. Only the commit of
        // that state uses it, on this thread.
        let reserved = unsafe { (*self.scratch).tmp.size };
        // The function would have to allocate memory, and returns no error if there is none.
        if reserved < row + own_row as usize + CONVERSION_PADDING {
            return Err(EINVAL);
        }
        let clip = part.into_raw();
        // SAFETY: As in `copy_to`; `to` is the format of the target, and has one plane.
        unsafe { convert(&mut target, &pitch, self.map, self.fb, &clip, self.scratch) }
        Ok(())
    }

    /// Returns the framebuffer's format, an entry of the core's table.
    fn format(&self) -> *const bindings::drm_format_info {
        // SAFETY: By the type's invariants, the framebuffer is valid. Its format does not change.
        unsafe { (*self.fb).format }
    }

    /// Checks that a part of the framebuffer fits into the memory of a device, in a format of the core's
    /// table. Returns where it begins, and the length of a row in bytes.
    fn target<'io, const SIZE: usize>(
        &self,
        part: &Rect,
        memory: impl IoBase<'io, Backend = MmioBackend, Target = Region<SIZE>>,
        offset: usize,
        pitch: u32,
        format: *const bindings::drm_format_info,
    ) -> Result<(kernel::bindings::iosys_map, usize)> {
        // SAFETY: By the type's invariants, the framebuffer is valid. These fields do not change.
        let fb_width = unsafe { (*self.fb).width };
        // SAFETY: As above.
        let fb_height = unsafe { (*self.fb).height };
        let inside = part.x1 >= 0
            && part.y1 >= 0
            && part.x1 < part.x2
            && part.y1 < part.y2
            && part.x2 as u32 <= fb_width
            && part.y2 as u32 <= fb_height;
        // SAFETY: The format is a static entry of the core's table.
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
        let row = row as usize;
        let region: *mut Region<SIZE> = MmioBackend::as_ptr(memory.as_view());
        let end = (part.height() as usize - 1)
            .checked_mul(pitch as usize)
            .and_then(|rows| rows.checked_add(row))
            .and_then(|length| length.checked_add(offset))
            .ok_or(EINVAL)?;
        if end > Region::size(region) {
            return Err(EINVAL);
        }
        let address = region.cast::<u8>().wrapping_add(offset).cast();
        let mut map = kernel::bindings::iosys_map::default();
        // SAFETY: The function only stores the address.
        unsafe { bindings::helper_iosys_map_set_vaddr_iomem(&mut map, address) };
        Ok((map, row))
    }
}

impl<'a, T: DriverPlane> AtomicCommit<'a, Plane<T>> {
    /// Returns the pixels of the new framebuffer, if there is one. Does not compile for a plane without
    /// [`SHADOW`](DriverPlane::SHADOW).
    ///
    /// Only a commit has pixels, because they are not mapped any more when it has been carried out. A check
    /// may have the state of a commit that another thread carries out.
    ///
    /// # Context
    ///
    /// For [`DriverPlane::atomic_update`]. Does not sleep.
    pub fn shadow_buffer(&self) -> Option<ShadowBuffer<'a>> {
        const {
            assert!(
                T::SHADOW,
                "only planes with SHADOW have their pixels mapped"
            )
        };
        let state = self.take_new_state();
        let fb = raw_fb(state);
        if fb.is_null() {
            return None;
        }
        // The states of planes are shadow plane states, whose first field is the plane state.
        let shadow: *mut bindings::drm_shadow_plane_state = state.as_raw().cast();
        // `end_fb_access` clears `map`, but not `data`.
        // SAFETY: The state is valid. `begin_fb_access` has set the field, and nothing changes it until
        // `end_fb_access`, between which callbacks of a commit run.
        let address = unsafe { (*shadow).map[0].__bindgen_anon_1 };
        // SAFETY: Both variants are pointers.
        let vaddr = unsafe { address.vaddr };
        if vaddr.is_null() {
            return None;
        }
        // SAFETY: As above.
        let map = unsafe { &raw mut (*shadow).data[0] };
        // SAFETY: As above.
        let scratch = unsafe { &raw mut (*shadow).fmtcnv_state };
        // INVARIANT: The state holds a reference to the framebuffer, and is the owner of its mapping and
        // of the memory for conversions.
        Some(ShadowBuffer {
            fb,
            map,
            scratch,
            _state: PhantomData,
        })
    }

    /// Copies what has changed to the memory of a device, whose first pixel is the upper left
    /// one of the visible part. Rows begin every `pitch` bytes, and the pixels have the format `fourcc`.
    /// C: `drm_sysfb_plane_helper_atomic_update()` does the same.
    ///
    /// # Errors
    ///
    /// The errors of [`ShadowBuffer::convert_to`]. The other parts are copied nevertheless. `EINVAL` for an
    /// unknown format.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use kernel::prelude::*;
    /// use drm::kms::{fourcc, plane::{DriverPlane, PlaneAtomicCommit}};
    /// use kernel::io::{IoBase, MmioBackend, Region};
    ///
    /// /// Shows a frame as `DriverPlane::atomic_update` does.
    /// fn update<'io, T: DriverPlane>(
    ///     commit: PlaneAtomicCommit<'_, T>,
    ///     memory: impl IoBase<'io, Backend = MmioBackend, Target = Region>,
    /// ) -> Result {
    ///     commit.copy_damage_to(memory, 3 * 1024, fourcc(b"RG24"))
    /// }
    /// ```
    pub fn copy_damage_to<'io, const SIZE: usize>(
        &self,
        memory: impl IoBase<'io, Backend = MmioBackend, Target = Region<SIZE>>,
        pitch: u32,
        fourcc: u32,
    ) -> Result {
        let Some(pixels) = self.shadow_buffer() else {
            return Ok(());
        };
        // SAFETY: The function has no requirements.
        let format = unsafe { bindings::drm_format_info(fourcc) };
        if format.is_null() {
            return Err(EINVAL);
        }
        let (old, new) = self.take_old_new_state();
        let src = new.src();
        let mut result = Ok(());
        new.for_each_damage(old, |clip, _| {
            let part = Rect::new(
                clip.x1 - src.x1,
                clip.y1 - src.y1,
                clip.width(),
                clip.height(),
            );
            // SAFETY: `format` is an entry of the core's table. The function only computes.
            let offset = unsafe { bindings::drm_fb_clip_offset(pitch, format, &part.into_raw()) };
            let copied = pixels.convert_to(&clip, memory, offset as usize, pitch, fourcc);
            result = result.and(copied);
        });
        result
    }
}
