// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver without syncobjs looks one up in a file, which has no table of them.
//!
//! expect: E0080: evaluation of `drm::syncobj::assert_syncobjs::<Small>::{constant#0}` failed
use drm::{
    file::DriverFile,
    gem::{shmem::Object, DriverObject},
    syncobj::SyncObj,
    Device, Driver, DriverInfo, File,
};
use kernel::{device::DeviceContext, pci, prelude::*, sync::aref::ARef};

/// The module.
pub struct Module;

/// What macros of the kernel crate take for the module.
pub type LocalModule = Module;

impl kernel::ModuleMetadata for Module {
    const NAME: &'static CStr = c"syncobj_without_feature";
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

/// Looks up a syncobj in a table that was not initialized.
pub fn syncobj_without_feature(file: &File<Small>) -> Result<ARef<SyncObj>> {
    SyncObj::lookup_handle(file, 1)
}
