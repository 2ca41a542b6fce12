// SPDX-License-Identifier: GPL-2.0
/* The driver's own ioctls. Without a renderer, those that need one fail with mainline's errno. */
#include <linux/dma-resv.h>
#include <linux/overflow.h>
#include <linux/uaccess.h>

#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_rect.h>
#include <drm/virtgpu_drm.h>

#include "memory/blob.h"
#include "memory/format.h"
#include "memory/gem.h"
#include "memory/resource.h"
#include "render/context.h"
#include "render/ioctl.h"
#include "render/render.h"
#include "render/submit.h"
#include "transport/encode.h"

/* Bytes of the largest pixel of any renderer: four components of 64 bits. */
#define VIRTGPU_MAX_PIXEL 32ull

#define VIRTGPU_WAIT_TIMEOUT (15 * HZ)

/* Maximum size of the command that tells a renderer which memory a blob is. */
#define VIRTGPU_MAX_BLOB_CMD SZ_64K

static int virtgpu_ioctl_map(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_virtgpu_map *args = data;

	return drm_gem_dumb_map_offset(file, dev, args->handle, &args->offset);
}

static int virtgpu_ioctl_getparam(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct virtgpu_device *vg = to_virtgpu_device(dev);
	struct drm_virtgpu_getparam *args = data;
	int value;

	switch (args->param) {
	case VIRTGPU_PARAM_CAPSET_QUERY_FIX:
		value = 1;
		break;
	case VIRTGPU_PARAM_3D_FEATURES:
		value = vg->has_3d;
		break;
	case VIRTGPU_PARAM_CONTEXT_INIT:
	case VIRTGPU_PARAM_EXPLICIT_DEBUG_NAME:
		value = vg->has_context_init;
		break;
	case VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs:
		value = virtgpu_capset_mask(vg);
		break;
	case VIRTGPU_PARAM_RESOURCE_BLOB:
		value = vg->has_blob;
		break;
	case VIRTGPU_PARAM_HOST_VISIBLE:
		value = vg->has_host_visible;
		break;
	case VIRTGPU_PARAM_CROSS_DEVICE:
		value = vg->has_uuid;
		break;
	case VIRTGPU_PARAM_BLOB_ALIGNMENT:
		if (!vg->blob_alignment)
			return -ENOENT;
		value = vg->blob_alignment;
		break;
	default:
		return -EINVAL;
	}

	if (copy_to_user(u64_to_user_ptr(args->value), &value, sizeof(value)))
		return -EFAULT;
	return 0;
}

/* Creates a handle of a new object and drops the reference to the object. */
static int virtgpu_resource_handle(struct drm_file *file, struct virtgpu_bo *bo,
				   struct virtgpu_resource *res,
				   struct drm_virtgpu_resource_create *args)
{
	int ret = PTR_ERR_OR_ZERO(res);

	if (!ret) {
		args->res_handle = res->id;
		ret = drm_gem_handle_create(file, &bo->base.base, &args->bo_handle);
	}
	drm_gem_object_put(&bo->base.base);
	return ret;
}

/* Creates a texture. Only the renderer can check the parameters. */
static int virtgpu_resource_create_texture(struct drm_device *dev, struct drm_file *file,
					   struct drm_virtgpu_resource_create *args)
{
	const struct virtgpu_texture texture = {
		.target = args->target, .bind = args->bind, .depth = args->depth,
		.array_size = args->array_size, .last_level = args->last_level,
		.nr_samples = args->nr_samples, .flags = args->flags,
	};
	struct virtgpu_bo *bo;
	int ret;

	ret = virtgpu_context_create(to_virtgpu_device(dev), file);
	if (ret)
		return ret;
	bo = virtgpu_bo_create_3d(dev, PAGE_ALIGN((size_t)args->size ?: 1), args->format,
				  args->width, args->height, &texture);
	if (IS_ERR(bo))
		return PTR_ERR(bo);
	ret = virtgpu_resource_handle(file, bo, bo->res, args);
	virtgpu_queue_kick(&to_virtgpu_device(dev)->transport->ctrl);
	return ret;
}

static int virtgpu_ioctl_resource_create(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_virtgpu_resource_create *args = data;
	struct virtgpu_bo *bo;

	if (to_virtgpu_device(dev)->has_3d)
		return virtgpu_resource_create_texture(dev, file, args);

	if (args->target != VIRTGPU_TARGET_2D || args->depth > 1 || args->array_size > 1 ||
	    args->last_level > 1 || args->nr_samples > 1)
		return -EINVAL;
	if (!virtgpu_format_known(args->format) || !args->width || !args->height)
		return -EINVAL;

	bo = virtgpu_bo_create(dev, PAGE_ALIGN((size_t)args->size ?: 1), args->format,
			       args->width, args->height);
	if (IS_ERR(bo))
		return PTR_ERR(bo);
	return virtgpu_resource_handle(file, bo, virtgpu_bo_resource(bo, args->format), args);
}

