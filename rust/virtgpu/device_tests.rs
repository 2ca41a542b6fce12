// SPDX-License-Identifier: GPL-2.0
//! KUnit tests of who owns a DRM device, and of what its mode setting checks at run time.
use core::marker::PhantomData;

use drm::{
    file::DriverFile,
    gem::{
        shmem::{Object, ObjectConfig},
        DriverObject,
    },
    kms::{
        connector::{
            self, Connector, ConnectorAtomicCheck, ConnectorGuard, DriverConnector,
            DriverConnectorState, Status, UnregisteredConnector,
        },
        crtc::{Crtc, CrtcAtomicCheck, DriverCrtc, DriverCrtcState, RawCrtc, UnregisteredCrtc},
        encoder::{self, PlainEncoder, UnregisteredEncoder},
        plane::{
            self, DriverPlane, DriverPlaneState, PlaneAtomicCheck, PlaneAtomicCommit, RawPlane,
            UnregisteredPlane,
        },
        DriverFramebuffer, FramebufferInfo, KmsDriver, KmsRef, ModeConfigGuard, ModeConfigInfo,
        ModeObject, PlainState, UnregisteredKmsDevice, VblankTimer,
    },
    DriverInfo, Registration, UnregisteredDevice,
};
use kernel::{
    device::{Bound, DeviceContext},
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{Atomic, Relaxed},
        Arc, Mutex,
    },
};
use kunit::{
    expect, expect_eq,
    fake::{leak, AnyDevice, VirtioDevice},
    Test,
};
use virtio::{Interrupt, Virtqueue};

use crate::virtio_tests::{ensure, run, Case};

/// The events of a test in their order, one in each hexadecimal digit.
static EVENTS: Atomic<u32> = Atomic::new(0);
/// The creation of KMS objects fails.
static OBJECTS_FAIL: Atomic<u32> = Atomic::new(0);
/// Checks are events, too.
static CHECKS_COUNT: Atomic<u32> = Atomic::new(0);
/// A check keeps its CRTC.
static KEEP: Atomic<u32> = Atomic::new(0);
/// There is a second CRTC, without vblanks.
static SILENT_TOO: Atomic<u32> = Atomic::new(0);

const DATA_DROPPED: u32 = 1;
const PLANE_DROPPED: u32 = 2;
const OBJECT_DROPPED: u32 = 3;
const DRIVER_DROPPED: u32 = 4;
const STATE_REFUSED: u32 = 5;
const STATE_ACCEPTED: u32 = 6;
const PLUGGED: u32 = 7;
const UNPLUGGED: u32 = 8;
const REGISTRATION_DROPPED: u32 = 9;
const CONNECTOR_CHECKED: u32 = 10;
const CRTC_CHECKED: u32 = 11;

fn note(event: u32) {
    EVENTS.store(EVENTS.load(Relaxed) << 4 | event, Relaxed);
}

/// Notes a check, and how many have been done with the object.
fn note_check(event: u32, checks: &Checks) {
    if CHECKS_COUNT.load(Relaxed) != 0 {
        note(event);
        note(checks.0);
    }
}

fn take_events() -> u32 {
    EVENTS.xchg(0, Relaxed)
}

/// A DRM driver.
pub(crate) struct Small;

pub(crate) type Device = drm::Device<Small>;
type Unregistered = UnregisteredDevice<Small>;

/// The data of a device.
pub(crate) struct Data(Arc<Kept>);

/// What a test keeps.
#[pin_data]
struct Kept {
    #[pin]
    crtc: Mutex<Option<KmsRef<Crtc<Small>>>>,
}

impl Data {
    fn new() -> Result<Self> {
        let kept = pin_init!(Kept { crtc <- new_mutex!(None) });
        Ok(Self(Arc::pin_init(kept, GFP_KERNEL)?))
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        note(DATA_DROPPED);
    }
}

#[vtable]
impl drm::Driver for Small {
    type Data = Data;
    type RegistrationData<'a> = Registered;
    type Object = Object<Buffer>;
    type File = Self;
    type ParentDevice<Ctx: DeviceContext> = AnyDevice<Ctx>;
    type OwnerModule = crate::DriverModule;

