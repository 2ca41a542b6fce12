// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Atomic commits. A check and a commit get different types, so that a check cannot touch the device, and
//! that a commit cannot change states, which other threads read.
//!
//! C header: [`include/drm/drm_atomic.h`](srctree/include/drm/drm_atomic.h)
use core::{
    cell::Cell,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    ptr::{self, NonNull},
};

use drm_bindings as bindings;
use kernel::{
    error::{from_err_ptr, to_result},
    prelude::*,
};

use super::{
    connector::AsRawConnector,
    crtc::AsRawCrtc,
    object::{AsRaw, AsRawState, DriverState, FromRawState, Kind, Lent, Modesettable, ObjectState},
    plane::AsRawPlane,
    KmsDriver,
};
use crate::Device;

/// A commit of a device of `T`.
///
/// # Invariants
///
/// The commit is valid, and this thread checks it or carries it out. The states in it are of the types of
/// their objects, and are valid.
struct Commit<T>(NonNull<bindings::drm_atomic_commit>, PhantomData<T>);

impl<T: KmsDriver> Commit<T> {
    fn as_raw(&self) -> *mut bindings::drm_atomic_commit {
        self.0.as_ptr()
    }

    fn drm_dev(&self) -> &Device<T> {
        // SAFETY: By the type's invariants. The device does not change.
        let dev = unsafe { (*self.as_raw()).dev };
        // SAFETY: By the type's invariants.
        unsafe { Device::from_raw(dev) }
    }

    /// Returns whether an object belongs to the device. The core does not check this: it finds states by the
    /// object's index.
    fn has<O: Modesettable<Driver = T>>(&self, object: &O) -> bool {
        ptr::eq(self.drm_dev(), object.drm_dev())
    }

    fn old<O: Modesettable<Driver = T>>(&self, object: &O) -> Option<&O::State> {
        if !self.has(object) {
            return None;
        }
        // SAFETY: By the type's invariants. The object is one of the commit's device.
        let old = NonNull::new(unsafe { (O::Kind::C.old)(self.as_raw(), object.as_raw()) })?;
        // SAFETY: By the type's invariants. Nothing changes the state, because it was committed before.
        Some(unsafe { O::State::from_raw(old.as_ptr()) })
    }

    fn raw_new<O: Modesettable<Driver = T>>(
        &self,
        object: &O,
    ) -> Option<NonNull<<O::Kind as Kind>::State>> {
        if !self.has(object) {
            return None;
        }
        // SAFETY: By the type's invariants. The object is one of the commit's device.
        NonNull::new(unsafe { (O::Kind::C.new)(self.as_raw(), object.as_raw()) })
    }
}

/// A commit that is being carried out; the C counterpart is `struct drm_atomic_commit`. It was checked, and
/// its states do not change any more.
///
/// # Invariants
///
/// The commit is carried out by this thread.
///
/// # Context
///
/// A commit may sleep. The methods do not.
///
/// # Examples
///
/// ```no_run
/// use drm::kms::{
///     crtc::RawCrtcState,
///     plane::{DriverPlane, PlaneAtomicCommit, RawPlaneState},
/// };
///
/// /// Returns whether the device has lost its picture, as `DriverPlane::atomic_update` needs to know.
/// fn is_lost<T: DriverPlane>(commit: PlaneAtomicCommit<'_, T>) -> bool {
///     let (state, new) = commit.take_state_new_state();
///     let crtc_state = new.crtc().and_then(|crtc| state.get_new_crtc_state(crtc));
///     crtc_state.is_some_and(|crtc_state| crtc_state.needs_modeset())
/// }
/// ```
pub struct AtomicState<T: KmsDriver>(Commit<T>);

impl<T: KmsDriver> AtomicState<T> {
    /// # Safety
    ///
    /// `raw` must be a valid commit of a device of `T`, which this thread carries out as long as the value
    /// exists.
    pub(super) unsafe fn new(raw: NonNull<bindings::drm_atomic_commit>) -> Self {
        // INVARIANT: By the requirements of this function.
        Self(Commit(raw, PhantomData))
    }

    fn new_state<O: Modesettable<Driver = T>>(&self, object: &O) -> Option<&O::State> {
        let new = self.0.raw_new(object)?;
        // SAFETY: By the invariants of the types, the state is valid, and nothing changes it.
        Some(unsafe { O::State::from_raw(new.as_ptr()) })
    }

