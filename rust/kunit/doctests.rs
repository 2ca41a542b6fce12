// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The examples in the documentation of the crates `drm` and `virtio`, as KUnit suites.
//!
//! `qemu/build/doctests.py` generates a module of each example. An example that needs a virtio device gets
//! one without a host by [`probe`], in lines that the documentation does not show.
#![allow(clippy::all, missing_docs, non_snake_case, unreachable_pub, unused)]

extern crate self as doctests;

use core::{marker::PhantomData, ptr::NonNull};

use drm::{
    dma_buf::FenceContextOps,
    file::PlainFile,
    gem::{shmem::Object, PlainObject},
};
use kernel::{
    bindings::__this_module,
    device::{Bound, Core, DeviceContext},
    driver::Registration,
    prelude::*,
    sync::atomic::{Atomic, Relaxed},
};
use kernel::{ModuleMetadata, ThisModule};
use kunit::fake::{AnyDevice, VirtioDevice};
use virtio::{Adapter, Device, DeviceId, IdTable, Interrupt, VirtioID, Virtqueue};

/// A number that no device has.
const ID: u32 = 0xfffc;

virtio::virtio_device_table!(TABLE, (), [(DeviceId::new(VirtioID::new(ID)), ())]);

/// Whether the last probe ran an example.
static HAS_RUN: Atomic<u32> = Atomic::new(0);

/// A driver whose probe is an example.
struct Driver<F>(PhantomData<fn() -> F>);

impl<F: Fn(&Device<Bound>) -> Result + Copy + 'static> virtio::Driver for Driver<F> {
    type IdInfo = ();

    const ID_TABLE: IdTable<()> = &TABLE;
    const FEATURES: &'static [u32] = &[];

    fn probe(dev: &Device<Core<'_>>) -> impl PinInit<Self, Error> {
        const {
            assert!(
                size_of::<F>() == 0,
                "an example cannot use values of others"
            )
        };
        // SAFETY: The type has no size, and it is `Copy`. `probe` got a value of it.
        let example = unsafe { NonNull::<F>::dangling().as_ref() };
        HAS_RUN.store(1, Relaxed);
        kunit::doctest::end(example(dev), c"", 0);
        Ok::<_, Error>(Self(PhantomData))
    }

    fn remove(_dev: &Device<Core<'_>>, _this: Pin<&Self>) {}
}

fn with_device<F: Fn(&Device<Bound>) -> Result + Copy + 'static>() -> Result {
    let _driver = KBox::pin_init(
        Registration::<Adapter<Driver<F>>>::new(c"kunit-doctests", kunit::this_module()),
        GFP_KERNEL,
    )?;
    HAS_RUN.store(0, Relaxed);
    let _device = VirtioDevice::new(ID, true)?;
    match HAS_RUN.load(Relaxed) {
        0 => Err(ENODEV),
        _ => Ok(()),
    }
}

/// Runs an example with a device that is being probed. The driver leaves the device after that.
pub(crate) fn probe<F: Fn(&Device<Bound>) -> Result + Copy + 'static>(_example: F) {
    kunit::doctest::end(with_device::<F>(), c"", 0);
}

/// The module that the examples are linked into.
pub(crate) struct Module;

impl ModuleMetadata for Module {
    const NAME: &'static CStr = c"doctests";
    const THIS_MODULE: ThisModule = {
        // SAFETY: Modpost puts `__this_module` into every module, and this code is linked into one.
        unsafe { ThisModule::from_ptr((&raw const __this_module).cast_mut().cast()) }
    };
}

/// The fences of a device that copies bytes.
pub(crate) struct Copies;

impl FenceContextOps for Copies {
    const DRIVER_NAME: &'static CStr = c"example";
    const TIMELINE_NAME: &'static CStr = c"copies";
    /// The number of bytes.
    type FenceDataType = usize;
    type Driver = Copier;
}

/// A driver of a device that copies bytes, and its data of a device.
pub(crate) struct Copier;

#[vtable]
impl drm::Driver for Copier {
    type Data = Self;
    type RegistrationData<'a> = ();
    type Object = Object<PlainObject<Self>>;
    type File = PlainFile<Self>;
    type ParentDevice<Ctx: DeviceContext> = AnyDevice<Ctx>;
    type OwnerModule = Module;

    const INFO: drm::DriverInfo = drm::DriverInfo {
        major: 0,
        minor: 0,
        patchlevel: 0,
        name: c"copier",
        desc: c"A device of an example",
    };
    const IOCTLS: &'static [drm::ioctl::DrmIoctlDescriptor<Self>] = &[];
}

/// Runs an example with a DRM device that is not registered.
pub(crate) fn drm<F: Fn(&drm::Device<Copier>) -> Result + Copy + 'static>(example: F) {
    probe(move |dev| {
        let dev = AnyDevice::of(dev.as_ref());
        example(&*drm::UnregisteredDevice::new(dev, Ok::<_, Error>(Copier))?)
    });
}

struct Handler;

impl Interrupt for Handler {
    fn vq_callback(&self, _queue: usize) {}
}

/// Runs an example with a queue of a device that is being probed. Nothing answers its chains.
pub(crate) fn queue<T, F>(example: F)
where
    T: Send + 'static,
    F: Fn(&mut Virtqueue<T>) -> Result + Copy + 'static,
{
    probe(move |dev| {
        let (all, mut queues) = dev.find_vqs::<T, _, 1>([c"control"], Handler)?;
        let result = example(&mut queues[0]);
        all.stop(dev, queues, |_, _| ());
        result
    });
}

include!(env!("DOCTESTS"));
