// SPDX-License-Identifier: GPL-2.0
//! KUnit tests of fences and reservations of the crate `drm`.
use drm::{
    dma_buf::{reserve, sync_file, DriverFence, Fence, FenceContext, FenceContextOps, Usage},
    gem::{shmem::Object, BaseObject},
};
use kernel::{
    device::Bound,
    module::this_module,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{Atomic, Relaxed},
    },
};
use kunit::{expect, expect_eq, fake::references, Test};

use crate::{
    device_tests::{self, Buffer},
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
    type OwnerModule = crate::DriverModule;
}

type Context = FenceContext<Ops>;

fn emit(context: &Context) -> Result<DriverFence<Ops>> {
    Ok(context.new_fence_allocation(Data)?.new_fence())
}

fn users() -> i32 {
    references(this_module::<crate::DriverModule>())
}

fn data_is_dropped_once(test: &Test) -> Result {
    let context = Context::new(1);
    DROPPED.store(0, Relaxed);
    drop(context.new_fence_allocation(Data)?);
    expect_eq!(test, DROPPED.load(Relaxed), 1);

    let fence = emit(&context)?;
    let waiter: ARef<Fence> = fence.as_fence().into();
    expect_eq!(test, DROPPED.load(Relaxed), 1);
    fence.signal(Ok(()));
    expect_eq!(test, DROPPED.load(Relaxed), 2);
    // The fence itself is still there.
    expect_eq!(test, waiter.status(), Some(Ok(())));

    drop(emit(&context)?);
    expect_eq!(test, DROPPED.load(Relaxed), 3);
    Ok(())
}

fn unused_allocation_takes_no_number(test: &Test) -> Result {
    let context = Context::new(7);
    drop(context.new_fence_allocation(Data)?);
    let (later, sooner) = (
        context.new_fence_allocation(Data)?,
        context.new_fence_allocation(Data)?,
    );
    expect_eq!(test, sooner.new_fence().as_fence().seqno(), 7);
    expect_eq!(test, later.new_fence().as_fence().seqno(), 8);
    Ok(())
}

/// Functions of the module may be called until then.
fn module_stays_until_the_signal(test: &Test) -> Result {
    let context = Context::new(1);
    let before = users();
    let fence = emit(&context)?;
    expect_eq!(test, users(), before + 1);
    let waiter: ARef<Fence> = fence.as_fence().into();
    fence.signal(Ok(()));
    expect_eq!(test, users(), before);
    drop(waiter);

    drop(context.new_fence_allocation(Data)?);
    expect_eq!(test, users(), before);
    drop(emit(&context)?);
    expect_eq!(test, users(), before);
    Ok(())
}

fn error_is_that_of_the_signal(test: &Test) -> Result {
    let context = Context::new(1);
    let fences = [emit(&context)?, emit(&context)?, emit(&context)?];
    let waiters = fences
        .each_ref()
        .map(|fence| ARef::<Fence>::from(fence.as_fence()));
    for waiter in &waiters {
        expect_eq!(test, waiter.status(), None);
        expect_eq!(test, waiter.wait_timeout(0), Err(EBUSY));
    }
    let [done, failed, dropped] = fences;
    done.signal(Ok(()));
    failed.signal(Err(EIO));
    expect_eq!(test, waiters[2].status(), None);
    drop(dropped);
    let ends = waiters.each_ref().map(|waiter| waiter.status());
    expect_eq!(
        test,
        ends,
        [Some(Ok(())), Some(Err(EIO)), Some(Err(ECANCELED))]
    );
    for waiter in &waiters {
        expect_eq!(test, waiter.wait(), Ok(()));
    }
    Ok(())
}

fn unwrapping_ends_with_the_first_error(test: &Test) -> Result {
    let context = Context::new(1);
    let fence = emit(&context)?;
    let mut calls = 0;
    let result = fence.as_fence().unwrap_for_each(|part| {
        calls += 1;
        expect!(test, core::ptr::eq(part, fence.as_fence()));
        Err(EIO)
    });
    expect_eq!(test, (result, calls), (Err(EIO), 1));
    // The references of the iteration were dropped: the fence is freed after this, and its data with it.
    DROPPED.store(0, Relaxed);
    drop(fence);
    expect_eq!(test, DROPPED.load(Relaxed), 1);
    Ok(())
}

