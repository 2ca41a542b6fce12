// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Buffer objects
 *
 * A buffer object of this kind has pages of the guest. Its host resource (&virtgpu_bo.res) is
 * created when it is first needed, so that a buffer that nobody shows costs the host nothing. The
 * pages are freed when the object is freed and the host no longer uses them (&virtgpu_bo.refs).
 */
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_dumb_buffers.h>
#include <drm/drm_file.h>
#include <drm/drm_framebuffer.h>
#include <drm/drm_print.h>
#include <drm/drm_rect.h>
#include <drm/virtgpu_drm.h>

#include "memory/format.h"
#include "memory/gem.h"
#include "memory/memory.h"
#include "memory/prime.h"
#include "memory/resource.h"

static void virtgpu_bo_release(struct kref *refs)
{
	struct virtgpu_bo *bo = container_of(refs, struct virtgpu_bo, refs);

	mutex_destroy(&bo->lock);
	bo->release(bo);
}

static void virtgpu_bo_release_work(struct work_struct *work)
{
	struct virtgpu_bo *bo = container_of(work, struct virtgpu_bo, release_work);

	virtgpu_bo_release(&bo->refs);
}

static void virtgpu_bo_release_later(struct kref *refs)
{
	struct virtgpu_bo *bo = container_of(refs, struct virtgpu_bo, refs);

	INIT_WORK(&bo->release_work, virtgpu_bo_release_work);
	queue_work(to_virtgpu_device(bo->base.base.dev)->memory->release_wq, &bo->release_work);
}

static void virtgpu_gem_release(struct virtgpu_bo *bo)
{
	virtgpu_dma_remove(to_virtgpu_device(bo->base.base.dev), &bo->mapping);
	/* drm_gem_shmem_free() frees the struct by its first member. */
	static_assert(offsetof(struct virtgpu_bo, base) == 0);
	drm_gem_shmem_free(&bo->base);
}

/**
 * virtgpu_bo_init - initialize what all buffer objects have
 * @bo: the object, zeroed; gets one reference, which &drm_gem_object_funcs.free drops
 * @funcs: the GEM functions of its kind
 * @release: frees an object of its kind
 */
void virtgpu_bo_init(struct virtgpu_bo *bo, const struct drm_gem_object_funcs *funcs,
		     void (*release)(struct virtgpu_bo *bo))
{
	kref_init(&bo->refs);
	mutex_init(&bo->lock);
	INIT_LIST_HEAD(&bo->places);
	virtgpu_mapping_init(&bo->mapping, &bo->base);
	bo->base.base.funcs = funcs;
	bo->release = release;
}

/**
 * virtgpu_bo_get - keep an object's memory, because the host uses it
 * @bo: the object
 */
void virtgpu_bo_get(struct virtgpu_bo *bo)
{
	kref_get(&bo->refs);
}

/**
 * virtgpu_bo_put - drop a reference; the last one frees the object's memory
 * @bo: the object
 */
void virtgpu_bo_put(struct virtgpu_bo *bo)
{
	kref_put(&bo->refs, virtgpu_bo_release);
}

/**
 * virtgpu_bo_put_later - drop a reference at the end of a command
 * @bo: the object
 *
 * The last reference frees the object's memory in a work of its own, because that takes the
 * object's reservation. The holder of the reservation may wait for a fence that the caller's work
 * has to signal.
 */
void virtgpu_bo_put_later(struct virtgpu_bo *bo)
{
	kref_put(&bo->refs, virtgpu_bo_release_later);
}

/**
 * virtgpu_gem_open - &drm_gem_object_funcs.open: a file got a handle
 * @gem: the object
 * @file: the file
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_gem_open(struct drm_gem_object *gem, struct drm_file *file)
{
	return to_virtgpu_device(gem->dev)->memory->ops->opened(gem, file);
}

/**
 * virtgpu_gem_close - &drm_gem_object_funcs.close: a file closes a handle
 * @gem: the object
 * @file: the file
 */
void virtgpu_gem_close(struct drm_gem_object *gem, struct drm_file *file)
{
	to_virtgpu_device(gem->dev)->memory->ops->closed(gem, file);
}

static void virtgpu_gem_free(struct drm_gem_object *gem)
{
	struct virtgpu_bo *bo = to_virtgpu_bo(gem);

	to_virtgpu_device(gem->dev)->memory->ops->gone(bo);
	if (bo->cursor)
		virtgpu_resource_put(bo->cursor);
	if (bo->res)
		virtgpu_resource_put(bo->res);
	/* The pages stay until the host has answered that it no longer uses them. */
	virtgpu_bo_put(bo);
}

