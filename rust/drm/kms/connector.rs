// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Connectors.
//!
//! C header: [`include/drm/drm_connector.h`](srctree/include/drm/drm_connector.h)
use core::{mem::offset_of, ops::Deref, ptr, ptr::NonNull};

use drm_bindings as bindings;
use kernel::{
    error::{to_result, VTABLE_DEFAULT_ERROR},
    ffi::c_void,
    prelude::*,
    types::{NotThreadSafe, Opaque},
};

use super::{
    atomic::{with_check, AtomicCheck},
    encoder::{DriverEncoder, UnregisteredEncoder},
    modes::{DisplayMode, Timing},
    object::{
        leak, AsRaw, AsRawState, DriverState, ModeObject, Modesettable, ObjectState, PlainState,
    },
    KmsDriver, ModeConfigGuard, UnregisteredKmsDevice,
};
use crate::{errno, private::Sealed, Device};

pub use super::{
    atomic::ConnectorStateMutator,
    edid::{Edid, EDID_EXTENSIONS, EDID_LENGTH},
};

macro_rules! types {
    ($($(#[$doc:meta])* $name:ident = $value:ident),* $(,)?) => {
        /// The type of a connector.
        #[derive(Clone, Copy, PartialEq, Eq)]
        #[repr(u32)]
        pub enum Type {$(
            $(#[$doc])*
            $name = bindings::$value,
        )*}
    };
}

types! {
    /// Not known.
    Unknown = DRM_MODE_CONNECTOR_Unknown,
    /// VGA.
    Vga = DRM_MODE_CONNECTOR_VGA,
    /// DVI, analogue and digital.
    DviI = DRM_MODE_CONNECTOR_DVII,
    /// DVI, digital.
    DviD = DRM_MODE_CONNECTOR_DVID,
    /// DVI, analogue.
    DviA = DRM_MODE_CONNECTOR_DVIA,
    /// Composite video.
    Composite = DRM_MODE_CONNECTOR_Composite,
    /// S-Video.
    SVideo = DRM_MODE_CONNECTOR_SVIDEO,
    /// A panel on LVDS.
    Lvds = DRM_MODE_CONNECTOR_LVDS,
    /// Component video.
    Component = DRM_MODE_CONNECTOR_Component,
    /// A mini-DIN connector with nine pins.
    NinePinDin = DRM_MODE_CONNECTOR_9PinDIN,
    /// DisplayPort.
    DisplayPort = DRM_MODE_CONNECTOR_DisplayPort,
    /// HDMI, type A.
    HdmiA = DRM_MODE_CONNECTOR_HDMIA,
    /// HDMI, type B.
    HdmiB = DRM_MODE_CONNECTOR_HDMIB,
    /// An output for television.
    Tv = DRM_MODE_CONNECTOR_TV,
    /// A panel on embedded DisplayPort.
    Edp = DRM_MODE_CONNECTOR_eDP,
    /// A connector without a plug, e.g. a window of a host.
    Virtual = DRM_MODE_CONNECTOR_VIRTUAL,
    /// A panel on DSI.
    Dsi = DRM_MODE_CONNECTOR_DSI,
    /// A panel on DPI.
    Dpi = DRM_MODE_CONNECTOR_DPI,
    /// The device writes the picture to memory.
    Writeback = DRM_MODE_CONNECTOR_WRITEBACK,
    /// A panel on SPI.
    Spi = DRM_MODE_CONNECTOR_SPI,
    /// A panel on USB.
    Usb = DRM_MODE_CONNECTOR_USB,
}

/// Whether a monitor is connected.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// A monitor is connected.
    Connected = bindings::drm_connector_status_connector_status_connected,
    /// No monitor is connected.
    Disconnected = bindings::drm_connector_status_connector_status_disconnected,
    /// The device cannot tell.
    Unknown = bindings::drm_connector_status_connector_status_unknown,
}

/// What a check of a connector gets.
pub type ConnectorAtomicCheck<'a, T> = AtomicCheck<'a, Connector<T>>;

impl<'a, T: DriverConnector> AtomicCheck<'a, Connector<T>> {
    /// Returns the connector.
    pub fn connector(&self) -> &'a Connector<T> {
        self.object()
    }
}

/// A connector whose modes can be changed.
///
/// # Invariants
///
/// For the lifetime, this thread holds the lock of the mode config, which protects the connector's modes, its
/// EDID and its properties.
///
/// # Context
///
/// For [`DriverConnector::get_modes`]. Methods may sleep.
///
/// # Examples
///
/// ```no_run
/// use drm::kms::{connector::{ConnectorGuard, DriverConnector}, Edid, ModeConfigGuard};
///
/// /// Lists the modes of a monitor as `DriverConnector::get_modes` does.
/// fn get_modes<'a, T: DriverConnector>(
///     connector: ConnectorGuard<'a, T>,
///     guard: &ModeConfigGuard<'a, T::Driver>,
///     own: Option<&Edid>,
/// ) -> i32 {
///     let edid = connector.read_edid(own);
///     let mut count = connector.add_edid(edid.as_ref());
///     if count == 0 {
///         let (_, max) = guard.limits();
///         count = connector.add_modes_noedid(max);
///     }
///     count + connector.prefer(1024, 768, 60, 32)
/// }
/// ```
pub struct ConnectorGuard<'a, T: DriverConnector>(&'a Connector<T>, NotThreadSafe);

