// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Framebuffers.
//!
//! C header: [`include/drm/drm_framebuffer.h`](srctree/include/drm/drm_framebuffer.h)
use core::{marker::PhantomData, ops::Deref, ptr};

use drm_bindings as bindings;
use kernel::{error::to_result, prelude::*, types::Opaque};

use super::{object::leak, KmsDriver};
use crate::{
    gem::{to_err_ptr, IntoGEMObject},
    Device,
};

/// The layout of a framebuffer.
pub struct FramebufferInfo {
    /// Pixel format, as DRM's four-character code.
    pub fourcc: u32,
    /// Distance from the start of a row to the start of the next in bytes.
    pub pitch: u32,
    /// Offset of the first pixel in bytes.
    pub offset: u32,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// The driver's data of a framebuffer.
///
/// # Context
///
/// [`check`](Self::check) may sleep.
pub trait DriverFramebuffer: Send + Sync + Sized + 'static {
    /// The driver.
    type Driver: KmsDriver;

    /// Checks the layout of a new framebuffer.
    ///
    /// # Errors
    ///
    /// The error that user space gets.
    fn check(dev: &Device<Self::Driver>, info: &FramebufferInfo) -> Result;

    /// Initializes the data of a new framebuffer.
    fn new() -> impl PinInit<Self, Error>;
}

/// The framebuffers of a driver that has no data of its own in them, and that accepts every layout: the
/// core has checked that the format is one of a plane. C: `drm_gem_fb_create_with_dirty()`.
///
/// # Examples
///
/// ```no_run
/// use drm::kms::{Framebuffer, KmsDriver, PlainFramebuffer};
///
/// /// Compiles for a driver with `type Framebuffer = PlainFramebuffer<Self>;`.
/// fn data<T>(fb: &Framebuffer<T>) -> &PlainFramebuffer<T>
/// where
///     T: KmsDriver<Framebuffer = PlainFramebuffer<T>>,
/// {
///     fb
/// }
/// ```
pub struct PlainFramebuffer<T>(PhantomData<fn() -> T>);

impl<T: KmsDriver> DriverFramebuffer for PlainFramebuffer<T> {
    type Driver = T;

    fn check(_dev: &Device<T>, _info: &FramebufferInfo) -> Result {
        Ok(())
    }

    fn new() -> impl PinInit<Self, Error> {
        Ok(Self(PhantomData))
    }
}

/// A framebuffer of one plane of pixels; the C counterpart is `struct drm_framebuffer`.
///
/// # Invariants
///
/// `fb` is a valid framebuffer with one object of `T`.
///
/// # Context
///
/// No method sleeps.
#[repr(C)]
#[pin_data]
pub struct Framebuffer<T: KmsDriver> {
    fb: Opaque<bindings::drm_framebuffer>,
    #[pin]
    inner: T::Framebuffer,
}

// SAFETY: Framebuffers may be used on any thread, and `DriverFramebuffer` requires that the
// driver's data is `Send` and `Sync`.
unsafe impl<T: KmsDriver> Send for Framebuffer<T> {}
// SAFETY: As above.
unsafe impl<T: KmsDriver> Sync for Framebuffer<T> {}

impl<T: KmsDriver> Deref for Framebuffer<T> {
    type Target = T::Framebuffer;

    fn deref(&self) -> &T::Framebuffer {
        &self.inner
    }
}

impl<T: KmsDriver> Framebuffer<T> {
    /// Returns the number by which user space knows the framebuffer. It is not that of another framebuffer as
    /// long as this one exists. C: `drm_framebuffer.base.id`.
    pub fn id(&self) -> u32 {
        // SAFETY: By the type's invariants, the framebuffer is valid. The number does not change.
        unsafe { (*self.fb.get()).base.id }
    }

