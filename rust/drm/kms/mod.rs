// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Mode setting.
//!
//! Objects are created with an [`UnregisteredKmsDevice`], which exists only while a device is being
//! set up. Planes, CRTCs, encoders and connectors contain the driver's data and live as long as the device.
//! The states of planes, CRTCs and connectors contain the driver's data, too.
//!
//! C header: [`include/drm/drm_mode_config.h`](srctree/include/drm/drm_mode_config.h)
use core::{cell::Cell, ops::Deref, ptr};

use drm_bindings as bindings;
use kernel::{
    device,
    error::to_result,
    new_mutex,
    prelude::*,
    sync::{Mutex, SetOnce},
    types::NotThreadSafe,
};

use crate::{Device, Driver, UnregisteredDevice};

pub mod atomic;
mod commit;
pub mod connector;
pub mod crtc;
mod crtc_state;
mod edid;
pub mod encoder;
pub mod flip;
pub mod framebuffer;
pub mod modes;
mod object;
mod panic;
pub mod plane;
mod plane_state;
pub mod shadow;
pub mod vblank;

pub use connector::Edid;
pub use flip::KeptEvent;
pub use framebuffer::{DriverFramebuffer, Framebuffer, FramebufferInfo, PlainFramebuffer};
pub use modes::DisplayMode;
pub use object::{KmsRef, ModeObject, ObjectState, PlainState};
pub use shadow::ShadowBuffer;
pub use vblank::{VblankImpl, VblankTimer};

/// Returns the code of a format from its four characters; C: `fourcc_code()`.
///
/// # Examples
///
/// ```
/// use drm::kms::fourcc;
///
/// assert_eq!(fourcc(b"XR24"), 0x3432_5258);
/// ```
pub const fn fourcc(code: &[u8; 4]) -> u32 {
    u32::from_le_bytes(*code)
}

/// Returns a format string and its argument, for a C function that takes a name in this way. The name is not
/// the format string, because it may contain a percent sign.
fn format_of(name: Option<&CStr>) -> (*const kernel::ffi::c_char, *const kernel::ffi::c_char) {
    match name {
        Some(name) => (c"%s".as_ptr().cast(), name.as_ptr().cast()),
        None => (ptr::null(), ptr::null()),
    }
}

/// The limits of a device; the C counterparts are fields of `struct drm_mode_config`.
pub struct ModeConfigInfo {
    /// Minimum width and height of a framebuffer in pixels.
    pub min_resolution: (u32, u32),
    /// Maximum width and height of a framebuffer in pixels.
    pub max_resolution: (u32, u32),
    /// Width and height of a cursor in pixels.
    pub max_cursor: (u32, u32),
    /// Colour depth that user space should prefer, in bits.
    pub preferred_depth: u32,
}

/// A driver with mode setting.
///
/// # Context
///
/// Methods may sleep.
#[vtable]
pub trait KmsDriver: Driver {
    /// The driver's data of a framebuffer.
    type Framebuffer: DriverFramebuffer<Driver = Self>;

    /// The cursor planes have a hotspot, and programs that do not support hotspots must not use
    /// them.
    const FEAT_CURSOR_HOTSPOT: bool = false;

    /// The connectors are windows of a host. Desktops are to follow their size, and the position
    /// that [`ConnectorGuard::suggest_position`](connector::ConnectorGuard::suggest_position) sets.
    const FOLLOWS_WINDOWS: bool = false;

    /// Returns the device's limits. `dev` is the parent of the DRM device.
    ///
    /// # Errors
    ///
    /// Any. The device has no mode setting then.
    fn mode_config_info(dev: &device::Device, data: &Self::Data) -> Result<ModeConfigInfo>;

    /// Returns whether the planes of a CRTC can be updated without waiting for the device. If so for each CRTC
    /// of a nonblocking commit that changes no mode, its caller carries it out, and otherwise a worker does.
    /// Without this function, a worker carries out all nonblocking commits.
    fn commit_now(_crtc: &crtc::OpaqueCrtc<Self>) -> bool {
        false
    }

