// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver makes up a source of vblanks, for which the core has no callbacks.
//!
//! expect: E0277: the trait bound `MySource<T>: vblank::private::Sealed` is not satisfied
use core::marker::PhantomData;
use drm::kms::{crtc::DriverCrtc, VblankImpl};

/// Has no timer, but says so.
pub struct MySource<T>(PhantomData<T>);

impl<T: DriverCrtc<VblankImpl = Self>> VblankImpl for MySource<T> {
    type Crtc = T;

    const HAS_TIMER: bool = true;
}
