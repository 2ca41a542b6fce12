// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver makes up the callbacks of a source of vblanks.
//!
//! expect: E0277: the trait bound `MySource<T>: vblank::private::Sealed` is not satisfied
use core::marker::PhantomData;
use drm::kms::{
    crtc::DriverCrtc,
    vblank::{VblankImpl, VblankOps},
};

/// A source whose callbacks could be for another type of CRTCs.
pub struct MySource<T>(PhantomData<T>);

impl<T: DriverCrtc<VblankImpl = Self>> VblankImpl for MySource<T> {
    type Crtc = T;

    const OPS: Option<VblankOps> = None;
}
