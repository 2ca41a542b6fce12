// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A plane whose pixels are mapped for each commit is updated without one.
//!
//! expect: E0080: evaluation of `drm::kms::Plane::<Small>::HELPER` failed
use drm::{
    file::DriverFile,
    gem::{shmem::Object, DriverObject},
    kms::{
        atomic::{AtomicCheck, AtomicCommit},
        plane, DriverFramebuffer, DriverPlane, FramebufferInfo, KmsDriver, ModeConfigInfo, Plane,
        PlaneState, UnregisteredKmsDevice,
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

impl KmsDriver for Small {
    type Framebuffer = Self;

    fn mode_config_info(_: &Device<Self>) -> ModeConfigInfo {
        ModeConfigInfo {
            min_resolution: (1, 1),
            max_resolution: (1, 1),
            max_cursor: (0, 0),
            preferred_depth: 24,
        }
    }

    fn create_objects(dev: &UnregisteredKmsDevice<'_, Self>) -> Result {
        Plane::new(dev, 1, Self).map(drop)
    }
}

#[vtable]
impl DriverPlane for Small {
    type Driver = Self;

    const TYPE: plane::Type = plane::Type::Primary;
    const FORMATS: &'static [u32] = &[];
    const SHADOW: bool = true;

    fn atomic_check(
        &self,
        _: &PlaneState<Self>,
        _: &PlaneState<Self>,
        _: &AtomicCheck<'_>,
    ) -> Result {
        Ok(())
    }

    fn atomic_update(
        &self,
        _: &Device<Self>,
        _: &PlaneState<Self>,
        _: &PlaneState<Self>,
        _: &AtomicCommit<'_>,
    ) {
    }

    fn atomic_disable(&self, _: &Device<Self>, _: &PlaneState<Self>, _: &PlaneState<Self>) {}

    fn atomic_async_check(&self, _: &PlaneState<Self>, _: &PlaneState<Self>) -> Result {
        Ok(())
    }

    fn atomic_async_update(&self, _: &Device<Self>, _: &PlaneState<Self>, _: bool) {}
}
