// SPDX-License-Identifier: GPL-2.0
//! A sample driver on the `drm` crate, for a framebuffer of the firmware.
//!
//! The firmware has chosen the size and the format, and the driver cannot change them. Programs draw
//! `XRGB8888`, and the pixels are converted. There are no interrupts and no vblanks, so a flip is
//! complete when the pixels are copied.
//!
//! A kernel with `CONFIG_FB_VESA` has a driver for the same device, which is bound to it first. The
//! administrator decides for this driver:
//!
//! ```sh
//! cd /sys/bus/platform/devices/vesa-framebuffer.0
//! echo simple_rs >driver_override
//! echo vesa-framebuffer.0 >driver/unbind
//! insmod simple_rs.ko
//! ```
#![forbid(unsafe_code)]

use core::marker::PhantomData;

use drm::{
    file::PlainFile,
    gem::{shmem::Object, DumbBuffer, PlainObject},
    kms::{
        connector::{self, ConnectorGuard, DriverConnector, UnregisteredConnector},
        crtc::{Crtc, CrtcAtomicCommit, DriverCrtc, RawCrtc, UnregisteredCrtc},
        encoder::{self, PlainEncoder, UnregisteredEncoder},
        fourcc,
        plane::{self, DriverPlane, PlaneAtomicCheck, PlaneAtomicCommit, UnregisteredPlane},
        DisplayMode, KmsDriver, ModeConfigGuard, ModeConfigInfo, ModeObject, PlainFramebuffer,
        PlainState, UnregisteredKmsDevice,
    },
    sysfb::{Memory, ScreenInfo},
    Device, Driver, DriverInfo, File, Registration, UnregisteredDevice,
};
use kernel::{
    device::{Core, DeviceContext},
    devres::Devres,
    platform,
    prelude::*,
};

const NAME: &CStr = c"simple_rs";
/// Framebuffers may be larger than the screen, because the visible part is copied.
const MAX_SIZE: u32 = 4096;

/// The firmware's framebuffer. Its memory is accessible until the device is unbound.
struct Screen {
    info: ScreenInfo,
    memory: Devres<Memory>,
}

impl Screen {
    /// Makes the screen black, unless the device was unbound.
    fn clear(&self) {
        if let Some(memory) = self.memory.try_access() {
            memory.clear();
        }
    }
}

/// The DRM driver.
struct Simple;

#[vtable]
impl Driver for Simple {
    type Data = Screen;
    type RegistrationData<'a> = ();
    type Object = Object<PlainObject<Self>>;
    type File = PlainFile<Self>;
    type ParentDevice<Ctx: DeviceContext> = platform::Device<Ctx>;
    type OwnerModule = DriverModule;