    const INFO: DriverInfo = DriverInfo {
        major: 0,
        minor: 0,
        patchlevel: 0,
        name: c"kunit",
        desc: c"A device of a KUnit test",
    };
    const IOCTLS: &'static [drm::ioctl::DrmIoctlDescriptor<Self>] = &[];
}

/// The data of a registration.
pub(crate) struct Registered(ARef<Device>);

impl Drop for Registered {
    fn drop(&mut self) {
        note(REGISTRATION_DROPPED);
        note_state(&self.0);
    }
}

pub(crate) struct Buffer;

impl DriverObject for Buffer {
    type Driver = Small;
    type Args = ();

    fn new(_: &Device, _: usize, (): ()) -> impl PinInit<Self, Error> {
        Ok(Self)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        note(OBJECT_DROPPED);
    }
}

impl DriverFile for Small {
    type Driver = Self;

    fn open(_: &Device) -> Result<Pin<KBox<Self>>> {
        Err(EOPNOTSUPP)
    }
}

impl DriverFramebuffer for Small {
    type Driver = Self;

    fn check(_: &Device, _: &FramebufferInfo) -> Result {
        Ok(())
    }

    fn new() -> impl PinInit<Self, Error> {
        Ok(Self)
    }
}

#[vtable]
impl KmsDriver for Small {
    type Framebuffer = Self;

    fn mode_config_info(_: &kernel::device::Device, _: &Data) -> Result<ModeConfigInfo> {
        Ok(ModeConfigInfo {
            min_resolution: (1, 1),
            max_resolution: (64, 64),
            max_cursor: (0, 0),
            preferred_depth: 24,
        })
    }

    fn create_objects(dev: &UnregisteredKmsDevice<'_, Self>) -> Result {
        let plane = create_plane(dev, 1)?;
        if OBJECTS_FAIL.load(Relaxed) != 0 {
            return Err(EIO);
        }
        let no_cursor = None::<&UnregisteredPlane<Primary>>;
        let crtc = UnregisteredCrtc::<Self>::new(dev, plane, no_cursor, Some(NAME), ())?;
        if SILENT_TOO.load(Relaxed) != 0 {
            let plane = create_plane(dev, 2)?;
            let create =
                || UnregisteredCrtc::<Silent>::new(dev, plane, no_cursor, None, ()).map(drop);
            // A driver may go on after the error, which must not change what the device has.
            if create() != Err(EINVAL) {
                return Err(EIO);
            }
            create()?;
        }
        if (plane.index(), plane.mask(), crtc.index(), crtc.mask()) != (0, 1, 0, 1) {
            return Err(EIO);
        }
        let encoder = UnregisteredEncoder::<PlainEncoder<Self>>::new(
            dev,
            encoder::Type::Virtual,
            crtc.mask(),
            0,
            Some(NAME),
            (),
        )?;
        UnregisteredConnector::<Self>::new(dev, connector::Type::Virtual, ())?
            .attach_encoder(encoder)
    }
}

/// The core's functions take a format string. As such, this one would have a value of nobody.
const NAME: &CStr = c"100%s";

fn create_plane<'a>(
    dev: &'a UnregisteredKmsDevice<'_, Small>,
    possible_crtcs: u32,
) -> Result<&'a UnregisteredPlane<Primary>> {
    let formats = [drm::kms::fourcc(b"XR24")];
    let primary = plane::Type::Primary;
    UnregisteredPlane::new(dev, possible_crtcs, &formats, primary, Some(NAME), ())
}

/// A CRTC without vblanks.
struct Silent;

#[vtable]
impl DriverCrtc for Silent {
    type Args = ();
    type Driver = Small;
    type State = PlainState<Self>;
    type VblankImpl = PhantomData<Self>;

    fn new(_: &Device, (): &()) -> impl PinInit<Self, Error> {
        Ok(Self)
    }
}

/// The driver's data of a state: how many commits with the object have been checked before it.
#[derive(Clone, Default)]
pub(crate) struct Checks(u32);

impl DriverPlaneState for Checks {
    type Plane = Primary;
}

impl DriverCrtcState for Checks {
    type Crtc = Small;
}