    /// Creates planes, CRTCs, encoders and connectors.
    ///
    /// # Errors
    ///
    /// Any. The device is not registered then.
    fn create_objects(dev: &UnregisteredKmsDevice<'_, Self>) -> Result;
}

/// A device whose mode setting is being set up. Objects can only be added to such a device.
///
/// # Invariants
///
/// `hotplug_mode_update` is null or a property of the device. If it is not null, the device has the
/// properties for suggested positions, too.
pub struct UnregisteredKmsDevice<'a, T: KmsDriver> {
    dev: &'a UnregisteredDevice<T>,
    hotplug_mode_update: *mut bindings::drm_property,
    /// Whether the CRTCs have vblanks; `None` before the first one.
    has_vblanks: Cell<Option<bool>>,
}

impl<T: KmsDriver> Deref for UnregisteredKmsDevice<'_, T> {
    type Target = Device<T>;

    fn deref(&self) -> &Device<T> {
        self.dev
    }
}

impl<'a, T: KmsDriver> UnregisteredKmsDevice<'a, T> {
    /// Creates the properties of windows, if the driver's connectors are windows.
    fn new(dev: &'a UnregisteredDevice<T>) -> Result<Self> {
        let mut hotplug_mode_update = core::ptr::null_mut();
        if T::FOLLOWS_WINDOWS {
            // SAFETY: The mode config is initialized, and the device is not registered, so nothing
            // else uses it.
            to_result(unsafe {
                bindings::drm_mode_create_suggested_offset_properties(dev.as_raw())
            })?;
            // SAFETY: As above, and the function copies the name.
            hotplug_mode_update = unsafe {
                bindings::drm_property_create_range(
                    dev.as_raw(),
                    bindings::DRM_MODE_PROP_IMMUTABLE,
                    c"hotplug_mode_update".as_ptr().cast(),
                    0,
                    1,
                )
            };
            if hotplug_mode_update.is_null() {
                return Err(ENOMEM);
            }
        }
        // INVARIANT: Either all of the properties were created above, or the pointer is null.
        Ok(Self {
            dev,
            hotplug_mode_update,
            has_vblanks: Cell::new(None),
        })
    }

    /// Notes that a new CRTC has vblanks, or has none. The core knows only devices with or without them.
    ///
    /// # Errors
    ///
    /// `EINVAL` if another CRTC differs.
    fn add_vblank_source(&self, has_vblanks: bool) -> Result {
        if self.has_vblanks.get() == Some(!has_vblanks) {
            return Err(EINVAL);
        }
        self.has_vblanks.set(Some(has_vblanks));
        Ok(())
    }

    /// Attaches the properties of a window to a new connector.
    fn attach_window_properties(&self, connector: *mut bindings::drm_connector) {
        if self.hotplug_mode_update.is_null() {
            return;
        }
        // SAFETY: The connector is initialized, and nothing else uses it yet.
        let object = unsafe { &raw mut (*connector).base };
        // SAFETY: The mode config is initialized, as there is an `UnregisteredKmsDevice`. `new` has
        // created the property, and it does not change.
        let suggested_x = unsafe { (*self.dev.as_raw()).mode_config.suggested_x_property };
        // SAFETY: As above.
        let suggested_y = unsafe { (*self.dev.as_raw()).mode_config.suggested_y_property };
        for (property, value) in [
            (self.hotplug_mode_update, 1),
            (suggested_x, 0),
            (suggested_y, 0),
        ] {
            // SAFETY: By the type's invariants, the properties are of the device.
            unsafe { bindings::drm_object_attach_property(object, property, value) };
        }
    }
}

/// The lock of the mode config of a device, which this thread holds. C: `drm_mode_config.mutex`.
///
/// # Invariants
///
/// This thread holds the lock as long as the value exists.
///
/// # Context
///
/// Any.
pub struct ModeConfigGuard<'a, T: KmsDriver>(&'a Device<T>, NotThreadSafe);

impl<'a, T: KmsDriver> ModeConfigGuard<'a, T> {
    /// # Safety
    ///
    /// The mode config must be initialized, and this thread must hold its lock as long as the value exists.
    unsafe fn new(dev: &'a Device<T>) -> Self {
        // INVARIANT: By the requirements of this function.
        Self(dev, NotThreadSafe)
    }

