// SPDX-License-Identifier: GPL-2.0
/* Memory: buffer objects of the guest's and resources of the host's. */
#include <drm/drm_managed.h>

#include "memory/memory.h"

static void virtgpu_resources_fini(struct drm_device *dev, void *data)
{
	xa_destroy(data);
}

/**
 * virtgpu_memory_init - set up memory: there is none yet
 * @vg: the device, its features known
 * @ops: whom to tell
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_memory_init(struct virtgpu_device *vg, const struct virtgpu_memory_ops *ops)
{
	struct virtgpu_memory *memory;
	int ret;

	memory = drmm_kzalloc(&vg->drm, sizeof(*memory), GFP_KERNEL);
	if (!memory)
		return -ENOMEM;
	memory->ops = ops;
	vg->memory = memory;

	xa_init_flags(&memory->resources, XA_FLAGS_ALLOC1);
	ret = drmm_add_action_or_reset(&vg->drm, virtgpu_resources_fini, &memory->resources);
	if (ret)
		return ret;
	ret = drmm_mutex_init(&vg->drm, &memory->making);
	if (ret)
		return ret;

	/*
	 * A renderer knows no shape of a blob that is no texture of its own. And in bounce buffers
	 * the host would see a copy of what is to be shown without one.
	 */
	memory->zero_copy = vg->has_blob && !vg->has_3d && !virtgpu_dma_bounces(vg);
	return virtgpu_vram_init(vg);
}
