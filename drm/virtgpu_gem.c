// SPDX-License-Identifier: GPL-2.0
/* Buffer objects: shmem pages, and the host resource that comes to life over them. */
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_dumb_buffers.h>
#include <drm/drm_file.h>
#include <drm/drm_print.h>
#include <drm/virtgpu_drm.h>

#include "virtgpu_context.h"
#include "virtgpu_drv.h"
#include "virtgpu_format.h"
#include "virtgpu_gem.h"
#include "virtgpu_prime.h"
#include "virtgpu_resource.h"

static void virtgpu_gem_free(struct drm_gem_object *gem)
{
	struct virtgpu_bo *bo = to_virtgpu_bo(gem);

	mutex_destroy(&bo->lock);
	/* The pages stay until the host has answered. */
	if (bo->own)
		virtgpu_resource_put(bo->own);
	else
		drm_gem_shmem_free(&bo->base);
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

	mutex_init(&bo->lock);
	bo->base.base.funcs = &virtgpu_gem_funcs;
	return &bo->base.base;
}

/**
 * virtgpu_bo_create - a buffer object whose resource is still to be made
 * @dev: the DRM device
 * @size: bytes
 * @format: pixel format of its own resource, 0 for that of the first framebuffer
 * @width: pixels of its own resource
 * @height: rows of its own resource
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
 * virtgpu_bo_create_3d - a buffer object whose resource a renderer draws to
 * @dev: the DRM device
 * @size: bytes
 * @format: in the renderer's numbers
 * @width: pixels
 * @height: rows
 * @texture: what else the renderer wants to know
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
	bo->own = res;
	return bo;
}

/**
 * virtgpu_bo_create_blob - a buffer object whose pages are a blob, alone or with the host's
 * @dev: the DRM device
 * @blob: what memory it is
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
	bo->own = res;
	return bo;
}

/**
 * virtgpu_zero_copy_stop - the host cannot show the guest's pages: from now on they are copied
 * @vg: the device
 */
void virtgpu_zero_copy_stop(struct virtgpu_device *vg)
{
	if (xchg(&vg->zero_copy, false))
		drm_info(&vg->drm, "the host cannot show the guest's memory: pixels are copied\n");
}

/*
 * Makes the pages themselves the own resource, for the host to show. That they have to be copied
 * instead is no error.
 */
static int virtgpu_bo_own_blob(struct virtgpu_bo *bo)
{
	struct virtgpu_device *vg = to_virtgpu_device(bo->base.base.dev);
	const struct virtgpu_blob blob = {
		.mem = VIRTGPU_BLOB_MEM_GUEST, .flags = VIRTGPU_BLOB_FLAG_USE_SHAREABLE,
		.size = bo->base.base.size,
	};
	struct virtgpu_resource *res;

	lockdep_assert_held(&bo->lock);
	/* A format that somebody chose makes it an image. */
	if (bo->own || bo->format || !READ_ONCE(vg->zero_copy))
		return 0;
	if (vg->blob_alignment && !IS_ALIGNED(blob.size, vg->blob_alignment))
		return 0;

	res = virtgpu_resource_create_blob(bo, &blob, true);
	if (!IS_ERR(res)) {
		bo->own = res;
		return 0;
	}
	if (PTR_ERR(res) == -ENODEV || PTR_ERR(res) == -ETIMEDOUT)
		return PTR_ERR(res);
	virtgpu_zero_copy_stop(vg);
	return 0;
}

/* Makes the own resource an image if there is none; its shape is then fixed. */
static struct virtgpu_resource *virtgpu_bo_own_image(struct virtgpu_bo *bo, u32 format)
{
	struct virtgpu_resource *res;

	lockdep_assert_held(&bo->lock);
	if (bo->own)
		return bo->own;
	if (!bo->width)
		return ERR_PTR(-EINVAL);

	res = virtgpu_resource_create(bo, true, bo->format ?: format, bo->width, bo->height);
	if (!IS_ERR(res))
		bo->own = res;
	return res;
}

/**
 * virtgpu_bo_own - the resource that user space means when it names a buffer object
 * @bo: the buffer object
 * @format: format to make it with when @bo has none
 *
 * Returns: the resource, valid as long as @bo, or an error pointer; -EINVAL when @bo was
 * imported and never shown, so that nobody knows what it looks like.
 */
struct virtgpu_resource *virtgpu_bo_own(struct virtgpu_bo *bo, u32 format)
{
	struct virtgpu_resource *res;
	int ret;

	mutex_lock(&bo->lock);
	ret = virtgpu_bo_own_blob(bo);
	res = ret ? ERR_PTR(ret) : virtgpu_bo_own_image(bo, format);
	mutex_unlock(&bo->lock);
	return res;
}

/**
 * virtgpu_bo_resource - a resource fit to show a framebuffer
 * @bo: the framebuffer's buffer object
 * @format: pixel format, in the protocol's numbers
 * @pitch: bytes of a row
 * @offset: bytes before the first pixel
 * @height: rows
 *
 * A blob has no shape and fits all. The host takes another resource's rows to be as long as it is
 * wide, and a cursor to be all of it: a framebuffer of another size, format or place than the
 * object's own resource gets one for itself.
 *
 * Returns: the resource, with a reference for the caller, or an error pointer.
 */
struct virtgpu_resource *virtgpu_bo_resource(struct virtgpu_bo *bo, u32 format, u32 pitch,
					     u32 offset, u32 height)
{
	struct virtgpu_resource *res = NULL;
	u32 width = pitch / 4;
	int ret;

	mutex_lock(&bo->lock);
	if (!bo->width && !offset) {
		bo->width = width;
		bo->height = height;
	}
	ret = virtgpu_bo_own_blob(bo);
	if (ret) {
		res = ERR_PTR(ret);
	} else if (bo->own && virtgpu_resource_is_shared(bo->own)) {
		/* Its pixels are on the host already. */
		res = bo->own;
	} else if (bo->width == width && bo->height == height && !offset) {
		res = virtgpu_bo_own_image(bo, format);
		if (!IS_ERR(res) && res->format != format)
			res = NULL;
	}
	mutex_unlock(&bo->lock);

	if (!res)
		return virtgpu_resource_create(bo, false, format, width, height);
	if (!IS_ERR(res))
		virtgpu_resource_get(res);
	return res;
}

/**
 * virtgpu_dumb_create - &drm_driver.dumb_create
 * @file: who asks
 * @dev: the DRM device
 * @args: size in, handle and pitch out
 *
 * Returns: 0 or a negative errno, -EINVAL for anything but 32 bits a pixel.
 */
int virtgpu_dumb_create(struct drm_file *file, struct drm_device *dev,
			struct drm_mode_create_dumb *args)
{
	struct virtgpu_device *vg = to_virtgpu_device(dev);
	struct virtgpu_bo *bo;
	int ret;

	if (args->bpp != 32)
		return -EINVAL;

	ret = drm_mode_size_dumb(dev, args, 4, vg->zero_copy ? vg->blob_alignment : 0);
	if (ret)
		return ret;

	bo = virtgpu_bo_create(dev, args->size, 0, args->width, args->height);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	ret = drm_gem_handle_create(file, &bo->base.base, &args->handle);
	drm_gem_object_put(&bo->base.base);
	return ret;
}
