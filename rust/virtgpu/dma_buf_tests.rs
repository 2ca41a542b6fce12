// SPDX-License-Identifier: GPL-2.0
//! KUnit tests of fences and reservations of the crate `drm`.
use core::marker::PhantomData;

use drm::{
    dma_buf::{reserve, sync_file, DriverFence, Fence, FenceContext, FenceContextOps, Usage},
    gem::{shmem::Object, BaseObject},
};
use kernel::{
    device::Bound,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{Atomic, Relaxed},
        SetOnce,
    },
};
use kunit::{expect, fake::leak, Test};

use crate::{
    device_tests::{self, Buffer, Device, Small},
    virtio_tests::{ensure, run, Case},
};

/// How many values of the driver's data were dropped.
static DROPPED: Atomic<u32> = Atomic::new(0);

struct Data;

impl Drop for Data {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Relaxed);
    }
}

struct Ops;

impl FenceContextOps for Ops {
    const DRIVER_NAME: &'static CStr = c"kunit";
    const TIMELINE_NAME: &'static CStr = c"kunit";
    type FenceDataType = Data;
    type Driver = Small;
}

type Context = FenceContext<Ops>;

fn emit(dev: &Device, context: &Context) -> Result<DriverFence<Ops>> {
    Ok(context.new_fence_allocation(dev, Data)?.new_fence())
}

/// What is tested on a DRM device.
trait Body: 'static {
    fn run(dev: &Device) -> Result;
}

/// A driver of a virtio device, whose probe runs a test.
struct Probe<B>(PhantomData<fn() -> B>);

impl<B: Body> Case for Probe<B> {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        B::run(&*device_tests::create(dev)?)?;
        Ok(Self(PhantomData))
    }
}

/// A test fails if the probe does.
fn passes<B: Body>(test: &Test) -> Result {
    run::<Probe<B>>(true, |device| expect!(test, device.is_bound()), |_| ())
}

struct Dropping;

impl Body for Dropping {
    fn run(dev: &Device) -> Result {
        let context = Context::new(1);
        DROPPED.store(0, Relaxed);
        drop(context.new_fence_allocation(dev, Data)?);
        ensure(DROPPED.load(Relaxed) == 1)?;

        let fence = emit(dev, &context)?;
        let waiter: ARef<Fence> = fence.as_fence().into();
        ensure(DROPPED.load(Relaxed) == 1)?;
        fence.signal(Ok(()));
        ensure(DROPPED.load(Relaxed) == 2)?;
        // The fence itself is still there.
        ensure(waiter.status() == Some(Ok(())))?;

        drop(emit(dev, &context)?);
        ensure(DROPPED.load(Relaxed) == 3)
    }
}

fn data_is_dropped_once(test: &Test) -> Result {
    passes::<Dropping>(test)
}

struct Numbers;

impl Body for Numbers {
    fn run(dev: &Device) -> Result {
        let context = Context::new(7);
        drop(context.new_fence_allocation(dev, Data)?);
        let later = context.new_fence_allocation(dev, Data)?;
        let sooner = context.new_fence_allocation(dev, Data)?;
        ensure(sooner.new_fence().as_fence().seqno() == 7)?;
        ensure(later.new_fence().as_fence().seqno() == 8)
    }
}

fn unused_allocation_takes_no_number(test: &Test) -> Result {
    passes::<Numbers>(test)
}

struct Ends;

impl Body for Ends {
    fn run(dev: &Device) -> Result {
        let context = Context::new(1);
        let (done, failed) = (emit(dev, &context)?, emit(dev, &context)?);
        let dropped = emit(dev, &context)?;
        let waiters = [&done, &failed, &dropped].map(|fence| ARef::<Fence>::from(fence.as_fence()));
        for waiter in &waiters {
            ensure(waiter.status().is_none() && waiter.wait_timeout(0) == Err(EBUSY))?;
        }
        done.signal(Ok(()));
        failed.signal(Err(EIO));
        ensure(waiters[2].status().is_none())?;
        drop(dropped);
        ensure(waiters[0].status() == Some(Ok(())))?;
        ensure(waiters[1].status() == Some(Err(EIO)))?;
        ensure(waiters[2].status() == Some(Err(ECANCELED)))?;
        waiters.iter().try_for_each(|waiter| waiter.wait())
    }
}

fn error_is_that_of_the_signal(test: &Test) -> Result {
    passes::<Ends>(test)
}

struct Unwrapping;

impl Body for Unwrapping {
    fn run(dev: &Device) -> Result {
        let fence = emit(dev, &Context::new(1))?;
        let mut calls = 0;
        let result = fence.as_fence().unwrap_for_each(|part| {
            calls += 1;
            ensure(core::ptr::eq(part, fence.as_fence()))?;
            Err(EIO)
        });
        ensure(result == Err(EIO) && calls == 1)
    }
}

fn unwrapping_ends_with_the_first_error(test: &Test) -> Result {
    passes::<Unwrapping>(test)
}

struct Files;

