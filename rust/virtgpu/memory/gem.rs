// SPDX-License-Identifier: GPL-2.0
//! Buffer objects: pages in shmem, and the host resources that they back.
//!
//! An object backs up to three kinds of resources, each of which is created when it is first
//! needed: its own one, which user space means when it names the object ([`resource`]); one that
//! shows it as a cursor ([`cursor`]); and those of the groups that it is in (the display's
//! swapchains). When the object is freed it leaves them, and its pages stay until the host no
//! longer uses them, see [`keeper`](super::keeper).
use drm::{
    file::HandleFile,
    gem::{
        shmem::{Dying, ObjectConfig},
        BaseObject, DriverObject, DumbBuffer,
    },
    kms::FramebufferInfo,
    uapi, File,
};
use kernel::{
    new_mutex, new_spinlock,
    prelude::*,
    sync::{aref::ARef, atomic::Atomic, Arc, Mutex, SpinLock},
};

use crate::{
    device::{Device, Object, VirtGpu, VirtGpuFile},
    memory::{
        access,
        callbacks::{Callbacks, Group},
        format,
        keeper::{HasKeeper, Keeper},
        kind::{Blob, Texture},
        prime,
        resource::Resource,
        vram::{self, Mapping},
    },
};

/// The format and size of an object's own resource. The first framebuffer over the object sets what
/// is 0.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shape {
    pub(crate) format: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// The driver's data of a buffer object.
#[pin_data]
pub(crate) struct Bo {
    /// Held while its own resource is created.
    #[pin]
    shape: Mutex<Shape>,
    /// Its own resource: the one that user space means when it names the object.
    #[pin]
    own: SpinLock<Option<Arc<Resource>>>,
    /// The host may write to bounce buffers that are not copied back yet. Set with the reservation
    /// locked.
    pub(super) is_arriving: Atomic<bool>,
    /// The resource that showed it last as a cursor.
    #[pin]
    cursor: Mutex<Option<Arc<Resource>>>,
    /// The groups that it is in. It stays in them as long as it lives, so that later framebuffers
    /// over it find them.
    #[pin]
    pub(crate) groups: Mutex<KVec<Arc<<VirtGpu as Callbacks>::Group>>>,
    /// Its place in the window, if it has no pages.
    #[pin]
    pub(super) mapping: Mutex<Mapping>,
    #[pin]
    keeper: Mutex<Option<Arc<Keeper>>>,
}

impl HasKeeper for Bo {
    fn keeper(&self) -> Option<Arc<Keeper>> {
        self.keeper.lock().clone()
    }

    fn try_keeper(&self) -> Option<Arc<Keeper>> {
        self.keeper.try_lock()?.clone()
    }
}

impl DriverObject for Bo {
    type Driver = VirtGpu;
    type Args = Shape;

    const HAS_UUIDS: bool = true;

    fn new(dev: &Device, _size: usize, shape: Shape) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            shape <- new_mutex!(shape),
            own <- new_spinlock!(None),
            is_arriving: Atomic::new(false),
            cursor <- new_mutex!(None),
            groups <- new_mutex!(KVec::new()),
            mapping <- new_mutex!(Mapping::NONE),
            keeper <- new_mutex!(Some(Keeper::new(dev)?)),
        })
    }

    fn import_args(_dev: &Device) -> Result<Shape> {
        Ok(Shape::default())
    }

    /// The pages stay until the host has answered that it no longer uses them.
    fn free(object: Dying<Self>) {
        let Some(keeper) = object.keeper.lock().take() else {
            return;
        };
        let groups = core::mem::take(&mut *object.groups.lock());
        for group in groups {
            group.leave(&keeper);
        }
        let cursor = object.cursor.lock().take();
        drop(cursor);
        let own = object.own.lock().take();
        if let Some(own) = &own {
            vram::unmap(&object.mapping.lock(), own);
        }
        drop(own);
        keeper.take_over(object);
    }

    fn open(bo: &Object, file: &HandleFile<VirtGpuFile>) -> Result {
        VirtGpu::opened(bo, file)
    }

    fn close(bo: &Object, file: &HandleFile<VirtGpuFile>) {
        VirtGpu::closed(bo, file);
    }

    fn place(bo: &Object) -> Result {
        let own = bo.own().ok_or(EINVAL)?;
        vram::place(bo, &own, &mut bo.mapping.lock())
    }

    /// A dumb buffer that was never shown gets a resource for that.
    fn uuid(bo: &Object) -> Result<[u8; 16]> {
        if !bo.dev().memory.has_uuid {
            return Err(ENODEV);
        }
        prime::uuid(&*resource(bo, format::default().number)?)
    }
}

