// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Mode objects, and their states in a commit. What planes, CRTCs and connectors have in common is here:
//! each has states, which C code allocates, copies and frees by callbacks of this module.
//!
//! C header: [`include/drm/drm_mode_object.h`](srctree/include/drm/drm_mode_object.h)
use core::{cell::Cell, marker::PhantomData, mem::offset_of, ops::Deref, ptr, ptr::NonNull};

use drm_bindings as bindings;
use kernel::{prelude::*, sync::aref::ARef, types::Opaque};

use super::KmsDriver;
use crate::{private::Sealed, Device};

/// Which states of a commit are lent to mutators, as masks of the objects' indices.
#[doc(hidden)]
#[derive(Default)]
pub struct Lent {
    planes: Cell<u32>,
    crtcs: Cell<u32>,
    connectors: Cell<u32>,
}

/// A C struct of mode objects that have states.
///
/// # Safety
///
/// `C` must have the functions and fields of this struct. The core gives each object of a device another
/// index, which is less than 32, and which does not change. `Storage` must begin with `State`.
#[doc(hidden)]
pub unsafe trait Kind: Sized {
    /// The C struct of a state.
    type State;
    /// What is allocated for a state: the C struct, or one that begins with it.
    type Storage;

    /// What the core has for this struct.
    const C: Core<Self, Self::State, Self::Storage>;

    /// Returns the mask of lent states.
    fn lent(lent: &Lent) -> &Cell<u32>;
}

/// What the core has for mode objects of a kind: where fields are, in bytes, and functions.
#[doc(hidden)]
pub struct Core<O, S, A> {
    index: usize,
    dev: usize,
    state: usize,
    /// Returns the old state of an object in a commit, or null.
    pub(super) old: unsafe extern "C" fn(*const bindings::drm_atomic_commit, *mut O) -> *mut S,
    /// Returns the new state of an object in a commit, or null.
    pub(super) new: unsafe extern "C" fn(*const bindings::drm_atomic_commit, *mut O) -> *mut S,
    /// Adds the states of an object to a commit. Returns the new state, or an error pointer.
    pub(super) add: unsafe extern "C" fn(*mut bindings::drm_atomic_commit, *mut O) -> *mut S,
    /// Copies the current state of an object.
    duplicate: unsafe extern "C" fn(*mut O, *mut A),
    /// Releases what a state refers to.
    destroy: unsafe extern "C" fn(*mut A),
    /// Makes a state, memory with zeros, the current state of an object, or null for none.
    reset: unsafe extern "C" fn(*mut O, *mut A),
}

// SAFETY: The fields and functions are those of planes. The state of each plane has room for a shadow
// buffer, which begins with the state. Without `DriverPlane::SHADOW` it stays empty, and these functions do
// the same as those for plain states.
unsafe impl Kind for bindings::drm_plane {
    type State = bindings::drm_plane_state;
    type Storage = bindings::drm_shadow_plane_state;

    const C: Core<Self, Self::State, Self::Storage> = Core {
        index: offset_of!(Self, index),
        dev: offset_of!(Self, dev),
        state: offset_of!(Self, state),
        old: bindings::helper_drm_atomic_old_plane_state,
        new: bindings::helper_drm_atomic_new_plane_state,
        add: bindings::drm_atomic_get_plane_state,
        duplicate: bindings::__drm_gem_duplicate_shadow_plane_state,
        destroy: bindings::__drm_gem_destroy_shadow_plane_state,
        reset: bindings::__drm_gem_reset_shadow_plane,
    };

    fn lent(lent: &Lent) -> &Cell<u32> {
        &lent.planes
    }
}

// SAFETY: The fields and functions are those of CRTCs.
unsafe impl Kind for bindings::drm_crtc {
    type State = bindings::drm_crtc_state;
    type Storage = bindings::drm_crtc_state;

