// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A plane declares that its states have the type of the states of another plane.
//!
//! expect: E0271: type mismatch resolving `<PlainState<First<T>> as DriverPlaneState>::Plane == Second<T>`
use core::marker::PhantomData;
use drm::{
    kms::{
        plane::{DriverPlane, PlaneAtomicCommit},
        KmsDriver, PlainState,
    },
    Device,
};
use kernel::prelude::*;

mod small;
pub use small::*;

/// A plane.
pub struct First<T>(PhantomData<fn(&T)>);

#[vtable]
impl<T: KmsDriver> DriverPlane for First<T> {
    type Args = ();
    type Driver = T;
    type State = PlainState<Self>;

    fn new(_: &Device<T>, (): ()) -> impl PinInit<Self, Error> {
        Ok(Self(PhantomData))
    }

    fn atomic_update(_: PlaneAtomicCommit<'_, Self>) {}
}

/// Another plane.
pub struct Second<T>(PhantomData<fn(&T)>);

#[vtable]
impl<T: KmsDriver> DriverPlane for Second<T> {
    type Args = ();
    type Driver = T;
    type State = PlainState<First<T>>;

    fn new(_: &Device<T>, (): ()) -> impl PinInit<Self, Error> {
        Ok(Self(PhantomData))
    }

    fn atomic_update(_: PlaneAtomicCommit<'_, Self>) {}
}
