// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A plane whose pixels are mapped for each commit is updated without one.
//!
//! expect: E0080: evaluation of `drm::kms::plane::UnregisteredPlane::<Primary>::HELPER` failed
use drm::{
    kms::{
        plane::{
            DriverPlane, Plane, PlaneAtomicAsyncCheck, PlaneAtomicCommit, PlaneState, Type,
            UnregisteredPlane,
        },
        KmsDriver, ModeConfigInfo, PlainFramebuffer, PlainState, UnregisteredKmsDevice,
    },
    Device,
};
use kernel::prelude::*;

mod small;
pub use small::*;

#[vtable]
impl KmsDriver for Small {
    type Framebuffer = PlainFramebuffer<Self>;

    fn mode_config_info(_: &kernel::device::Device, _: &Self) -> Result<ModeConfigInfo> {
        Err(ENODEV)
    }

    fn create_objects(dev: &UnregisteredKmsDevice<'_, Self>) -> Result {
        UnregisteredPlane::<Primary>::new(dev, 1, &[], Type::Primary, None, ()).map(drop)
    }
}

/// The plane.
pub struct Primary;

#[vtable]
impl DriverPlane for Primary {
    type Args = ();
    type Driver = Small;
    type State = PlainState<Self>;

    const SHADOW: bool = true;

    fn new(_: &Device<Small>, (): ()) -> impl PinInit<Self, Error> {
        Ok(Self)
    }

    fn atomic_update(_: PlaneAtomicCommit<'_, Self>) {}

    fn atomic_async_check(_: PlaneAtomicAsyncCheck<'_, Self>) -> Result {
        Ok(())
    }

    fn atomic_async_update(_: &Plane<Self>, _: &PlaneState<PlainState<Self>>, _: bool) {}
}