fn file_holds_its_fence(test: &Test) -> Result {
    let context = Context::new(1);
    let fence = emit(&context)?;
    let file = sync_file::create(fence.as_fence())?;
    fence.signal(Ok(()));
    drop(file);
    expect!(test, sync_file::get_fence(-1).is_err());
    Ok(())
}

type Objects = KVec<ARef<Object<Buffer>>>;

fn objects(dev: &virtio::Device<Bound>, count: usize) -> Result<Objects> {
    let drm = device_tests::create(dev)?;
    let mut objects = KVec::new();
    for _ in 0..count {
        objects.push(device_tests::buffer(&drm)?, GFP_KERNEL)?;
    }
    Ok(objects)
}

fn all_are(objects: &Objects, expected: Result) -> Result {
    ensure(objects.iter().all(|object| object.wait(0) == expected))
}

/// `N` objects are reserved for a fence.
struct Reserving<const N: usize>;

impl<const N: usize> Case for Reserving<N> {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        let context = Context::new(1);
        let objects = objects(dev, N)?;
        let fence = emit(&context)?;
        reserve(&objects, |reserved| {
            reserved.add_fence(fence.as_fence(), Usage::Write);
            Ok(())
        })?;
        all_are(&objects, Err(EBUSY))?;
        fence.signal(Ok(()));
        all_are(&objects, Ok(()))?;

        // They were unlocked, also after an error.
        ensure(reserve(&objects, |_| Err::<(), _>(EIO)) == Err(EIO))?;
        ensure(reserve(&objects, |_| Ok(5)) == Ok(5))?;
        Ok(Self)
    }
}

fn one_object_is_reserved(test: &Test) -> Result {
    run::<Reserving<1>>(true, |device| expect!(test, device.is_bound()), |_| ())
}

fn all_objects_are_reserved(test: &Test) -> Result {
    run::<Reserving<3>>(true, |device| expect!(test, device.is_bound()), |_| ())
}

struct Usages;

impl Case for Usages {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        let objects = objects(dev, 1)?;
        for (usage, expected) in [
            (Usage::Write, Err(EBUSY)),
            (Usage::Read, Err(EBUSY)),
            (Usage::Bookkeep, Ok(())),
        ] {
            let fence = emit(&Context::new(1))?;
            reserve(&objects, |reserved| {
                reserved.add_fence(fence.as_fence(), usage);
                Ok(())
            })?;
            all_are(&objects, expected)?;
            fence.signal(Ok(()));
            all_are(&objects, Ok(()))?;
        }
        Ok(Self)
    }
}

fn readers_and_writers_are_awaited(test: &Test) -> Result {
    run::<Usages>(true, |device| expect!(test, device.is_bound()), |_| ())
}

struct Twice;

impl Case for Twice {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        let mut objects = objects(dev, 2)?;
        let again = objects[0].clone();
        objects.push(again, GFP_KERNEL)?;
        ensure(reserve(&objects, |_| Ok(())) == Err(EALREADY))?;
        // The others were unlocked.
        objects.truncate(2);
        reserve(&objects, |_| Ok(()))?;
        Ok(Self)
    }
}

fn object_is_reserved_once(test: &Test) -> Result {
    run::<Twice>(true, |device| expect!(test, device.is_bound()), |_| ())
}

kunit::suite!(
    c"virtgpu_rs_dma_buf",
    [
        data_is_dropped_once,
        unused_allocation_takes_no_number,
        module_stays_until_the_signal,
        error_is_that_of_the_signal,
        unwrapping_ends_with_the_first_error,
        file_holds_its_fence,
        one_object_is_reserved,
        all_objects_are_reserved,
        readers_and_writers_are_awaited,
        object_is_reserved_once,
    ]
);
