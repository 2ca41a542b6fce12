// SPDX-License-Identifier: GPL-2.0
/*
 * What is mapped for the device. A buffer object may outlive its device, as long as somebody has
 * it open; its mapping must not.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>

#include "virtgpu_dma.h"
#include "virtgpu_drv.h"
#include "virtgpu_gem.h"

/**
 * virtgpu_dma_init - nothing is mapped yet
 * @vg: the device
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_dma_init(struct virtgpu_device *vg)
{
	INIT_LIST_HEAD(&vg->dma.bos);
	return drmm_mutex_init(&vg->drm, &vg->dma.lock);
}

/* An object without a table keeps its pages, or its exporter's buffer. */
static void virtgpu_dma_unmap(struct virtgpu_bo *bo)
{
	struct drm_gem_object *gem = &bo->base.base;

	list_del_init(&bo->mapped);
	dma_resv_lock(gem->resv, NULL);
	if (drm_gem_is_imported(gem)) {
		dma_buf_unmap_attachment(gem->import_attach, bo->base.sgt, DMA_BIDIRECTIONAL);
	} else {
		dma_unmap_sgtable(gem->dev->dev, bo->base.sgt, DMA_BIDIRECTIONAL, 0);
		sg_free_table(bo->base.sgt);
		kfree(bo->base.sgt);
	}
	bo->base.sgt = NULL;
	dma_resv_unlock(gem->resv);
}

/**
 * virtgpu_dma_add - an object has been mapped
 * @vg: the device
 * @bo: the object, which may have been mapped before
 *
 * Mapped and added in one section of drm_dev_enter(), or virtgpu_dma_stop() might miss it.
 */
void virtgpu_dma_add(struct virtgpu_device *vg, struct virtgpu_bo *bo)
{
	mutex_lock(&vg->dma.lock);
	if (list_empty(&bo->mapped))
		list_add(&bo->mapped, &vg->dma.bos);
	mutex_unlock(&vg->dma.lock);
}

/**
 * virtgpu_dma_remove - unmap an object that is about to be freed
 * @vg: the device
 * @bo: the object, mapped or not
 */
void virtgpu_dma_remove(struct virtgpu_device *vg, struct virtgpu_bo *bo)
{
	mutex_lock(&vg->dma.lock);
	if (!list_empty(&bo->mapped))
		virtgpu_dma_unmap(bo);
	mutex_unlock(&vg->dma.lock);
}

/**
 * virtgpu_dma_stop - unmap everything
 * @vg: the device, unplugged and reset
 */
void virtgpu_dma_stop(struct virtgpu_device *vg)
{
	struct virtgpu_bo *bo, *next;

	mutex_lock(&vg->dma.lock);
	list_for_each_entry_safe(bo, next, &vg->dma.bos, mapped)
		virtgpu_dma_unmap(bo);
	mutex_unlock(&vg->dma.lock);
}

/**
 * virtgpu_dma_sync - show the device what was written
 * @vg: the device
 * @bo: the object, mapped
 *
 * Where memory is encrypted the device reads a copy; a foreign buffer is its exporter's.
 */
void virtgpu_dma_sync(struct virtgpu_device *vg, struct virtgpu_bo *bo)
{
	int idx;

	if (!vg->use_dma_addr || drm_gem_is_imported(&bo->base.base) ||
	    !drm_dev_enter(&vg->drm, &idx))
		return;
	dma_sync_sgtable_for_device(vg->drm.dev, bo->base.sgt, DMA_TO_DEVICE);
	drm_dev_exit(idx);
}
