// SPDX-License-Identifier: GPL-2.0
//! A sample driver on the `drm` crate, for QEMU's `bochs-display`.
//!
//! The device shows the contents of its own memory, so a commit copies the damage there. A few
//! registers set the size of the image. The monitor's EDID is in the same BAR as the registers.
#![forbid(unsafe_code)]

use drm::{
    file::PlainFile,
    gem::{shmem::Object, DumbBuffer, PlainObject},
    kms::{
        connector::{
            self, Connector, ConnectorGuard, DriverConnector, Status, UnregisteredConnector,
            EDID_EXTENSIONS, EDID_LENGTH,
        },
        crtc::{Crtc, CrtcAtomicCommit, DriverCrtc, RawCrtc, RawCrtcState, UnregisteredCrtc},
        encoder::{self, PlainEncoder, UnregisteredEncoder},
        fourcc,
        plane::{
            self, DriverPlane, PlaneAtomicCheck, PlaneAtomicCommit, RawPlaneState,
            UnregisteredPlane,
        },
        DisplayMode, Edid, KmsDriver, ModeConfigGuard, ModeConfigInfo, ModeObject,
        PlainFramebuffer, PlainState, UnregisteredKmsDevice, VblankTimer,
    },
    Device, Driver, DriverInfo, File, Registration, UnregisteredDevice,
};
use kernel::{
    device::{Core, DeviceContext},
    io::Io,
    pci,
    prelude::*,
};

const VENDOR: u16 = 0x1234;
const DEVICE: u16 = 0x1111;

/// The BAR with the pixels, and the one with the EDID and the registers.
const VRAM_BAR: u32 = 0;
const REGISTER_BAR: u32 = 2;
const REGISTER_BAR_SIZE: usize = 0x600;
/// The maximum size of the EDID at the start of that BAR in bytes.
const EDID_SIZE: usize = 0x400;
const REGISTERS: usize = 0x500;

/// The 16-bit registers, in order.
#[derive(Clone, Copy)]
enum Register {
    Id = 0,
    Width = 1,
    Height = 2,
    BitsPerPixel = 3,
    Enable = 4,
    VirtualWidth = 6,
    VirtualHeight = 7,
    XOffset = 8,
    YOffset = 9,
}

const ID_MASK: u16 = 0xfff0;
const ID: u16 = 0xb0c0;
const ENABLED: u16 = 0x01;
const LINEAR_FRAMEBUFFER: u16 = 0x40;

const XRGB8888: u32 = fourcc(b"XR24");
const BYTES_PER_PIXEL: u32 = 4;
const MAX_SIZE: u32 = 8192;

/// The device's registers and memory, which are accessible until the device is unbound.
struct Hardware {
    registers: pci::DevresBar<REGISTER_BAR_SIZE>,
    vram: pci::DevresBar,
    vram_size: u64,
}

impl Hardware {
    fn new(pdev: &pci::Device<Core<'_>>) -> Result<Self> {
        pdev.enable_device_mem()?;
        Ok(Self {
            registers: pdev
                .iomap_region_sized(REGISTER_BAR, c"bochs_rs: registers")?
                .into_devres()?,
            vram: pdev
                .iomap_region(VRAM_BAR, c"bochs_rs: memory")?
                .into_devres()?,
            vram_size: pdev.resource_len(VRAM_BAR)?,
        })
    }

    fn read(&self, register: Register) -> Result<u16> {
        let registers = self.registers.try_access().ok_or(ENODEV)?;
        registers.try_read16(REGISTERS + 2 * register as usize)
    }

    /// Writes to registers, unless the device was unbound.
    fn write(&self, values: &[(Register, u16)]) {
        let Some(registers) = self.registers.try_access() else {
            return;
        };
        for (register, value) in values {
            // The offsets come from an enum, and are all within the BAR.
            let _ = registers.try_write16(*value, REGISTERS + 2 * *register as usize);
        }
    }