    const C: Core<Self, Self::State, Self::Storage> = Core {
        index: offset_of!(Self, index),
        dev: offset_of!(Self, dev),
        state: offset_of!(Self, state),
        old: bindings::helper_drm_atomic_old_crtc_state,
        new: bindings::helper_drm_atomic_new_crtc_state,
        add: bindings::drm_atomic_get_crtc_state,
        duplicate: bindings::__drm_atomic_helper_crtc_duplicate_state,
        destroy: bindings::__drm_atomic_helper_crtc_destroy_state,
        reset: bindings::__drm_atomic_helper_crtc_reset,
    };

    fn lent(lent: &Lent) -> &Cell<u32> {
        &lent.crtcs
    }
}

// SAFETY: The fields and functions are those of connectors.
unsafe impl Kind for bindings::drm_connector {
    type State = bindings::drm_connector_state;
    type Storage = bindings::drm_connector_state;

    const C: Core<Self, Self::State, Self::Storage> = Core {
        index: offset_of!(Self, index),
        dev: offset_of!(Self, dev),
        state: offset_of!(Self, state),
        old: bindings::helper_drm_atomic_old_connector_state,
        new: bindings::helper_drm_atomic_new_connector_state,
        add: bindings::drm_atomic_get_connector_state,
        duplicate: bindings::__drm_atomic_helper_connector_duplicate_state,
        destroy: bindings::__drm_atomic_helper_connector_destroy_state,
        reset: bindings::__drm_atomic_helper_connector_reset,
    };

    fn lent(lent: &Lent) -> &Cell<u32> {
        &lent.connectors
    }
}

/// A type for the objects of a [`Kind`].
///
/// # Safety
///
/// References must be to initialized objects of `Kind`, of a device of `Driver`. The type must begin with
/// the C struct.
#[doc(hidden)]
pub unsafe trait AsRaw: Sealed + Sized {
    /// The C struct.
    type Kind: Kind;
    /// The driver.
    type Driver: KmsDriver;

    /// Returns the C struct, which is valid as long as the reference.
    fn as_raw(&self) -> *mut Self::Kind {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// # Safety
    ///
    /// `raw` must be an initialized object of this type, of a device of `Driver`, as long as the reference
    /// is used.
    unsafe fn from_raw<'a>(raw: *mut Self::Kind) -> &'a Self {
        // SAFETY: By the requirements of this function. The type begins with the C struct.
        unsafe { &*raw.cast() }
    }

    /// Returns the index, which does not change.
    fn raw_index(&self) -> u32 {
        let index: *const u32 = self.as_raw().wrapping_byte_add(Self::Kind::C.index).cast();
        // SAFETY: By the requirements of the traits.
        unsafe { index.read() }
    }

    /// Returns the index as a mask.
    fn raw_mask(&self) -> u32 {
        1 << self.raw_index()
    }
}

/// A plane, CRTC or connector.
///
/// # Context
///
/// Any. No method sleeps.
pub trait ModeObject: AsRaw {
    /// Returns the device that the object belongs to.
    fn drm_dev(&self) -> &Device<Self::Driver> {
        let dev: *const *mut bindings::drm_device =
            self.as_raw().wrapping_byte_add(Self::Kind::C.dev).cast();
        // SAFETY: By the requirements of `AsRaw` and `Kind`. The device does not change.
        let dev = unsafe { dev.read() };
        // SAFETY: By the requirements of `AsRaw`, it is a device of this driver. It is valid as long as
        // the object.
        unsafe { Device::from_raw(dev) }
    }
}

impl<T: AsRaw> ModeObject for T {}

/// Hands the ownership of a new object to the core. Nothing moves the object afterwards.
pub(super) fn leak<T>(object: Pin<KBox<T>>) -> *mut T {
    // SAFETY: The object is only accessible by references and by the pointer, which its destructor uses.
    KBox::into_raw(unsafe { Pin::into_inner_unchecked(object) })
}

/// A mode object that can be a part of a commit. One that is being set up cannot.
///
/// # Safety
///
/// All states of the object must be of the type `State`.
#[doc(hidden)]
pub unsafe trait Modesettable: ModeObject {
    /// The type of its states.
    type State: FromRawState<Kind = Self::Kind>;
}

/// A reference to a plane, CRTC or connector that can be kept. It holds a reference to the device, and the
/// object lives as long as the device. A driver that keeps it in the data of the same device must remove it
/// there, or the device is never freed.
///
/// # Invariants
///
/// The object is one of the device.
///
/// # Context
///
/// Any.
///
/// # Examples
///
/// ```no_run
/// use drm::kms::{
///     crtc::{Crtc, DriverCrtc},
///     KmsRef,
/// };
///
/// /// Keeps a CRTC for the handler of its interrupts.
/// fn keep<T: DriverCrtc>(crtc: &Crtc<T>) -> KmsRef<Crtc<T>> {
///     KmsRef::from(crtc)
/// }
/// ```
pub struct KmsRef<T: Modesettable> {
    object: NonNull<T>,
    _dev: ARef<Device<T::Driver>>,
}

// SAFETY: The core's objects may be used on any thread, and the driver's data in them are `Send` and `Sync`.
unsafe impl<T: Modesettable> Send for KmsRef<T> {}
// SAFETY: As above.
unsafe impl<T: Modesettable> Sync for KmsRef<T> {}

impl<T: Modesettable> From<&T> for KmsRef<T> {
    fn from(object: &T) -> Self {
        // INVARIANT: It is the device of the object.
        Self {
            object: NonNull::from(object),
            _dev: ARef::from(object.drm_dev()),
        }
    }
}

impl<T: Modesettable> Deref for KmsRef<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type's invariants, it lives as long as the device.
        unsafe { self.object.as_ref() }
    }
}