    /// Returns the device.
    pub fn drm_dev(&self) -> &Device<T> {
        self.0.drm_dev()
    }

    /// Returns the old state of a plane, if it is a part of the commit; C:
    /// `drm_atomic_get_old_plane_state()`.
    pub fn get_old_plane_state<P>(&self, plane: &P) -> Option<&P::State>
    where
        P: AsRawPlane + Modesettable<Driver = T>,
    {
        self.0.old(plane)
    }

    /// Returns the new state of a plane, if it is a part of the commit; C:
    /// `drm_atomic_get_new_plane_state()`.
    pub fn get_new_plane_state<P>(&self, plane: &P) -> Option<&P::State>
    where
        P: AsRawPlane + Modesettable<Driver = T>,
    {
        self.new_state(plane)
    }

    /// Returns the old state of a CRTC, if it is a part of the commit; C:
    /// `drm_atomic_get_old_crtc_state()`.
    pub fn get_old_crtc_state<C>(&self, crtc: &C) -> Option<&C::State>
    where
        C: AsRawCrtc + Modesettable<Driver = T>,
    {
        self.0.old(crtc)
    }

    /// Returns the new state of a CRTC, if it is a part of the commit; C:
    /// `drm_atomic_get_new_crtc_state()`.
    pub fn get_new_crtc_state<C>(&self, crtc: &C) -> Option<&C::State>
    where
        C: AsRawCrtc + Modesettable<Driver = T>,
    {
        self.new_state(crtc)
    }

    /// Returns the old state of a connector, if it is a part of the commit; C:
    /// `drm_atomic_get_old_connector_state()`.
    pub fn get_old_connector_state<C>(&self, connector: &C) -> Option<&C::State>
    where
        C: AsRawConnector + Modesettable<Driver = T>,
    {
        self.0.old(connector)
    }

    /// Returns the new state of a connector, if it is a part of the commit; C:
    /// `drm_atomic_get_new_connector_state()`.
    pub fn get_new_connector_state<C>(&self, connector: &C) -> Option<&C::State>
    where
        C: AsRawConnector + Modesettable<Driver = T>,
    {
        self.new_state(connector)
    }
}

/// The states of a commit that is being checked. Each new state is lent to one [`StateMutator`] at a time.
///
/// # Invariants
///
/// This thread checks the commit. `lent` has the new states for which there is a mutator.
///
/// # Context
///
/// A check may sleep. The methods do not.
pub struct AtomicStateMutator<T: KmsDriver> {
    commit: Commit<T>,
    lent: Lent,
}

impl<T: KmsDriver> AtomicStateMutator<T> {
    /// Lends a new state.
    fn mutator<O: Modesettable<Driver = T>>(
        &self,
        object: &O,
    ) -> Option<StateMutator<'_, O::State>> {
        let state = self.commit.raw_new(object)?.cast();
        let lent = O::Kind::lent(&self.lent);
        let mask = object.raw_mask();
        if lent.get() & mask != 0 {
            return None;
        }
        lent.set(lent.get() | mask);
        // INVARIANT: By the type's invariants the state is valid, and no other thread knows it. It was not
        // lent before.
        Some(StateMutator { state, lent, mask })
    }

    /// Returns the device.
    pub fn drm_dev(&self) -> &Device<T> {
        self.commit.drm_dev()
    }

    /// Returns the committed state of a plane, if the plane is a part of the commit; C:
    /// `drm_atomic_get_old_plane_state()`.
    pub fn get_old_plane_state<P>(&self, plane: &P) -> Option<&P::State>
    where
        P: AsRawPlane + Modesettable<Driver = T>,
    {
        self.commit.old(plane)
    }

    /// Lends the new state of a plane. Returns `None` if the plane is not a part of the commit, and if the
    /// state is lent already. C: `drm_atomic_get_new_plane_state()`.
    pub fn get_new_plane_state<P>(&self, plane: &P) -> Option<PlaneStateMutator<'_, P::State>>
    where
        P: AsRawPlane + Modesettable<Driver = T>,
    {
        self.mutator(plane)
    }

    /// Returns the committed state of a CRTC, if the CRTC is a part of the commit; C:
    /// `drm_atomic_get_old_crtc_state()`.
    pub fn get_old_crtc_state<C>(&self, crtc: &C) -> Option<&C::State>
    where
        C: AsRawCrtc + Modesettable<Driver = T>,
    {
        self.commit.old(crtc)
    }

    /// Lends the new state of a CRTC, see [`get_new_plane_state`](Self::get_new_plane_state); C:
    /// `drm_atomic_get_new_crtc_state()`.
    pub fn get_new_crtc_state<C>(&self, crtc: &C) -> Option<CrtcStateMutator<'_, C::State>>
    where
        C: AsRawCrtc + Modesettable<Driver = T>,
    {
        self.mutator(crtc)
    }

    /// Returns the committed state of a connector, if the connector is a part of the commit; C:
    /// `drm_atomic_get_old_connector_state()`.
    pub fn get_old_connector_state<C>(&self, connector: &C) -> Option<&C::State>
    where
        C: AsRawConnector + Modesettable<Driver = T>,
    {
        self.commit.old(connector)
    }

    /// Lends the new state of a connector, see [`get_new_plane_state`](Self::get_new_plane_state); C:
    /// `drm_atomic_get_new_connector_state()`.
    pub fn get_new_connector_state<C>(
        &self,
        connector: &C,
    ) -> Option<ConnectorStateMutator<'_, C::State>>
    where
        C: AsRawConnector + Modesettable<Driver = T>,
    {
        self.mutator(connector)
    }
}

