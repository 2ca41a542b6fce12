// SPDX-License-Identifier: GPL-2.0
//! A sample driver on the `drm` crate, for QEMU's `cirrus-vga`.
//!
//! The device is a VGA card with 4 MiB of memory and rows of at most 4088 bytes. 1024 pixels of
//! `XRGB8888` are too long for that, so they are converted to `RGB888`. Programs may use that format and
//! `RGB565`, too.
#![forbid(unsafe_code)]

use drm::{
    file::PlainFile,
    gem::{shmem::Object, DumbBuffer, PlainObject},
    kms::{
        connector::{self, ConnectorGuard, DriverConnector, UnregisteredConnector},
        crtc::{Crtc, CrtcAtomicCommit, DriverCrtc, RawCrtc, RawCrtcState, UnregisteredCrtc},
        encoder::{self, PlainEncoder, UnregisteredEncoder},
        fourcc,
        plane::{self, DriverPlaneState, PlaneAtomicCheck, PlaneAtomicCommit, RawPlaneState},
        DisplayMode, KmsDriver, ModeConfigGuard, ModeConfigInfo, ModeObject, PlainFramebuffer,
        PlainState, UnregisteredKmsDevice, VblankTimer,
    },
    Device, Driver, DriverInfo, File, Registration, UnregisteredDevice,
};
use kernel::{
    device::{Core, DeviceContext},
    io::Io,
    pci,
    prelude::*,
};

const NAME: &CStr = c"cirrus_rs";
const DEVICE: u32 = 0x00b8;
/// The subsystem of QEMU's devices. Real cards need more than this driver does.
const QEMU: (u16, u16) = (0x1af4, 0x1100);

/// The BAR with the pixels, and the one with the registers.
const VRAM_BAR: u32 = 0;
const REGISTER_BAR: u32 = 1;
const REGISTER_BAR_SIZE: usize = 0x1000;
const VRAM_SIZE: u32 = 4 << 20;
/// The pitch register has 9 bits and counts 8 bytes.
const PITCH_UNIT: u32 = 8;
const MAX_PITCH: u32 = 0x1ff * PITCH_UNIT;
/// The register of the width counts 8 pixels.
const WIDTH_UNIT: u16 = 8;
/// Framebuffers may be larger than the screen, because the visible part is copied.
const MAX_SIZE: u32 = 4096;
/// The registers have 10 bits for the height in pixels.
const MAX_HEIGHT: u32 = 1024;

const RGB565: u32 = fourcc(b"RG16");
const RGB888: u32 = fourcc(b"RG24");
const XRGB8888: u32 = fourcc(b"XR24");
const FORMATS: [u32; 3] = [XRGB8888, RGB888, RGB565];

/// Banks of 8-bit registers, by their offset in the BAR: there is the index of a register, and then its
/// value.
const SEQUENCER: usize = 0x04;
const GRAPHICS: usize = 0x0e;
const CRT: usize = 0x14;
/// The VGA's registers that have no bank. `ATTRIBUTE_RESET` is read before `ATTRIBUTE` is written.
const ATTRIBUTE: usize = 0x00;
const ATTRIBUTE_RESET: usize = 0x1a;
const PALETTE_MASK: usize = 0x06;
/// The bit of `ATTRIBUTE` that shows the picture.
const SCREEN_ON: u8 = 0x20;

/// How the device interprets its memory.
#[derive(Clone)]
struct Layout {
    fourcc: u32,
    /// The length of a row in bytes.
    pitch: u32,
    /// The values of the extended sequencer mode and of the hidden register.
    depth: (u8, u8),
}

impl Layout {
    /// Returns the layout for a framebuffer's format and a size in pixels, if there is one.
    fn new(fourcc: u32, width: u32, height: u32) -> Option<Self> {
        if width > MAX_SIZE || height > MAX_HEIGHT {
            return None;
        }
        let make = |fourcc, bytes_per_pixel: u32, depth| {
            let pitch = (width * bytes_per_pixel).next_multiple_of(PITCH_UNIT);
            let fits = pitch <= MAX_PITCH && pitch * height <= VRAM_SIZE;
            fits.then_some(Self {
                fourcc,
                pitch,
                depth,
            })
        };
        let rgb888 = || make(RGB888, 3, (0x15, 0xc5));
        match fourcc {
            RGB565 => make(RGB565, 2, (0x17, 0xc1)),
            RGB888 => rgb888(),
            XRGB8888 => make(XRGB8888, 4, (0x19, 0xc5)).or_else(rgb888),
            _ => None,
        }
    }
}

/// The device's registers and memory, which are accessible until the device is unbound.
struct Hardware {
    registers: pci::DevresBar<REGISTER_BAR_SIZE>,
    vram: pci::DevresBar,
}