/// A type for the states of a [`Kind`].
///
/// # Safety
///
/// `as_raw` must return a valid state of an object of the type `Object`, as long as the reference exists.
/// Another thread may change only what belongs to the core.
#[doc(hidden)]
pub unsafe trait AsRawState {
    /// The C struct of the object.
    type Kind: Kind;
    /// The object.
    type Object: AsRaw<Kind = Self::Kind>;

    /// Returns the C struct.
    fn as_raw(&self) -> *mut <Self::Kind as Kind>::State;
}

/// A type for the states of a [`Kind`] that begins with the C struct.
///
/// # Safety
///
/// References must be to valid states of this type. The type must begin with the C struct.
#[doc(hidden)]
pub unsafe trait FromRawState: AsRawState + Sized {
    /// # Safety
    ///
    /// `raw` must be valid, and of this type, as long as the reference is used.
    unsafe fn from_raw<'a>(raw: *mut <Self::Kind as Kind>::State) -> &'a Self {
        // SAFETY: By the requirements of this function.
        unsafe { &*raw.cast() }
    }
}

/// The driver's part of a state of a [`Kind`].
#[doc(hidden)]
pub trait DriverState<K: Kind>: Clone + Default + Send + Sync + 'static {
    /// The object.
    type Object: Modesettable<Kind = K, State = ObjectState<K, Self>>;
}

/// A state of a plane, CRTC or connector, with the driver's data: [`PlaneState`](super::plane::PlaneState),
/// [`CrtcState`](super::crtc::CrtcState) or [`ConnectorState`](super::connector::ConnectorState). It
/// dereferences to the driver's data.
///
/// There is no Rust reference to the part of C, because C code counts references to it and checks it
/// meanwhile.
///
/// # Invariants
///
/// `raw` is a valid state of an object of the type `S::Object`. The fields that are read here do not change
/// while a callback runs that was called with it, except by that callback.
#[repr(C)]
pub struct ObjectState<K: Kind, S> {
    raw: Opaque<K::Storage>,
    inner: S,
}

impl<K: Kind, S> Deref for ObjectState<K, S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.inner
    }
}

// SAFETY: By the type's invariants. `Storage` begins with the C struct.
unsafe impl<K: Kind, S: DriverState<K>> AsRawState for ObjectState<K, S> {
    type Kind = K;
    type Object = S::Object;

    fn as_raw(&self) -> *mut K::State {
        self.raw.get().cast()
    }
}

