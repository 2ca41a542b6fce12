// SPDX-License-Identifier: GPL-2.0
/* Blobs: resources that are plain memory, the guest's, the host's or both. */
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/virtgpu_drm.h>

#include "virtgpu_blob.h"
#include "virtgpu_cmd.h"
#include "virtgpu_context.h"
#include "virtgpu_gem.h"
#include "virtgpu_render.h"
#include "virtgpu_resource.h"
#include "virtgpu_submit.h"
#include "virtgpu_vram.h"

#define VIRTGPU_BLOB_FLAGS	(VIRTGPU_BLOB_FLAG_USE_MAPPABLE | \
				 VIRTGPU_BLOB_FLAG_USE_SHAREABLE | \
				 VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE)

/* What tells the host how to find the memory, not pixels. */
#define VIRTGPU_MAX_BLOB_CMD	SZ_64K

static int virtgpu_blob_check(struct virtgpu_device *vg,
			      const struct drm_virtgpu_resource_create_blob *args)
{
	bool of_host = args->blob_mem == VIRTGPU_BLOB_MEM_HOST3D ||
		       args->blob_mem == VIRTGPU_BLOB_MEM_HOST3D_GUEST;

	if (!vg->has_blob || args->blob_flags & ~VIRTGPU_BLOB_FLAGS)
		return -EINVAL;
	if (args->blob_flags & VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE && !vg->has_uuid)
		return -EINVAL;
	if (!of_host && args->blob_mem != VIRTGPU_BLOB_MEM_GUEST)
		return -EINVAL;
	if (of_host && (!vg->has_3d || args->cmd_size % 4))
		return -EINVAL;
	if (!of_host && (args->blob_id || args->cmd_size))
		return -EINVAL;
	if (!args->size || args->size > SIZE_MAX - PAGE_SIZE)
		return -EINVAL;
	if (vg->blob_alignment && !IS_ALIGNED(args->size, vg->blob_alignment))
		return -EINVAL;
	return 0;
}

/* A context's own words to its renderer, before the host looks for the memory. */
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

/**
 * virtgpu_ioctl_resource_create_blob - make a blob
 * @dev: the DRM device
 * @data: the arguments
 * @file: the file
 *
 * Returns: 0; -EINVAL for what the device does not have and for sizes it does not align; -EFAULT;
 * -ENOMEM; -ENOSPC when there is no room to map it; -EIO for a context that went with a reset.
 */
int virtgpu_ioctl_resource_create_blob(struct drm_device *dev, void *data, struct drm_file *file)
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
	if (blob.mem == VIRTGPU_BLOB_MEM_HOST3D)
		bo = virtgpu_vram_create(vg, &blob, deferred);
	else
		bo = virtgpu_bo_create_blob(dev, &blob);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	args->res_handle = bo->own->id;
	ret = drm_gem_handle_create(file, &bo->base.base, &args->bo_handle);
	drm_gem_object_put(&bo->base.base);
	virtgpu_queue_kick(&vg->transport->ctrl);
	return ret;
}