/*
 * Runs under a spinlock. Pages are allocated when an object is first mapped or sent to the host.
 * The pages of an imported object belong to another driver, which has allocated them.
 */
static enum drm_gem_object_status virtgpu_gem_status(struct drm_gem_object *gem)
{
	bool has_pages = drm_gem_is_imported(gem) || READ_ONCE(to_drm_gem_shmem_obj(gem)->pages);

	return has_pages ? DRM_GEM_OBJECT_RESIDENT : 0;
}

static const struct drm_gem_object_funcs virtgpu_gem_funcs = {
	.open = virtgpu_gem_open,
	.close = virtgpu_gem_close,
	.export = virtgpu_prime_export,
	.free = virtgpu_gem_free,
	.print_info = drm_gem_shmem_object_print_info,
	.pin = drm_gem_shmem_object_pin,
	.unpin = drm_gem_shmem_object_unpin,
	.get_sg_table = drm_gem_shmem_object_get_sg_table,
	.vmap = drm_gem_shmem_object_vmap,
	.vunmap = drm_gem_shmem_object_vunmap,
	.mmap = drm_gem_shmem_object_mmap,
	.status = virtgpu_gem_status,
	.vm_ops = &drm_gem_shmem_vm_ops,
};

/**
 * virtgpu_gem_create_object - &drm_driver.gem_create_object
 * @dev: the DRM device
 * @size: bytes
 *
 * Returns: an empty object for the shmem helpers to fill, or -ENOMEM.
 */
struct drm_gem_object *virtgpu_gem_create_object(struct drm_device *dev, size_t size)
{
	struct virtgpu_bo *bo = kzalloc_obj(*bo);

	if (!bo)
		return ERR_PTR(-ENOMEM);

	virtgpu_bo_init(bo, &virtgpu_gem_funcs, virtgpu_gem_release);
	return &bo->base.base;
}

/**
 * virtgpu_bo_create - create a buffer object without a resource
 * @dev: the DRM device
 * @size: bytes
 * @format: pixel format of its resource, 0 for that of the first framebuffer
 * @width: width of its resource in pixels
 * @height: height of its resource in pixels
 *
 * Returns: the object or an error pointer.
 */
struct virtgpu_bo *virtgpu_bo_create(struct drm_device *dev, size_t size, u32 format, u32 width,
				     u32 height)
{
	struct drm_gem_shmem_object *shmem = drm_gem_shmem_create(dev, size);
	struct virtgpu_bo *bo;

	if (IS_ERR(shmem))
		return ERR_CAST(shmem);

	bo = to_virtgpu_bo(&shmem->base);
	bo->format = format;
	bo->width = width;
	bo->height = height;
	return bo;
}

/**
 * virtgpu_bo_create_3d - create a buffer object with a resource for a renderer
 * @dev: the DRM device
 * @size: bytes
 * @format: pixel format, in the renderer's numbers
 * @width: pixels
 * @height: pixels
 * @texture: the renderer's other parameters
 *
 * Returns: the object or an error pointer.
 */
struct virtgpu_bo *virtgpu_bo_create_3d(struct drm_device *dev, size_t size, u32 format, u32 width,
					u32 height, const struct virtgpu_texture *texture)
{
	struct virtgpu_bo *bo = virtgpu_bo_create(dev, size, format, width, height);
	struct virtgpu_resource *res;

	if (IS_ERR(bo))
		return bo;

	res = virtgpu_resource_create_3d(bo, format, width, height, texture);
	if (IS_ERR(res)) {
		drm_gem_object_put(&bo->base.base);
		return ERR_CAST(res);
	}
	bo->res = res;
	return bo;
}

/**
 * virtgpu_bo_create_blob - create a buffer object whose pages are a blob or a part of one
 * @dev: the DRM device
 * @blob: parameters of the blob
 *
 * Returns: the object or an error pointer.
 */
struct virtgpu_bo *virtgpu_bo_create_blob(struct drm_device *dev, const struct virtgpu_blob *blob)
{
	struct virtgpu_bo *bo = virtgpu_bo_create(dev, blob->size, 0, 0, 0);
	struct virtgpu_resource *res;

	if (IS_ERR(bo))
		return bo;

	res = virtgpu_resource_create_blob(bo, blob, false);
	if (IS_ERR(res)) {
		drm_gem_object_put(&bo->base.base);
		return ERR_CAST(res);
	}
	bo->res = res;
	return bo;
}

/**
 * virtgpu_zero_copy_stop - copy pixels from now on, because the host cannot show the guest's pages
 * @vg: the device
 */