impl Bo {
    /// Returns its own resource, if it has one.
    pub(crate) fn own(&self) -> Option<Arc<Resource>> {
        self.own.lock().clone()
    }

    /// Sets its own resource, for a new object.
    pub(super) fn set_own(&self, resource: Arc<Resource>) {
        let none = self.own.lock().replace(resource);
        drop(none);
    }

    /// Returns the resource that shows it without a copy, if it has one.
    pub(crate) fn uncopied(&self) -> Option<Arc<Resource>> {
        self.own().filter(|resource| resource.kind().is_uncopied())
    }

    /// Does the same for the panic screen: returns `None` instead of waiting for the lock.
    pub(crate) fn try_uncopied(&self) -> Option<Option<Arc<Resource>>> {
        let own = self.own.try_lock()?;
        Some(
            own.as_ref()
                .filter(|resource| resource.kind().is_uncopied())
                .cloned(),
        )
    }
}

/// Creates a buffer object. Its own resource is created later.
pub(crate) fn create(dev: &Device, size: usize, shape: Shape) -> Result<ARef<Object>> {
    Object::new(dev, size, ObjectConfig::default(), shape)
}

/// Creates a buffer object with a resource for a renderer, in whose numbers the format of `shape` and
/// `texture` are. The caller kicks.
///
/// # Errors
///
/// `ENOMEM`.
pub(crate) fn create_texture(
    dev: &Device,
    size: usize,
    shape: Shape,
    texture: Texture,
) -> Result<ARef<Object>> {
    let bo = create(dev, size, shape)?;
    let resource = Resource::create_texture(&bo, shape.format, shape.width, shape.height, texture)?;
    bo.set_own(resource);
    Ok(bo)
}

/// Creates a buffer object whose pages are a blob or a part of one. The caller kicks.
///
/// # Errors
///
/// `ENOMEM`.
pub(super) fn create_blob(dev: &Device, blob: Blob) -> Result<ARef<Object>> {
    let bo = create(dev, blob.size as usize, Shape::default())?;
    bo.set_own(Resource::create_blob(&bo, blob)?);
    Ok(bo)
}

/// Creates a buffer object that is memory of the host. `is_deferred` tells to map it when it is first
/// used, not now. The caller kicks.
///
/// # Errors
///
/// `ENOMEM`; `ENOSPC` if there is no room to map it.
pub(super) fn create_hosts(dev: &Device, blob: Blob, is_deferred: bool) -> Result<ARef<Object>> {
    let bo = Object::new_without_pages(dev, blob.size as usize, Shape::default())?;
    bo.create_mmap_offset()?;
    bo.set_own(Resource::create_blob(&bo, blob)?);
    if !is_deferred && blob.has_flag(uapi::VIRTGPU_BLOB_FLAG_USE_MAPPABLE) {
        // If the host cannot map it, only those who use the memory get an error.
        Bo::place(&bo).or_else(|error| bo.mapping.lock().is_tried().then_some(()).ok_or(error))?;
    }
    Ok(bo)
}

/// Creates an object's own resource as a blob of its pages, which the host can show without a copy.
/// Does nothing if the pixels have to be copied instead.
fn make_blob(bo: &Object, shape: &Shape) -> Result {
    let (dev, size) = (bo.dev(), bo.size() as u64);
    let alignment = u64::from(dev.memory.blob_alignment);
    let is_aligned = alignment == 0 || size % alignment == 0;
    // A resource with a format is an image, not a blob.
    let may_be_blob = is_aligned && shape.format == 0 && access::has_zero_copy(dev);
    if !may_be_blob || bo.own().is_some() {
        return Ok(());
    }
    let blob = Blob {
        mem: uapi::VIRTGPU_BLOB_MEM_GUEST,
        flags: uapi::VIRTGPU_BLOB_FLAG_USE_SHAREABLE,
        id: 0,
        ctx_id: 0,
        size,
    };
    match Resource::create_shown(bo, blob) {
        Ok(resource) => bo.set_own(resource),
        // The guest has failed: no memory, or a signal.
        Err(error) if access::has_zero_copy(dev) => return Err(error),
        Err(_) => (),
    }
    Ok(())
}