impl Hardware {
    fn new(pdev: &pci::Device<Core<'_>>) -> Result<Self> {
        pdev.enable_device_mem()?;
        let registers = pdev.iomap_region_sized(REGISTER_BAR, NAME)?;
        Ok(Self {
            registers: registers.into_devres()?,
            vram: pdev.iomap_region(VRAM_BAR, NAME)?.into_devres()?,
        })
    }

    /// Writes to registers of a bank, unless the device was unbound.
    fn write(&self, bank: usize, values: &[(u8, u8)]) {
        let Some(registers) = self.registers.try_access() else {
            return;
        };
        for (index, value) in values {
            // All banks are within the BAR.
            let _ = registers.try_write8(*index, bank);
            let _ = registers.try_write8(*value, bank + 1);
        }
    }

    /// Shows the picture, or black.
    fn show(&self, on: bool) {
        if let Some(registers) = self.registers.try_access() {
            registers.read8(ATTRIBUTE_RESET);
            registers.write8(if on { SCREEN_ON } else { 0 }, ATTRIBUTE);
        }
    }

    /// Sets the size of the picture in pixels. The device does not look at the times of a line.
    fn set_size(&self, width: u16, height: u16) {
        let [low, high] = (height - 1).to_le_bytes();
        // The rest of the height, and of the row from which on another picture could be shown: none.
        let overflow = 0x10 | (high & 1) << 1 | (high & 2) << 5;
        // Permits writes to the registers below 8.
        self.write(CRT, &[(0x11, 0x20)]);
        let last_column = (width / WIDTH_UNIT - 1) as u8;
        self.write(CRT, &[(0x01, last_column), (0x07, overflow)]);
        self.write(CRT, &[(0x09, 0x40), (0x12, low), (0x18, 0xff)]);
        // No interlace.
        self.write(CRT, &[(0x17, 0x03), (0x1a, 0)]);
    }

    /// Sets how the device interprets its memory.
    fn set_layout(&self, layout: &Layout) {
        let [pitch, high, ..] = (layout.pitch / PITCH_UNIT).to_le_bytes();
        self.write(SEQUENCER, &[(0x07, layout.depth.0)]);
        // A picture instead of text, with more than 8 bits per pixel.
        self.write(GRAPHICS, &[(0x05, 0x40), (0x06, 0x01)]);
        // The picture begins at the start of the memory, all of which is accessible.
        self.write(CRT, &[(0x0c, 0), (0x0d, 0), (0x1d, 0)]);
        self.write(CRT, &[(0x13, pitch), (0x1b, 0x22 | high << 4)]);
        if let Some(registers) = self.registers.try_access() {
            // Four reads select a hidden register for the next write.
            for _ in 0..4 {
                registers.read8(PALETTE_MASK);
            }
            registers.write8(layout.depth.1, PALETTE_MASK);
        }
    }
}

/// The DRM driver.
struct Cirrus;

#[vtable]
impl Driver for Cirrus {
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
        name: NAME,
        desc: c"cirrus-vga in Rust",
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
impl KmsDriver for Cirrus {
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
        let plane = Plane::new(dev, 1, &FORMATS, plane::Type::Primary, None, ())?;
        plane.enable_fb_damage_clips();
        let crtc = UnregisteredCrtc::<Head>::new(dev, plane, None::<&Plane>, None, ())?;
        let encoder = Encoder::new(dev, encoder::Type::Virtual, crtc.mask(), 0, None, ())?;
        UnregisteredConnector::<Monitor>::new(dev, connector::Type::Virtual, ())?
            .attach_encoder(encoder)
    }
}

type Plane = plane::UnregisteredPlane<Primary>;
type Encoder = UnregisteredEncoder<PlainEncoder<Cirrus>>;

struct Primary;

/// What a check computes for the commit.
#[derive(Clone, Default)]
struct PrimaryState {
    /// The layout for what the plane shows.
    layout: Option<Layout>,
    /// Whether the device has to be set to the layout.
    is_changed: bool,
}

impl DriverPlaneState for PrimaryState {
    type Plane = Primary;
}

#[vtable]
impl plane::DriverPlane for Primary {
    type Args = ();
    type Driver = Cirrus;
    type State = PrimaryState;

    const SHADOW: bool = true;
    const CONVERTS: bool = true;

    fn new(_dev: &Device<Cirrus>, (): ()) -> impl PinInit<Self, Error> {
        Ok(Self)
    }

