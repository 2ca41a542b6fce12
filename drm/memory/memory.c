// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Memory
 *
 * Programs have *buffer objects*: pages of the guest (gem.c), or memory of the host (vram.c). The
 * host has *resources* (resource.c): images of a format and a size, or blobs, which are plain
 * memory (blob.c). A resource is *backed* by the pages of one or several buffer objects. A buffer
 * object has at most one resource that lives as long as the object, and any number of others that
 * show it.
 */
#include <linux/workqueue.h>

#include <drm/drm_managed.h>

#include "memory/memory.h"

static void virtgpu_resources_fini(struct drm_device *dev, void *data)
{
	xa_destroy(data);
}

static void virtgpu_release_wq_fini(struct drm_device *dev, void *wq)
{
	destroy_workqueue(wq);
}

/**
 * virtgpu_memory_init - initialize the memory part
 * @vg: the device, its features known
 * @ops: callbacks into the parts above
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
	 * A renderer cannot show blobs that are not its own. With bounce buffers the pages that the
	 * host would show are copies.
	 */
	memory->zero_copy = vg->has_blob && !vg->has_3d && !virtgpu_dma_bounces(vg);
	ret = virtgpu_vram_init(vg);
	if (ret)
		return ret;

	/* Last, because it has to end first: its works use the rest. */
	memory->release_wq = alloc_workqueue("virtgpu_release", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!memory->release_wq)
		return -ENOMEM;
	return drmm_add_action_or_reset(&vg->drm, virtgpu_release_wq_fini, memory->release_wq);
}