impl DriverConnectorState for Checks {
    type Connector = Small;
}

#[vtable]
impl DriverCrtc for Small {
    type Args = ();
    type Driver = Self;
    type State = Checks;
    type VblankImpl = VblankTimer<Self>;

    fn new(_: &Device, (): &()) -> impl PinInit<Self, Error> {
        Ok(Self)
    }

    fn atomic_check(check: CrtcAtomicCheck<'_, Self>) -> Result {
        let crtc = check.crtc();
        if KEEP.load(Relaxed) != 0 {
            *crtc.drm_dev().0.crtc.lock() = Some(KmsRef::from(crtc));
        }
        let (old, mut new) = check.take_old_new_state();
        new.0 = old.0 + 1;
        note_check(CRTC_CHECKED, &new);
        Ok(())
    }
}

#[vtable]
impl DriverConnector for Small {
    type Args = ();
    type Driver = Self;
    type State = Checks;

    fn new(_: &Device, (): ()) -> impl PinInit<Self, Error> {
        Ok(Self)
    }

    fn detect(_: &Connector<Self>, _: bool) -> Status {
        Status::Disconnected
    }

    fn get_modes<'a>(
        connector: ConnectorGuard<'a, Self>,
        guard: &ModeConfigGuard<'a, Self>,
    ) -> i32 {
        let (min, max) = guard.limits();
        let count = connector.add_modes_noedid(max);
        connector.set_preferred_mode(min);
        count
    }

    fn atomic_check(check: ConnectorAtomicCheck<'_, Self>) -> Result {
        let connector = check.connector();
        let (state, old, mut new) = check.take_all();
        new.0 = old.0 + 1;
        // The state is lent.
        if matches!(state.add_connector_state(connector), Err(EBUSY)) {
            note_check(CONNECTOR_CHECKED, &new);
        }
        Ok(())
    }
}

pub(crate) struct Primary;

impl Drop for Primary {
    fn drop(&mut self) {
        note(PLANE_DROPPED);
    }
}

#[vtable]
impl DriverPlane for Primary {
    type Args = ();
    type Driver = Small;
    type State = Checks;

    fn new(_: &Device, (): ()) -> impl PinInit<Self, Error> {
        Ok(Self)
    }

    /// Borrows the new state twice.
    fn atomic_check(check: PlaneAtomicCheck<'_, Self>) -> Result {
        let plane = check.plane();
        let state = check.take_state();
        let first = state.get_new_plane_state(plane).ok_or(EIO)?;
        if state.get_new_plane_state(plane).is_none() {
            note_check(STATE_REFUSED, &first);
        }
        drop(first);
        let mut new = state.get_new_plane_state(plane).ok_or(EIO)?;
        new.0 += 1;
        note_check(STATE_ACCEPTED, &new);
        Ok(())
    }

    fn atomic_update(_: PlaneAtomicCommit<'_, Self>) {}
}

pub(crate) fn create(dev: &virtio::Device<Bound>) -> Result<UnregisteredDevice<Small>> {
    Unregistered::new(AnyDevice::of(dev.as_ref()), Ok::<_, Error>(Data::new()?))
}

pub(crate) fn buffer(drm: &Device) -> Result<ARef<Object<Buffer>>> {
    Object::new(drm, 4096, ObjectConfig::default(), ())
}

fn register(
    dev: &virtio::Device<Bound>,
    drm: Unregistered,
) -> Result<Registration<'static, Small>> {
    let data = Registered(ARef::from(&*drm));
    Registration::new(dev.as_ref(), drm, data, 0)
}

/// Fails for a device whose mode setting was not set up.
fn uses_of_kms(drm: &Device) -> [Result; 4] {
    drm.hotplug_event();
    drm.shutdown_kms();
    [
        drm.suspend_kms(),
        drm.resume_kms(),
        drm.recommit(),
        drm.with_modeset_locks(|| Ok(())),
    ]
}

struct SetUp;

