// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The configuration space of a device.
//!
//! A kind of device has a struct for it, whose fields are [`ConfigField`]s. That a field is within the
//! struct is checked at compile time. Whether the device has the whole struct is only known at run time,
//! so reads and writes compare the field with the size of the space:
//!
//! | parent's driver | size |
//! |---|---|
//! | virtio-pci, virtio 1 | the length of the capability, at most the page that virtio-pci maps |
//! | virtio-pci, before virtio 1 | the rest of BAR 0 behind the registers |
//! | virtio-mmio | the rest of the platform device's memory behind the registers |
//! | others | not known: 256 bytes, which virtio core supports on each bus |
//!
//! virtio-pci calls `BUG()` for an access beyond the end, and virtio-mmio checks nothing.
//!
//! C header: [`include/linux/virtio_config.h`](srctree/include/linux/virtio_config.h)
use core::{ffi::CStr, marker::PhantomData, mem::offset_of, ptr};

use drm_bindings as bindings;
use kernel::{device::Bound, prelude::*};

use crate::{bind, Device};

/// The registers of a PCI device before virtio 1 in bytes, at most.
const LEGACY_REGISTERS: usize = 24;
/// The size in bytes that is assumed for other drivers of the parent.
const COMMON_SIZE: usize = 0x100;

/// A little-endian 32-bit field at a byte offset in `C`, the configuration space of a kind of device.
///
/// # Invariants
///
/// The field is within a `C`, and aligned.
pub struct ConfigField<C, const OFFSET: usize>(PhantomData<C>);

impl<C, const OFFSET: usize> ConfigField<C, OFFSET> {
    /// The end of the field in bytes.
    const END: usize = {
        let end = OFFSET + size_of::<u32>();
        assert!(end <= size_of::<C>(), "the field is not in the struct");
        assert!(OFFSET % size_of::<u32>() == 0, "the field is not aligned");
        end
    };

    /// Describes a field. Does not compile if it is not within the struct.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::mem::offset_of;
    /// use virtio::ConfigField;
    ///
    /// #[repr(C)]
    /// struct Config {
    ///     events: u32,
    ///     heads: u32,
    /// }
    ///
    /// const HEADS: ConfigField<Config, { offset_of!(Config, heads) }> = ConfigField::new();
    /// ```
    ///
    /// A field beyond the end of the struct does not compile:
    ///
    /// ```compile_fail,E0080
    /// use virtio::ConfigField;
    ///
    /// #[repr(C)]
    /// struct Config {
    ///     events: u32,
    ///     heads: u32,
    /// }
    ///
    /// const NO_FIELD: ConfigField<Config, 8> = ConfigField::new();
    /// ```
    pub const fn new() -> Self {
        let _ = Self::END;
        // INVARIANT: It was checked above.
        Self(PhantomData)
    }
}

impl<C, const OFFSET: usize> Default for ConfigField<C, OFFSET> {
    fn default() -> Self {
        Self::new()
    }
}

impl Device<Bound> {
    /// Checks that the configuration space contains a field, and returns the field's offset.
    fn config_offset<C, const OFFSET: usize>(
        &self,
        _field: &ConfigField<C, OFFSET>,
    ) -> Result<u32> {
        if ConfigField::<C, OFFSET>::END > bind::config_size(self) {
            return Err(ENXIO);
        }
        u32::try_from(OFFSET).map_err(|_| ENXIO)
    }

    /// Reads a field of the configuration space; C: `virtio_cread_le()`.
    ///
    /// # Errors
    ///
    /// `ENXIO` if the device's configuration space ends before the field.
    ///
    /// # Examples
    ///
    /// ```
    /// # use core::mem::offset_of;
    /// # use kernel::prelude::*;
    /// use virtio::ConfigField;
    ///
    /// #[repr(C)]
    /// struct Config {
    ///     events: u32,
    ///     heads: u32,
    /// }
    ///
    /// const HEADS: ConfigField<Config, { offset_of!(Config, heads) }> = ConfigField::new();
    ///
    /// # doctests::probe(|dev| {
    /// // `dev` is a bound device. This one fills its space with offsets.
    /// assert_eq!(dev.read_config(&HEADS), Ok(0x0404_0404));
    /// # Ok(())
    /// # });
    /// ```
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn read_config<C, const OFFSET: usize>(
        &self,
        field: &ConfigField<C, OFFSET>,
    ) -> Result<u32> {
        let offset = self.config_offset(field)?;
        // SAFETY: The device is valid and bound. Its configuration space has the field.
        Ok(unsafe { bindings::helper_virtio_cread_le32(self.as_raw(), offset) })
    }