/* Sends the context's command that tells the renderer which memory a blob will have. */
static int virtgpu_blob_tell(struct virtgpu_device *vg, const struct virtgpu_context *ctx,
			     const struct drm_virtgpu_resource_create_blob *args)
{
	struct virtgpu_cmd *cmd;

	if (!args->cmd_size)
		return 0;
	if (args->cmd_size > VIRTGPU_MAX_BLOB_CMD)
		return -ENOMEM;
	cmd = virtgpu_cmd_submit_3d(vg, ctx->id, u64_to_user_ptr(args->cmd), args->cmd_size);
	if (IS_ERR(cmd))
		return PTR_ERR(cmd);
	return virtgpu_submit_plain(ctx, cmd);
}

/*
 * Creates a blob. Returns -EINVAL for what the device does not support and for sizes that are not
 * aligned, -ENOSPC if there is no room to map it, -EIO for a context that is lost.
 */
static int virtgpu_ioctl_resource_create_blob(struct drm_device *dev, void *data,
					      struct drm_file *file)
{
	struct virtgpu_device *vg = to_virtgpu_device(dev);
	struct drm_virtgpu_resource_create_blob *args = data;
	struct virtgpu_context *ctx = file->driver_priv;
	struct virtgpu_blob blob = {
		.mem = args->blob_mem, .flags = args->blob_flags, .id = args->blob_id,
	};
	struct virtgpu_bo *bo;
	bool deferred;
	int ret;

	ret = virtgpu_blob_check(vg, args);
	if (ret)
		return ret;
	if (ctx) {
		ret = virtgpu_context_create(vg, file);
		ret = ret ?: virtgpu_blob_tell(vg, ctx, args);
		if (ret)
			return ret;
	}
	if (blob.mem != VIRTGPU_BLOB_MEM_GUEST)
		blob.ctx_id = ctx->id;

	blob.size = PAGE_ALIGN(args->size);
	deferred = args->blob_hints & DRM_VIRTGPU_BLOB_FLAG_HINT_DEFER_MAPPING;
	bo = virtgpu_blob_create(vg, &blob, deferred);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	args->res_handle = bo->res->id;
	ret = drm_gem_handle_create(file, &bo->base.base, &args->bo_handle);
	drm_gem_object_put(&bo->base.base);
	virtgpu_queue_kick(&vg->transport->ctrl);
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
	res = virtgpu_context_name(file, args->bo_handle, gem);
	if (!IS_ERR(res)) {
		args->res_handle = res->id;
		args->blob_mem = res->blob.mem;
	}
	drm_gem_object_put(gem);
	return PTR_ERR_OR_ZERO(res);
}

static bool virtgpu_box_fits(const struct drm_virtgpu_3d_box *box,
			     const struct virtgpu_resource *res)
{
	return box->w && box->h && box->x < res->width && box->w <= res->width - box->x &&
	       box->y < res->height && box->h <= res->height - box->y;
}

/*
 * Returns the bytes that a transfer may read or write. Only the renderer knows the size of a pixel,
 * but the rows of a texture have no gaps, so there is a maximum.
 */
static struct virtgpu_rows
virtgpu_transfer_rows(const struct drm_virtgpu_3d_transfer_to_host *args,
		      const struct virtgpu_resource *res, u64 size)
{
	struct virtgpu_rows rows = { .offset = args->offset, .length = size, .count = 1 };
	u64 pitch = args->stride, bytes;

	if (args->box.d > 1)
		return rows;
	if (!res->blob.size)
		pitch = max(res->width >> min(args->level, 31), 1u) * VIRTGPU_MAX_PIXEL;
	/* The pixels of a buffer are bytes. */
	if (res->is_3d && res->texture.target == VIRTGPU_TARGET_BUFFER)
		rows.length = min(size, args->box.w);
	else if (pitch && !check_mul_overflow(pitch, args->box.h, &bytes))
		rows.length = min(size, bytes);
	return rows;
}

static_assert(sizeof(struct drm_virtgpu_3d_transfer_to_host) ==
	      sizeof(struct drm_virtgpu_3d_transfer_from_host));

