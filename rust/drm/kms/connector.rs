// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Connectors of virtual devices, and EDIDs.
//!
//! C header: [`include/drm/drm_connector.h`](srctree/include/drm/drm_connector.h)
use core::{marker::PhantomData, mem::offset_of, ops::Deref, ptr, ptr::NonNull};

use drm_bindings as bindings;
use kernel::{
    error::to_result,
    ffi::c_void,
    prelude::*,
    types::{NotThreadSafe, Opaque},
};

use super::{
    modes::{DisplayMode, Timing},
    KmsDriver, UnregisteredKmsDevice,
};

/// The EDID of a monitor; the C counterpart is `struct drm_edid`.
///
/// # Invariants
///
/// The pointer is a valid EDID, which the value owns. Nothing changes it.
///
/// # Context
///
/// No method sleeps, except [`new`](Self::new).
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use drm::kms::{connector::EDID_LENGTH, Edid};
///
/// let mut bytes = [0; EDID_LENGTH];
/// bytes[..8].copy_from_slice(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
/// // EDID 1.3.
/// bytes[18..20].copy_from_slice(&[1, 3]);
/// // The sum of all bytes is a multiple of 256.
/// bytes[127] = 2;
///
/// let edid = Edid::new(&bytes)?;
/// assert_eq!(edid.bytes(), bytes);
/// assert!(edid == Edid::new(&bytes)?);
/// # Ok::<(), Error>(())
/// ```
///
/// The bytes cannot be kept for longer than the EDID:
///
/// ```compile_fail,E0505
/// use drm::kms::Edid;
///
/// fn bytes_of(edid: Edid) -> usize {
///     let bytes = edid.bytes();
///     drop(edid);
///     bytes.len()
/// }
/// ```
pub struct Edid(NonNull<bindings::drm_edid>);

// SAFETY: The bytes of an EDID do not change.
unsafe impl Send for Edid {}
// SAFETY: As above.
unsafe impl Sync for Edid {}

/// Size of an EDID block in bytes.
pub const EDID_LENGTH: usize = 128;
/// Offset of the number of extension blocks in the first block.
pub const EDID_EXTENSIONS: usize = 126;

impl Edid {
    /// Makes an EDID from bytes.
    ///
    /// # Errors
    ///
    /// `EINVAL` if they are not a valid EDID, `ENOMEM`. C: `drm_edid_alloc()`, `drm_edid_valid()`.
    ///
    /// # Context
    ///
    /// May sleep.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::prelude::*;
    /// // Shorter than a block.
    /// assert!(matches!(drm::kms::Edid::new(&[0; 127]), Err(EINVAL)));
    /// ```
    pub fn new(bytes: &[u8]) -> Result<Self> {
        if bytes.len() < EDID_LENGTH {
            return Err(EINVAL);
        }
        // SAFETY: The function copies the bytes.
        let raw = unsafe { bindings::drm_edid_alloc(bytes.as_ptr().cast(), bytes.len()) };
        // INVARIANT: It was allocated above.
        let edid = Self(NonNull::new(raw.cast_mut()).ok_or(ENOMEM)?);
        // SAFETY: By the type's invariants.
        if !unsafe { bindings::drm_edid_valid(edid.0.as_ptr()) } {
            return Err(EINVAL);
        }
        Ok(edid)
    }

    /// Returns the bytes; C: `drm_edid_raw()`.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: By the type's invariants.
        let raw: *const u8 = unsafe { bindings::drm_edid_raw(self.0.as_ptr()) }.cast();
        if raw.is_null() {
            return &[];
        }
        // SAFETY: The core returns no pointer to less than one block.
        let extensions = unsafe { raw.add(EDID_EXTENSIONS) };
        // SAFETY: As above.
        let blocks = 1 + usize::from(unsafe { *extensions });
        // SAFETY: The core returns no pointer to fewer blocks than the first one announces. They
        // are valid as long as the EDID.
        unsafe { core::slice::from_raw_parts(raw, blocks * EDID_LENGTH) }
    }
}

