// SPDX-License-Identifier: GPL-2.0
//! KUnit tests of what ties a driver to a virtio device, with a device that has no host.
use core::mem::offset_of;

use kernel::{
    device::{Bound, Core},
    driver::Registration,
    module::this_module,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        Mutex,
    },
};
use kunit::{
    expect, expect_eq,
    fake::{leak, VirtioDevice},
    Test,
};
use virtio::{
    Adapter, Chain, ConfigField, Device, DeviceId, IdTable, Interrupt, VirtioID, Virtqueue,
    Virtqueues,
};

/// A number that no device has.
const ID: u32 = 0xfffe;

virtio::virtio_device_table!(TABLE, (), [(DeviceId::new(VirtioID::new(ID)), ())]);

/// What a driver does in a test. A value is the driver's data.
pub(crate) trait Case: Sized + Send + Sync + 'static {
    fn probe(dev: &Device<Bound>) -> Result<Self>;

    fn remove(&self, _dev: &Device<Bound>) {}
}

struct Driver<C>(C);

impl<C: Case> virtio::Driver for Driver<C> {
    type IdInfo = ();

    const ID_TABLE: IdTable<Self::IdInfo> = &TABLE;
    const FEATURES: &'static [u32] = &[];

    fn probe(dev: &Device<Core<'_>>) -> impl PinInit<Self, Error> {
        C::probe(dev).map(Self)
    }

    fn remove(dev: &Device<Core<'_>>, this: Pin<&Self>) {
        this.get_ref().0.remove(dev)
    }
}

/// Has the driver of a case probe a device, and calls `probed`. Then has the driver leave the device,
/// and calls `left`.
pub(crate) fn run<C: Case>(
    has_config: bool,
    probed: impl FnOnce(&VirtioDevice),
    left: impl FnOnce(&VirtioDevice),
) -> Result {
    let driver = KBox::pin_init(
        Registration::<Adapter<Driver<C>>>::new(
            c"kunit-virtio",
            this_module::<crate::DriverModule>(),
        ),
        GFP_KERNEL,
    )?;
    let device = VirtioDevice::new(ID, has_config)?;
    probed(&device);
    drop(driver);
    left(&device);
    Ok(())
}

/// Fails the probe of a case if an expectation is not met.
pub(crate) fn ensure(condition: bool) -> Result {
    condition.then_some(()).ok_or(EINVAL)
}

/// The interrupts that the handler got, and how many of them before it was dropped.
static INTERRUPTS: Atomic<u32> = Atomic::new(0);
static INTERRUPTS_AT_DROP: Atomic<u32> = Atomic::new(0);
/// The chains that were dropped.
static CHAINS_DROPPED: Atomic<u32> = Atomic::new(0);
/// The results of a driver's drop.
static ADD_FAILED: Atomic<u32> = Atomic::new(0);
static IS_DEAD: Atomic<u32> = Atomic::new(0);

const NEVER: u32 = u32::MAX;

fn forget_events() {
    INTERRUPTS.store(0, Relaxed);
    INTERRUPTS_AT_DROP.store(NEVER, Relaxed);
    CHAINS_DROPPED.store(0, Relaxed);
    ADD_FAILED.store(0, Relaxed);
    IS_DEAD.store(0, Relaxed);
}

struct Handler;

impl Interrupt for Handler {
    fn vq_callback(&self, _queue: usize) {
        INTERRUPTS.fetch_add(1, Relaxed);
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        INTERRUPTS_AT_DROP.store(INTERRUPTS.load(Relaxed), Relaxed);
    }
}

/// The data of a chain.
struct Token;

impl Drop for Token {
    fn drop(&mut self) {
        CHAINS_DROPPED.fetch_add(1, Relaxed);
    }
}

type Queues = [Virtqueue<Token>; 2];

fn start(dev: &Device<Bound>) -> Result<(Virtqueues<Handler, 2>, Queues)> {
    dev.find_vqs([c"first", c"second"], Handler)
}

fn add(queue: &mut Virtqueue<Token>) -> Result {
    let chain = Chain::new(&[1, 2, 3, 4], 4, Token)?;
    queue.add(chain).map_err(|(error, _chain)| error)
}

/// A device has one transport at a time.
struct Twice;

impl Case for Twice {
    fn probe(dev: &Device<Bound>) -> Result<Self> {
        let (transport, mut queues) = start(dev)?;
        ensure(matches!(start(dev), Err(EBUSY)))?;
        add(&mut queues[0])?;
        let mut nested = None;
        transport.stop(dev, queues, |_, _| nested = Some(start(dev).map(drop)));
        ensure(nested == Some(Err(EBUSY)))?;
        let (transport, queues) = start(dev)?;
        transport.stop(dev, queues, |_, _| ());
        Ok(Self)
    }
}

fn second_start_is_refused(test: &Test) -> Result {
    forget_events();
    run::<Twice>(
        true,
        |device| {
            expect!(test, device.is_bound());
            expect_eq!(test, device.queues(), 0);
        },
        |_| (),
    )
}

/// The driver stops its queues in a probe that succeeds.
struct Tidy;

