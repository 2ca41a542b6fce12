// SPDX-License-Identifier: GPL-2.0
//! KUnit tests of objects without pages, which programs see in a window.
use drm::gem::{
    shmem::{Object, ObjectConfig},
    BaseObject, Caching, Place,
};
use kernel::{
    device::Bound,
    page::PAGE_SIZE,
    prelude::*,
    sync::{aref::ARef, Arc},
};
use kunit::{expect, Test};

use crate::{
    device_tests::{self, Buffer, Small},
    virtio_tests::{ensure, run, Case},
};

/// An address within what the guest's CPU can address, where the guest has no memory and no device.
const ADDRESS: u64 = 1 << 38;
/// Pages of the window.
const PAGES: usize = 4;
const SIZE: u64 = (PAGES * PAGE_SIZE) as u64;

type Unregistered = drm::UnregisteredDevice<Small>;

fn with_window(dev: &virtio::Device<Bound>) -> Result<Unregistered> {
    let drm = device_tests::create(dev)?;
    drm.set_window(dev.as_ref(), ADDRESS, SIZE)?;
    Ok(drm)
}

fn windowed(drm: &Unregistered, pages: usize) -> Result<ARef<Object<Buffer>>> {
    Object::new_without_pages(drm, pages * PAGE_SIZE, ())
}

fn reserve(drm: &Unregistered, pages: usize) -> Result<Arc<Place<Small>>> {
    Ok(Arc::new(drm.reserve_place(pages * PAGE_SIZE)?, GFP_KERNEL)?)
}

struct Claims;

impl Case for Claims {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        let drm = device_tests::create(dev)?;
        ensure(drm.reserve_place(PAGE_SIZE).err() == Some(EINVAL))?;
        for (address, size) in [
            (ADDRESS, 0),
            (ADDRESS + 1, SIZE),
            (ADDRESS, SIZE + 1),
            (u64::MAX - SIZE + 1, 2 * SIZE),
        ] {
            ensure(drm.set_window(dev.as_ref(), address, size) == Err(EINVAL))?;
        }
        // The kernel's own memory.
        ensure(drm.set_window(dev.as_ref(), 1 << 21, SIZE) == Err(EBUSY))?;
        drm.set_window(dev.as_ref(), ADDRESS, SIZE)?;
        ensure(drm.set_window(dev.as_ref(), ADDRESS + SIZE, SIZE) == Err(EBUSY))?;
        // Another DRM device.
        ensure(with_window(dev).err() == Some(EBUSY))?;
        Ok(Self)
    }
}

/// It is free again when the driver has left the device, or the second device could not claim it.
fn window_is_claimed_as_long_as_the_device_is_bound(test: &Test) -> Result {
    for _ in 0..2 {
        run::<Claims>(true, |device| expect!(test, device.is_bound()), |_| ())?;
    }
    Ok(())
}

struct Places;

impl Case for Places {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        let drm = with_window(dev)?;
        ensure(drm.reserve_place(PAGE_SIZE + 1).err() == Some(EINVAL))?;
        ensure(drm.reserve_place(0).err() == Some(ENOSPC))?;

        let object = windowed(&drm, 3)?;
        let place = reserve(&drm, 3)?;
        ensure(place.offset() % PAGE_SIZE as u64 == 0 && place.offset() <= SIZE / 4)?;
        ensure(reserve(&drm, 2).err() == Some(ENOSPC))?;

        let small = reserve(&drm, 1)?;
        ensure(object.set_place(small, Caching::Cached) == Err(EINVAL))?;
        object.set_place(place.clone(), Caching::Cached)?;
        ensure(object.set_place(place.clone(), Caching::Cached) == Err(EBUSY))?;

        // The object keeps it.
        drop(place);
        ensure(reserve(&drm, 2).err() == Some(ENOSPC))?;
        drop(object);
        reserve(&drm, PAGES)?;
        Ok(Self)
    }
}

fn place_is_kept_by_its_object(test: &Test) -> Result {
    run::<Places>(true, |device| expect!(test, device.is_bound()), |_| ())
}

struct Pageless;

impl Case for Pageless {
    fn probe(dev: &virtio::Device<Bound>) -> Result<Self> {
        let drm = with_window(dev)?;
        ensure(Object::<Buffer>::new_without_pages(&drm, 0, ()).err() == Some(EINVAL))?;
        ensure(Object::<Buffer>::new_without_pages(&drm, 1, ()).err() == Some(EINVAL))?;
        let object = windowed(&drm, 1)?;
        ensure(!object.has_pages() && object.size() == PAGE_SIZE)?;
        ensure(object.for_each_segment(true, |_| Ok(())) == Err(EINVAL))?;
        ensure(object.vmap::<0>().err() == Some(EOPNOTSUPP))?;
        ensure(object.sg_table(dev.as_ref()).err() == Some(EINVAL))?;
        object.wait(0)?;

        let paged = Object::<Buffer>::new(&drm, PAGE_SIZE, ObjectConfig::default(), ())?;
        ensure(paged.has_pages())?;
        ensure(paged.set_place(reserve(&drm, 1)?, Caching::Cached) == Err(EINVAL))?;
        Ok(Self)
    }
}

fn object_without_pages_has_none(test: &Test) -> Result {
    run::<Pageless>(true, |device| expect!(test, device.is_bound()), |_| ())
}

kunit::suite!(
    c"virtgpu_rs_window",
    [
        window_is_claimed_as_long_as_the_device_is_bound,
        place_is_kept_by_its_object,
        object_without_pages_has_none,
    ]
);