    const INFO: DriverInfo = DriverInfo {
        major: 1,
        minor: 0,
        patchlevel: 0,
        name: NAME,
        desc: c"firmware framebuffer in Rust",
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
impl KmsDriver for Simple {
    type Framebuffer = PlainFramebuffer<Self>;

    fn mode_config_info(_dev: &kernel::device::Device, data: &Screen) -> Result<ModeConfigInfo> {
        let (width, height) = (u32::from(data.info.width), u32::from(data.info.height));
        Ok(ModeConfigInfo {
            min_resolution: (width, height),
            max_resolution: (width.max(MAX_SIZE), height.max(MAX_SIZE)),
            max_cursor: (0, 0),
            preferred_depth: 24,
        })
    }

    fn create_objects(dev: &UnregisteredKmsDevice<'_, Self>) -> Result {
        let plane = Plane::new(dev, 1, &[fourcc(b"XR24")], plane::Type::Primary, None, ())?;
        plane.enable_fb_damage_clips();
        let crtc = UnregisteredCrtc::<Head>::new(dev, plane, None::<&Plane>, None, ())?;
        let encoder = Encoder::new(dev, encoder::Type::Virtual, crtc.mask(), 0, None, ())?;
        UnregisteredConnector::<Monitor>::new(dev, connector::Type::Virtual, ())?
            .attach_encoder(encoder)
    }
}

type Plane = UnregisteredPlane<Primary>;
type Encoder = UnregisteredEncoder<PlainEncoder<Simple>>;

struct Primary;

#[vtable]
impl DriverPlane for Primary {
    type Args = ();
    type Driver = Simple;
    type State = PlainState<Self>;

    const SHADOW: bool = true;
    const CONVERTS: bool = true;

    fn new(_dev: &Device<Simple>, (): ()) -> impl PinInit<Self, Error> {
        Ok(Self)
    }

    fn atomic_check(check: PlaneAtomicCheck<'_, Self>) -> Result {
        check.check_fullscreen()
    }

    fn atomic_update(commit: PlaneAtomicCommit<'_, Self>) {
        let dev = commit.plane().drm_dev();
        let info = &dev.info;
        if let Some(memory) = dev.memory.try_access() {
            if let Err(error) = commit.copy_damage_to(&*memory, info.pitch, info.fourcc) {
                drm::drm_err_ratelimited!(dev, "a part of a frame is lost: {:?}\n", error);
            }
        }
    }

    fn atomic_disable(commit: PlaneAtomicCommit<'_, Self>) {
        commit.plane().drm_dev().clear();
    }
}

struct Head;

#[vtable]
impl DriverCrtc for Head {
    type Args = ();
    type Driver = Simple;
    type State = PlainState<Self>;
    type VblankImpl = PhantomData<Self>;

    fn new(_dev: &Device<Simple>, (): &()) -> impl PinInit<Self, Error> {
        Ok(Self)
    }

    fn mode_valid(crtc: &Crtc<Self>, mode: &DisplayMode) -> bool {
        let info = &crtc.drm_dev().info;
        (mode.hdisplay(), mode.vdisplay()) == (info.width, info.height)
    }

    fn atomic_disable(commit: CrtcAtomicCommit<'_, Self>) {
        commit.crtc().drm_dev().clear();
    }
}

struct Monitor;

#[vtable]
impl DriverConnector for Monitor {
    type Args = ();
    type Driver = Simple;
    type State = PlainState<Self>;

    fn new(_dev: &Device<Simple>, (): ()) -> impl PinInit<Self, Error> {
        Ok(Self)
    }

    fn get_modes<'a>(
        connector: ConnectorGuard<'a, Self>,
        _guard: &ModeConfigGuard<'a, Simple>,
    ) -> i32 {
        let info = &connector.drm_dev().info;
        connector.add_fixed(info.width, info.height)
    }
}

/// The driver's data of a bound device. When the driver leaves the device, the registration ends and
/// makes the screen black, while the memory is still accessible.
struct SimpleDriver {
    _registration: Registration<'static, Simple>,
}

impl SimpleDriver {
    fn bring_up(pdev: &platform::Device<Core<'_>>) -> Result<Self> {
        let info = ScreenInfo::of(pdev.as_ref())?;
        let memory = info.map(pdev.as_ref(), NAME)?;
        let screen = Screen { info, memory };
        let drm = UnregisteredDevice::<Simple>::new(pdev, Ok::<_, Error>(screen))?;
        drm.setup_kms()?;
        let mut registration = Registration::new(pdev.as_ref(), drm, (), 0)?;
        registration.setup_clients();
        Ok(Self {
            _registration: registration,
        })
    }
}

impl platform::Driver for SimpleDriver {
    type IdInfo = ();
    type Data<'bound> = Self;

    fn probe<'bound>(
        pdev: &'bound platform::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self, Error> + 'bound {
        Self::bring_up(pdev)
    }
}

kernel::module_platform_driver! {
    type: SimpleDriver,
    name: "simple_rs",
    authors: ["The virtgpu authors"],
    description: "firmware framebuffer in Rust",
    license: "GPL",
}