/// Returns the resource that shows an object without a copy, or `None` if the pixels have to be copied.
/// An object without a shape gets that of a framebuffer over it. If a host without a renderer has refused
/// a blob, zero copy ends, and the pixels are copied.
///
/// # Errors
///
/// `EINVAL` for a resource that a renderer has refused; those of [`Resource::create_shown`].
pub(crate) fn prepare_uncopied(
    bo: &Object,
    info: &FramebufferInfo,
) -> Result<Option<Arc<Resource>>> {
    adopt_shape(bo, info);
    if bo.own().is_none() && access::has_zero_copy(bo.dev()) {
        VirtGpu::while_up(bo.dev(), || make_blob(bo, &bo.shape.lock()))?;
    }
    let uncopied = bo.uncopied();
    if uncopied.as_ref().is_none_or(|own| !own.is_refused()) {
        return Ok(uncopied);
    }
    if VirtGpu::renders(bo.dev()) {
        return Err(EINVAL);
    }
    access::stop_zero_copy(bo.dev());
    Ok(None)
}

/// Creates an object's own resource if there is none. Its shape no longer changes then.
fn resource_locked(bo: &Object, shape: &Shape, format: u32) -> Result<Arc<Resource>> {
    make_blob(bo, shape)?;
    if let Some(resource) = bo.own() {
        return Ok(resource);
    }
    if shape.width == 0 {
        return Err(EINVAL);
    }
    let format = match shape.format {
        0 => format,
        format => format,
    };
    let resource = Resource::create(bo, format, shape.width, shape.height)?;
    bo.set_own(resource.clone());
    Ok(resource)
}

/// Returns an object's own resource: the one that user space means when it names the object.
/// Creates it if there is none.
///
/// # Errors
///
/// `EINVAL` if the object was imported and never shown, because its size in pixels is not known
/// then; those of [`Resource::create`].
pub(crate) fn resource(bo: &Object, format: u32) -> Result<Arc<Resource>> {
    loop {
        let made = VirtGpu::while_up(bo.dev(), || resource_locked(bo, &bo.shape.lock(), format));
        match made {
            Err(error) if error == ENOSPC => {
                if !VirtGpu::make_room(bo.dev()) {
                    return Err(ENOMEM);
                }
            }
            made => return made,
        }
    }
}

/// Sets the shape of an object from a framebuffer over it, unless it has one.
pub(crate) fn adopt_shape(bo: &Object, info: &FramebufferInfo) {
    let mut shape = bo.shape.lock();
    if shape.width == 0 && info.offset == 0 {
        shape.width = format::row(info);
        shape.height = info.height;
    }
}

/// Returns the resource that a renderer has or sees of an object. Then nothing has to be copied for a
/// cursor. Hosts without a renderer do not say whether they can show a blob as a cursor.
fn renderers(bo: &Object) -> Option<Arc<Resource>> {
    bo.uncopied()
        .filter(|resource| VirtGpu::renders(bo.dev()) && !resource.is_refused())
}

/// Returns whether a renderer has or sees the pixels of an object.
pub(crate) fn is_renderers(bo: &Object) -> bool {
    renderers(bo).is_some()
}

/// Returns the resource that shows an object as a cursor. The object keeps it, because programs
/// that change between cursor images create a framebuffer each time.
///
/// # Errors
///
/// `ENOMEM`.
pub(crate) fn cursor(bo: &Object, format: u32, info: &FramebufferInfo) -> Result<Arc<Resource>> {
    if let Some(resource) = renderers(bo) {
        return Ok(resource);
    }
    let mut cursor = bo.cursor.lock();
    if let Some(resource) = cursor
        .as_ref()
        .filter(|resource| resource.fits(format, info))
    {
        return Ok(resource.clone());
    }
    let resource = Resource::create_unawaited(bo, format, format::row(info), info.height)?;
    let last = cursor.replace(resource.clone());
    drop(cursor);
    drop(last);
    Ok(resource)
}

/// Creates a dumb buffer.
///
/// # Errors
///
/// `EINVAL` for other than [`format::default`]'s bits per pixel, `ENOMEM`.
pub(crate) fn dumb_create(
    dev: &Device,
    file: &File<VirtGpuFile>,
    args: &mut DumbBuffer<'_>,
) -> Result {
    if args.bpp() != 8 * format::default().cpp {
        return Err(EINVAL);
    }
    let alignment = match access::has_zero_copy(dev) {
        true => dev.memory.blob_alignment as usize,
        false => 0,
    };
    args.compute_aligned_size(dev, format::default().cpp as usize, alignment)?;
    let shape = Shape {
        format: 0,
        width: args.width(),
        height: args.height(),
    };
    let bo = create(dev, args.size() as usize, shape)?;
    args.set_handle(bo.create_handle(file)?);
    Ok(())
}
