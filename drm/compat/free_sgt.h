/* SPDX-License-Identifier: GPL-2.0 */
/* In Linux 6.12, no function unmaps an object that stays. */
#ifndef VIRTGPU_COMPAT_FREE_SGT_H
#define VIRTGPU_COMPAT_FREE_SGT_H

#include <linux/dma-mapping.h>
#include <linux/slab.h>

#include <drm/drm_device.h>
#include <drm/drm_gem_shmem_helper.h>

static inline void virtgpu_compat_shmem_free_sgt(struct drm_gem_shmem_object *shmem)
{
	struct sg_table *sgt = shmem->sgt;

	shmem->sgt = NULL;
	dma_unmap_sgtable(shmem->base.dev->dev, sgt, DMA_BIDIRECTIONAL, 0);
	sg_free_table(sgt);
	kfree(sgt);
	drm_gem_shmem_put_pages(shmem);
}

#define __drm_gem_shmem_free_sgt_locked	virtgpu_compat_shmem_free_sgt

#endif
