// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Framebuffers of the firmware: memory that a boot loader or a BIOS has found, and has told the display to
//! show. The kernel's `sysfb` makes a platform device of it.
//!
//! This knows the devices `vesa-framebuffer`, which a kernel without `CONFIG_SYSFB_SIMPLEFB` makes of the
//! framebuffers of a BIOS.
//!
//! C header: [`include/linux/sysfb.h`](srctree/include/linux/sysfb.h)
use core::ptr;

use drm_bindings as bindings;
use kernel::{
    bindings::{ioremap_wc, iounmap},
    device::{self, Bound},
    devres::Devres,
    error::to_result,
    io::{IoBase, Mmio, MmioBackend, MmioRaw, Region},
    prelude::*,
};

use crate::kms::fourcc;

/// The size of the units in which a BIOS counts its memory, in bytes.
const VESA_UNIT: u64 = 1 << 16;
/// The sizes of mappings in bytes.
const PAGE_SIZE: u64 = kernel::page::PAGE_SIZE as u64;

/// A framebuffer of the firmware. Nothing can change its size and its format. C: `struct screen_info`.
///
/// # Invariants
///
/// The rows are within the `size` bytes at the physical address `base`.
#[derive(Clone, Copy)]
pub struct ScreenInfo {
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
    /// Distance from the start of a row to the start of the next in bytes.
    pub pitch: u32,
    /// Pixel format, as DRM's four-character code.
    pub fourcc: u32,
    /// Physical address of the first pixel.
    base: u64,
    /// Length of the memory in bytes.
    size: u64,
}

impl ScreenInfo {
    /// Returns the framebuffer that a platform device stands for; C: `dev_get_platdata()`.
    ///
    /// # Errors
    ///
    /// `ENODEV` for other devices; `EINVAL` if the framebuffer has no size, does not fit into its memory,
    /// or has another format than `RGB565`, `RGB888` and `XRGB8888`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use kernel::prelude::*;
    /// use drm::sysfb::{Memory, ScreenInfo};
    /// use kernel::{
    ///     device::{Bound, Device},
    ///     devres::Devres,
    /// };
    ///
    /// fn probe(dev: &Device<Bound>) -> Result<Devres<Memory>> {
    ///     let screen = ScreenInfo::of(dev)?;
    ///     screen.map(dev, c"my_driver")
    /// }
    /// ```
    pub fn of(dev: &device::Device<Bound>) -> Result<Self> {
        let dev: *mut kernel::bindings::device = ptr::from_ref(dev).cast_mut().cast();
        // SAFETY: The device is bound, so it is valid.
        let raw = unsafe { bindings::helper_sysfb_screen_info(dev) };
        if raw.is_null() {
            return Err(ENODEV);
        }
        // SAFETY: The device has the data until it is freed, and `sysfb` does not change them.
        let raw = unsafe { raw.read() };
        if u32::from(raw.orig_video_isVGA) != bindings::VIDEO_TYPE_VLFB {
            return Err(ENODEV);
        }

        let red = (raw.red_pos, raw.red_size);
        let green = (raw.green_pos, raw.green_size);
        let blue = (raw.blue_pos, raw.blue_size);
        let fourcc = match (raw.lfb_depth, red, green, blue) {
            (16, (11, 5), (5, 6), (0, 5)) => fourcc(b"RG16"),
            (24, (16, 8), (8, 8), (0, 8)) => fourcc(b"RG24"),
            (32, (16, 8), (8, 8), (0, 8)) => fourcc(b"XR24"),
            _ => return Err(EINVAL),
        };
        let (width, height) = (raw.lfb_width, raw.lfb_height);
        let pitch = u32::from(raw.lfb_linelength);
        let row = u32::from(width) * u32::from(raw.lfb_depth) / 8;
        let size = (u64::from(pitch) * u64::from(height)).next_multiple_of(PAGE_SIZE);
        if row == 0 || pitch < row || size == 0 || size > u64::from(raw.lfb_size) * VESA_UNIT {
            return Err(EINVAL);
        }
        // INVARIANT: It was checked above.
        Ok(Self {
            width,
            height,
            pitch,
            fourcc,
            base: u64::from(raw.lfb_base),
            size,
        })
    }

    /// Maps the memory until the driver leaves `dev`, the device that was passed to [`of`](Self::of).
    /// `name` is shown in `/proc/iomem`.
    ///
    /// The driver of the hardware may take the framebuffer over with
    /// [`take_aperture`](crate::driver::take_aperture). The device is then removed, so the driver
    /// leaves it. C: `devm_aperture_acquire_for_platform_device()`, `devm_ioremap_wc()`.
    ///
    /// # Errors
    ///
    /// `EBUSY` if another driver uses the memory; `EINVAL` for a device that is no platform device;
    /// `ENOMEM`.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn map(&self, dev: &device::Device<Bound>, name: &'static CStr) -> Result<Devres<Memory>> {
        let raw: *mut kernel::bindings::device = ptr::from_ref(dev).cast_mut().cast();
        // SAFETY: The device is bound, so it is valid.
        to_result(unsafe { bindings::helper_devm_aperture_acquire(raw, self.base, self.size) })?;
        Devres::new(dev, Memory::new(self.base, self.size, name))
    }
}

/// The memory of a framebuffer, mapped for the CPU.
///
/// # Invariants
///
/// `io` is a mapping of the `size` bytes at the physical address `base`, which the value has requested.
pub struct Memory {
    io: MmioRaw<Region>,
    address: *mut kernel::ffi::c_void,
    base: u64,
    size: u64,
}

// SAFETY: The mapping is valid on all CPUs, and may be released by any thread.
unsafe impl Send for Memory {}
// SAFETY: As above. The memory is only written to, in the way in which devices' memory is.
unsafe impl Sync for Memory {}

impl Memory {
    fn new(base: u64, size: u64, name: &'static CStr) -> Result<Self> {
        // SAFETY: The function has no requirements, and the name is static.
        if !unsafe { bindings::helper_request_mem_region(base, size, name.as_ptr().cast()) } {
            return Err(EBUSY);
        }
        // SAFETY: The memory was requested above.
        let address = unsafe { ioremap_wc(base, size as usize) };
        let io = if address.is_null() {
            Err(ENOMEM)
        } else {
            MmioRaw::new_region(address as usize, size as usize)
        };
        match io {
            // INVARIANT: The memory was requested and mapped above.
            Ok(io) => Ok(Self {
                io,
                address,
                base,
                size,
            }),
            Err(error) => {
                if !address.is_null() {
                    // SAFETY: It was mapped above, and is not used after this.
                    unsafe { iounmap(address) };
                }
                // SAFETY: It was requested above.
                unsafe { bindings::helper_release_mem_region(base, size) };
                Err(error)
            }
        }
    }

    /// Makes all pixels black. C: `memset_io()`.
    ///
    /// # Context
    ///
    /// Any.
    pub fn clear(&self) {
        // SAFETY: By the type's invariants, the memory is mapped.
        unsafe { bindings::helper_memset_io(self.address, 0, self.size as usize) }
    }
}

impl<'a> IoBase<'a> for &'a Memory {
    type Backend = MmioBackend;
    type Target = Region;

    #[inline]
    fn as_view(self) -> Mmio<'a, Region> {
        // SAFETY: By the type's invariants, the memory is mapped as long as there is a reference.
        unsafe { Mmio::from_raw(self.io) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: By the type's invariants, it is mapped, and nothing uses it any more.
        unsafe { iounmap(self.address) };
        // SAFETY: By the type's invariants, it was requested.
        unsafe { bindings::helper_release_mem_region(self.base, self.size) };
    }
}
