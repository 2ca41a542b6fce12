// SPDX-License-Identifier: GPL-2.0
//! The driver: registration, probe, remove and shutdown.
use drm::{
    gem::{shmem, DumbBuffer},
    ioctl::RENDER_ALLOW,
    DriverInfo, File, Registration, UnregisteredDevice,
};
use kernel::{
    device::{Bound, Core, DeviceContext},
    new_mutex,
    prelude::*,
    sync::{aref::ARef, Mutex},
};
use virtio::{device::F_VERSION_1, DeviceId, IdTable, VirtioID};

use crate::{
    device::{Device, VirtGpu, VirtGpuFile},
    display::{cursor, hotplug},
    gpu,
    memory::{access, gem, vram},
    module_parameters,
    parts::{self, Data, Works},
    pm,
    render::{capset, context, ioctl},
    reset, transport,
};

/// The table of ioctls begins with the driver's first number, which is unused.
const DRM_IOCTL_VIRTGPU_NONE: u32 = drm::ioctl::IOWR::<u32>(drm::uapi::DRM_COMMAND_BASE);

#[vtable]
impl drm::Driver for VirtGpu {
    type Data = Data;
    type RegistrationData<'a> = ();
    type Object = shmem::Object<gem::Bo>;
    type File = context::OpenFile;
    type ParentDevice<Ctx: DeviceContext> = virtio::Device<Ctx>;
    type OwnerModule = crate::DriverModule;

    // User space (Mesa, libdrm, IGT) looks the driver up by this name and version.
    const INFO: DriverInfo = DriverInfo {
        major: 0,
        minor: 1,
        patchlevel: 0,
        name: c"virtio_gpu",
        desc: c"virtio GPU",
    };
    const DEBUGFS: &'static [drm::debugfs::Info<Self>] = crate::debugfs::FILES;
    const FEAT_RENDER: bool = true;
    const FEAT_SYNCOBJ: bool = true;
    // A huge page takes one entry of a backing instead of 512.
    const FEAT_HUGE_PAGES: bool = true;
    const FEAT_UNLIMITED_SEGMENTS: bool = true;

    // Both directions of a transfer have the same arguments.
    drm::declare_drm_ioctls! {
        (VIRTGPU_NONE, u32, RENDER_ALLOW, ioctl::no_feature),
        (VIRTGPU_MAP, drm_virtgpu_map, RENDER_ALLOW, ioctl::map),
        (VIRTGPU_EXECBUFFER, drm_virtgpu_execbuffer, RENDER_ALLOW, ioctl::execbuffer),
        (VIRTGPU_GETPARAM, drm_virtgpu_getparam, RENDER_ALLOW, ioctl::getparam),
        (VIRTGPU_RESOURCE_CREATE, drm_virtgpu_resource_create, RENDER_ALLOW, ioctl::resource_create),
        (VIRTGPU_RESOURCE_INFO, drm_virtgpu_resource_info, RENDER_ALLOW, ioctl::resource_info),
        (VIRTGPU_TRANSFER_FROM_HOST, drm_virtgpu_3d_transfer_to_host, RENDER_ALLOW, ioctl::transfer_from_host),
        (VIRTGPU_TRANSFER_TO_HOST, drm_virtgpu_3d_transfer_to_host, RENDER_ALLOW, ioctl::transfer_to_host),
        (VIRTGPU_WAIT, drm_virtgpu_3d_wait, RENDER_ALLOW, ioctl::wait),
        (VIRTGPU_GET_CAPS, drm_virtgpu_get_caps, RENDER_ALLOW, ioctl::get_caps),
        (VIRTGPU_RESOURCE_CREATE_BLOB, drm_virtgpu_resource_create_blob, RENDER_ALLOW, ioctl::resource_create_blob),
        (VIRTGPU_CONTEXT_INIT, drm_virtgpu_context_init, RENDER_ALLOW, ioctl::context_init),
    }

    fn dumb_create(dev: &Device, file: &File<VirtGpuFile>, args: &mut DumbBuffer<'_>) -> Result {
        gem::dumb_create(dev, file, args)
    }

    /// An exporter provides DMA addresses. The host needs guest-physical ones, unless it negotiated
    /// otherwise. Behind an IOMMU these differ, so only the device's own buffers can be imported.
    fn prime_import_check(dev: &Device, own: bool) -> Result {
        if !own && !dev.memory.use_dma_addr && dev.is_iommu_mapped() {
            return Err(ENODEV);
        }
        Ok(())
    }

    fn master_dropped(dev: &Device) {
        cursor::hide_all(dev);
    }
}

/// The driver's data of a bound device.
pub(crate) struct VirtGpuDriver {
    dev: ARef<Device>,
    registration: Pin<KBox<Mutex<Option<Registration<'static, VirtGpu>>>>>,
    works: Works,
}