/// A commit that is being checked, to which states can be added. The device does not show it yet.
///
/// # Context
///
/// A check may sleep, and so may the methods.
///
/// # Examples
///
/// ```no_run
/// # use kernel::prelude::*;
/// use drm::kms::plane::{DriverPlane, PlaneAtomicCheck, RawPlaneState};
///
/// /// Checks a state as `DriverPlane::atomic_check` does.
/// fn check<T: DriverPlane>(check: PlaneAtomicCheck<'_, T>) -> Result {
///     let (state, mut new) = check.take_state_new_state();
///     let Some(crtc) = new.crtc() else {
///         // The plane is switched off.
///         return Ok(());
///     };
///     let crtc_state = state.add_crtc_state(crtc)?;
///     new.atomic_helper_check(&crtc_state, false, true)?;
///     // Limits of the device.
///     if new.src().x1 % 8 != 0 {
///         return Err(EINVAL);
///     }
///     Ok(())
/// }
/// ```
///
/// What is for commits only cannot be used in a check:
///
/// ```compile_fail,E0308
/// use drm::kms::{atomic::{AtomicState, AtomicStateComposer}, KmsDriver};
///
/// fn commit<T: KmsDriver>(state: &AtomicState<T>) {}
///
/// fn check<T: KmsDriver>(state: &AtomicStateComposer<T>) {
///     commit(state)
/// }
/// ```
pub struct AtomicStateComposer<T: KmsDriver>(AtomicStateMutator<T>);

impl<T: KmsDriver> Deref for AtomicStateComposer<T> {
    type Target = AtomicStateMutator<T>;

    fn deref(&self) -> &AtomicStateMutator<T> {
        &self.0
    }
}

impl<T: KmsDriver> AtomicStateComposer<T> {
    /// # Safety
    ///
    /// `raw` must be a valid commit of a device of `T`, which this thread checks as long as the value
    /// exists. Nothing else may use the new states of the commit meanwhile.
    pub(super) unsafe fn new(raw: NonNull<bindings::drm_atomic_commit>) -> Self {
        // INVARIANT: By the requirements of this function. No state is lent yet.
        Self(AtomicStateMutator {
            commit: Commit(raw, PhantomData),
            lent: Lent::default(),
        })
    }