void virtgpu_zero_copy_stop(struct virtgpu_device *vg)
{
	if (xchg(&vg->memory->zero_copy, false))
		drm_info(&vg->drm, "the host cannot show the guest's memory: pixels are copied\n");
}

/*
 * Creates the object's resource as a blob of its pages, which the host can show without a copy.
 * Returns 0 also if the pixels have to be copied instead.
 */
static int virtgpu_bo_make_blob(struct virtgpu_bo *bo)
{
	struct virtgpu_device *vg = to_virtgpu_device(bo->base.base.dev);
	const struct virtgpu_blob blob = {
		.mem = VIRTGPU_BLOB_MEM_GUEST, .flags = VIRTGPU_BLOB_FLAG_USE_SHAREABLE,
		.size = bo->base.base.size,
	};
	struct virtgpu_resource *res;

	lockdep_assert_held(&bo->lock);
	/* A resource with a format is an image, not a blob. */
	if (bo->res || bo->format || !READ_ONCE(vg->memory->zero_copy))
		return 0;
	if (vg->blob_alignment && !IS_ALIGNED(blob.size, vg->blob_alignment))
		return 0;

	res = virtgpu_resource_create_blob(bo, &blob, true);
	if (!IS_ERR(res)) {
		bo->res = res;
		return 0;
	}
	/* If zero copy is still on, the guest has failed: no memory, or a signal. */
	return READ_ONCE(vg->memory->zero_copy) ? PTR_ERR(res) : 0;
}

/* Creates the object's resource as an image, unless it has one. This fixes its shape. */
static struct virtgpu_resource *virtgpu_bo_make_image(struct virtgpu_bo *bo, u32 format)
{
	struct virtgpu_resource *res;

	lockdep_assert_held(&bo->lock);
	if (bo->res)
		return bo->res;
	if (!bo->width)
		return ERR_PTR(-EINVAL);

	res = virtgpu_resource_create(bo, bo->format ?: format, bo->width, bo->height,
				      true);
	if (!IS_ERR(res))
		bo->res = res;
	return res;
}

/**
 * virtgpu_bo_resource - the resource of a buffer object, which is created if there is none
 * @bo: the buffer object
 * @format: pixel format of a new resource if @bo has none
 *
 * Returns: the resource, valid as long as @bo, or an error pointer; -EINVAL if @bo was imported and
 * never shown, because its shape is unknown then.
 */
struct virtgpu_resource *virtgpu_bo_resource(struct virtgpu_bo *bo, u32 format)
{
	struct virtgpu_device *vg = to_virtgpu_device(bo->base.base.dev);
	struct virtgpu_resource *res;
	int ret;

	do {
		mutex_lock(&bo->lock);
		ret = virtgpu_bo_make_blob(bo);
		res = ret ? ERR_PTR(ret) : virtgpu_bo_make_image(bo, format);
		mutex_unlock(&bo->lock);
		ret = PTR_ERR_OR_ZERO(res);
	} while ((ret == -EDQUOT && vg->memory->ops->make_room(vg)) ||
		 vg->trouble->again(vg, &ret));
	/* User space does not distinguish between the memory of the guest and of the host. */
	if (ret)
		return ERR_PTR(ret == -EDQUOT ? -ENOMEM : ret);
	return res;
}

/* Gives an object without a shape the shape of a framebuffer over it. */
static void virtgpu_bo_adopt_shape(struct virtgpu_bo *bo, const struct drm_framebuffer *fb)
{
	lockdep_assert_held(&bo->lock);
	if (bo->width || fb->offsets[0])
		return;
	bo->width = virtgpu_format_row(fb);
	bo->height = fb->height;
}

/**
 * virtgpu_bo_uncopied - the resource that shows a buffer object without a copy
 * @bo: the buffer object
 * @fb: a framebuffer over it, whose shape an object without one gets
 *
 * If a host without a renderer has refused a blob, zero copy ends, and the pixels are copied.
 *
 * Returns: the resource, with a reference for the caller; NULL if the pixels have to be copied; or
 * an error pointer, -EINVAL for a resource that a renderer has refused.
 */
struct virtgpu_resource *virtgpu_bo_uncopied(struct virtgpu_bo *bo,
					     const struct drm_framebuffer *fb)
{
	struct virtgpu_device *vg = to_virtgpu_device(bo->base.base.dev);
	struct virtgpu_resource *own, *res = NULL;
	int ret;

	mutex_lock(&bo->lock);
	virtgpu_bo_adopt_shape(bo, fb);
	ret = virtgpu_bo_make_blob(bo);
	own = bo->res;
	if (!ret && own && virtgpu_resource_is_uncopied(own)) {
		if (!virtgpu_resource_is_refused(own)) {
			virtgpu_resource_get(own);
			res = own;
		} else if (vg->has_3d) {
			ret = -EINVAL;
		} else {
			virtgpu_zero_copy_stop(vg);
		}
	}
	mutex_unlock(&bo->lock);
	return ret ? ERR_PTR(ret) : res;
}