impl PartialEq for Edid {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Drop for Edid {
    fn drop(&mut self) {
        // SAFETY: By the type's invariants.
        unsafe { bindings::drm_edid_free(self.0.as_ptr()) }
    }
}

/// The list of a connector's modes while it is being filled.
///
/// # Invariants
///
/// `connector` is valid, and for the lifetime this thread holds the lock of the mode config, which
/// protects its modes, its EDID and its properties.
///
/// # Context
///
/// For [`DriverConnector::get_modes`]. Methods may sleep.
///
/// # Examples
///
/// ```no_run
/// use drm::kms::{connector::ModeList, Edid};
///
/// /// Lists the modes of a monitor as `DriverConnector::get_modes` does.
/// fn get_modes(modes: &mut ModeList<'_>, own: Option<&Edid>) {
///     let edid = modes.read_edid(own);
///     if modes.add_edid(edid.as_ref()) == 0 {
///         let (_, (width, height)) = modes.limits();
///         modes.add_usual(width, height);
///     }
///     modes.prefer(1024, 768, 60, 32);
/// }
/// ```
pub struct ModeList<'a> {
    connector: *mut bindings::drm_connector,
    count: i32,
    _lock: PhantomData<&'a NotThreadSafe>,
}

impl ModeList<'_> {
    /// Returns the EDID to use: that of the administrator (`drm.edid_firmware=`, `edid_override` in
    /// debugfs), or else the device's own. C: `drm_edid_read_custom()`.
    pub fn read_edid(&mut self, own: Option<&Edid>) -> Option<Edid> {
        extern "C" fn read_block(
            data: *mut c_void,
            target: *mut u8,
            block: kernel::ffi::c_uint,
            size: usize,
        ) -> kernel::ffi::c_int {
            // SAFETY: `data` is a pointer to `own`, which is passed below.
            let own = unsafe { &*data.cast::<Option<&Edid>>() };
            let bytes = own.and_then(|own| own.bytes().chunks(EDID_LENGTH).nth(block as usize));
            let Some(bytes) = bytes.filter(|bytes| bytes.len() == size) else {
                return EIO.to_errno();
            };
            // SAFETY: The core passes memory for that many bytes.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), target, size) };
            0
        }

        let mut own = own;
        // SAFETY: By the type's invariants. `own` lives until the call returns.
        let raw = unsafe {
            bindings::drm_edid_read_custom(self.connector, Some(read_block), (&raw mut own).cast())
        };
        // INVARIANT: The core has read it, and has passed the ownership.
        NonNull::new(raw.cast_mut()).map(Edid)
    }

    /// Suggests a position of the monitor to user space, see
    /// [`KmsDriver::FOLLOWS_WINDOWS`]. C: `drm_object_property_set_value()`.
    pub fn suggest_position(&mut self, x: u32, y: u32) {
        // SAFETY: By the type's invariants.
        let object = unsafe { &raw mut (*self.connector).base };
        // SAFETY: A connector's device is valid as long as the connector. The properties are created
        // before the connectors, and do not change.
        let suggested_x = unsafe { (*self.dev()).mode_config.suggested_x_property };
        // SAFETY: As above.
        let suggested_y = unsafe { (*self.dev()).mode_config.suggested_y_property };
        for (property, value) in [(suggested_x, x), (suggested_y, y)] {
            if property.is_null() {
                continue;
            }
            // SAFETY: Connector and property are valid, and by the type's invariants the lock is held.
            unsafe { bindings::drm_object_property_set_value(object, property, value.into()) };
        }
    }

    /// Adds the modes of an EDID, and sets the EDID property. Returns the number of modes. C:
    /// `drm_edid_connector_update()`, `drm_edid_connector_add_modes()`.
    pub fn add_edid(&mut self, edid: Option<&Edid>) -> i32 {
        let raw = edid.map_or(ptr::null(), |edid| edid.0.as_ptr().cast_const());
        // SAFETY: By the invariants of the types.
        unsafe { bindings::drm_edid_connector_update(self.connector, raw) };
        // SAFETY: By the type's invariants.
        let count = unsafe { bindings::drm_edid_connector_add_modes(self.connector) };
        self.count += count;
        count
    }

    /// Adds common modes up to a size in pixels; C: `drm_add_modes_noedid()`.
    pub fn add_usual(&mut self, width: u32, height: u32) {
        // SAFETY: By the type's invariants.
        self.count += unsafe { bindings::drm_add_modes_noedid(self.connector, width, height) };
    }

    /// Adds the only mode of a device that shows one size, in pixels, with 60 frames per second. C:
    /// `drm_connector_helper_get_modes_fixed()` with a mode of `DRM_MODE_INIT()`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use drm::kms::connector::ModeList;
    ///
    /// /// Lists the mode as `DriverConnector::get_modes` does.
    /// fn get_modes(modes: &mut ModeList<'_>) {
    ///     modes.add_fixed(1024, 768);
    /// }
    /// ```
    pub fn add_fixed(&mut self, width: u16, height: u16) {
        self.add_exact(width, height, 60, 0);
    }

    /// Makes the mode with a size in pixels the only preferred one. Adds it if it is missing, with
    /// the timing of [`Timing::exact`].
    pub fn prefer(&mut self, width: u16, height: u16, refresh: u32, blanking: u16) {
        let preferred = bindings::DRM_MODE_TYPE_PREFERRED as u8;
        // SAFETY: By the type's invariants.
        let list = unsafe { &raw mut (*self.connector).probed_modes };
        let mut found = false;

        // SAFETY: By the type's invariants, nothing else changes the list.
        let mut entry = unsafe { (*list).next };
        while !ptr::eq(entry, list) {
            // The entries of the list are modes.
            let mode: *mut bindings::drm_display_mode = entry
                .wrapping_byte_sub(offset_of!(bindings::drm_display_mode, head))
                .cast();
            // SAFETY: By the type's invariants, the mode is valid, and nothing else uses it.
            unsafe { (*mode).type_ &= !preferred };
            // SAFETY: As above. It does not change while the reference is used.
            let size = unsafe { DisplayMode::from_raw(mode) };
            if !found && (size.hdisplay(), size.vdisplay()) == (width, height) {
                // SAFETY: As above.
                unsafe { (*mode).type_ |= preferred };
                found = true;
            }
            // SAFETY: As above.
            entry = unsafe { (*entry).next };
        }
        if !found {
            self.add_exact(width, height, refresh, blanking);
        }
    }

    /// Returns the connector's device.
    fn dev(&self) -> *mut bindings::drm_device {
        // SAFETY: By the type's invariants, the connector is valid. Its device does not change.
        unsafe { (*self.connector).dev }
    }

    fn add_exact(&mut self, width: u16, height: u16, refresh: u32, blanking: u16) {
        // SAFETY: A connector's device is valid as long as the connector.
        let mode = unsafe { bindings::drm_mode_create(self.dev()) };
        if mode.is_null() {
            return;
        }
        let timing = Timing::exact(width, height, refresh, blanking);
        let [hdisplay, hsync_start, hsync_end, htotal] = timing.horizontal;
        let [vdisplay, vsync_start, vsync_end, vtotal] = timing.vertical;
        // SAFETY: The mode was created above, so it is valid.
        let mut new = unsafe { mode.read() };
        new = bindings::drm_display_mode {
            type_: (bindings::DRM_MODE_TYPE_DRIVER | bindings::DRM_MODE_TYPE_PREFERRED) as u8,
            clock: timing.clock,
            hdisplay,
            hsync_start,
            hsync_end,
            htotal,
            vdisplay,
            vsync_start,
            vsync_end,
            vtotal,
            ..new
        };
        // SAFETY: Nothing else refers to the new mode.
        unsafe { mode.write(new) };
        // SAFETY: The mode is initialized.
        unsafe { bindings::drm_mode_set_name(mode) };
        // SAFETY: As above, and by the type's invariants. The connector takes ownership of the mode.
        unsafe { bindings::drm_mode_probed_add(self.connector, mode) };
        self.count += 1;
    }

    /// Returns the limits of framebuffers: minimum and maximum width and height in pixels.
    pub fn limits(&self) -> ((u32, u32), (u32, u32)) {
        let dev = self.dev();
        // SAFETY: A connector's device is valid as long as the connector. The limits are set before
        // there are connectors, and do not change.
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

/// The driver's data of a connector.
///
/// # Context
///
/// Methods may sleep. The lock of the mode config is held.
///
/// # Examples
///
/// ```no_run
/// use drm::kms::{connector::ModeList, DriverConnector, KmsDriver};
///
/// /// A monitor that is always connected, and has one mode.
/// struct Monitor<T>(core::marker::PhantomData<fn(&T)>);
///
/// impl<T: KmsDriver> DriverConnector for Monitor<T> {
///     type Driver = T;
///
///     fn get_modes(&self, modes: &mut ModeList<'_>) {
///         modes.prefer(1024, 768, 60, 32);
///     }
/// }
/// ```
pub trait DriverConnector: Send + Sync + Sized + 'static {
    /// The driver.
    type Driver: KmsDriver;

    /// Returns whether a monitor is connected. By default it always is.
    fn detect(&self) -> bool {
        true
    }

    /// Fills the list of modes.
    fn get_modes(&self, modes: &mut ModeList<'_>);
}

/// A connector; the C counterpart is `struct drm_connector`.
///
/// # Invariants
///
/// `connector` is a valid connector of a device of `T::Driver`.
#[repr(C)]
pub struct Connector<T: DriverConnector> {
    connector: Opaque<bindings::drm_connector>,
    inner: T,
}

impl<T: DriverConnector> Connector<T> {
    const FUNCS: bindings::drm_connector_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_connector_funcs = unsafe { core::mem::zeroed() };
        funcs.reset = Some(bindings::drm_atomic_helper_connector_reset);
        funcs.detect = Some(Self::detect_callback);
        funcs.fill_modes = Some(bindings::drm_helper_probe_single_connector_modes);
        funcs.atomic_duplicate_state = Some(bindings::drm_atomic_helper_connector_duplicate_state);
        funcs.atomic_destroy_state = Some(bindings::drm_atomic_helper_connector_destroy_state);
        funcs
    };

    const HELPER: bindings::drm_connector_helper_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_connector_helper_funcs = unsafe { core::mem::zeroed() };
        funcs.get_modes = Some(Self::get_modes_callback);
        funcs
    };

    /// Creates a virtual connector. It lives as long as the device.
    ///
    /// # Errors
    ///
    /// `ENOMEM`. C: `drmm_connector_init()`.
    pub fn new<'a>(dev: &'a UnregisteredKmsDevice<'_, T::Driver>, inner: T) -> Result<&'a Self> {
        // SAFETY: All zeros is a valid value of the C struct, and is what the core expects.
        let connector: bindings::drm_connector = unsafe { core::mem::zeroed() };
        let this = KBox::into_raw(KBox::new(
            Self {
                connector: Opaque::new(connector),
                inner,
            },
            GFP_KERNEL,
        )?);
        let raw: *mut bindings::drm_connector = this.cast();
        // The memory is freed with the device, after the cleanup that the initialization below
        // adds. It does not depend on references: the core's clients (7.3) leak some when they run
        // out of memory.
        //
        // SAFETY: Device and memory are valid. If this fails it has freed the memory.
        to_result(unsafe {
            bindings::__drmm_add_action_or_reset(
                dev.as_raw(),
                Some(Self::free_callback),
                this.cast(),
                c"connector".as_ptr().cast(),
            )
        })?;
        // SAFETY: Device and memory are valid.
        to_result(unsafe {
            bindings::drmm_connector_init(
                dev.as_raw(),
                raw,
                const { &Self::FUNCS },
                bindings::DRM_MODE_CONNECTOR_VIRTUAL as i32,
                ptr::null_mut(),
            )
        })?;
        // SAFETY: The connector is initialized. The device is not registered, so nothing else uses it.
        unsafe { (*raw).helper_private = const { &Self::HELPER } };
        // SAFETY: As above.
        unsafe { (*raw).polled = bindings::DRM_CONNECTOR_POLL_HPD as u8 };
        // Devices without EDIDs need the property, too, because an administrator may set an EDID.
        // SAFETY: As above.
        unsafe { bindings::drm_connector_attach_edid_property(raw) };
        dev.attach_window_properties(raw);
        // INVARIANT: The connector was initialized above, for a device of `T::Driver`.
        // SAFETY: The connector is valid until `free_callback`, which the device calls.
        Ok(unsafe { &*this })
    }

    pub(crate) fn as_raw(&self) -> *mut bindings::drm_connector {
        self.connector.get()
    }

    extern "C" fn free_callback(_dev: *mut bindings::drm_device, this: *mut c_void) {
        // SAFETY: The core calls this once, when the device is freed, and `new` has passed a box.
        drop(unsafe { KBox::<Self>::from_raw(this.cast()) });
    }

    extern "C" fn detect_callback(
        raw: *mut bindings::drm_connector,
        _force: bool,
    ) -> bindings::drm_connector_status {
        // SAFETY: The core calls this for a connector of this type.
        let this = unsafe { &*raw.cast::<Self>() };
        if this.inner.detect() {
            bindings::drm_connector_status_connector_status_connected
        } else {
            bindings::drm_connector_status_connector_status_disconnected
        }
    }

    extern "C" fn get_modes_callback(raw: *mut bindings::drm_connector) -> kernel::ffi::c_int {
        // SAFETY: The core calls this for a connector of this type.
        let this = unsafe { &*raw.cast::<Self>() };
        // INVARIANT: The core calls this with the lock held.
        let mut modes = ModeList {
            connector: raw,
            count: 0,
            _lock: PhantomData,
        };
        this.inner.get_modes(&mut modes);
        modes.count
    }
}

impl<T: DriverConnector> Deref for Connector<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}
