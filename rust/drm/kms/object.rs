// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Mode objects, and their states in a commit. What planes, CRTCs and connectors have in common is here:
//! each has states, which C code allocates, copies and frees by callbacks of this module.
//!
//! C header: [`include/drm/drm_mode_object.h`](srctree/include/drm/drm_mode_object.h)
use core::{cell::Cell, marker::PhantomData, ops::Deref, ptr};

use drm_bindings as bindings;
use kernel::{prelude::*, types::Opaque};

use super::KmsDriver;
use crate::{private::Sealed, Device};

/// Which states of a commit are lent to mutators, as masks of the objects' indices.
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
/// The functions must be those of C for this struct. The core gives each object of a device another index,
/// which is less than 32, and which does not change. `Storage` must begin with `State`.
#[doc(hidden)]
pub unsafe trait Kind: Sized {
    /// The C struct of a state.
    type State;
    /// What is allocated for a state: the C struct, or one that begins with it.
    type Storage;

    /// Returns the mask of lent states.
    fn lent(lent: &Lent) -> &Cell<u32>;

    /// Returns the index of an object.
    ///
    /// # Safety
    ///
    /// The object must be valid. This is a requirement of all functions here.
    unsafe fn index(object: *mut Self) -> u32;

    /// Returns the device of an object.
    ///
    /// # Safety
    ///
    /// See [`index`](Self::index).
    unsafe fn dev(object: *mut Self) -> *mut bindings::drm_device;

    /// Returns the current state of an object, or null.
    ///
    /// # Safety
    ///
    /// See [`index`](Self::index). Nothing may replace the state meanwhile.
    unsafe fn current(object: *mut Self) -> *mut Self::State;

    /// Returns the old state of an object in a commit, or null.
    ///
    /// # Safety
    ///
    /// See [`index`](Self::index). The commit must be a valid one of the object's device.
    unsafe fn old(commit: *mut bindings::drm_atomic_commit, object: *mut Self) -> *mut Self::State;

    /// Returns the new state of an object in a commit, or null.
    ///
    /// # Safety
    ///
    /// See [`old`](Self::old).
    unsafe fn new(commit: *mut bindings::drm_atomic_commit, object: *mut Self) -> *mut Self::State;

    /// Adds the states of an object to a commit. Returns the new state, or an error pointer.
    ///
    /// # Safety
    ///
    /// See [`old`](Self::old). The caller must check the commit.
    unsafe fn add(commit: *mut bindings::drm_atomic_commit, object: *mut Self) -> *mut Self::State;

    /// Copies the current state of an object.
    ///
    /// # Safety
    ///
    /// See [`current`](Self::current). There must be a current state, and `new` must be memory for another.
    unsafe fn duplicate(object: *mut Self, new: *mut Self::Storage);

    /// Releases what a state refers to.
    ///
    /// # Safety
    ///
    /// The state must be valid, and nothing may use it any more.
    unsafe fn destroy(state: *mut Self::Storage);

    /// Makes `state` the current state of an object: memory with zeros, or null for none.
    ///
    /// # Safety
    ///
    /// See [`current`](Self::current). There must be no current state.
    unsafe fn reset(object: *mut Self, state: *mut Self::Storage);
}

macro_rules! kind {
    ($object:ident, $state:ident, $storage:ident, lent: $lent:ident, old: $old:ident, new: $new:ident,
     add: $add:ident, duplicate: $duplicate:ident, destroy: $destroy:ident, reset: $reset:ident) => {
        // SAFETY: The functions are those of C for this struct. The core uses the indices of planes, CRTCs
        // and connectors in masks of 32 bits.
        unsafe impl Kind for bindings::$object {
            type State = bindings::$state;
            type Storage = bindings::$storage;

            fn lent(lent: &Lent) -> &Cell<u32> {
                &lent.$lent
            }

            unsafe fn index(object: *mut Self) -> u32 {
                // SAFETY: By the requirements of this function.
                unsafe { (*object).index }
            }

            unsafe fn dev(object: *mut Self) -> *mut bindings::drm_device {
                // SAFETY: By the requirements of this function. The device does not change.
                unsafe { (*object).dev }
            }

            unsafe fn current(object: *mut Self) -> *mut Self::State {
                // SAFETY: By the requirements of this function.
                unsafe { (*object).state }
            }

            unsafe fn old(
                commit: *mut bindings::drm_atomic_commit,
                object: *mut Self,
            ) -> *mut Self::State {
                // SAFETY: By the requirements of this function.
                unsafe { bindings::$old(commit, object) }
            }

            unsafe fn new(
                commit: *mut bindings::drm_atomic_commit,
                object: *mut Self,
            ) -> *mut Self::State {
                // SAFETY: By the requirements of this function.
                unsafe { bindings::$new(commit, object) }
            }

            unsafe fn add(
                commit: *mut bindings::drm_atomic_commit,
                object: *mut Self,
            ) -> *mut Self::State {
                // SAFETY: By the requirements of this function.
                unsafe { bindings::$add(commit, object) }
            }

            unsafe fn duplicate(object: *mut Self, new: *mut Self::Storage) {
                // SAFETY: By the requirements of this function.
                unsafe { bindings::$duplicate(object, new) }
            }

            unsafe fn destroy(state: *mut Self::Storage) {
                // SAFETY: By the requirements of this function.
                unsafe { bindings::$destroy(state) }
            }

            unsafe fn reset(object: *mut Self, state: *mut Self::Storage) {
                // SAFETY: By the requirements of this function.
                unsafe { bindings::$reset(object, state) }
            }
        }
    };
}