    fn atomic_check(check: PlaneAtomicCheck<'_, Self>) -> Result {
        let (state, old, mut new) = check.take_all();
        new.layout = None;
        let Some(crtc) = new.crtc() else {
            return Ok(());
        };
        let crtc_state = state.add_crtc_state(crtc)?;
        new.atomic_helper_check(&crtc_state, false, true)?;
        // The memory has the pixels of the last framebuffer, in its format.
        let has_other_format = old.fourcc() != new.fourcc();
        new.set_ignore_damage_clips(has_other_format);
        new.is_changed = has_other_format || crtc_state.needs_modeset();
        if let Some(fourcc) = new.fourcc().filter(|_| new.visible()) {
            let (width, height) = (new.src().width() as u32, new.src().height() as u32);
            new.layout = Some(Layout::new(fourcc, width, height).ok_or(EINVAL)?);
        }
        Ok(())
    }

    /// Copies the damage, after the layout was set if it has changed.
    fn atomic_update(commit: PlaneAtomicCommit<'_, Self>) {
        let dev = commit.plane().drm_dev();
        let new = commit.take_new_state();
        let Some(layout) = &new.layout else {
            return;
        };
        if new.is_changed {
            dev.set_layout(layout);
        }
        if let Some(vram) = dev.vram.try_access() {
            if let Err(error) = commit.copy_damage_to(&*vram, layout.pitch, layout.fourcc) {
                drm::drm_err_ratelimited!(dev, "a part of a frame is lost: {:?}\n", error);
            }
        }
        if new.is_changed {
            dev.show(true);
        }
    }

    fn atomic_disable(commit: PlaneAtomicCommit<'_, Self>) {
        commit.plane().drm_dev().show(false);
    }
}

struct Head;

#[vtable]
impl DriverCrtc for Head {
    type Args = ();
    type Driver = Cirrus;
    type State = PlainState<Self>;
    type VblankImpl = VblankTimer<Self>;

    fn new(_dev: &Device<Cirrus>, (): &()) -> impl PinInit<Self, Error> {
        Ok(Self)
    }

    /// Only modes in which every format can be shown.
    fn mode_valid(_crtc: &Crtc<Self>, mode: &DisplayMode) -> bool {
        let (width, height) = (u32::from(mode.hdisplay()), u32::from(mode.vdisplay()));
        mode.hdisplay() % WIDTH_UNIT == 0 && Layout::new(XRGB8888, width, height).is_some()
    }

    fn atomic_enable(commit: CrtcAtomicCommit<'_, Self>) {
        let dev = commit.crtc().drm_dev();
        let mode = commit.take_new_state().adjusted_mode();
        dev.set_size(mode.hdisplay(), mode.vdisplay());
    }

    fn atomic_disable(commit: CrtcAtomicCommit<'_, Self>) {
        commit.crtc().drm_dev().show(false);
    }
}

struct Monitor;

#[vtable]
impl DriverConnector for Monitor {
    type Args = ();
    type Driver = Cirrus;
    type State = PlainState<Self>;

    fn new(_dev: &Device<Cirrus>, (): ()) -> impl PinInit<Self, Error> {
        Ok(Self)
    }

    fn get_modes<'a>(
        connector: ConnectorGuard<'a, Self>,
        _guard: &ModeConfigGuard<'a, Cirrus>,
    ) -> i32 {
        connector.add_modes_noedid((MAX_SIZE, MAX_HEIGHT)) + connector.prefer(1024, 768, 60, 160)
    }
}

/// The driver's data of a bound device. When the driver leaves the device, the registration ends and
/// switches the head off, while the registers are still accessible.
struct CirrusDriver {
    _registration: Registration<'static, Cirrus>,
}

kernel::pci_device_table!(
    TABLE,
    <CirrusDriver as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_id(pci::Vendor::CIRRUS, DEVICE), ())]
);

impl CirrusDriver {
    fn bring_up(pdev: &pci::Device<Core<'_>>) -> Result<Self> {
        if (pdev.subsystem_vendor_id(), pdev.subsystem_device_id()) != QEMU {
            return Err(ENODEV);
        }
        drm::driver::take_aperture(pdev.as_ref(), NAME)?;
        let hardware = Hardware::new(pdev)?;
        let drm = UnregisteredDevice::<Cirrus>::new(pdev, Ok::<_, Error>(hardware))?;
        drm.setup_kms()?;
        let mut registration = Registration::new(pdev.as_ref(), drm, (), 0)?;
        registration.setup_clients();
        Ok(Self {
            _registration: registration,
        })
    }
}

impl pci::Driver for CirrusDriver {
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
    type: CirrusDriver,
    name: "cirrus_rs",
    authors: ["The virtgpu authors"],
    description: "cirrus-vga in Rust",
    license: "GPL",
}
