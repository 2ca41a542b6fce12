// SPDX-License-Identifier: GPL-2.0
/* Blobs: resources that are plain memory of the guest, of the host or of both. */
#include <drm/virtgpu_drm.h>

#include "memory/blob.h"
#include "memory/gem.h"
#include "memory/memory.h"
#include "memory/resource.h"

#define VIRTGPU_BLOB_FLAGS	(VIRTGPU_BLOB_FLAG_USE_MAPPABLE | \
				 VIRTGPU_BLOB_FLAG_USE_SHAREABLE | \
				 VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE)

/**
 * virtgpu_blob_check - check the parameters of a new blob
 * @vg: the device
 * @args: the parameters from user space
 *
 * Returns: 0, or -EINVAL for what the device does not support and for sizes that are not aligned.
 */
int virtgpu_blob_check(struct virtgpu_device *vg,
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

/**
 * virtgpu_blob_create - create a buffer object that is a blob
 * @vg: the device
 * @blob: parameters of the blob
 * @deferred: map memory of the host when it is first used, not now
 *
 * Does not wait for the host to create it; the caller kicks the queue.
 *
 * Returns: the object or an error pointer.
 */
struct virtgpu_bo *virtgpu_blob_create(struct virtgpu_device *vg, const struct virtgpu_blob *blob,
				       bool deferred)
{
	if (blob->mem == VIRTGPU_BLOB_MEM_HOST3D)
		return virtgpu_vram_create(vg, blob, deferred);
	return virtgpu_bo_create_blob(&vg->drm, blob);
}