impl Case for Tidy {
    fn probe(dev: &Device<Bound>) -> Result<Self> {
        let (transport, queues) = start(dev)?;
        transport.stop(dev, queues, |_, _| ());
        Ok(Self)
    }
}

/// On virtio-mmio, interrupts come while the queues are deleted.
fn handler_outlives_the_queues(test: &Test) -> Result {
    forget_events();
    run::<Tidy>(true, |device| expect!(test, device.is_bound()), |_| ())?;
    expect_eq!(test, INTERRUPTS.load(Relaxed), 2);
    expect_eq!(test, INTERRUPTS_AT_DROP.load(Relaxed), 2);
    Ok(())
}

/// The driver forgets its transport, and keeps the queues.
struct Forgetful(Pin<KBox<Mutex<Queues>>>);

impl Case for Forgetful {
    fn probe(dev: &Device<Bound>) -> Result<Self> {
        let (transport, mut queues) = start(dev)?;
        leak(transport)?;
        add(&mut queues[0])?;
        Ok(Self(KBox::pin_init(new_mutex!(queues), GFP_KERNEL)?))
    }
}

impl Drop for Forgetful {
    fn drop(&mut self) {
        let mut queues = self.0.lock();
        let queue = &mut queues[0];
        let is_dead = queue.is_broken() && queue.free() == 0 && queue.get_buf().is_none();
        IS_DEAD.store(is_dead.into(), Relaxed);
        ADD_FAILED.store((add(queue) == Err(EIO)).into(), Relaxed);
    }
}

fn forgotten_queues_are_deleted(test: &Test) -> Result {
    forget_events();
    run::<Forgetful>(
        true,
        |device| {
            expect!(test, device.is_bound());
            expect_eq!(test, device.queues(), 2);
            expect_eq!(test, CHAINS_DROPPED.load(Relaxed), 0);
            expect_eq!(test, INTERRUPTS_AT_DROP.load(Relaxed), NEVER);
        },
        |device| {
            expect!(test, !device.is_bound());
            expect_eq!(test, device.queues(), 0);
        },
    )?;
    expect_eq!(test, INTERRUPTS_AT_DROP.load(Relaxed), 2);
    expect_eq!(test, IS_DEAD.load(Relaxed), 1);
    expect_eq!(test, ADD_FAILED.load(Relaxed), 1);
    // The one that the device held, and the one that was not added.
    expect_eq!(test, CHAINS_DROPPED.load(Relaxed), 2);
    Ok(())
}

/// The probe fails while the queues run.
struct Failing;

impl Case for Failing {
    fn probe(dev: &Device<Bound>) -> Result<Self> {
        let (_transport, mut queues) = start(dev)?;
        add(&mut queues[1])?;
        Err(EIO)
    }
}

fn failed_probe_leaves_no_queues(test: &Test) -> Result {
    forget_events();
    run::<Failing>(
        true,
        |device| {
            expect!(test, !device.is_bound());
            expect_eq!(test, device.queues(), 0);
            expect_eq!(test, INTERRUPTS_AT_DROP.load(Relaxed), 2);
            expect_eq!(test, CHAINS_DROPPED.load(Relaxed), 1);
        },
        |_| (),
    )
}

/// A configuration space that is larger than that of the device.
struct Space {
    _known: [u32; 63],
    last: u32,
    beyond: u32,
}

const LAST: ConfigField<Space, { offset_of!(Space, last) }> = ConfigField::new();
const BEYOND: ConfigField<Space, { offset_of!(Space, beyond) }> = ConfigField::new();

struct Reader;

impl Case for Reader {
    fn probe(dev: &Device<Bound>) -> Result<Self> {
        ensure(dev.read_config(&LAST) == Ok(0xfcfc_fcfc))?;
        ensure(dev.write_config(&LAST, 0) == Ok(()))?;
        ensure(dev.read_config(&BEYOND) == Err(ENXIO))?;
        ensure(dev.write_config(&BEYOND, 0) == Err(ENXIO))?;
        ensure(!dev.has_feature(1 << 20))?;
        Ok(Self)
    }
}

fn fields_beyond_the_space_are_refused(test: &Test) -> Result {
    run::<Reader>(true, |device| expect!(test, device.is_bound()), |_| ())
}

/// The device has no configuration space.
struct NoReader;

impl Case for NoReader {
    fn probe(dev: &Device<Bound>) -> Result<Self> {
        ensure(dev.read_config(&LAST) == Err(ENXIO))?;
        ensure(dev.write_config(&LAST, 0) == Err(ENXIO))?;
        Ok(Self)
    }
}

fn device_may_have_no_space(test: &Test) -> Result {
    run::<NoReader>(false, |device| expect!(test, device.is_bound()), |_| ())
}

kunit::suite!(
    c"virtgpu_rs_virtio",
    [
        second_start_is_refused,
        handler_outlives_the_queues,
        forgotten_queues_are_deleted,
        failed_probe_leaves_no_queues,
        fields_beyond_the_space_are_refused,
        device_may_have_no_space,
    ]
);
