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
        atomic::{AtomicCheck, AtomicCommit},
        connector::ModeList,
        fourcc, plane, Connector, Crtc, DisplayMode, DriverConnector, DriverCrtc, DriverPlane,
        Encoder, KmsDriver, ModeConfigInfo, PlainFramebuffer, Plane, PlaneState,
        UnregisteredKmsDevice,
    },
    sysfb::{Memory, ScreenInfo},
    Device, Driver, DriverInfo, File, Registration, UnregisteredDevice,
};
use kernel::{
    device::{Core, DeviceContext},
    devres::Devres,
    platform,
    prelude::*,
    sync::Arc,
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
    type Data = Arc<Screen>;
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

impl KmsDriver for Simple {
    type Framebuffer = PlainFramebuffer<Self>;

    fn mode_config_info(dev: &Device<Self>) -> ModeConfigInfo {
        let (width, height) = (u32::from(dev.info.width), u32::from(dev.info.height));
        ModeConfigInfo {
            min_resolution: (width, height),
            max_resolution: (width.max(MAX_SIZE), height.max(MAX_SIZE)),
            max_cursor: (0, 0),
            preferred_depth: 24,
        }
    }

    fn create_objects(dev: &UnregisteredKmsDevice<'_, Self>) -> Result {
        let screen = || (***dev).clone();
        let plane = Plane::new(dev, 1, Primary(screen()))?;
        let crtc = Crtc::new(dev, plane, None::<&Plane<Primary>>, Head(screen()))?;
        let connector = Connector::new(dev, Monitor(screen()))?;
        Encoder::new(dev, crtc)?.attach(connector)
    }
}

struct Primary(Arc<Screen>);

#[vtable]
impl DriverPlane for Primary {
    type Driver = Simple;

    const TYPE: plane::Type = plane::Type::Primary;
    const FORMATS: &'static [u32] = &[fourcc(b"XR24")];
    const DAMAGE_CLIPS: bool = true;
    const SHADOW: bool = true;
    const CONVERTS: bool = true;

    fn atomic_check(
        &self,
        _old: &PlaneState<Self>,
        new: &PlaneState<Self>,
        check: &AtomicCheck<'_>,
    ) -> Result {
        check.check_unscaled_plane(new, false)
    }

    fn atomic_update(
        &self,
        dev: &Device<Simple>,
        old: &PlaneState<Self>,
        new: &PlaneState<Self>,
        _commit: &AtomicCommit<'_>,
    ) {
        let info = &self.0.info;
        if let Some(memory) = self.0.memory.try_access() {
            if let Err(error) = new.copy_damage_to(old, &*memory, info.pitch, info.fourcc) {
                drm::drm_err_ratelimited!(dev, "a part of a frame is lost: {:?}\n", error);
            }
        }
    }

    fn atomic_disable(
        &self,
        _dev: &Device<Simple>,
        _old: &PlaneState<Self>,
        _new: &PlaneState<Self>,
    ) {
        self.0.clear();
    }
}

struct Head(Arc<Screen>);

impl DriverCrtc for Head {
    type Driver = Simple;
    type VblankImpl = PhantomData<Self>;

    fn mode_valid(&self, mode: &DisplayMode) -> bool {
        let info = &self.0.info;
        (mode.hdisplay(), mode.vdisplay()) == (info.width, info.height)
    }

    fn atomic_disable(&self, _dev: &Device<Simple>) {
        self.0.clear();
    }
}

struct Monitor(Arc<Screen>);

impl DriverConnector for Monitor {
    type Driver = Simple;

    fn get_modes(&self, modes: &mut ModeList<'_>) {
        modes.add_fixed(self.0.info.width, self.0.info.height);
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
        let screen = Arc::new(Screen { info, memory }, GFP_KERNEL)?;
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