    /// Returns the device.
    pub fn drm_dev(&self) -> &'a Device<T> {
        self.0
    }

    /// Returns the limits of framebuffers: minimum and maximum width and height in pixels.
    pub fn limits(&self) -> ((u32, u32), (u32, u32)) {
        let dev = self.0.as_raw();
        // SAFETY: By the type's invariants, the mode config is initialized. The limits are set before
        // there are objects, and do not change.
        let min_width = unsafe { (*dev).mode_config.min_width };
        // SAFETY: As above.
        let min_height = unsafe { (*dev).mode_config.min_height };
        // SAFETY: As above.
        let max_width = unsafe { (*dev).mode_config.max_width };
        // SAFETY: As above.
        let max_height = unsafe { (*dev).mode_config.max_height };
        ((min_width, min_height), (max_width, max_height))
    }
}

/// The progress of the set-up of mode setting.
///
/// # Invariants
///
/// If `ready` is set, [`set_up`](UnregisteredDevice::set_up) has succeeded, so the mode config of the
/// device is initialized until the device is released.
#[pin_data]
pub(crate) struct ModeSetting {
    /// Whether the set-up was started.
    begun: SetOnce<()>,
    /// Whether the set-up was completed.
    ready: SetOnce<()>,
    /// Whether there is a saved state. The lock is held while the device suspends or resumes.
    #[pin]
    suspended: Mutex<bool>,
}

impl ModeSetting {
    /// Initializes what a device knows of its mode setting. Not generic, because lockdep wants one name for the
    /// class of a lock, and each crate with a driver would have a copy of the name.
    ///
    /// # Safety
    ///
    /// `slot` must be memory for it, which does not move.
    #[inline(never)]
    pub(crate) unsafe fn init(slot: *mut Self) {
        let init = pin_init!(Self {
            begun: SetOnce::new(),
            ready: SetOnce::new(),
            suspended <- new_mutex!(false),
        });
        // SAFETY: By the requirements of this function.
        let Ok(()) = unsafe { pin_init::raw_try_init(slot, init) };
    }
}

/// A C device whose mode setting was set up.
///
/// # Invariants
///
/// The device is valid, and its mode config is initialized, as long as there is a reference to the
/// device.
struct RawKms(*mut bindings::drm_device);

struct Funcs<T: KmsDriver>(core::marker::PhantomData<T>);

impl<T: KmsDriver> Funcs<T> {
    const CONFIG: bindings::drm_mode_config_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_mode_config_funcs = unsafe { core::mem::zeroed() };
        funcs.fb_create = Some(framebuffer::create_callback::<T>);
        funcs.atomic_check = Some(bindings::drm_atomic_helper_check);
        funcs.atomic_commit = Some(commit::commit_callback::<T>);
        funcs
    };

    const HELPER: bindings::drm_mode_config_helper_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_mode_config_helper_funcs = unsafe { core::mem::zeroed() };
        funcs.atomic_commit_tail = Some(commit::tail_callback);
        funcs
    };
}

impl<T: KmsDriver> UnregisteredDevice<T> {
    /// Sets up mode setting: limits, objects, vblanks and the initial state. A device on which this
    /// was not called, or has failed, has no mode setting.
    ///
    /// # Errors
    ///
    /// `EBUSY` the second time; `ENOMEM`, and the errors of [`KmsDriver::mode_config_info`] and
    /// [`KmsDriver::create_objects`].
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn setup_kms(&self) -> Result {
        if !self.mode_setting.begun.populate(()) {
            return Err(EBUSY);
        }
        self.set_features(true);
        // INVARIANT: `ready` is only set after `set_up` has succeeded.
        let result = self
            .set_up()
            .map(|()| self.mode_setting.ready.populate(()))
            .map(drop);
        if result.is_err() {
            self.set_features(false);
        }
        result
    }

    /// Sets whether the device has mode setting.
    fn set_features(&self, kms: bool) {
        let mut features = Self::FEATURES;
        if kms {
            features |= bindings::drm_driver_feature_DRIVER_MODESET
                | bindings::drm_driver_feature_DRIVER_ATOMIC;
            if T::FEAT_CURSOR_HOTSPOT {
                features |= bindings::drm_driver_feature_DRIVER_CURSOR_HOTSPOT;
            }
        }
        // SAFETY: The core reads the features when the device is registered, and after that. An
        // `UnregisteredDevice` is not registered, and stays on its thread.
        unsafe { (*self.as_raw()).driver_features = features }
    }

