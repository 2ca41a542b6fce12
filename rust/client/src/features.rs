// SPDX-License-Identifier: GPL-2.0 OR MIT
//! What a device and its driver can do.
use crate::{uapi, CapsetMask, Device, Error, Result};

/// A parameter of the driver.
///
/// # Examples
///
/// ```no_run
/// use virtgpu::{Device, Param};
///
/// # fn main() -> virtgpu::Result<()> {
/// let has_blobs = Device::first()?.param(Param::ResourceBlob)? != 0;
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Param {
    /// Whether the host renders.
    Renderer = 1,
    /// Whether capsets are read with their whole size; 1 in all drivers since Linux 4.16.
    CapsetQueryFix = 2,
    /// Whether there are blobs.
    ResourceBlob = 3,
    /// Whether programs can map memory of the host.
    HostVisible = 4,
    /// Whether buffers can be shared with other virtio devices.
    CrossDevice = 5,
    /// Whether there are kinds of contexts, and contexts with several rings.
    ContextInit = 6,
    /// The mask of the capsets for which there are contexts.
    SupportedCapsetIds = 7,
    /// Whether a context can have a name.
    DebugName = 8,
    /// What sizes of blobs are multiples of, in bytes. Not every device has this.
    BlobAlignment = 9,
}

impl Param {
    /// All parameters, in the order of their numbers.
    ///
    /// # Examples
    ///
    /// ```
    /// use virtgpu::Param;
    ///
    /// assert_eq!(Param::ALL[0], Param::Renderer);
    /// ```
    pub const ALL: [Self; 9] = [
        Self::Renderer,
        Self::CapsetQueryFix,
        Self::ResourceBlob,
        Self::HostVisible,
        Self::CrossDevice,
        Self::ContextInit,
        Self::SupportedCapsetIds,
        Self::DebugName,
        Self::BlobAlignment,
    ];

    /// Its name in the kernel's header, without the prefix.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(virtgpu::Param::Renderer.name(), "3D_FEATURES");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Renderer => "3D_FEATURES",
            Self::CapsetQueryFix => "CAPSET_QUERY_FIX",
            Self::ResourceBlob => "RESOURCE_BLOB",
            Self::HostVisible => "HOST_VISIBLE",
            Self::CrossDevice => "CROSS_DEVICE",
            Self::ContextInit => "CONTEXT_INIT",
            Self::SupportedCapsetIds => "SUPPORTED_CAPSET_IDs",
            Self::DebugName => "EXPLICIT_DEBUG_NAME",
            Self::BlobAlignment => "BLOB_ALIGNMENT",
        }
    }
}

/// What a device and its driver can do, as [`Device::features`] returns it.
///
/// # Examples
///
/// ```no_run
/// # fn main() -> virtgpu::Result<()> {
/// let features = virtgpu::Device::first()?.features()?;
/// if features.renderer && features.context_init {
///     println!("capsets: {}", features.capsets);
/// }
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // Each one is a parameter of the driver.
pub struct Features {
    /// The host renders.
    pub renderer: bool,
    /// Capsets are read with their whole size.
    pub capset_query_fix: bool,
    /// There are blobs.
    pub blob: bool,
    /// Programs can map memory of the host.
    pub host_visible: bool,
    /// Buffers can be shared with other virtio devices.
    pub cross_device: bool,
    /// There are kinds of contexts, and contexts with several rings.
    pub context_init: bool,
    /// A context can have a name.
    pub debug_name: bool,
    /// The capsets for which there are contexts.
    pub capsets: CapsetMask,
    /// What sizes of blobs are multiples of in bytes, if the device says so.
    pub blob_alignment: Option<u32>,
}

impl Device {
    /// Reads a parameter.
    ///
    /// Returns [`Error::Unsupported`] if the driver does not know the parameter.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Device, Error, Param};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// match Device::first()?.param(Param::BlobAlignment) {
    ///     Ok(bytes) => println!("blobs are multiples of {bytes} bytes"),
    ///     Err(Error::Unsupported(_)) => println!("blobs have any size"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn param(&self, param: Param) -> Result<u32> {
        let mut value = 0_u32;
        let mut request = uapi::DrmVirtgpuGetparam {
            param: param as u64,
            value: (&raw mut value).expose_provenance() as u64,
        };
        // SAFETY: The kernel writes an integer of 32 bits to the address, which is that of `value`.
        unsafe { uapi::call_with_addresses(self.file(), &mut request) }?;
        Ok(value)
    }

    /// Reads all parameters. Those that the driver does not know are left out.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> virtgpu::Result<()> {
    /// println!("{:?}", virtgpu::Device::first()?.features()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn features(&self) -> Result<Features> {
        let known = |param| match self.param(param) {
            Ok(value) => Ok(Some(value)),
            Err(Error::Unsupported(_)) => Ok(None),
            Err(error) => Err(error),
        };
        let has = |param| known(param).map(|value| value.is_some_and(|value| value != 0));
        Ok(Features {
            renderer: has(Param::Renderer)?,
            capset_query_fix: has(Param::CapsetQueryFix)?,
            blob: has(Param::ResourceBlob)?,
            host_visible: has(Param::HostVisible)?,
            cross_device: has(Param::CrossDevice)?,
            context_init: has(Param::ContextInit)?,
            debug_name: has(Param::DebugName)?,
            capsets: CapsetMask(known(Param::SupportedCapsetIds)?.unwrap_or(0)),
            blob_alignment: known(Param::BlobAlignment)?,
        })
    }
}