/// Returns the number of heads, and the alignment of blobs in bytes, or 0.
fn read_config(vdev: &virtio::Device<Bound>) -> Result<(usize, u32)> {
    if !vdev.has_feature(F_VERSION_1) {
        dev_err!(
            vdev,
            "the device is older than virtio 1, which this driver needs\n"
        );
        return Err(ENODEV);
    }

    let has_alignment =
        vdev.has_feature(gpu::F_RESOURCE_BLOB) && vdev.has_feature(gpu::F_BLOB_ALIGNMENT);
    let alignment = match has_alignment {
        true => vdev.read_config(&gpu::CONFIG_BLOB_ALIGNMENT)?,
        false => 0,
    };
    if alignment != 0 && !alignment.is_power_of_two() {
        dev_err!(
            vdev,
            "the device aligns blobs to {} bytes, which is not a power of two\n",
            alignment
        );
        return Err(EINVAL);
    }
    let count = vdev.read_config(&gpu::CONFIG_NUM_SCANOUTS)? as usize;
    if count > gpu::MAX_SCANOUTS {
        dev_err!(
            vdev,
            "the device has {} scanouts, the protocol allows {}\n",
            count,
            gpu::MAX_SCANOUTS
        );
        return Err(EINVAL);
    }
    Ok((count, alignment))
}

/// Reads the display information and registers the DRM device.
fn bring_up(
    vdev: &virtio::Device<Bound>,
    drm: UnregisteredDevice<VirtGpu>,
) -> Result<Registration<'static, VirtGpu>> {
    if drm.render.has_3d {
        capset::read(&drm, vdev).inspect_err(|error| {
            drm::drm_err!(drm, "cannot read the capsets: {:?}\n", error);
        })?;
    }
    if !drm.display.outputs.is_empty() {
        hotplug::read_display_info(&drm).inspect_err(|error| {
            drm::drm_err!(drm, "cannot read the display information: {:?}\n", error);
        })?;
    }
    // Programs may use the device from here on.
    drm.life.started();
    Registration::new(vdev.as_ref(), drm, (), 0)
}

impl VirtGpuDriver {
    fn probed(vdev: &virtio::Device<Bound>) -> Result<Self> {
        let modeset = module_parameters::modeset.value();
        if modeset == 0 || (modeset < 0 && drm::driver::firmware_drivers_only()) {
            return Err(ENODEV);
        }

        let (count, alignment) = read_config(vdev)?;
        // User space expects the PCI device as the parent of the DRM device.
        let drm = UnregisteredDevice::<VirtGpu>::with_parent(
            vdev,
            vdev.parent(),
            parts::data(vdev, count, alignment)?,
        )?;
        access::init(&drm, drm.render.has_3d);
        vram::find_window(vdev, &drm)?;
        let dev: ARef<Device> = (&*drm).into();
        dev.take_aperture()?;
        if count == 0 {
            drm::drm_info!(dev, "the device has no scanouts: no mode setting\n");
        } else {
            drm.setup_kms()?;
        }

        let slot = KBox::pin_init(new_mutex!(None), GFP_KERNEL)?;
        let works = Works::new(&dev);
        // Whatever fails after this has to stop the queues.
        transport::start(&dev, vdev)?;
        let mut registration = bring_up(vdev, drm).inspect_err(|_| {
            dev.life.leave();
            works.quiesce();
            transport::stop(&dev, vdev);
        })?;
        drm::drm_info!(
            dev,
            "{} scanouts, edid {}, capsets 0x{:x}\n",
            count,
            if dev.display.has_edid { "yes" } else { "no" },
            dev.render.capsets.mask()
        );
        registration.setup_clients();
        *slot.lock() = Some(registration);
        Ok(Self {
            dev,
            registration: slot,
            works,
        })
    }
}

virtio::virtio_device_table!(
    TABLE,
    <VirtGpuDriver as virtio::Driver>::IdInfo,
    [(DeviceId::new(VirtioID::GPU), ())]
);

impl virtio::Driver for VirtGpuDriver {
    type IdInfo = ();

    const ID_TABLE: IdTable<Self::IdInfo> = &TABLE;
    const FEATURES: &'static [u32] = &[
        gpu::F_VIRGL,
        gpu::F_EDID,
        gpu::F_RESOURCE_UUID,
        gpu::F_RESOURCE_BLOB,
        gpu::F_CONTEXT_INIT,
        gpu::F_BLOB_ALIGNMENT,
    ];

    fn probe(vdev: &virtio::Device<Core<'_>>) -> impl PinInit<Self, Error> {
        Self::probed(vdev)
    }

    fn remove(vdev: &virtio::Device<Core<'_>>, this: Pin<&Self>) {
        // Comes first, because it waits for a reset that is under way.
        this.dev.life.leave();
        // Switches the heads off, too.
        let registration = this.registration.lock().take();
        drop(registration);
        this.works.quiesce();
        this.dev.render.contexts.lose_all();
        transport::stop(&this.dev, vdev);
    }

    /// A kernel that kexec starts next must not find a device that still writes to memory.
    fn shutdown(&self, vdev: &virtio::Device<Bound>) {
        self.dev.life.leave();
        self.works.quiesce();
        self.dev.shutdown_kms();
        self.dev.render.contexts.lose_all();
        transport::stop(&self.dev, vdev);
    }

    fn config_changed(&self, _vdev: &virtio::Device<Bound>) {
        hotplug::schedule(&self.dev);
    }

    fn freeze(&self, vdev: &virtio::Device<Bound>) -> Result {
        pm::freeze(&self.dev, vdev)
    }

    fn restore(&self, vdev: &virtio::Device<Bound>) -> Result {
        pm::restore(&self.dev, vdev)
    }

    fn reset_prepare(&self, vdev: &virtio::Device<Bound>) -> Result {
        reset::prepare(&self.dev, vdev)
    }

    fn reset_done(&self, vdev: &virtio::Device<Bound>) -> Result {
        reset::done(&self.dev, vdev)
    }
}