impl Body for Files {
    fn run(dev: &Device) -> Result {
        let fence = emit(dev, &Context::new(1))?;
        let file = sync_file::create(fence.as_fence())?;
        fence.signal(Ok(()));
        drop(file);
        ensure(sync_file::get_fence(-1).is_err())
    }
}

fn file_holds_its_fence(test: &Test) -> Result {
    passes::<Files>(test)
}

/// What others have of a device's fences: of one that is forgotten, and of one that is kept.
static LEFT: SetOnce<[ARef<Fence>; 2]> = SetOnce::new();

/// The driver keeps a fence, and its device.
struct Leaves(ARef<Device>, Option<DriverFence<Ops>>);

impl Case for Leaves {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        let drm = device_tests::create(dev)?;
        let context = Context::new(1);
        let (forgotten, kept) = (emit(&drm, &context)?, emit(&drm, &context)?);
        let fences = [&forgotten, &kept].map(|fence| ARef::<Fence>::from(fence.as_fence()));
        leak(forgotten)?;
        LEFT.populate(fences);
        Ok(Self(ARef::from(&*drm), Some(kept)))
    }
}

/// The device was left before that.
impl Drop for Leaves {
    fn drop(&mut self) {
        let refused = Context::new(1).new_fence_allocation(&self.0, Data).err();
        if let (Some(kept), Some(ENODEV)) = (self.1.take(), refused) {
            kept.signal(Ok(()));
        }
    }
}

fn fences_end_when_the_driver_leaves(test: &Test) -> Result {
    let are = |status| {
        LEFT.as_ref()
            .is_some_and(|all| all.iter().all(|one| one.status() == status))
    };
    run::<Leaves>(
        true,
        |device| expect!(test, device.is_bound() && are(None)),
        |_| (),
    )?;
    expect!(test, are(Some(Err(ECANCELED))));
    Ok(())
}

type Objects = KVec<ARef<Object<Buffer>>>;

fn objects(dev: &Device, count: usize) -> Result<Objects> {
    let mut objects = KVec::new();
    for _ in 0..count {
        objects.push(device_tests::buffer(dev)?, GFP_KERNEL)?;
    }
    Ok(objects)
}

fn all_are(objects: &Objects, expected: Result) -> Result {
    ensure(objects.iter().all(|object| object.wait(0) == expected))
}

/// `N` objects are reserved for a fence.
struct Reserving<const N: usize>;

impl<const N: usize> Body for Reserving<N> {
    fn run(dev: &Device) -> Result {
        let objects = objects(dev, N)?;
        let fence = emit(dev, &Context::new(1))?;
        reserve(&objects, |reserved| {
            reserved.add_fence(fence.as_single_fence(), Usage::Write);
            Ok(())
        })?;
        all_are(&objects, Err(EBUSY))?;
        fence.signal(Ok(()));
        all_are(&objects, Ok(()))?;

        // They were unlocked, also after an error.
        ensure(reserve(&objects, |_| Err::<(), _>(EIO)) == Err(EIO))?;
        ensure(reserve(&objects, |_| Ok(5)) == Ok(5))
    }
}

fn one_object_is_reserved(test: &Test) -> Result {
    passes::<Reserving<1>>(test)
}

fn all_objects_are_reserved(test: &Test) -> Result {
    passes::<Reserving<3>>(test)
}

struct Usages;

impl Body for Usages {
    fn run(dev: &Device) -> Result {
        let objects = objects(dev, 1)?;
        for (usage, expected) in [
            (Usage::Write, Err(EBUSY)),
            (Usage::Read, Err(EBUSY)),
            (Usage::Bookkeep, Ok(())),
        ] {
            let fence = emit(dev, &Context::new(1))?;
            reserve(&objects, |reserved| {
                reserved.add_fence(fence.as_single_fence(), usage);
                Ok(())
            })?;
            all_are(&objects, expected)?;
            fence.signal(Ok(()));
            all_are(&objects, Ok(()))?;
        }
        Ok(())
    }
}

fn readers_and_writers_are_awaited(test: &Test) -> Result {
    passes::<Usages>(test)
}

struct Twice;

impl Body for Twice {
    fn run(dev: &Device) -> Result {
        let mut objects = objects(dev, 2)?;
        let again = objects[0].clone();
        objects.push(again, GFP_KERNEL)?;
        ensure(reserve(&objects, |_| Ok(())) == Err(EALREADY))?;
        // The others were unlocked.
        objects.truncate(2);
        reserve(&objects, |_| Ok(()))
    }
}

fn object_is_reserved_once(test: &Test) -> Result {
    passes::<Twice>(test)
}

kunit::suite!(
    c"virtgpu_rs_dma_buf",
    [
        data_is_dropped_once,
        unused_allocation_takes_no_number,
        fences_end_when_the_driver_leaves,
        error_is_that_of_the_signal,
        unwrapping_ends_with_the_first_error,
        file_holds_its_fence,
        one_object_is_reserved,
        all_objects_are_reserved,
        readers_and_writers_are_awaited,
        object_is_reserved_once,
    ]
);
