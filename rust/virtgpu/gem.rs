// SPDX-License-Identifier: GPL-2.0
//! Buffer objects: shmem pages, and the host resource that comes to life over them.
use drm::{
    gem::{
        shmem::{self, DriverObject, Dying},
        DumbBuffer,
    },
    File,
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{aref::ARef, Arc, Mutex},
};

use crate::{
    drv::{Device, VirtGpu, VirtGpuFile},
    resource::Resource,
};

/// A buffer object.
pub(crate) type Object = shmem::Object<Bo>;

/// The shape of an object's own resource; left to the first framebuffer where it is 0.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shape {
    pub(crate) format: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

struct Own {
    shape: Shape,
    resource: Option<Arc<Resource>>,
}

/// The driver's part of a buffer object.
#[pin_data]
pub(crate) struct Bo {
    #[pin]
    own: Mutex<Own>,
}

impl DriverObject for Bo {
    type Driver = VirtGpu;

    fn new(_dev: &Device, _size: usize) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            own <- new_mutex!(Own {
                shape: Shape::default(),
                resource: None,
            }),
        })
    }

    /// The pages stay until the host has answered.
    fn free(object: Dying<Self>) {
        let own = object.own.lock().resource.take();
        match own {
            Some(resource) => resource.destroy_own(object),
            None => drop(object),
        }
    }
}

/// Makes a buffer object whose resource is still to be made.
pub(crate) fn create(dev: &Device, size: usize, shape: Shape) -> Result<ARef<Object>> {
    let bo = Object::new(dev, size)?;
    bo.own.lock().shape = shape;
    Ok(bo)
}

/// Makes the own resource if there is none; its shape is then fixed.
fn own_locked(bo: &Object, own: &mut Own, format: u32) -> Result<Arc<Resource>> {
    if let Some(resource) = &own.resource {
        return Ok(resource.clone());
    }
    if own.shape.width == 0 {
        return Err(EINVAL);
    }
    let format = match own.shape.format {
        0 => format,
        format => format,
    };
    let resource = Resource::create(bo, true, format, own.shape.width, own.shape.height)?;
    own.resource = Some(resource.clone());
    Ok(resource)
}

/// The resource that user space means when it names a buffer object.
///
/// # Errors
///
/// `EINVAL` when the object was imported and never shown, so that nobody knows what it looks like;
/// those of [`Resource::create`].
pub(crate) fn own_resource(bo: &Object, format: u32) -> Result<Arc<Resource>> {
    own_locked(bo, &mut bo.own.lock(), format)
}

/// A resource fit to show a framebuffer.
///
/// The host takes rows to be as long as the resource is wide, and a cursor to be all of it: a
/// framebuffer of another size, format or place than the object's own resource gets one for itself.
pub(crate) fn resource_for(
    bo: &Object,
    format: u32,
    pitch: u32,
    offset: u32,
    height: u32,
) -> Result<Arc<Resource>> {
    let width = pitch / 4;
    let mut own = bo.own.lock();
    if own.shape.width == 0 && offset == 0 {
        own.shape.width = width;
        own.shape.height = height;
    }
    if own.shape.width == width && own.shape.height == height && offset == 0 {
        let resource = own_locked(bo, &mut own, format)?;
        if resource.format == format {
            return Ok(resource);
        }
    }
    drop(own);
    Resource::create(bo, false, format, width, height)
}

/// Makes a dumb buffer.
///
/// # Errors
///
/// `EINVAL` for anything but 32 bits a pixel, `ENOMEM`.
pub(crate) fn dumb_create(
    dev: &Device,
    file: &File<VirtGpuFile>,
    args: &mut DumbBuffer<'_>,
) -> Result {
    if args.bpp() != 32 {
        return Err(EINVAL);
    }
    args.compute_size(dev, 4)?;
    let shape = Shape {
        format: 0,
        width: args.width(),
        height: args.height(),
    };
    let bo = create(dev, args.size() as usize, shape)?;
    args.set_handle(bo.create_handle(file)?);
    Ok(())
}