impl<T: DriverConnector> Deref for ConnectorGuard<'_, T> {
    type Target = Connector<T>;

    fn deref(&self) -> &Connector<T> {
        self.0
    }
}

impl<T: DriverConnector> ConnectorGuard<'_, T> {
    /// Returns the EDID to use: that of the administrator (`drm.edid_firmware=`, `edid_override` in
    /// debugfs), or else the device's own. C: `drm_edid_read_custom()`.
    pub fn read_edid(&self, own: Option<&Edid>) -> Option<Edid> {
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
            bindings::drm_edid_read_custom(self.as_raw(), Some(read_block), (&raw mut own).cast())
        };
        // INVARIANT: The core has read it, and has passed the ownership.
        NonNull::new(raw.cast_mut()).map(Edid)
    }

    /// Suggests a position of the monitor to user space, see
    /// [`KmsDriver::FOLLOWS_WINDOWS`]. C: `drm_object_property_set_value()`.
    pub fn suggest_position(&self, x: u32, y: u32) {
        // SAFETY: By the type's invariants.
        let object = unsafe { &raw mut (*self.as_raw()).base };
        // SAFETY: A connector's device is valid as long as the connector. The properties are created
        // before the connectors, and do not change.
        let suggested_x = unsafe { (*self.drm_dev().as_raw()).mode_config.suggested_x_property };
        // SAFETY: As above.
        let suggested_y = unsafe { (*self.drm_dev().as_raw()).mode_config.suggested_y_property };
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
    pub fn add_edid(&self, edid: Option<&Edid>) -> i32 {
        let raw = edid.map_or(ptr::null(), |edid| edid.0.as_ptr().cast_const());
        // SAFETY: By the invariants of the types.
        unsafe { bindings::drm_edid_connector_update(self.as_raw(), raw) };
        // SAFETY: By the type's invariants.
        unsafe { bindings::drm_edid_connector_add_modes(self.as_raw()) }
    }

    /// Adds common modes up to a width and height in pixels. Returns their number. C:
    /// `drm_add_modes_noedid()`.
    pub fn add_modes_noedid(&self, (width, height): (u32, u32)) -> i32 {
        // SAFETY: By the type's invariants.
        unsafe { bindings::drm_add_modes_noedid(self.as_raw(), width, height) }
    }

    /// Prefers the modes with a width and height in pixels, if there are any; C: `drm_set_preferred_mode()`.
    pub fn set_preferred_mode(&self, (width, height): (u32, u32)) {
        // SAFETY: By the type's invariants.
        unsafe { bindings::drm_set_preferred_mode(self.as_raw(), width as i32, height as i32) }
    }

    /// Adds the only mode of a device that shows one size, in pixels, with 60 frames per second. Returns the
    /// number of modes. C: `drm_connector_helper_get_modes_fixed()` with a mode of `DRM_MODE_INIT()`.
    pub fn add_fixed(&self, width: u16, height: u16) -> i32 {
        self.add_exact(width, height, 60, 0)
    }

    /// Makes the mode with a size in pixels the only preferred one. Adds it if it is missing, with
    /// the timing of [`Timing::exact`]. Returns the number of modes that were added.
    pub fn prefer(&self, width: u16, height: u16, refresh: u32, blanking: u16) -> i32 {
        let preferred = bindings::DRM_MODE_TYPE_PREFERRED as u8;
        // SAFETY: By the type's invariants.
        let list = unsafe { &raw mut (*self.as_raw()).probed_modes };
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
        if found {
            0
        } else {
            self.add_exact(width, height, refresh, blanking)
        }
    }

    fn add_exact(&self, width: u16, height: u16, refresh: u32, blanking: u16) -> i32 {
        // SAFETY: A connector's device is valid as long as the connector.
        let mode = unsafe { bindings::drm_mode_create(self.drm_dev().as_raw()) };
        if mode.is_null() {
            return 0;
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
        unsafe { bindings::drm_mode_probed_add(self.as_raw(), mode) };
        1
    }
}

/// The driver's data of a state of a connector. It is copied with the state.
///
/// # Context
///
/// Clone and drop may sleep.
pub trait DriverConnectorState: Clone + Default + Send + Sync + Sized + 'static {
    /// The connector.
    type Connector: DriverConnector<State = Self>;
}