/* Has the renderer copy in either direction. Both ioctls have the same arguments. */
static int virtgpu_transfer_3d(struct virtgpu_device *vg, struct drm_file *file, u32 type,
			       const struct drm_virtgpu_3d_transfer_to_host *args)
{
	struct virtgpu_context *ctx = file->driver_priv;
	struct virtio_gpu_transfer_host_3d transfer = {
		.box.x = cpu_to_le32(args->box.x),
		.box.y = cpu_to_le32(args->box.y),
		.box.z = cpu_to_le32(args->box.z),
		.box.w = cpu_to_le32(args->box.w),
		.box.h = cpu_to_le32(args->box.h),
		.box.d = cpu_to_le32(args->box.d),
		.offset = cpu_to_le64(args->offset),
		.level = cpu_to_le32(args->level),
		.stride = cpu_to_le32(args->stride),
		.layer_stride = cpu_to_le32(args->layer_stride),
	};
	struct virtgpu_resource *res;
	struct drm_gem_object *gem;
	struct virtgpu_rows rows;
	int ret;

	ret = virtgpu_context_create(vg, file);
	if (ret)
		return ret;
	gem = drm_gem_object_lookup(file, args->bo_handle);
	if (!gem)
		return -ENOENT;

	res = virtgpu_context_name(file, args->bo_handle, gem);
	if (IS_ERR(res)) {
		drm_gem_object_put(gem);
		return PTR_ERR(res);
	}
	/*
	 * Only the renderer knows a texture's strides, and a blob in the guest has no other copy.
	 */
	if (virtgpu_resource_is_refused(res) ||
	    res->blob.mem == VIRTGPU_BLOB_MEM_GUEST ||
	    (!res->blob.size && (args->stride || args->layer_stride))) {
		drm_gem_object_put(gem);
		return -EINVAL;
	}
	ret = virtgpu_resource_back(res);
	if (ret) {
		drm_gem_object_put(gem);
		return ret;
	}
	transfer.resource_id = cpu_to_le32(res->id);
	rows = virtgpu_transfer_rows(args, res, gem->size);
	ret = virtgpu_submit_transfer(ctx, virtgpu_cmd_transfer_3d(vg, type, ctx->id, &transfer),
				      gem, &rows, type == VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D);
	drm_gem_object_put(gem);
	return ret;
}

static int virtgpu_ioctl_transfer_from_host(struct drm_device *dev, void *data,
					    struct drm_file *file)
{
	struct virtgpu_device *vg = to_virtgpu_device(dev);

	if (!vg->has_3d)
		return -ENOSYS;
	return virtgpu_transfer_3d(vg, file, VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D, data);
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

	if (vg->has_3d)
		return virtgpu_transfer_3d(vg, file, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, args);

	gem = drm_gem_object_lookup(file, args->bo_handle);
	if (!gem)
		return -ENOENT;

	res = virtgpu_context_name(file, args->bo_handle, gem);
	if (IS_ERR(res)) {
		ret = PTR_ERR(res);
		goto out;
	}

	/* The host has no copy of a blob, and ends other transfers at the end of the backing. */
	if (res->blob.size || args->offset >= gem->size || !virtgpu_box_fits(&args->box, res)) {
		ret = -EINVAL;
		goto out;
	}

	drm_rect_init(&rect, args->box.x, args->box.y, args->box.w, args->box.h);
	virtgpu_queue_submit(&vg->transport->ctrl,
			     virtgpu_resource_transfer(res, &rect, args->offset));
	virtgpu_queue_kick(&vg->transport->ctrl);
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

/* The driver's ioctls by number. */
const struct drm_ioctl_desc virtgpu_ioctls[VIRTGPU_NUM_IOCTLS] = {
	DRM_IOCTL_DEF_DRV(VIRTGPU_MAP, virtgpu_ioctl_map, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_EXECBUFFER, virtgpu_ioctl_execbuffer, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_GETPARAM, virtgpu_ioctl_getparam, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_RESOURCE_CREATE, virtgpu_ioctl_resource_create,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_RESOURCE_INFO, virtgpu_ioctl_resource_info, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_TRANSFER_FROM_HOST, virtgpu_ioctl_transfer_from_host,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_TRANSFER_TO_HOST, virtgpu_ioctl_transfer_to_host,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_WAIT, virtgpu_ioctl_wait, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_GET_CAPS, virtgpu_ioctl_get_caps, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_RESOURCE_CREATE_BLOB, virtgpu_ioctl_resource_create_blob,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_CONTEXT_INIT, virtgpu_ioctl_context_init, DRM_RENDER_ALLOW),
};