// The state of each plane has room for a shadow buffer. Without `DriverPlane::SHADOW` it stays empty, and
// these functions do the same as those for plain states.
kind!(drm_plane, drm_plane_state, drm_shadow_plane_state, lent: planes,
    old: helper_drm_atomic_old_plane_state,
    new: helper_drm_atomic_new_plane_state,
    add: drm_atomic_get_plane_state,
    duplicate: __drm_gem_duplicate_shadow_plane_state,
    destroy: __drm_gem_destroy_shadow_plane_state,
    reset: __drm_gem_reset_shadow_plane);
kind!(drm_crtc, drm_crtc_state, drm_crtc_state, lent: crtcs,
    old: helper_drm_atomic_old_crtc_state,
    new: helper_drm_atomic_new_crtc_state,
    add: drm_atomic_get_crtc_state,
    duplicate: __drm_atomic_helper_crtc_duplicate_state,
    destroy: __drm_atomic_helper_crtc_destroy_state,
    reset: __drm_atomic_helper_crtc_reset);
kind!(drm_connector, drm_connector_state, drm_connector_state, lent: connectors,
    old: helper_drm_atomic_old_connector_state,
    new: helper_drm_atomic_new_connector_state,
    add: drm_atomic_get_connector_state,
    duplicate: __drm_atomic_helper_connector_duplicate_state,
    destroy: __drm_atomic_helper_connector_destroy_state,
    reset: __drm_atomic_helper_connector_reset);

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
        // SAFETY: By the requirements of the trait.
        unsafe { Self::Kind::index(self.as_raw()) }
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
        // SAFETY: By the requirements of `AsRaw`.
        let dev = unsafe { Self::Kind::dev(self.as_raw()) };
        // SAFETY: By the requirements of `AsRaw`, it is a device of this driver. It is valid as long as
        // the object.
        unsafe { Device::from_raw(dev) }
    }
}

impl<T: AsRaw> ModeObject for T {}

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
/// As above.
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
/// [`CrtcState`](super::crtc::CrtcState) or [`ConnectorState`](super::connector::ConnectorState). It dereferences to the
/// driver's data.
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

// SAFETY: As above.
unsafe impl<K: Kind, S: DriverState<K>> FromRawState for ObjectState<K, S> {}

impl<K: Kind, S> ObjectState<K, S> {
    /// Returns the driver's data.
    ///
    /// # Safety
    ///
    /// `state` must be valid, of this type, and nothing else may use the driver's data as long as the
    /// reference is used.
    pub(super) unsafe fn inner_mut<'a>(state: *mut Self) -> &'a mut S {
        // SAFETY: By the requirements of this function.
        unsafe { &mut (*state).inner }
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
        // SAFETY: The core calls this for a valid object, and holds the lock that protects its state.
        let current = unsafe { K::current(object) };
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
        unsafe { K::duplicate(object, new.cast()) };
        new.cast()
    }

    /// C: e.g. `drm_plane_funcs.atomic_destroy_state`.
    pub(super) extern "C" fn destroy_callback(_object: *mut K, state: *mut K::State) {
        // SAFETY: The core calls this for a state of this type that nothing uses any more.
        unsafe { K::destroy(state.cast()) };
        // SAFETY: As above. It is a box of this module.
        drop(unsafe { KBox::<Self>::from_raw(state.cast()) });
    }

    /// C: e.g. `drm_plane_funcs.reset`. An object that has no state afterwards is an error that
    /// [`setup_kms`](crate::UnregisteredDevice::setup_kms) returns.
    pub(super) extern "C" fn reset_callback(object: *mut K) {
        // SAFETY: The core calls this for a valid object that nothing else uses.
        let old = unsafe { K::current(object) };
        if !old.is_null() {
            Self::destroy_callback(object, old);
        }
        let new = Self::allocate(S::default()).map_or(ptr::null_mut(), KBox::into_raw);
        // INVARIANT: The state is completed.
        // SAFETY: As above. The old state is gone.
        unsafe { K::reset(object, new.cast()) };
    }
}

/// The states of a driver that has no data of its own in them. `T` is what the object contains, e.g. the
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