    fn edid(&self) -> Result<Edid> {
        let registers = self.registers.try_access().ok_or(ENODEV)?;
        let blocks = 1 + usize::from(registers.try_read8(EDID_EXTENSIONS)?);
        let size = EDID_SIZE.min(blocks * EDID_LENGTH);
        let mut bytes = KVec::with_capacity(size, GFP_ATOMIC)?;
        for offset in 0..size {
            bytes.push(registers.try_read8(offset)?, GFP_ATOMIC)?;
        }
        drop(registers);
        Edid::new(&bytes)
    }
}

/// The DRM driver.
struct Bochs;

#[vtable]
impl Driver for Bochs {
    type Data = Hardware;
    type RegistrationData<'a> = ();
    type Object = Object<PlainObject<Self>>;
    type File = PlainFile<Self>;
    type ParentDevice<Ctx: DeviceContext> = pci::Device<Ctx>;
    type OwnerModule = DriverModule;

    const INFO: DriverInfo = DriverInfo {
        major: 1,
        minor: 0,
        patchlevel: 0,
        name: c"bochs_rs",
        desc: c"bochs-display in Rust",
    };
    const IOCTLS: &'static [drm::ioctl::DrmIoctlDescriptor<Self>] = &[];
    const MAPS_IMPORTS: bool = false;

    fn dumb_create(
        dev: &Device<Self>,
        file: &File<PlainFile<Self>>,
        args: &mut DumbBuffer<'_>,
    ) -> Result {
        PlainObject::dumb_create(dev, file, args)
    }
}

#[vtable]
impl KmsDriver for Bochs {
    type Framebuffer = PlainFramebuffer<Self>;

    fn mode_config_info(_dev: &kernel::device::Device, _data: &Hardware) -> Result<ModeConfigInfo> {
        Ok(ModeConfigInfo {
            min_resolution: (1, 1),
            max_resolution: (MAX_SIZE, MAX_SIZE),
            max_cursor: (0, 0),
            preferred_depth: 24,
        })
    }

    fn create_objects(dev: &UnregisteredKmsDevice<'_, Self>) -> Result {
        let plane = Plane::new(dev, 1, &[XRGB8888], plane::Type::Primary, None, ())?;
        plane.enable_fb_damage_clips();
        let crtc = UnregisteredCrtc::<Head>::new(dev, plane, None::<&Plane>, None, ())?;
        let encoder = Encoder::new(dev, encoder::Type::Virtual, crtc.mask(), 0, None, ())?;
        UnregisteredConnector::<Monitor>::new(dev, connector::Type::Virtual, ())?
            .attach_encoder(encoder)
    }
}

type Plane = UnregisteredPlane<Primary>;
type Encoder = UnregisteredEncoder<PlainEncoder<Bochs>>;

struct Primary;

#[vtable]
impl DriverPlane for Primary {
    type Args = ();
    type Driver = Bochs;
    type State = PlainState<Self>;

    const SHADOW: bool = true;

    fn new(_dev: &Device<Bochs>, (): ()) -> impl PinInit<Self, Error> {
        Ok(Self)
    }

    fn atomic_check(check: PlaneAtomicCheck<'_, Self>) -> Result {
        check.check_fullscreen()
    }

    /// Copies the damage. In the device's memory, rows follow each other without a gap.
    fn atomic_update(commit: PlaneAtomicCommit<'_, Self>) {
        let dev = commit.plane().drm_dev();
        let pitch = commit.take_new_state().src().width() as u32 * BYTES_PER_PIXEL;
        if let Some(vram) = dev.vram.try_access() {
            if let Err(error) = commit.copy_damage_to(&*vram, pitch, XRGB8888) {
                drm::drm_err_ratelimited!(dev, "a part of a frame is lost: {:?}\n", error);
            }
        }
    }
}

struct Head;

#[vtable]
impl DriverCrtc for Head {
    type Args = ();
    type Driver = Bochs;
    type State = PlainState<Self>;
    type VblankImpl = VblankTimer<Self>;

    fn new(_dev: &Device<Bochs>, (): &()) -> impl PinInit<Self, Error> {
        Ok(Self)
    }