    fn add<O: Modesettable<Driver = T>>(&self, object: &O) -> Result<StateMutator<'_, O::State>> {
        if !self.commit.has(object) {
            return Err(EINVAL);
        }
        // SAFETY: By the invariants of the types. The object is one of the commit's device.
        from_err_ptr(unsafe { (O::Kind::C.add)(self.commit.as_raw(), object.as_raw()) })?;
        self.mutator(object).ok_or(EBUSY)
    }

    /// Adds the states of a plane, unless the commit has them, and lends the new one; C:
    /// `drm_atomic_get_plane_state()`.
    ///
    /// # Errors
    ///
    /// `EBUSY` if the state is lent already, `EINVAL` for a plane of another device, `ENOMEM`. `EDEADLK` if
    /// the core has to take its locks in another order: the check must return this error, and the core
    /// repeats the check.
    pub fn add_plane_state<P>(&self, plane: &P) -> Result<PlaneStateMutator<'_, P::State>>
    where
        P: AsRawPlane + Modesettable<Driver = T>,
    {
        self.add(plane)
    }

    /// Adds the states of a CRTC, unless the commit has them, and lends the new one; C:
    /// `drm_atomic_get_crtc_state()`.
    ///
    /// # Errors
    ///
    /// The errors of [`add_plane_state`](Self::add_plane_state).
    pub fn add_crtc_state<C>(&self, crtc: &C) -> Result<CrtcStateMutator<'_, C::State>>
    where
        C: AsRawCrtc + Modesettable<Driver = T>,
    {
        self.add(crtc)
    }

    /// Adds the states of a connector, unless the commit has them, and lends the new one; C:
    /// `drm_atomic_get_connector_state()`.
    ///
    /// # Errors
    ///
    /// The errors of [`add_plane_state`](Self::add_plane_state).
    pub fn add_connector_state<C>(
        &self,
        connector: &C,
    ) -> Result<ConnectorStateMutator<'_, C::State>>
    where
        C: AsRawConnector + Modesettable<Driver = T>,
    {
        self.add(connector)
    }

    /// Adds the states of all planes that a CRTC shows; C: `drm_atomic_add_affected_planes()`.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a CRTC that is not a part of the commit; `ENOMEM` and `EDEADLK` as
    /// [`add_plane_state`](Self::add_plane_state).
    pub fn add_affected_planes<C>(&self, crtc: &C) -> Result
    where
        C: AsRawCrtc + Modesettable<Driver = T>,
    {
        self.commit.raw_new(crtc).ok_or(EINVAL)?;
        // SAFETY: By the invariants of the types. The commit has the states of the CRTC.
        to_result(unsafe {
            bindings::drm_atomic_add_affected_planes(self.commit.as_raw(), crtc.as_raw())
        })
    }
}

/// A new state that is being checked. It dereferences to the driver's data. When it is dropped, the state
/// can be lent again.
///
/// # Invariants
///
/// `state` is a valid state, which no other thread knows and which is lent to this value only, as `mask`
/// in `lent` says. For the lifetime, this thread checks the commit of the state.
///
/// # Context
///
/// A check may sleep. The methods do not.
///
/// # Examples
///
/// ```no_run
/// use drm::kms::plane::{DriverPlane, PlaneAtomicCheck};
///
/// /// Resets the driver's data, as `DriverPlane::atomic_check` does before it computes them.
/// fn reset<T: DriverPlane>(check: PlaneAtomicCheck<'_, T>) {
///     let mut new = check.take_new_state();
///     *new = Default::default();
/// }
/// ```
pub struct StateMutator<'a, S: FromRawState> {
    state: NonNull<S>,
    lent: &'a Cell<u32>,
    mask: u32,
}

/// The new state of a plane that is being checked.
pub type PlaneStateMutator<'a, S> = StateMutator<'a, S>;
/// The new state of a CRTC that is being checked.
pub type CrtcStateMutator<'a, S> = StateMutator<'a, S>;
/// The new state of a connector that is being checked.
pub type ConnectorStateMutator<'a, S> = StateMutator<'a, S>;

impl<S: FromRawState> Drop for StateMutator<'_, S> {
    fn drop(&mut self) {
        self.lent.set(self.lent.get() & !self.mask);
    }
}

// SAFETY: By the type's invariants, and those of `S`.
unsafe impl<S: FromRawState> AsRawState for StateMutator<'_, S> {
    type Kind = S::Kind;
    type Object = S::Object;

    fn as_raw(&self) -> *mut <S::Kind as Kind>::State {
        self.state.as_ptr().cast()
    }
}

