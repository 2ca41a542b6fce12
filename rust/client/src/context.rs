// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Contexts of renderers.
use std::ffi::CString;

use crate::{
    uapi::{self, DrmVirtgpuContextInit, DrmVirtgpuContextSetParam},
    CapsetId, Device, Result,
};

/// Chooses what the context of a file is. A file has one context.
///
/// # Examples
///
/// ```no_run
/// use virtgpu::{CapsetId, ContextBuilder, Device};
///
/// # fn main() -> virtgpu::Result<()> {
/// let device = Device::with_capset(CapsetId::VENUS)?;
/// let context = ContextBuilder::new(CapsetId::VENUS)
///     .rings(2)
///     .polled_rings(1 << 1)
///     .debug_name("my program")
///     .build(&device)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ContextBuilder {
    capset: CapsetId,
    rings: u32,
    polled: u64,
    debug_name: Option<String>,
}

impl ContextBuilder {
    /// A context of the renderer with a capset. Without [`rings`](Self::rings), it has no numbered rings.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = virtgpu::ContextBuilder::new(virtgpu::CapsetId::VIRGL2);
    /// ```
    #[must_use]
    pub fn new(capset: CapsetId) -> Self {
        Self {
            capset,
            rings: 0,
            polled: 0,
            debug_name: None,
        }
    }

    /// It has several rings, at most 64. The host executes the commands of a ring in order.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = virtgpu::ContextBuilder::new(virtgpu::CapsetId::VENUS).rings(4);
    /// ```
    #[must_use]
    pub fn rings(mut self, rings: u32) -> Self {
        self.rings = rings;
        self
    }

    /// Each command stream on these rings, one bit each, gives an [`Event`](crate::Event) when the host has executed
    /// it.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = virtgpu::ContextBuilder::new(virtgpu::CapsetId::VENUS).rings(2).polled_rings(0b10);
    /// ```
    #[must_use]
    pub fn polled_rings(mut self, mask: u64) -> Self {
        self.polled = mask;
        self
    }

    /// It has a name on the host, for those who debug there. A name ends at its first zero, and after 63 bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = virtgpu::ContextBuilder::new(virtgpu::CapsetId::VIRGL2).debug_name("viewer");
    /// ```
    #[must_use]
    pub fn debug_name(mut self, name: &str) -> Self {
        self.debug_name = Some(name.to_owned());
        self
    }

    /// Makes it the context of the file.
    ///
    /// Returns [`Error::HasContext`](crate::Error::HasContext) if the file has one, and
    /// [`Error::Invalid`](crate::Error::Invalid) if the device has no such contexts.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{CapsetId, ContextBuilder, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let context = ContextBuilder::new(CapsetId::VIRGL2).build(&Device::first()?)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn build(self, device: &Device) -> Result<Context> {
        let mut params = vec![param(
            uapi::VIRTGPU_CONTEXT_PARAM_CAPSET_ID,
            self.capset.0.into(),
        )];
        if self.rings > 0 {
            params.push(param(
                uapi::VIRTGPU_CONTEXT_PARAM_NUM_RINGS,
                self.rings.into(),
            ));
        }
        if self.polled != 0 {
            params.push(param(
                uapi::VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK,
                self.polled,
            ));
        }
        let name = self.debug_name.map(|name| {
            let name = name.split('\0').next().unwrap_or_default();
            // There is no zero in it.
            CString::new(name).unwrap_or_default()
        });
        if let Some(name) = &name {
            let address = name.as_ptr().expose_provenance() as u64;
            params.push(param(uapi::VIRTGPU_CONTEXT_PARAM_DEBUG_NAME, address));
        }
        let (ctx_set_params, num_params) = uapi::array(&params)?;
        let mut request = DrmVirtgpuContextInit {
            num_params,
            pad: 0,
            ctx_set_params,
        };
        // SAFETY: The kernel reads the parameters and the name, up to its zero. Both exist as long as this runs.
        unsafe { uapi::call_with_addresses(device.file(), &mut request) }?;
        Ok(Context {
            device: device.clone(),
            rings: Some(self.rings),
        })
    }
}

fn param(param: u64, value: u64) -> DrmVirtgpuContextSetParam {
    DrmVirtgpuContextSetParam { param, value }
}

/// The context of a file, to which command streams are [submitted](Self::submit). It ends with the file.
///
/// # Examples
///
/// ```no_run
/// use virtgpu::{CapsetId, ContextBuilder, Device, Submission};
///
/// # fn main() -> virtgpu::Result<()> {
/// let context = ContextBuilder::new(CapsetId::VIRGL2).build(&Device::first()?)?;
/// context.submit(&Submission::new(&[0; 16]))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Context {
    device: Device,
    /// How many rings it has, if this crate knows it.
    rings: Option<u32>,
}

impl Context {
    /// The context that a file has: one that a builder has made, or else one of the first version of virgl, which
    /// the kernel makes when it is needed.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Context, Device, Submission};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// Context::of(&Device::first()?).submit(&Submission::new(&[0; 16]))?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn of(device: &Device) -> Self {
        Self {
            device: device.clone(),
            rings: None,
        }
    }

    /// Returns the file that it belongs to.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Context, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let context = Context::of(&Device::first()?);
    /// println!("{:?}", context.device().features()?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    pub(crate) fn has_ring(&self, ring: u32) -> bool {
        self.rings.is_none_or(|rings| ring < rings)
    }
}