impl Case for SetUp {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        let drm = create(dev)?;
        ensure(uses_of_kms(&drm) == [Err(EOPNOTSUPP); 4])?;
        drm.setup_kms()?;
        ensure(drm.setup_kms() == Err(EBUSY))?;
        ensure(uses_of_kms(&drm) == [Ok(()); 4])?;
        Ok(Self)
    }
}

fn mode_setting_is_set_up_once(test: &Test) -> Result {
    OBJECTS_FAIL.store(0, Relaxed);
    run::<SetUp>(true, |device| expect!(test, device.is_bound()), |_| ())
}

struct FailingSetUp;

impl Case for FailingSetUp {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        let drm = create(dev)?;
        ensure(drm.setup_kms() == Err(EIO))?;
        ensure(drm.setup_kms() == Err(EBUSY))?;
        ensure(uses_of_kms(&drm) == [Err(EOPNOTSUPP); 4])?;
        // It can still be registered, without mode setting.
        register(dev, drm)?;
        Ok(Self)
    }
}

fn failed_set_up_is_none(test: &Test) -> Result {
    OBJECTS_FAIL.store(1, Relaxed);
    let result = run::<FailingSetUp>(true, |device| expect!(test, device.is_bound()), |_| ());
    OBJECTS_FAIL.store(0, Relaxed);
    result
}

struct MixedVblanks;

impl Case for MixedVblanks {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        ensure(create(dev)?.setup_kms() == Err(EINVAL))?;
        Ok(Self)
    }
}

fn vblanks_are_for_all_or_none(test: &Test) -> Result {
    SILENT_TOO.store(1, Relaxed);
    let result = run::<MixedVblanks>(true, |device| expect!(test, device.is_bound()), |_| ());
    SILENT_TOO.store(0, Relaxed);
    result
}

struct Suspended;

impl Case for Suspended {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        let drm = create(dev)?;
        drm.setup_kms()?;
        ensure(drm.resume_kms() == Err(EINVAL))?;
        ensure(drm.suspend_kms() == Ok(()))?;
        ensure(drm.suspend_kms() == Ok(()))?;
        ensure(drm.resume_kms() == Ok(()))?;
        ensure(drm.resume_kms() == Err(EINVAL))?;
        Ok(Self)
    }
}

fn only_what_sleeps_is_resumed(test: &Test) -> Result {
    run::<Suspended>(true, |device| expect!(test, device.is_bound()), |_| ())
}

struct Checked;

impl Case for Checked {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        let drm = create(dev)?;
        drm.setup_kms()?;
        take_events();
        CHECKS_COUNT.store(1, Relaxed);
        let results = [(); 2].map(|()| (drm.recommit(), take_events()));
        CHECKS_COUNT.store(0, Relaxed);
        ensure(results == [(Ok(()), 0xa15061b1), (Ok(()), 0xa25162b2)])?;
        Ok(Self)
    }
}

/// Each state has the driver's data of the state before it, which a check can change, once at a time.
fn states_have_the_drivers_data(test: &Test) -> Result {
    run::<Checked>(true, |device| expect!(test, device.is_bound()), |_| ())
}

/// The driver keeps a CRTC, but not the device.
struct CrtcKeeper(KmsRef<Crtc<Small>>);

impl Case for CrtcKeeper {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        let drm = create(dev)?;
        drm.setup_kms()?;
        KEEP.store(1, Relaxed);
        let result = drm.recommit();
        KEEP.store(0, Relaxed);
        result?;
        let crtc = drm.0.crtc.lock().take().ok_or(EIO)?;
        take_events();
        Ok(Self(crtc))
    }
}

impl Drop for CrtcKeeper {
    fn drop(&mut self) {
        note(DRIVER_DROPPED);
        note_state(self.0.drm_dev());
    }
}

fn kept_crtc_holds_its_device(test: &Test) -> Result {
    run::<CrtcKeeper>(true, |device| expect!(test, device.is_bound()), |_| ())?;
    expect_eq!(test, take_events(), 0x4721);
    Ok(())
}

struct Ordered;

impl Case for Ordered {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        create(dev)?.setup_kms()?;
        take_events();
        Ok(Self)
    }
}

impl Drop for Ordered {
    fn drop(&mut self) {
        note(DRIVER_DROPPED);
    }
}