    const FUNCS: bindings::drm_framebuffer_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_framebuffer_funcs = unsafe { core::mem::zeroed() };
        funcs.create_handle = Some(bindings::drm_gem_fb_create_handle);
        funcs.destroy = Some(Self::destroy_callback);
        funcs.dirty = Some(bindings::drm_atomic_helper_dirtyfb);
        funcs
    };

    /// # Safety
    ///
    /// `raw` must be a valid framebuffer of `T` as long as the reference is used.
    pub(crate) unsafe fn from_raw<'a>(raw: *mut bindings::drm_framebuffer) -> &'a Self {
        // SAFETY: By the requirements of this function. `fb` is the first field.
        unsafe { &*raw.cast() }
    }

    /// Returns the layout.
    pub fn info(&self) -> FramebufferInfo {
        let raw = self.fb.get();
        // SAFETY: By the type's invariants, the framebuffer is valid. These fields do not change.
        let format = unsafe { (*raw).format };
        FramebufferInfo {
            // SAFETY: A framebuffer's format is a static entry of the core's table.
            fourcc: unsafe { (*format).format },
            // SAFETY: As for the format.
            pitch: unsafe { (*raw).pitches[0] },
            // SAFETY: As for the format.
            offset: unsafe { (*raw).offsets[0] },
            // SAFETY: As for the format.
            width: unsafe { (*raw).width },
            // SAFETY: As for the format.
            height: unsafe { (*raw).height },
        }
    }

    /// Returns the buffer object that contains the pixels.
    pub fn object(&self) -> &T::Object {
        // SAFETY: By the type's invariants, the framebuffer is valid. Its object does not change.
        let object = unsafe { (*self.fb.get()).obj[0] };
        // SAFETY: By the type's invariants the object is of `T`. The framebuffer holds a
        // reference.
        unsafe { IntoGEMObject::from_raw(object) }
    }

    extern "C" fn destroy_callback(raw: *mut bindings::drm_framebuffer) {
        // SAFETY: The core calls this for a framebuffer of this type.
        let inner = unsafe { &raw mut (*raw.cast::<Self>()).inner };
        // SAFETY: The core calls this for the last reference, so nothing else uses it.
        unsafe { ptr::drop_in_place(inner) };
        // SAFETY: As above. The C function frees the memory with `kfree()`, and `create` allocated it
        // with `kmalloc()`.
        unsafe { bindings::drm_gem_fb_destroy(raw) };
    }
}

pub(crate) extern "C" fn create_callback<T: KmsDriver>(
    dev: *mut bindings::drm_device,
    file: *mut bindings::drm_file,
    info: *const bindings::drm_format_info,
    cmd: *const bindings::drm_mode_fb_cmd2,
) -> *mut bindings::drm_framebuffer {
    // SAFETY: The core calls this with valid arguments, for a device of `T`.
    to_err_ptr(unsafe { create::<T>(dev, file, info, cmd) })
}

/// # Safety
///
/// The arguments must be those of `drm_mode_config_funcs.fb_create` of a device of `T`.
unsafe fn create<T: KmsDriver>(
    dev: *mut bindings::drm_device,
    file: *mut bindings::drm_file,
    info: *const bindings::drm_format_info,
    cmd: *const bindings::drm_mode_fb_cmd2,
) -> Result<*mut bindings::drm_framebuffer> {
    // SAFETY: By the requirements of this function.
    let device = unsafe { Device::<T>::from_raw(dev) };
    // SAFETY: By the requirements of this function. It is the kernel's copy of the arguments, which
    // nothing changes.
    let args = unsafe { &*cmd };
    T::Framebuffer::check(
        device,
        &FramebufferInfo {
            // SAFETY: As above.
            fourcc: unsafe { (*info).format },
            pitch: args.pitches[0],
            offset: args.offsets[0],
            width: args.width,
            height: args.height,
        },
    )?;

    let framebuffer = KBox::pin_init(
        try_pin_init!(Framebuffer::<T> {
            fb: Opaque::zeroed(),
            inner <- T::Framebuffer::new(),
        }),
        GFP_KERNEL,
    )?;

    // SAFETY: The arguments are valid, and nothing else refers to the new framebuffer.
    to_result(unsafe {
        bindings::drm_gem_fb_init_with_funcs(
            dev,
            framebuffer.fb.get(),
            file,
            info,
            cmd,
            const { &Framebuffer::<T>::FUNCS },
        )
    })?;
    // INVARIANT: It was initialized above. Its format has one plane, because the core has checked that
    // a plane has it, and so it has one object.
    Ok(leak(framebuffer).cast())
}