    /// Initializes the mode config. Must be called only once.
    fn set_up(&self) -> Result {
        let raw = self.as_raw();
        let info = T::mode_config_info(self.as_device(), self)?;

        // SAFETY: The device is valid. It has no mode config yet, because this is called once.
        to_result(unsafe { bindings::helper_drmm_mode_config_init(raw) })?;
        // SAFETY: The device is valid.
        let config = unsafe { &raw mut (*raw).mode_config };
        // SAFETY: It was initialized above. Other threads that refer to the device access these fields
        // only after `ready` is set.
        unsafe { (*config).funcs = const { &Funcs::<T>::CONFIG } };
        // SAFETY: As above.
        unsafe { (*config).helper_private = const { &Funcs::<T>::HELPER } };
        // SAFETY: As above.
        unsafe { (*config).min_width = info.min_resolution.0 };
        // SAFETY: As above.
        unsafe { (*config).min_height = info.min_resolution.1 };
        // SAFETY: As above.
        unsafe { (*config).max_width = info.max_resolution.0 };
        // SAFETY: As above.
        unsafe { (*config).max_height = info.max_resolution.1 };
        // SAFETY: As above.
        unsafe { (*config).cursor_width = info.max_cursor.0 };
        // SAFETY: As above.
        unsafe { (*config).cursor_height = info.max_cursor.1 };
        // SAFETY: As above.
        unsafe { (*config).preferred_depth = info.preferred_depth };
        // SAFETY: As above.
        unsafe { (*config).quirk_addfb_prefer_host_byte_order = true };
        // SAFETY: As above.
        unsafe { (*config).fb_modifiers_not_supported = true };

        let kms = UnregisteredKmsDevice::new(self)?;
        T::create_objects(&kms)?;

        if kms.has_vblanks.get() != Some(false) {
            // SAFETY: As above, and the objects were created.
            let crtcs = unsafe { (*config).num_crtc } as u32;
            // SAFETY: The device is valid, and has no vblanks yet.
            to_result(unsafe { bindings::drm_vblank_init(raw, crtcs) })?;
        }
        // SAFETY: The objects are initialized.
        unsafe { bindings::drm_mode_config_reset(raw) };
        // SAFETY: As above.
        if !unsafe { bindings::helper_drm_has_states(raw) } {
            return Err(ENOMEM);
        }
        Ok(())
    }
}

impl<T: Driver> Device<T> {
    /// Returns the C device, if its mode setting was set up.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` if it was not.
    fn raw_with_kms(&self) -> Result<RawKms> {
        self.mode_setting.ready.as_ref().ok_or(EOPNOTSUPP)?;
        // INVARIANT: By the invariants of `ModeSetting`, because `ready` is set.
        Ok(RawKms(self.as_raw()))
    }

    /// Waits for all commits, switches all heads off, and waits for the timers of their vblanks, because
    /// the code of the worker and of the timers may be unloaded next. For a device that was unplugged, so
    /// that no program commits again.
    pub(crate) fn quiesce_kms(&self) {
        self.commits.flush();
        self.shutdown_kms();
        if let Ok(raw) = self.raw_with_kms() {
            // SAFETY: By the invariants of `RawKms`, the mode config is initialized.
            unsafe { vblank::stop_all(raw.0) };
            self.forget_suspended(raw);
        }
    }

    /// Releases the saved state of a device that did not come back from a suspend.
    fn forget_suspended(&self, raw: RawKms) {
        let mut suspended = self.mode_setting.suspended.lock();
        if !core::mem::replace(&mut *suspended, false) {
            return;
        }
        // SAFETY: By the invariants of `RawKms`, the mode config is initialized.
        let slot = unsafe { &raw mut (*raw.0).mode_config.suspend_state };
        // SAFETY: As above. The lock is held, under which the field is changed.
        let state = unsafe { slot.replace(core::ptr::null_mut()) };
        // SAFETY: There is a saved state, because the flag was set, and its reference was taken out of
        // the field.
        unsafe { bindings::helper_drm_atomic_commit_put(state) };
    }

