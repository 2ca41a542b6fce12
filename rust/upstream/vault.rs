// SPDX-License-Identifier: GPL-2.0
//! A driver for upstream's `kernel::drm`, with buffer objects and ioctls, and without mode setting.
//!
//! `make compile-fail` compiles it as it is for a kernel that has `kernel::drm`, and with other `use` paths
//! for the crate `drm`: `use kernel::drm` becomes `use drm`. It is not loaded anywhere, because there is no
//! such device. Its ioctls are those of nova's header, because the kernel's crate `uapi` has these.
use core::sync::atomic::{AtomicU32, Ordering};

use kernel::declare_drm_ioctls;
use kernel::drm::{
    self,
    gem::{self, shmem, BaseObject},
    ioctl, Registered,
};
use kernel::{
    device::{Bound, Core, DeviceContext},
    io::Io,
    page::page_align,
    pci,
    prelude::*,
    sync::aref::ARef,
    uapi,
};

/// The number of the PCI device.
const DEVICE: u32 = 0xfffe;
/// The parameter that tells how many files have a handle of an object.
const PARAM_HANDLES: u64 = 0x100;

/// The DRM driver.
struct Vault;

type Device<Ctx = drm::Normal> = drm::Device<Vault, Ctx>;
type Object = shmem::Object<Slab>;
type File = drm::File<Client>;

/// The data of a device.
struct Data {
    handles: AtomicU32,
}

/// The data of a registration.
#[pin_data]
struct Limits {
    max_size: usize,
}

/// The data of a buffer object.
#[pin_data]
struct Slab {
    client: u32,
}

impl gem::DriverObject for Slab {
    type Driver = Vault;
    type Args = u32;

    fn new(_dev: &Device, _size: usize, client: u32) -> impl PinInit<Self, Error> {
        try_pin_init!(Self { client })
    }

    fn open(obj: &gem::DriverAllocImpl<Self>, file: &gem::DriverFile<Self>) -> Result {
        if obj.client != file.inner().number {
            return Err(EACCES);
        }
        obj.dev().handles.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn close(obj: &gem::DriverAllocImpl<Self>, _file: &gem::DriverFile<Self>) {
        obj.dev().handles.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The data of an open file.
struct Client {
    number: u32,
}

impl drm::file::DriverFile for Client {
    type Driver = Vault;

    fn open(dev: &Device) -> Result<Pin<KBox<Self>>> {
        let number = dev.handles.load(Ordering::Relaxed);
        Ok(KBox::new(Self { number }, GFP_KERNEL)?.into())
    }
}

impl Client {
    fn get_param(
        dev: &Device<Registered>,
        limits: &Limits,
        args: &mut uapi::drm_nova_getparam,
        _file: &File,
    ) -> Result<u32> {
        let pdev: &pci::Device<Bound> = dev.as_ref();
        args.value = match args.param {
            PARAM_HANDLES => dev.handles.load(Ordering::Relaxed).into(),
            0 => limits.max_size as u64,
            bar => pdev.resource_len(u32::try_from(bar)?)?,
        };
        Ok(0)
    }

    fn create(
        dev: &Device<Registered>,
        limits: &Limits,
        args: &mut uapi::drm_nova_gem_create,
        file: &File,
    ) -> Result<u32> {
        let size = page_align(args.size.try_into()?).ok_or(EINVAL)?;
        if size == 0 || size > limits.max_size {
            return Err(EINVAL);
        }
        let config = shmem::ObjectConfig {
            map_wc: true,
            ..Default::default()
        };
        let object = Object::new(dev, size, config, file.inner().number)?;
        args.handle = object.create_handle(file)?;
        Ok(0)
    }

    fn info(
        dev: &Device<Registered>,
        _limits: &Limits,
        args: &mut uapi::drm_nova_gem_info,
        file: &File,
    ) -> Result<u32> {
        let object: ARef<Object> = Object::lookup_handle(file, args.handle)?;
        let is_ours = core::ptr::eq(object.dev(), &**dev);
        if !is_ours || object.create_mmap_offset()? == 0 {
            return Err(EINVAL);
        }
        let pdev: &pci::Device<Bound> = dev.as_ref();
        let pieces = object.sg_table(pdev.as_ref())?.iter().count();
        stamp(&object, u32::try_from(pieces)?)?;
        args.size = object.size() as u64;
        Ok(0)
    }
}

/// Writes a number to the start of an object.
fn stamp(object: &Object, number: u32) -> Result {
    let map: shmem::VMapRef<'_, Slab, 4> = object.vmap()?;
    map.write32(number, 0);
    let again: shmem::VMapOwned<Slab, 4> = map.owner().owned_vmap()?;
    if again.read32(0) != number {
        return Err(EIO);
    }
    Ok(())
}

#[vtable]
impl drm::Driver for Vault {
    type Data = Data;
    type RegistrationData<'a> = Limits;
    type File = Client;
    type Object = Object;
    type ParentDevice<Ctx: DeviceContext> = pci::Device<Ctx>;

    const INFO: drm::DriverInfo = drm::DriverInfo {
        major: 1,
        minor: 0,
        patchlevel: 0,
        name: c"vault",
        desc: c"Buffer objects without mode setting",
    };
    const FEAT_RENDER: bool = true;

    declare_drm_ioctls! {
        (NOVA_GETPARAM, drm_nova_getparam, ioctl::RENDER_ALLOW, Client::get_param),
        (NOVA_GEM_CREATE, drm_nova_gem_create, ioctl::AUTH | ioctl::RENDER_ALLOW, Client::create),
        (NOVA_GEM_INFO, drm_nova_gem_info, ioctl::AUTH | ioctl::RENDER_ALLOW, Client::info),
    }
}

/// The data of a bound PCI device.
struct Binding<'bound> {
    _dev: ARef<Device>,
    _registration: drm::Registration<'bound, Vault>,
}

kernel::pci_device_table!(
    TABLE,
    <Vault as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_id(pci::Vendor::REDHAT, DEVICE), ())]
);

impl pci::Driver for Vault {
    type IdInfo = ();
    type Data<'bound> = Binding<'bound>;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        let data = Data {
            handles: AtomicU32::new(0),
        };
        let drm = drm::UnregisteredDevice::<Self>::new(pdev, Ok(data))?;
        let limits = pin_init!(Limits { max_size: 1 << 20 });
        // The function is only unsafe upstream.
        #[allow(unused_unsafe)]
        // SAFETY: The registration is a field of the data of the device, and is dropped with it.
        let registration = unsafe { drm::Registration::new(pdev.as_ref(), drm, limits, 0)? };
        Ok(Binding {
            _dev: registration.device().into(),
            _registration: registration,
        })
    }
}

kernel::module_pci_driver! {
    type: Vault,
    name: "vault",
    authors: ["The virtgpu authors"],
    description: "Buffer objects without mode setting",
    license: "GPL",
}
