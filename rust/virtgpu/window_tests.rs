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

/// Two regions of the device, one behind the other, see `rust/kunit/virtio.c`.
const REGIONS: [u8; 2] = [16, 17];
/// Regions that cannot be a window: one without memory, two that are not whole pages, one
/// beyond the last address.
const INVALID: [u8; 4] = [18, 19, 20, 21];
/// A region that is the kernel's own memory.
const KERNEL: u8 = 22;
/// A region that the device does not have.
const MISSING: u8 = 23;
/// Pages of the window.
const PAGES: usize = 4;
const SIZE: u64 = (PAGES * PAGE_SIZE) as u64;

type Unregistered = drm::UnregisteredDevice<Small>;

fn with_window(dev: &virtio::Device<Bound>) -> Result<Unregistered> {
    let drm = device_tests::create(dev)?;
    drm.set_window(dev.as_ref(), REGIONS[0])?;
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
        for id in INVALID {
            ensure(drm.set_window(dev.as_ref(), id) == Err(EINVAL))?;
        }
        ensure(drm.set_window(dev.as_ref(), KERNEL) == Err(EBUSY))?;
        ensure(drm.set_window(dev.as_ref(), MISSING) == Err(ENXIO))?;
        drm.set_window(dev.as_ref(), REGIONS[0])?;
        ensure(drm.set_window(dev.as_ref(), REGIONS[1]) == Err(EBUSY))?;
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