/**
 * virtgpu_bo_is_renderers - whether a renderer has or sees the pixels of an object
 * @bo: the buffer object
 *
 * Returns: true if so. Then nothing has to be copied for a cursor.
 */
bool virtgpu_bo_is_renderers(struct virtgpu_bo *bo)
{
	const struct virtgpu_resource *res = READ_ONCE(bo->res);

	/* Hosts without a renderer do not say whether they can show a blob as a cursor. */
	return to_virtgpu_device(bo->base.base.dev)->has_3d && res &&
	       virtgpu_resource_is_uncopied(res) && !virtgpu_resource_is_refused(res);
}

/* Returns the resource that can show the object as a cursor, or NULL. */
static struct virtgpu_resource *virtgpu_bo_find_cursor(struct virtgpu_bo *bo,
						       const struct drm_framebuffer *fb)
{
	lockdep_assert_held(&bo->lock);
	if (virtgpu_bo_is_renderers(bo))
		return bo->res;
	return bo->cursor && virtgpu_resource_fits(bo->cursor, fb) ? bo->cursor : NULL;
}

/**
 * virtgpu_bo_cursor - the resource that shows a buffer object as a cursor
 * @bo: the buffer object, which keeps the resource, because some programs create a new framebuffer
 *	for each change of the cursor
 * @fb: the framebuffer over it
 *
 * Neither waits for the host nor kicks the queue; the upload of the pixels kicks.
 *
 * Returns: the resource, with a reference for the caller, or an error pointer.
 */
struct virtgpu_resource *virtgpu_bo_cursor(struct virtgpu_bo *bo, const struct drm_framebuffer *fb)
{
	struct virtgpu_resource *res, *last = NULL;

	mutex_lock(&bo->lock);
	virtgpu_bo_adopt_shape(bo, fb);
	res = virtgpu_bo_find_cursor(bo, fb);
	if (!res) {
		res = virtgpu_resource_create(bo, virtgpu_format_from_fourcc(fb->format->format),
					      virtgpu_format_row(fb), fb->height, false);
		if (!IS_ERR(res)) {
			last = bo->cursor;
			bo->cursor = res;
		}
	}
	if (!IS_ERR(res))
		virtgpu_resource_get(res);
	mutex_unlock(&bo->lock);
	if (last)
		virtgpu_resource_put(last);
	return res;
}

/**
 * virtgpu_bo_sync - make what was drawn into a buffer object visible to the device
 * @fb: a framebuffer over it
 * @rect: pixels of the framebuffer
 */
void virtgpu_bo_sync(const struct drm_framebuffer *fb, const struct drm_rect *rect)
{
	const u32 bytes = fb->format->cpp[0];
	const struct virtgpu_rows rows = {
		.offset = fb->offsets[0] + mul_u32_u32(rect->y1, fb->pitches[0]) +
			  rect->x1 * bytes,
		.length = drm_rect_width(rect) * bytes,
		.pitch = fb->pitches[0],
		.count = drm_rect_height(rect),
	};

	virtgpu_dma_sync_for_device(to_virtgpu_device(fb->dev), to_drm_gem_shmem_obj(fb->obj[0]),
				    &rows);
}

/**
 * virtgpu_dumb_create - &drm_driver.dumb_create
 * @file: the file that gets the handle
 * @dev: the DRM device
 * @args: size in, handle and pitch out
 *
 * Returns: 0 or a negative errno; -EINVAL if no format has pixels of that size.
 */
int virtgpu_dumb_create(struct drm_file *file, struct drm_device *dev,
			struct drm_mode_create_dumb *args)
{
	struct virtgpu_device *vg = to_virtgpu_device(dev);
	struct virtgpu_bo *bo;
	int ret;

	if (!virtgpu_format_has_bpp(args->bpp))
		return -EINVAL;

	ret = drm_mode_size_dumb(dev, args, args->bpp / 8,
				 vg->memory->zero_copy ? vg->blob_alignment : 0);
	if (ret)
		return ret;

	bo = virtgpu_bo_create(dev, args->size, 0, args->width, args->height);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	ret = drm_gem_handle_create(file, &bo->base.base, &args->handle);
	drm_gem_object_put(&bo->base.base);
	return ret;
}