// SAFETY: By the type's invariants. It begins with `Storage`, and that with the C struct.
unsafe impl<K: Kind, S: DriverState<K>> FromRawState for ObjectState<K, S> {}

impl<K: Kind, S> ObjectState<K, S> {
    /// Returns the driver's data.
    ///
    /// # Safety
    ///
    /// `state` must be valid, and of this type.
    pub(super) unsafe fn inner(state: *mut Self) -> *mut S {
        // SAFETY: By the requirements of this function.
        unsafe { &raw mut (*state).inner }
    }

    /// Returns memory for a state, with the driver's data and with zeros for the core.
    fn allocate(inner: S) -> Result<KBox<Self>> {
        let raw = Opaque::zeroed();
        Ok(KBox::new(Self { raw, inner }, GFP_KERNEL)?)
    }
}

impl<K: Kind, S: DriverState<K>> ObjectState<K, S> {
    /// C: e.g. `drm_plane_funcs.atomic_duplicate_state`.
    pub(super) extern "C" fn duplicate_callback(object: *mut K) -> *mut K::State {
        let current: *const *mut K::State = object.wrapping_byte_add(K::C.state).cast();
        // SAFETY: The core calls this for a valid object, and holds the lock that protects its state.
        let current = unsafe { current.read() };
        if current.is_null() {
            return ptr::null_mut();
        }
        // SAFETY: The core calls this for objects whose states are of this type.
        let current = unsafe { Self::from_raw(current) };
        let Ok(new) = Self::allocate(current.inner.clone()) else {
            return ptr::null_mut();
        };
        let new = KBox::into_raw(new);
        // INVARIANT: The state is completed.
        // SAFETY: As above. `new` is memory for a state.
        unsafe { (K::C.duplicate)(object, new.cast()) };
        new.cast()
    }

    /// C: e.g. `drm_plane_funcs.atomic_destroy_state`.
    pub(super) extern "C" fn destroy_callback(_object: *mut K, state: *mut K::State) {
        // SAFETY: The core calls this for a state of this type that nothing uses any more.
        unsafe { (K::C.destroy)(state.cast()) };
        // SAFETY: As above. It is a box of this module.
        drop(unsafe { KBox::<Self>::from_raw(state.cast()) });
    }

    /// C: e.g. `drm_plane_funcs.reset`. An object that has no state after the first reset is an error that
    /// [`setup_kms`](crate::UnregisteredDevice::setup_kms) returns. A later reset uses the memory of the old
    /// state, because a resume resets the objects, and crashes if one of them has no state.
    pub(super) extern "C" fn reset_callback(object: *mut K) {
        let old: *const *mut K::State = object.wrapping_byte_add(K::C.state).cast();
        // SAFETY: The core calls this for a valid object that nothing else uses.
        let old = unsafe { old.read() };
        let new: *mut Self = if old.is_null() {
            Self::allocate(S::default()).map_or(ptr::null_mut(), KBox::into_raw)
        } else {
            // SAFETY: It is a state of this type that nothing uses any more.
            unsafe { (K::C.destroy)(old.cast()) };
            let new: *mut Self = old.cast();
            let (raw, inner) = (Opaque::zeroed(), S::default());
            // SAFETY: As above. The assignment drops the driver's old data.
            unsafe { *new = Self { raw, inner } };
            new
        };
        // INVARIANT: The state is completed.
        // SAFETY: As above. What the old state referred to is released.
        unsafe { (K::C.reset)(object, new.cast()) };
    }
}

/// A state without data of the driver. `T` is the driver's data of the object, e.g. the
/// [`DriverPlane`](super::plane::DriverPlane).
///
/// # Examples
///
/// ```no_run
/// use drm::kms::{plane::DriverPlane, PlainState};
///
/// /// Compiles for a plane with `type State = PlainState<Self>;`.
/// fn has_no_data<T: DriverPlane<State = PlainState<T>>>() {
///     let _: PlainState<T> = Default::default();
/// }
/// ```
pub struct PlainState<T>(PhantomData<fn() -> T>);

impl<T> Clone for PlainState<T> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for PlainState<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}