    /// Tells user space that connectors have changed. Does nothing without mode setting. C:
    /// `drm_kms_helper_hotplug_event()`.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn hotplug_event(&self) {
        if let Ok(raw) = self.raw_with_kms() {
            // SAFETY: By the invariants of `RawKms`, the mode config is initialized.
            unsafe { bindings::drm_kms_helper_hotplug_event(raw.0) }
        }
    }

    /// Switches all heads off. Does nothing without mode setting. C:
    /// `drm_atomic_helper_shutdown()`.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn shutdown_kms(&self) {
        if let Ok(raw) = self.raw_with_kms() {
            // SAFETY: By the invariants of `RawKms`, the mode config is initialized.
            unsafe { bindings::drm_atomic_helper_shutdown(raw.0) }
        }
    }

    /// Saves the current state and switches all heads off. Keeps the saved state if there is one,
    /// because the device has not come back since. C: `drm_mode_config_helper_suspend()`.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` without mode setting; the errors of a commit.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn suspend_kms(&self) -> Result {
        let raw = self.raw_with_kms()?;
        let mut suspended = self.mode_setting.suspended.lock();
        if *suspended {
            // SAFETY: By the invariants of `RawKms`, the mode config is initialized.
            unsafe { bindings::drm_atomic_helper_shutdown(raw.0) };
            return Ok(());
        }
        // SAFETY: By the invariants of `RawKms`, the mode config is initialized. The lock is held, and
        // there is no saved state.
        to_result(unsafe { bindings::drm_mode_config_helper_suspend(raw.0) })?;
        *suspended = true;
        Ok(())
    }

    /// Restores the saved state; C: `drm_mode_config_helper_resume()`.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` without mode setting, `EINVAL` if there is no saved state; the errors of a commit.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn resume_kms(&self) -> Result {
        let raw = self.raw_with_kms()?;
        let mut suspended = self.mode_setting.suspended.lock();
        if !core::mem::replace(&mut *suspended, false) {
            return Err(EINVAL);
        }
        // SAFETY: By the invariants of `RawKms`, the mode config is initialized. The lock is held, and
        // there is a saved state.
        to_result(unsafe { bindings::drm_mode_config_helper_resume(raw.0) })
    }

    /// Calls `f` with all locks of mode setting held, so that nothing else can commit. Repeats that
    /// with the locks released and taken again if `f` returns `EDEADLK`. C:
    /// `DRM_MODESET_LOCK_ALL_BEGIN()`.
    ///
    /// # Errors
    ///
    /// The errors of `f`, and of taking the locks; `EOPNOTSUPP` without mode setting.
    ///
    /// # Context
    ///
    /// May sleep, and so may `f`.
    pub fn with_modeset_locks<F: FnMut() -> Result>(&self, mut f: F) -> Result {
        extern "C" fn locked<F: FnMut() -> Result>(
            data: *mut kernel::ffi::c_void,
            _ctx: *mut bindings::drm_modeset_acquire_ctx,
        ) -> kernel::ffi::c_int {
            // SAFETY: `data` is a pointer to the closure below, which is not used elsewhere
            // meanwhile.
            let f = unsafe { &mut *data.cast::<F>() };
            crate::errno(f())
        }

        let raw = self.raw_with_kms()?;
        // SAFETY: By the invariants of `RawKms`, the mode config is initialized. `f` lives until the
        // call returns.
        to_result(unsafe {
            bindings::helper_drm_lock_all(raw.0, Some(locked::<F>), (&raw mut f).cast())
        })
    }

    /// Commits the current state again, with all of every plane. C:
    /// `drm_atomic_helper_commit_duplicated_state()`.
    ///
    /// # Errors
    ///
    /// The errors of a commit; `EOPNOTSUPP` without mode setting.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn recommit(&self) -> Result {
        extern "C" fn locked(
            data: *mut kernel::ffi::c_void,
            ctx: *mut bindings::drm_modeset_acquire_ctx,
        ) -> kernel::ffi::c_int {
            // SAFETY: `data` is the device, whose locks are held by `ctx`.
            let state = unsafe { bindings::drm_atomic_helper_duplicate_state(data.cast(), ctx) };
            if let Err(error) = kernel::error::from_err_ptr(state) {
                return error.to_errno();
            }
            // SAFETY: The state was created above, and `ctx` still holds the locks.
            let ret = unsafe { bindings::drm_atomic_helper_commit_duplicated_state(state, ctx) };
            // SAFETY: This drops the reference that was returned above.
            unsafe { bindings::helper_drm_atomic_commit_put(state) };
            ret
        }

        let raw = self.raw_with_kms()?;
        // SAFETY: By the invariants of `RawKms`, the mode config is initialized.
        to_result(unsafe { bindings::helper_drm_lock_all(raw.0, Some(locked), raw.0.cast()) })
    }
}
