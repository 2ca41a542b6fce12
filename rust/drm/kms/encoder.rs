// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Encoders. The encoder of a virtual device does nothing.
//!
//! C header: [`include/drm/drm_encoder.h`](srctree/include/drm/drm_encoder.h)
use core::{marker::PhantomData, ops::Deref};

use drm_bindings as bindings;
use kernel::{
    error::to_result,
    prelude::*,
    types::{NotThreadSafe, Opaque},
};

use super::{format_of, object::leak, KmsDriver, UnregisteredKmsDevice};
use crate::{Device, Driver};

/// The type of an encoder.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Type {
    /// No type.
    None = bindings::DRM_MODE_ENCODER_NONE,
    /// For analogue video.
    Dac = bindings::DRM_MODE_ENCODER_DAC,
    /// For DVI, HDMI and DisplayPort.
    Tmds = bindings::DRM_MODE_ENCODER_TMDS,
    /// For a panel on LVDS.
    Lvds = bindings::DRM_MODE_ENCODER_LVDS,
    /// For television.
    TvDac = bindings::DRM_MODE_ENCODER_TVDAC,
    /// For a virtual device.
    Virtual = bindings::DRM_MODE_ENCODER_VIRTUAL,
    /// For a panel on DSI.
    Dsi = bindings::DRM_MODE_ENCODER_DSI,
    /// For a stream of DisplayPort.
    DpMst = bindings::DRM_MODE_ENCODER_DPMST,
    /// For a panel on DPI.
    Dpi = bindings::DRM_MODE_ENCODER_DPI,
}

/// The driver's data of an encoder.
///
/// # Context
///
/// May sleep.
#[vtable]
pub trait DriverEncoder: Send + Sync + Sized + 'static {
    /// What [`new`](Self::new) is called with.
    type Args;
    /// The driver.
    type Driver: KmsDriver;
    /// The module that implements the trait. From Linux 7.3 on, `#[vtable]` defines it.
    type OwnerModule;

    /// Initializes the data of a new encoder.
    fn new(dev: &Device<Self::Driver>, args: Self::Args) -> impl PinInit<Self, Error>;
}

/// An encoder without data of the driver.
///
/// # Examples
///
/// ```no_run
/// # use kernel::prelude::*;
/// use drm::kms::{
///     connector::{DriverConnector, UnregisteredConnector},
///     crtc::{DriverCrtc, RawCrtc, UnregisteredCrtc},
///     encoder::{PlainEncoder, Type, UnregisteredEncoder},
///     KmsDriver, UnregisteredKmsDevice,
/// };
///
/// /// Connects a connector with a CRTC.
/// fn connect<T, H, M>(
///     dev: &UnregisteredKmsDevice<'_, T>,
///     crtc: &UnregisteredCrtc<H>,
///     connector: &UnregisteredConnector<M>,
/// ) -> Result
/// where
///     T: KmsDriver,
///     H: DriverCrtc<Driver = T>,
///     M: DriverConnector<Driver = T>,
/// {
///     let encoder =
///         UnregisteredEncoder::<PlainEncoder<T>>::new(dev, Type::Virtual, crtc.mask(), 0, None, ())?;
///     connector.attach_encoder(encoder)
/// }
/// ```
pub struct PlainEncoder<T>(PhantomData<fn() -> T>);

// This crate is not a module, so `#[vtable]`, which needs one, cannot be used.
impl<T: KmsDriver> DriverEncoder for PlainEncoder<T> {
    type Args = ();
    type Driver = T;
    type OwnerModule = <T as Driver>::OwnerModule;

    const USE_VTABLE_ATTR: () = ();

    fn new(_dev: &Device<T>, (): ()) -> impl PinInit<Self, Error> {
        Ok(Self(PhantomData))
    }
}

/// An encoder; the C counterpart is `struct drm_encoder`.
///
/// # Invariants
///
/// `encoder` is a valid encoder of a device of `T::Driver`.
#[repr(C)]
#[pin_data]
pub struct Encoder<T: DriverEncoder> {
    encoder: Opaque<bindings::drm_encoder>,
    #[pin]
    inner: T,
}

/// An encoder of a device that is being set up, which only one thread uses.
///
/// # Invariants
///
/// As [`Encoder`]. The device is not registered.
#[repr(transparent)]
pub struct UnregisteredEncoder<T: DriverEncoder>(Encoder<T>, NotThreadSafe);

impl<T: DriverEncoder> Deref for UnregisteredEncoder<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.inner
    }
}

impl<T: DriverEncoder> UnregisteredEncoder<T> {
    const FUNCS: bindings::drm_encoder_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_encoder_funcs = unsafe { core::mem::zeroed() };
        funcs.destroy = Some(destroy_callback::<T>);
        funcs
    };

    /// Creates an encoder for the CRTCs in the mask `possible_crtcs`. It can show the same picture as the
    /// encoders in the mask `possible_clones`, which is 0 if there are no such encoders. It lives as long as
    /// the device.
    ///
    /// # Errors
    ///
    /// The errors of [`DriverEncoder::new`]; `ENOMEM`; `EINVAL` for more than 32 encoders. C:
    /// `drm_encoder_init()`.
    pub fn new<'a>(
        dev: &'a UnregisteredKmsDevice<'_, T::Driver>,
        type_: Type,
        possible_crtcs: u32,
        possible_clones: u32,
        name: Option<&CStr>,
        args: T::Args,
    ) -> Result<&'a Self> {
        let this: Pin<KBox<Encoder<T>>> = KBox::pin_init(
            try_pin_init!(Encoder {
                encoder: Opaque::zeroed(),
                inner <- T::new(dev, args),
            }),
            GFP_KERNEL,
        )?;
        let this = leak(this);
        let raw: *mut bindings::drm_encoder = this.cast();
        let (format, name) = format_of(name);
        // SAFETY: Device and memory are valid, and the functions are static. The core copies the name.
        let ret = to_result(unsafe {
            bindings::drm_encoder_init(
                dev.as_raw(),
                raw,
                const { &Self::FUNCS },
                type_ as i32,
                format,
                name,
            )
        });
        if let Err(error) = ret {
            // SAFETY: The box was leaked above. The core does not refer to an encoder that it refuses.
            drop(unsafe { KBox::from_raw(this) });
            return Err(error);
        }
        // SAFETY: The encoder is initialized. The device is not registered, so nothing else uses it.
        unsafe { (*raw).possible_crtcs = possible_crtcs };
        // SAFETY: As above.
        unsafe { (*raw).possible_clones = possible_clones };
        // INVARIANT: It was initialized above, for a device of `T::Driver` that is not registered.
        // SAFETY: The encoder is valid until `destroy_callback`, which the device calls. The type is
        // transparent.
        Ok(unsafe { &*this.cast() })
    }

    pub(super) fn as_raw(&self) -> *mut bindings::drm_encoder {
        self.0.encoder.get()
    }

    pub(super) fn raw_dev(&self) -> *mut bindings::drm_device {
        // SAFETY: By the type's invariants. The device does not change.
        unsafe { (*self.as_raw()).dev }
    }
}

extern "C" fn destroy_callback<T: DriverEncoder>(raw: *mut bindings::drm_encoder) {
    // SAFETY: The core calls this once.
    unsafe { bindings::drm_encoder_cleanup(raw) };
    // SAFETY: The core does not use the object afterwards. `new` made it of a box.
    drop(unsafe { KBox::<Encoder<T>>::from_raw(raw.cast()) });
}