    fn mode_valid(crtc: &Crtc<Self>, mode: &DisplayMode) -> bool {
        let pixels = u64::from(mode.hdisplay()) * u64::from(mode.vdisplay());
        pixels * u64::from(BYTES_PER_PIXEL) <= crtc.drm_dev().vram_size
    }

    fn atomic_enable(commit: CrtcAtomicCommit<'_, Self>) {
        let dev = commit.crtc().drm_dev();
        let mode = commit.take_new_state().adjusted_mode();
        let (width, height) = (mode.hdisplay(), mode.vdisplay());
        dev.write(&[
            (Register::Enable, 0),
            (Register::BitsPerPixel, 8 * BYTES_PER_PIXEL as u16),
            (Register::Width, width),
            (Register::Height, height),
            (Register::VirtualWidth, width),
            (Register::VirtualHeight, height),
            (Register::XOffset, 0),
            (Register::YOffset, 0),
            (Register::Enable, ENABLED | LINEAR_FRAMEBUFFER),
        ]);
    }

    fn atomic_disable(commit: CrtcAtomicCommit<'_, Self>) {
        commit.crtc().drm_dev().write(&[(Register::Enable, 0)]);
    }
}

struct Monitor;

#[vtable]
impl DriverConnector for Monitor {
    type Args = ();
    type Driver = Bochs;
    type State = PlainState<Self>;

    fn new(_dev: &Device<Bochs>, (): ()) -> impl PinInit<Self, Error> {
        Ok(Self)
    }

    fn detect(_connector: &Connector<Self>, _force: bool) -> Status {
        Status::Connected
    }

    fn get_modes<'a>(
        connector: ConnectorGuard<'a, Self>,
        _guard: &ModeConfigGuard<'a, Bochs>,
    ) -> i32 {
        let edid = connector.read_edid(connector.drm_dev().edid().ok().as_ref());
        match connector.add_edid(edid.as_ref()) {
            0 => connector.add_modes_noedid((MAX_SIZE, MAX_SIZE)),
            count => count,
        }
    }
}

/// The driver's data of a bound device. When the driver leaves the device, the registration ends and
/// switches the head off, while the registers are still accessible.
struct BochsDriver {
    _registration: Registration<'static, Bochs>,
}

// The kernel crate has no name for the vendor. So the table matches the class of any other display,
// and probe checks the numbers.
kernel::pci_device_table!(
    TABLE,
    <BochsDriver as pci::Driver>::IdInfo,
    [(
        pci::DeviceId::from_class(
            pci::Class::DISPLAY_OTHER.as_raw(),
            pci::ClassMask::Full.as_raw()
        ),
        ()
    )]
);

impl BochsDriver {
    fn bring_up(pdev: &pci::Device<Core<'_>>) -> Result<Self> {
        if (pdev.vendor_id().as_raw(), pdev.device_id()) != (VENDOR, DEVICE) {
            return Err(ENODEV);
        }
        drm::driver::take_aperture(pdev.as_ref(), Bochs::INFO.name)?;
        let hardware = Hardware::new(pdev)?;
        if hardware.read(Register::Id)? & ID_MASK != ID {
            dev_err!(pdev, "the registers do not say what device this is\n");
            return Err(ENODEV);
        }

        let drm = UnregisteredDevice::<Bochs>::new(pdev, Ok::<_, Error>(hardware))?;
        drm.setup_kms()?;
        let mut registration = Registration::new(pdev.as_ref(), drm, (), 0)?;
        registration.setup_clients();
        Ok(Self {
            _registration: registration,
        })
    }
}

impl pci::Driver for BochsDriver {
    type IdInfo = ();
    type Data<'bound> = Self;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self, Error> + 'bound {
        Self::bring_up(pdev)
    }
}

kernel::module_pci_driver! {
    type: BochsDriver,
    name: "bochs_rs",
    authors: ["The virtgpu authors"],
    description: "bochs-display in Rust",
    license: "GPL",
}
