// SPDX-License-Identifier: GPL-2.0
/* Blobs: resources that are plain memory, the guest's, the host's or both. */
#include <drm/virtgpu_drm.h>

#include "memory/blob.h"
#include "memory/gem.h"
#include "memory/memory.h"
#include "memory/resource.h"

#define VIRTGPU_BLOB_FLAGS	(VIRTGPU_BLOB_FLAG_USE_MAPPABLE | \
				 VIRTGPU_BLOB_FLAG_USE_SHAREABLE | \
				 VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE)

/**
 * virtgpu_blob_check - whether the device can have a blob
 * @vg: the device
 * @args: what user space asks for
 *
 * Returns: 0, or -EINVAL for what the device does not have and for sizes it does not align.
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
 * virtgpu_blob_create - make a buffer object that is a blob
 * @vg: the device
 * @blob: what memory it is
 * @deferred: whether the host's is to be mapped when somebody wants to see it, not now
 *
 * Does not wait for the host to make it; the caller kicks.
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