    /// Writes a field of the configuration space; C: `virtio_cwrite_le()`.
    ///
    /// # Errors
    ///
    /// The errors of [`read_config`](Self::read_config).
    ///
    /// # Context
    ///
    /// May sleep.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::prelude::*;
    /// use virtio::ConfigField;
    ///
    /// #[repr(C)]
    /// struct Small(u32);
    ///
    /// #[repr(C)]
    /// struct Large([u32; 65]);
    ///
    /// # doctests::probe(|dev| {
    /// dev.write_config(&ConfigField::<Small, 0>::new(), 1)?;
    /// // The driver knows more fields than the device has.
    /// assert_eq!(dev.write_config(&ConfigField::<Large, 256>::new(), 1), Err(ENXIO));
    /// # Ok(())
    /// # });
    /// ```
    pub fn write_config<C, const OFFSET: usize>(
        &self,
        field: &ConfigField<C, OFFSET>,
        value: u32,
    ) -> Result {
        let offset = self.config_offset(field)?;
        // SAFETY: The device is valid and bound. Its configuration space has the field.
        unsafe { bindings::helper_virtio_cwrite_le32(self.as_raw(), offset, value) };
        Ok(())
    }
}

/// Returns the size of a device's configuration space in bytes.
pub(crate) fn size(dev: &Device<Bound>) -> usize {
    // SAFETY: The device is valid, and its operations do not change.
    let ops = unsafe { (*dev.as_raw()).config };
    // SAFETY: The operations are valid as long as the device.
    let get = unsafe { (*ops).get };
    // SAFETY: As above.
    let set = unsafe { (*ops).set };
    if get.is_none() || set.is_none() {
        return 0;
    }
    let parent: *mut kernel::bindings::device = ptr::from_ref(dev.parent()).cast_mut().cast();
    // SAFETY: The parent is valid, and its driver does not change while it has a bound child.
    let driver = unsafe { (*parent).driver };
    // SAFETY: The parent is valid.
    let is_pci = unsafe { bindings::dev_is_pci(parent) };
    // SAFETY: As above.
    let memory = unsafe { bindings::helper_platform_memory_size(parent) };
    // SAFETY: A driver is valid as long as it is bound to a device.
    if is_pci && unsafe { has_name(driver, c"virtio-pci") } {
        let pdev = parent
            .wrapping_byte_sub(offset_of!(kernel::bindings::pci_dev, dev))
            .cast();
        // SAFETY: The function is valid.
        return unsafe { pci_size(pdev) };
    }
    // SAFETY: A driver is valid as long as it is bound to a device.
    if memory != 0 && unsafe { has_name(driver, c"virtio-mmio") } {
        return memory.saturating_sub(bindings::VIRTIO_MMIO_CONFIG as usize);
    }
    COMMON_SIZE
}

/// Returns whether a driver has a name. The driver core allows a name once on each bus.
///
/// # Safety
///
/// `driver` must be null or a valid driver.
unsafe fn has_name(driver: *const kernel::bindings::device_driver, name: &CStr) -> bool {
    if driver.is_null() {
        return false;
    }
    // SAFETY: By the requirements of this function.
    let raw = unsafe { (*driver).name };
    // SAFETY: The name of a driver is a string that lives as long as the driver.
    unsafe { CStr::from_ptr(raw.cast()) == name }
}

/// # Safety
///
/// `pdev` must be a valid PCI function.
unsafe fn pci_size(pdev: *mut kernel::bindings::pci_dev) -> usize {
    let id = bindings::PCI_CAP_ID_VNDR as i32;
    // SAFETY: By the requirements of this function.
    let mut at = unsafe { kernel::bindings::pci_find_capability(pdev, id) };
    while at != 0 {
        let read = |field: usize| {
            let mut value = 0;
            // SAFETY: By the requirements of this function. Reads that fail return all ones.
            unsafe {
                kernel::bindings::pci_read_config_byte(
                    pdev,
                    i32::from(at) + field as i32,
                    &mut value,
                )
            };
            value
        };
        let kind = read(offset_of!(bindings::virtio_pci_cap, cfg_type));
        let bar = read(offset_of!(bindings::virtio_pci_cap, bar));
        // SAFETY: By the requirements of this function.
        let memory = unsafe { bar_size(pdev, bar.into()) };
        // virtio-pci ignores capabilities for BARs that do not exist.
        if u32::from(kind) == bindings::VIRTIO_PCI_CAP_DEVICE_CFG && memory != 0 {
            let mut length = 0;
            // SAFETY: By the requirements of this function.
            unsafe {
                kernel::bindings::pci_read_config_dword(
                    pdev,
                    i32::from(at) + offset_of!(bindings::virtio_pci_cap, length) as i32,
                    &mut length,
                )
            };
            return (length as usize).min(kernel::page::PAGE_SIZE);
        }
        // SAFETY: By the requirements of this function.
        at = unsafe { kernel::bindings::pci_find_next_capability(pdev, at, id) };
    }
    // SAFETY: By the requirements of this function.
    unsafe { bar_size(pdev, 0) }.saturating_sub(LEGACY_REGISTERS)
}

/// Returns the size of a BAR in bytes, 0 if it does not exist.
///
/// # Safety
///
/// `pdev` must be a valid PCI function.
unsafe fn bar_size(pdev: *mut kernel::bindings::pci_dev, bar: u32) -> usize {
    if bar >= bindings::PCI_STD_NUM_BARS {
        return 0;
    }
    // SAFETY: By the requirements of this function, and there is such a BAR.
    unsafe { bindings::pci_resource_len(pdev, bar as i32) as usize }
}
