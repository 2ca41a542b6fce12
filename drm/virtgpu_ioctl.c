// SPDX-License-Identifier: GPL-2.0
/*
 * The driver's own ioctls, for a device without 3D: what needs a renderer fails with mainline's
 * errno.
 */
#include <linux/dma-resv.h>
#include <linux/uaccess.h>

#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_rect.h>
#include <drm/virtgpu_drm.h>

#include "virtgpu_drv.h"
#include "virtgpu_format.h"
#include "virtgpu_gem.h"
#include "virtgpu_ioctl.h"
#include "virtgpu_resource.h"

/* Gallium's number for a two-dimensional texture. */
#define VIRTGPU_TARGET_2D 2

#define VIRTGPU_WAIT_TIMEOUT (15 * HZ)

static int virtgpu_ioctl_map(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_virtgpu_map *args = data;

	return drm_gem_dumb_map_offset(file, dev, args->handle, &args->offset);
}

static int virtgpu_ioctl_getparam(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_virtgpu_getparam *args = data;
	int value;

	switch (args->param) {
	case VIRTGPU_PARAM_CAPSET_QUERY_FIX:
		value = 1;
		break;
	case VIRTGPU_PARAM_3D_FEATURES:
	case VIRTGPU_PARAM_RESOURCE_BLOB:
	case VIRTGPU_PARAM_HOST_VISIBLE:
	case VIRTGPU_PARAM_CROSS_DEVICE:
	case VIRTGPU_PARAM_CONTEXT_INIT:
	case VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs:
	case VIRTGPU_PARAM_EXPLICIT_DEBUG_NAME:
		value = 0;
		break;
	case VIRTGPU_PARAM_BLOB_ALIGNMENT:
		return -ENOENT;
	default:
		return -EINVAL;
	}

	if (copy_to_user(u64_to_user_ptr(args->value), &value, sizeof(value)))
		return -EFAULT;
	return 0;
}

static int virtgpu_ioctl_resource_create(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_virtgpu_resource_create *args = data;
	struct virtgpu_resource *res;
	struct virtgpu_bo *bo;
	int ret;

	if (args->target != VIRTGPU_TARGET_2D || args->depth > 1 || args->array_size > 1 ||
	    args->last_level > 1 || args->nr_samples > 1)
		return -EINVAL;
	if (!virtgpu_format_known(args->format) || !args->width || !args->height)
		return -EINVAL;

	bo = virtgpu_bo_create(dev, PAGE_ALIGN(args->size ?: 1), args->format, args->width,
			       args->height);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	res = virtgpu_bo_own(bo, args->format);
	if (IS_ERR(res)) {
		ret = PTR_ERR(res);
	} else {
		args->res_handle = res->id;
		ret = drm_gem_handle_create(file, &bo->base.base, &args->bo_handle);
	}
	drm_gem_object_put(&bo->base.base);
	return ret;
}

static int virtgpu_ioctl_resource_info(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_virtgpu_resource_info *args = data;
	struct virtgpu_resource *res;
	struct drm_gem_object *gem;

	gem = drm_gem_object_lookup(file, args->bo_handle);
	if (!gem)
		return -ENOENT;

	args->size = gem->size;
	res = virtgpu_bo_own(to_virtgpu_bo(gem), VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM);
	if (!IS_ERR(res))
		args->res_handle = res->id;
	drm_gem_object_put(gem);
	return PTR_ERR_OR_ZERO(res);
}

static bool virtgpu_box_fits(const struct drm_virtgpu_3d_box *box,
			     const struct virtgpu_resource *res)
{
	return box->w && box->h && box->x < res->width && box->w <= res->width - box->x &&
	       box->y < res->height && box->h <= res->height - box->y;
}

static int virtgpu_ioctl_transfer_to_host(struct drm_device *dev, void *data,
					  struct drm_file *file)
{
	struct virtgpu_device *vg = to_virtgpu_device(dev);
	struct drm_virtgpu_3d_transfer_to_host *args = data;
	struct virtgpu_resource *res;
	struct drm_gem_object *gem;
	struct drm_rect rect;
	int ret = 0;

	gem = drm_gem_object_lookup(file, args->bo_handle);
	if (!gem)
		return -ENOENT;

	res = virtgpu_bo_own(to_virtgpu_bo(gem), VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM);
	if (IS_ERR(res)) {
		ret = PTR_ERR(res);
		goto out;
	}

	/* The host itself stops where the backing ends. */
	if (args->offset >= gem->size || !virtgpu_box_fits(&args->box, res)) {
		ret = -EINVAL;
		goto out;
	}

	drm_rect_init(&rect, args->box.x, args->box.y, args->box.w, args->box.h);
	virtgpu_queue_submit(&vg->ctrl, virtgpu_resource_transfer(res, &rect, args->offset));
	virtgpu_queue_kick(&vg->ctrl);
out:
	drm_gem_object_put(gem);
	return ret;
}

static int virtgpu_ioctl_wait(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_virtgpu_3d_wait *args = data;
	struct drm_gem_object *gem;
	long ret;

	gem = drm_gem_object_lookup(file, args->handle);
	if (!gem)
		return -ENOENT;

	if (args->flags & VIRTGPU_WAIT_NOWAIT)
		ret = dma_resv_test_signaled(gem->resv, DMA_RESV_USAGE_READ);
	else
		ret = dma_resv_wait_timeout(gem->resv, DMA_RESV_USAGE_READ, true,
					    VIRTGPU_WAIT_TIMEOUT);
	drm_gem_object_put(gem);

	if (!ret)
		return -EBUSY;
	return ret < 0 ? ret : 0;
}

static int virtgpu_ioctl_no_renderer(struct drm_device *dev, void *data, struct drm_file *file)
{
	return -ENOSYS;
}

static int virtgpu_ioctl_no_feature(struct drm_device *dev, void *data, struct drm_file *file)
{
	return -EINVAL;
}

/* What user space may call, by ioctl number. */
const struct drm_ioctl_desc virtgpu_ioctls[VIRTGPU_NUM_IOCTLS] = {
	DRM_IOCTL_DEF_DRV(VIRTGPU_MAP, virtgpu_ioctl_map, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_EXECBUFFER, virtgpu_ioctl_no_renderer, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_GETPARAM, virtgpu_ioctl_getparam, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_RESOURCE_CREATE, virtgpu_ioctl_resource_create,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_RESOURCE_INFO, virtgpu_ioctl_resource_info, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_TRANSFER_FROM_HOST, virtgpu_ioctl_no_renderer,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_TRANSFER_TO_HOST, virtgpu_ioctl_transfer_to_host,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_WAIT, virtgpu_ioctl_wait, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_GET_CAPS, virtgpu_ioctl_no_renderer, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_RESOURCE_CREATE_BLOB, virtgpu_ioctl_no_feature,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_CONTEXT_INIT, virtgpu_ioctl_no_feature, DRM_RENDER_ALLOW),
};