/// What the core manages for a device may use the device's data.
fn data_is_dropped_last(test: &Test) -> Result {
    run::<Ordered>(true, |device| expect!(test, device.is_bound()), |_| ())?;
    expect_eq!(test, take_events(), 0x214);
    Ok(())
}

/// The driver keeps a buffer object, but not the device.
struct Keeper(ARef<Object<Buffer>>);

impl Case for Keeper {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        let object = buffer(&*create(dev)?)?;
        object.for_each_segment(true, |_| Ok(()))?;
        take_events();
        Ok(Self(object))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        note(DRIVER_DROPPED);
        // It was unmapped, and an object of a device that is gone cannot be mapped.
        if self.0.for_each_segment(true, |_| Ok(())) == Err(ENODEV) {
            note(UNPLUGGED);
        }
    }
}

fn object_holds_its_device(test: &Test) -> Result {
    run::<Keeper>(true, |device| expect!(test, device.is_bound()), |_| ())?;
    expect_eq!(test, take_events(), 0x4831);
    Ok(())
}

fn note_state(drm: &Device) {
    note(drm.while_plugged(|| PLUGGED).unwrap_or(UNPLUGGED));
}

/// The driver forgets its registration.
struct Forgetful(ARef<Device>);

impl Case for Forgetful {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        let drm = create(dev)?;
        drm.setup_kms()?;
        let this = Self(ARef::from(&*drm));
        leak(register(dev, drm)?)?;
        take_events();
        Ok(this)
    }

    fn remove(&self, _dev: &virtio::Device<Bound>) {
        note_state(&self.0);
    }
}

impl Drop for Forgetful {
    fn drop(&mut self) {
        note_state(&self.0);
    }
}

fn forgotten_registration_ends(test: &Test) -> Result {
    run::<Forgetful>(true, |device| expect!(test, device.is_bound()), |_| ())?;
    // The registration was forgotten with its reference to the device, but not the one in devres. Its data
    // is dropped when nothing uses it any more.
    expect_eq!(test, take_events(), 0x7988);
    Ok(())
}

/// A handler of interrupts, which is dropped when the queues are deleted.
struct Handler(ARef<Device>);

impl Interrupt for Handler {
    fn vq_callback(&self, _queue: usize) {}
}

impl Drop for Handler {
    fn drop(&mut self) {
        note_state(&self.0);
    }
}

/// The probe fails after the registration, and both the registration and the queues are forgotten.
struct Failing;

impl Case for Failing {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        let drm = create(dev)?;
        drm.setup_kms()?;
        let (transport, queues): (_, [Virtqueue<u32>; 1]) =
            dev.find_vqs([c"only"], Handler(ARef::from(&*drm)))?;
        leak((transport, queues))?;
        let held = ARef::from(&*drm);
        leak(register(dev, drm)?)?;
        take_events();
        note_state(&held);
        Err(EIO)
    }
}

/// Programs must not use the device any more when its queues are deleted.
fn failed_probe_ends_the_registration(test: &Test) -> Result {
    run::<Failing>(
        true,
        |device| {
            expect!(test, !device.is_bound());
            expect_eq!(test, device.queues(), 0);
        },
        |_| (),
    )?;
    expect_eq!(test, take_events(), 0x7988);
    Ok(())
}

/// The code of a driver must not be tied to a device of another module's driver.
fn device_of_another_driver_is_refused(test: &Test) -> Result {
    let device = VirtioDevice::new(0xfffd, true)?;
    take_events();
    let result = Unregistered::new(AnyDevice::of(device.parent()), Ok::<_, Error>(Data::new()?));
    expect!(test, matches!(result, Err(EINVAL)));
    Ok(())
}

kunit::suite!(
    c"virtgpu_rs_device",
    [
        mode_setting_is_set_up_once,
        failed_set_up_is_none,
        vblanks_are_for_all_or_none,
        only_what_sleeps_is_resumed,
        states_have_the_drivers_data,
        kept_crtc_holds_its_device,
        data_is_dropped_last,
        object_holds_its_device,
        forgotten_registration_ends,
        failed_probe_ends_the_registration,
        device_of_another_driver_is_refused,
    ]
);
