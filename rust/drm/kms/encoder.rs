// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Encoders. Those of virtual devices do nothing.
use core::marker::PhantomData;

use drm_bindings as bindings;
use kernel::{error::to_result, prelude::*};

use super::{Connector, Crtc, DriverConnector, DriverCrtc, KmsDriver, UnregisteredKmsDevice};

/// An encoder of a virtual device; the C counterpart is `struct drm_encoder`.
///
/// # Invariants
///
/// The pointer is a valid encoder of a device that is being set up, as long as the lifetime.
pub struct Encoder<'a>(*mut bindings::drm_encoder, PhantomData<&'a ()>);

impl<'a> Encoder<'a> {
    /// Creates an encoder for a CRTC. It lives as long as the device.
    ///
    /// # Errors
    ///
    /// `ENOMEM`. C: `drmm_encoder_alloc()`.
    pub fn new<T: KmsDriver, C: DriverCrtc<Driver = T>>(
        dev: &'a UnregisteredKmsDevice<'_, T>,
        crtc: &Crtc<C>,
    ) -> Result<Self> {
        // SAFETY: The device is valid and being set up, and it owns the allocation.
        let raw = kernel::error::from_err_ptr(unsafe {
            bindings::__drmm_encoder_alloc(
                dev.as_raw(),
                core::mem::size_of::<bindings::drm_encoder>(),
                0,
                core::ptr::null(),
                bindings::DRM_MODE_ENCODER_VIRTUAL as i32,
                core::ptr::null(),
            )
        })?
        .cast::<bindings::drm_encoder>();
        // SAFETY: The encoder was just created, so nothing else uses it.
        unsafe { (*raw).possible_crtcs = crtc.mask() };
        // INVARIANT: It was created above, and lives as long as the device.
        Ok(Self(raw, PhantomData))
    }

    /// Attaches the encoder to a connector.
    ///
    /// # Errors
    ///
    /// `ENOMEM`. C: `drm_connector_attach_encoder()`.
    pub fn attach<C: DriverConnector>(&mut self, connector: &Connector<C>) -> Result {
        // SAFETY: By the invariants of the types, both are valid. Nothing else uses them, because their
        // devices are being set up by this thread.
        to_result(unsafe { bindings::drm_connector_attach_encoder(connector.as_raw(), self.0) })
    }
}