impl<K: Kind, S: DriverState<K>> Deref for StateMutator<'_, ObjectState<K, S>> {
    type Target = S;

    fn deref(&self) -> &S {
        // SAFETY: By the type's invariants.
        let inner = unsafe { ObjectState::inner(self.state.as_ptr()) };
        // SAFETY: By the type's invariants, only this value refers to the driver's data.
        unsafe { &*inner }
    }
}

impl<K: Kind, S: DriverState<K>> DerefMut for StateMutator<'_, ObjectState<K, S>> {
    fn deref_mut(&mut self) -> &mut S {
        // SAFETY: By the type's invariants.
        let inner = unsafe { ObjectState::inner(self.state.as_ptr()) };
        // SAFETY: As above.
        unsafe { &mut *inner }
    }
}

/// What a check of an object gets: the object, its old and new state, and the commit, to which the check can
/// add states, unless `S` is an [`AtomicStateMutator`]. The methods consume the value, and return the parts
/// that the driver needs.
///
/// # Context
///
/// A check may sleep. The methods do not.
///
/// # Examples
///
/// ```no_run
/// # use kernel::prelude::*;
/// use drm::kms::plane::{DriverPlane, PlaneAtomicCheck, RawPlaneState};
///
/// /// Refuses other formats, as `DriverPlane::atomic_check` may do.
/// fn check<T: DriverPlane>(check: PlaneAtomicCheck<'_, T>) -> Result {
///     let (old, new) = check.take_old_new_state();
///     if old.framebuffer().is_some() && old.fourcc() != new.fourcc() {
///         return Err(EINVAL);
///     }
///     Ok(())
/// }
/// ```
pub struct AtomicCheck<'a, O: Modesettable, S = AtomicStateComposer<<O as AsRaw>::Driver>> {
    state: &'a S,
    object: &'a O,
    old: &'a O::State,
    new: StateMutator<'a, O::State>,
}

impl<'a, O: Modesettable> AtomicCheck<'a, O> {
    /// Returns `None` if the object is not a part of the commit, or if its state is lent.
    pub(super) fn new(state: &'a AtomicStateComposer<O::Driver>, object: &'a O) -> Option<Self> {
        Some(Self {
            state,
            object,
            old: state.commit.old(object)?,
            new: state.mutator(object)?,
        })
    }

    /// Gives up the right to add states.
    pub(super) fn without_additions(self) -> AtomicCheck<'a, O, AtomicStateMutator<O::Driver>> {
        AtomicCheck {
            state: self.state,
            object: self.object,
            old: self.old,
            new: self.new,
        }
    }
}

impl<'a, O: Modesettable, S> AtomicCheck<'a, O, S> {
    pub(super) fn object(&self) -> &'a O {
        self.object
    }

    pub(super) fn old_state(&self) -> &'a O::State {
        self.old
    }

    pub(super) fn new_state(&mut self) -> &mut StateMutator<'a, O::State> {
        &mut self.new
    }

    /// Returns the commit, the old and the new state.
    pub fn take_all(self) -> (&'a S, &'a O::State, StateMutator<'a, O::State>) {
        (self.state, self.old, self.new)
    }

    /// Returns the commit. The new state can then be lent again.
    pub fn take_state(self) -> &'a S {
        self.state
    }

    /// Returns the old state.
    pub fn take_old_state(self) -> &'a O::State {
        self.old
    }

    /// Returns the new state.
    pub fn take_new_state(self) -> StateMutator<'a, O::State> {
        self.new
    }

    /// Returns the old and the new state.
    pub fn take_old_new_state(self) -> (&'a O::State, StateMutator<'a, O::State>) {
        (self.old, self.new)
    }

    /// Returns the commit and the old state.
    pub fn take_state_old_state(self) -> (&'a S, &'a O::State) {
        (self.state, self.old)
    }

    /// Returns the commit and the new state.
    pub fn take_state_new_state(self) -> (&'a S, StateMutator<'a, O::State>) {
        (self.state, self.new)
    }
}

