// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A plane whose pixels are mapped for each commit is updated without one.
//!
//! expect: E0080: evaluation of `drm::kms::plane::UnregisteredPlane::<Small>::HELPER` failed
use drm::{
    file::DriverFile,
    gem::{shmem::Object, DriverObject},
    kms::{
        plane::{
            DriverPlane, Plane, PlaneAtomicCheck, PlaneAtomicCommit, PlaneState, Type,
            UnregisteredPlane,
        },
        DriverFramebuffer, FramebufferInfo, KmsDriver, ModeConfigInfo, PlainState,
        UnregisteredKmsDevice,
    },
    Device, Driver, DriverInfo,
};
use kernel::{device::DeviceContext, pci, prelude::*};

/// The module.
pub struct Module;

/// What macros of the kernel crate take for the module.
pub type LocalModule = Module;

impl kernel::ModuleMetadata for Module {
    const NAME: &'static CStr = c"shadow_at_once";
    // SAFETY: Null stands for code that is never unloaded.
    const THIS_MODULE: ThisModule = unsafe { ThisModule::from_ptr(core::ptr::null_mut()) };
}

/// A driver, and its part of everything.
pub struct Small;

#[vtable]
impl Driver for Small {
    type Data = Self;
    type RegistrationData<'a> = ();
    type Object = Object<Self>;
    type File = Self;
    type ParentDevice<Ctx: DeviceContext> = pci::Device<Ctx>;
    type OwnerModule = Module;

    const INFO: DriverInfo = DriverInfo {
        major: 0,
        minor: 0,
        patchlevel: 0,
        name: c"small",
        desc: c"small",
    };
    const IOCTLS: &'static [drm::ioctl::DrmIoctlDescriptor<Self>] = &[];
}

impl DriverObject for Small {
    type Driver = Self;
    type Args = ();

    fn new(_: &Device<Self>, _: usize, _: ()) -> impl PinInit<Self, Error> {
        Ok(Self)
    }
}

impl DriverFile for Small {
    type Driver = Self;

    fn open(_: &Device<Self>) -> Result<Pin<KBox<Self>>> {
        Err(ENOMEM)
    }
}

impl DriverFramebuffer for Small {
    type Driver = Self;

    fn check(_: &Device<Self>, _: &FramebufferInfo) -> Result {
        Ok(())
    }

    fn new() -> impl PinInit<Self, Error> {
        Ok(Self)
    }
}

#[vtable]
impl KmsDriver for Small {
    type Framebuffer = Self;

    fn mode_config_info(_: &kernel::device::Device, _: &Self) -> Result<ModeConfigInfo> {
        Err(ENODEV)
    }

    fn create_objects(dev: &UnregisteredKmsDevice<'_, Self>) -> Result {
        UnregisteredPlane::<Self>::new(dev, 1, &[], Type::Primary, None, ()).map(drop)
    }
}

#[vtable]
impl DriverPlane for Small {
    type Args = ();
    type Driver = Self;
    type State = PlainState<Self>;

    const SHADOW: bool = true;

    fn new(_: &Device<Self>, (): ()) -> impl PinInit<Self, Error> {
        Ok(Self)
    }

    fn atomic_update(_: PlaneAtomicCommit<'_, Self>) {}

    fn atomic_async_check(_: PlaneAtomicCheck<'_, Self>) -> Result {
        Ok(())
    }

    fn atomic_async_update(_: &Plane<Self>, _: &PlaneState<PlainState<Self>>, _: bool) {}
}
