// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The smallest driver. Other programs include this file as a module. It has to compile, or they fail for
//! another reason.
//!
//! expect: nothing
use drm::{
    file::PlainFile,
    gem::{shmem::Object, PlainObject},
    Driver, DriverInfo,
};
use kernel::{device::DeviceContext, pci, prelude::*};

/// The module.
pub struct Module;

/// The name by which `#[vtable]` finds the module. A program that includes this file imports it.
pub type LocalModule = Module;

impl kernel::ModuleMetadata for Module {
    const NAME: &'static CStr = c"small";
    // SAFETY: Null stands for code that is never unloaded.
    const THIS_MODULE: ThisModule = unsafe { ThisModule::from_ptr(core::ptr::null_mut()) };
}

/// The driver.
pub struct Small;

#[vtable]
impl Driver for Small {
    type Data = Self;
    type RegistrationData<'a> = ();
    type Object = Object<PlainObject<Self>>;
    type File = PlainFile<Self>;
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