impl<T: DriverConnector<State = Self>> DriverConnectorState for PlainState<T> {
    type Connector = T;
}

impl<S: DriverConnectorState> DriverState<bindings::drm_connector> for S {
    type Object = Connector<S::Connector>;
}

/// The state of a connector, with the driver's data; the C counterpart is `struct drm_connector_state`.
pub type ConnectorState<S> = ObjectState<bindings::drm_connector, S>;

/// What a state of a connector contains.
///
/// # Context
///
/// No method sleeps.
pub trait RawConnectorState: AsRawState<Kind = bindings::drm_connector> {
    /// Returns the connector.
    fn connector(&self) -> &Self::Object {
        // SAFETY: By the requirements of `AsRawState`. The field does not change.
        let connector = unsafe { (*self.as_raw()).connector };
        // SAFETY: By the requirements of `AsRawState`, it is valid, and of this type.
        unsafe { Self::Object::from_raw(connector) }
    }
}

impl<T: AsRawState<Kind = bindings::drm_connector>> RawConnectorState for T {}

/// The driver's data of a connector.
///
/// # Context
///
/// Methods may sleep. The lock of the mode config is held, except for
/// [`atomic_check`](Self::atomic_check).
///
/// # Examples
///
/// ```no_run
/// use drm::kms::{
///     connector::{Connector, ConnectorGuard, DriverConnector, Status},
///     ModeConfigGuard,
/// };
///
/// /// Says that a monitor is connected, as `DriverConnector::detect` does.
/// fn detect<T: DriverConnector>(_connector: &Connector<T>, _force: bool) -> Status {
///     Status::Connected
/// }
///
/// /// Adds the only mode of a device, as `DriverConnector::get_modes` does.
/// fn get_modes<'a, T: DriverConnector>(
///     connector: ConnectorGuard<'a, T>,
///     _guard: &ModeConfigGuard<'a, T::Driver>,
/// ) -> i32 {
///     connector.add_fixed(1024, 768)
/// }
/// ```
#[vtable]
pub trait DriverConnector: Send + Sync + Sized + 'static {
    /// What [`new`](Self::new) is called with.
    type Args;
    /// The driver.
    type Driver: KmsDriver;
    /// The driver's data of a state: [`PlainState<Self>`](PlainState) for none.
    type State: DriverConnectorState<Connector = Self>;

    /// Initializes the data of a new connector.
    fn new(dev: &Device<Self::Driver>, args: Self::Args) -> impl PinInit<Self, Error>;

    /// Adds the modes. Returns their number.
    fn get_modes<'a>(
        connector: ConnectorGuard<'a, Self>,
        guard: &ModeConfigGuard<'a, Self::Driver>,
    ) -> i32;

    /// Returns whether a monitor is connected. Without this function, the core assumes that one is. If `force`
    /// is set, a program or an administrator has asked, so the detection may disturb the picture.
    fn detect(_connector: &Connector<Self>, _force: bool) -> Status {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Checks whether the device can show the new state, and completes it. Must not change the device. The
    /// CRTC is checked afterwards.
    ///
    /// # Errors
    ///
    /// The error that the commit fails with.
    fn atomic_check(_check: ConnectorAtomicCheck<'_, Self>) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// A connector; the C counterpart is `struct drm_connector`.
///
/// # Invariants
///
/// `connector` is a valid connector of a device of `T::Driver`, whose states have the type
/// `ConnectorState<T::State>`.
#[repr(C)]
#[pin_data]
pub struct Connector<T: DriverConnector> {
    connector: Opaque<bindings::drm_connector>,
    #[pin]
    inner: T,
}

impl<T: DriverConnector> Sealed for Connector<T> {}

// SAFETY: By the type's invariants. `connector` is the first field.
unsafe impl<T: DriverConnector> AsRaw for Connector<T> {
    type Kind = bindings::drm_connector;
    type Driver = T::Driver;
}

// SAFETY: By the type's invariants.
unsafe impl<T: DriverConnector> Modesettable for Connector<T> {
    type State = ConnectorState<T::State>;
}

impl<T: DriverConnector> Deref for Connector<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

/// A type for connectors: [`Connector`] or [`UnregisteredConnector`].
///
/// # Context
///
/// Any.
pub trait AsRawConnector: AsRaw<Kind = bindings::drm_connector> {}

impl<T: AsRaw<Kind = bindings::drm_connector>> AsRawConnector for T {}

/// Methods of all types for connectors.
///
/// # Context
///
/// Any.
pub trait RawConnector: AsRawConnector {
    /// Returns the index among the connectors of the device; C: `drm_connector_index()`.
    fn index(&self) -> u32 {
        self.raw_index()
    }

    /// Returns its bit in masks of connectors; C: `drm_connector_mask()`.
    fn mask(&self) -> u32 {
        self.raw_mask()
    }
}

impl<T: AsRawConnector> RawConnector for T {}

/// A connector of a device that is being set up, which only one thread uses.
///
/// # Invariants
///
/// As [`Connector`]. The device is not registered.
#[repr(transparent)]
pub struct UnregisteredConnector<T: DriverConnector>(Connector<T>, NotThreadSafe);

impl<T: DriverConnector> Sealed for UnregisteredConnector<T> {}

// SAFETY: As for `Connector`. The type is transparent.
unsafe impl<T: DriverConnector> AsRaw for UnregisteredConnector<T> {
    type Kind = bindings::drm_connector;
    type Driver = T::Driver;
}

impl<T: DriverConnector> Deref for UnregisteredConnector<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DriverConnector> UnregisteredConnector<T> {
    const FUNCS: bindings::drm_connector_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_connector_funcs = unsafe { core::mem::zeroed() };
        funcs.reset = Some(ConnectorState::<T::State>::reset_callback);
        if T::HAS_DETECT {
            funcs.detect = Some(detect_callback::<T>);
        }
        funcs.fill_modes = Some(bindings::drm_helper_probe_single_connector_modes);
        funcs.atomic_duplicate_state = Some(ConnectorState::<T::State>::duplicate_callback);
        funcs.atomic_destroy_state = Some(ConnectorState::<T::State>::destroy_callback);
        funcs
    };

    const HELPER: bindings::drm_connector_helper_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_connector_helper_funcs = unsafe { core::mem::zeroed() };
        funcs.get_modes = Some(get_modes_callback::<T>);
        if T::HAS_ATOMIC_CHECK {
            funcs.atomic_check = Some(atomic_check_callback::<T>);
        }
        funcs
    };

    /// Creates a connector. It lives as long as the device.
    ///
    /// # Errors
    ///
    /// The errors of [`DriverConnector::new`]; `ENOMEM`. C: `drmm_connector_init()`.
    pub fn new<'a>(
        dev: &'a UnregisteredKmsDevice<'_, T::Driver>,
        type_: Type,
        args: T::Args,
    ) -> Result<&'a Self> {
        let this: Pin<KBox<Connector<T>>> = KBox::pin_init(
            try_pin_init!(Connector {
                connector: Opaque::zeroed(),
                inner <- T::new(dev, args),
            }),
            GFP_KERNEL,
        )?;
        let this = leak(this);
        let raw: *mut bindings::drm_connector = this.cast();
        // The memory is freed with the device, after the cleanup that the initialization below
        // adds. It does not depend on references: the core's clients (7.3) leak some when they run
        // out of memory.
        //
        // SAFETY: Device and memory are valid. If this fails it has freed the memory.
        to_result(unsafe {
            bindings::__drmm_add_action_or_reset(
                dev.as_raw(),
                Some(free_callback::<T>),
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
                type_ as i32,
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
        // INVARIANT: The connector was initialized above, for a device of `T::Driver` that is not
        // registered.
        // SAFETY: The connector is valid until `free_callback`, which the device calls. The type is
        // transparent.
        Ok(unsafe { &*this.cast() })
    }

    /// Attaches an encoder.
    ///
    /// # Errors
    ///
    /// `EINVAL` for an encoder of another device. C: `drm_connector_attach_encoder()`.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn attach_encoder<E>(&self, encoder: &UnregisteredEncoder<E>) -> Result
    where
        E: DriverEncoder<Driver = T::Driver>,
    {
        if !ptr::eq(self.drm_dev().as_raw(), encoder.raw_dev()) {
            return Err(EINVAL);
        }
        // SAFETY: By the invariants of the types, both are valid. Nothing else uses them, because their
        // device is being set up by this thread.
        to_result(unsafe {
            bindings::drm_connector_attach_encoder(self.as_raw(), encoder.as_raw())
        })
    }
}

extern "C" fn free_callback<T: DriverConnector>(
    _dev: *mut bindings::drm_device,
    this: *mut c_void,
) {
    // SAFETY: The core calls this once, when the device is freed, and `new` has passed a box.
    drop(unsafe { KBox::<Connector<T>>::from_raw(this.cast()) });
}

extern "C" fn detect_callback<T: DriverConnector>(
    raw: *mut bindings::drm_connector,
    force: bool,
) -> bindings::drm_connector_status {
    // SAFETY: The core calls this for a connector of this type.
    T::detect(unsafe { Connector::from_raw(raw) }, force) as bindings::drm_connector_status
}

extern "C" fn get_modes_callback<T: DriverConnector>(
    raw: *mut bindings::drm_connector,
) -> kernel::ffi::c_int {
    // SAFETY: The core calls this for a connector of this type.
    let connector = unsafe { Connector::<T>::from_raw(raw) };
    // SAFETY: The core calls this with the lock held.
    let guard = unsafe { ModeConfigGuard::new(connector.drm_dev()) };
    // INVARIANT: The core calls this with the lock held.
    T::get_modes(ConnectorGuard(connector, NotThreadSafe), &guard)
}

extern "C" fn atomic_check_callback<T: DriverConnector>(
    raw: *mut bindings::drm_connector,
    state: *mut bindings::drm_atomic_commit,
) -> kernel::ffi::c_int {
    // SAFETY: The core calls this for a connector of this type, with a commit that this thread checks.
    errno(unsafe { with_check::<Connector<T>>(raw, state, T::atomic_check) })
}