/// What a part of a commit gets: the object, its old and new state, and the commit. The methods return the
/// parts that the driver needs. The states do not change, because other threads read them.
///
/// # Context
///
/// A commit may sleep. The methods do not.
///
/// # Examples
///
/// ```no_run
/// use drm::{kms::plane::{DriverPlane, PlaneAtomicCommit, RawPlaneState}, Rect};
///
/// /// Copies pixels as `DriverPlane::atomic_update` does.
/// fn update<T: DriverPlane>(commit: PlaneAtomicCommit<'_, T>, mut copy: impl FnMut(Rect)) {
///     let (old, new) = commit.take_old_new_state();
///     if new.visible() {
///         new.for_each_damage(old, |part, _count| copy(part));
///     }
/// }
/// ```
///
/// A driver cannot make one:
///
/// ```compile_fail,E0624
/// use drm::kms::{atomic::AtomicState, plane::{DriverPlane, Plane, PlaneAtomicCommit}};
///
/// fn make<'a, T: DriverPlane>(
///     state: &'a AtomicState<T::Driver>,
///     plane: &'a Plane<T>,
/// ) -> Option<PlaneAtomicCommit<'a, T>> {
///     PlaneAtomicCommit::new(state, plane)
/// }
/// ```
pub struct AtomicCommit<'a, O: Modesettable> {
    state: &'a AtomicState<O::Driver>,
    object: &'a O,
    old: &'a O::State,
    new: &'a O::State,
}

impl<O: Modesettable> Clone for AtomicCommit<'_, O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<O: Modesettable> Copy for AtomicCommit<'_, O> {}

impl<'a, O: Modesettable> AtomicCommit<'a, O> {
    /// Returns `None` if the object is not a part of the commit.
    pub(super) fn new(state: &'a AtomicState<O::Driver>, object: &'a O) -> Option<Self> {
        Some(Self {
            state,
            object,
            old: state.0.old(object)?,
            new: state.new_state(object)?,
        })
    }

    pub(super) fn object(&self) -> &'a O {
        self.object
    }

    /// Returns the commit, the old and the new state.
    pub fn take_all(self) -> (&'a AtomicState<O::Driver>, &'a O::State, &'a O::State) {
        (self.state, self.old, self.new)
    }

    /// Returns the commit.
    pub fn take_state(self) -> &'a AtomicState<O::Driver> {
        self.state
    }

    /// Returns the old state.
    pub fn take_old_state(self) -> &'a O::State {
        self.old
    }

    /// Returns the new state.
    pub fn take_new_state(self) -> &'a O::State {
        self.new
    }

    /// Returns the old and the new state.
    pub fn take_old_new_state(self) -> (&'a O::State, &'a O::State) {
        (self.old, self.new)
    }

    /// Returns the commit and the old state.
    pub fn take_state_old_state(self) -> (&'a AtomicState<O::Driver>, &'a O::State) {
        (self.state, self.old)
    }

    /// Returns the commit and the new state.
    pub fn take_state_new_state(self) -> (&'a AtomicState<O::Driver>, &'a O::State) {
        (self.state, self.new)
    }
}

/// Runs a check of an object.
///
/// # Safety
///
/// `raw` must be an object of this type, and `state` a commit on its device that this thread checks. No other
/// check may run inside of `f`.
pub(super) unsafe fn with_check<O: Modesettable>(
    raw: *mut O::Kind,
    state: *mut bindings::drm_atomic_commit,
    f: impl FnOnce(AtomicCheck<'_, O>) -> Result,
) -> Result {
    // SAFETY: By the requirements of this function.
    let object = unsafe { O::from_raw(raw) };
    let state = NonNull::new(state).ok_or(EINVAL)?;
    // SAFETY: By the requirements of this function.
    let state = unsafe { AtomicStateComposer::new(state) };
    let check = AtomicCheck::new(&state, object).ok_or(EINVAL)?;
    f(check)
}

/// Runs a part of a commit for an object of it.
///
/// # Safety
///
/// `raw` must be an object of this type, and `state` a commit on its device that this thread carries out.
pub(super) unsafe fn with_commit<O: Modesettable>(
    raw: *mut O::Kind,
    state: *mut bindings::drm_atomic_commit,
    f: impl FnOnce(AtomicCommit<'_, O>),
) {
    // SAFETY: By the requirements of this function.
    let object = unsafe { O::from_raw(raw) };
    let Some(state) = NonNull::new(state) else {
        return;
    };
    // SAFETY: By the requirements of this function.
    let state = unsafe { AtomicState::new(state) };
    if let Some(commit) = AtomicCommit::new(&state, object) {
        f(commit);
    }
}
