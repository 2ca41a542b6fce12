// SPDX-License-Identifier: GPL-2.0
/*
 * What is mapped for the device. A buffer object may outlive its device, as long as somebody has
 * it open; its mapping must not.
 *
 * In a confidential guest, and wherever else the device cannot reach all memory, a mapped object is
 * copied to bounce buffers, and the device sees these. What the CPU writes has to be copied there
 * before the device reads it, and back what the device writes, row by row.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "transport/transport.h"

/**
 * virtgpu_dma_init - nothing is mapped yet
 * @vg: the device
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_dma_init(struct virtgpu_device *vg)
{
	INIT_LIST_HEAD(&vg->transport->dma.mappings);
	return drmm_mutex_init(&vg->drm, &vg->transport->dma.lock);
}

/**
 * virtgpu_mapping_init - an object is not mapped yet
 * @mapping: the object's entry
 * @shmem: the object
 */
void virtgpu_mapping_init(struct virtgpu_mapping *mapping, struct drm_gem_shmem_object *shmem)
{
	INIT_LIST_HEAD(&mapping->node);
	mapping->shmem = shmem;
}

/* An object without a table keeps its pages, or its exporter's buffer. */
static void virtgpu_dma_unmap(struct virtgpu_mapping *mapping)
{
	struct drm_gem_shmem_object *shmem = mapping->shmem;
	struct drm_gem_object *gem = &shmem->base;

	list_del_init(&mapping->node);
	dma_resv_lock(gem->resv, NULL);
	if (drm_gem_is_imported(gem)) {
		dma_buf_unmap_attachment(gem->import_attach, shmem->sgt, DMA_BIDIRECTIONAL);
		shmem->sgt = NULL;
	} else {
		__drm_gem_shmem_free_sgt_locked(shmem);
	}
	dma_resv_unlock(gem->resv);
}

/**
 * virtgpu_dma_add - an object has been mapped
 * @vg: the device
 * @mapping: the object's entry; it may have been mapped before
 *
 * Mapped and added in one section of drm_dev_enter(), or virtgpu_dma_stop() might miss it.
 */
void virtgpu_dma_add(struct virtgpu_device *vg, struct virtgpu_mapping *mapping)
{
	mutex_lock(&vg->transport->dma.lock);
	if (list_empty(&mapping->node))
		list_add(&mapping->node, &vg->transport->dma.mappings);
	mutex_unlock(&vg->transport->dma.lock);
}

/**
 * virtgpu_dma_remove - unmap an object that is about to be freed
 * @vg: the device
 * @mapping: the object's entry; it may not be mapped
 */
void virtgpu_dma_remove(struct virtgpu_device *vg, struct virtgpu_mapping *mapping)
{
	mutex_lock(&vg->transport->dma.lock);
	if (!list_empty(&mapping->node))
		virtgpu_dma_unmap(mapping);
	mutex_unlock(&vg->transport->dma.lock);
}

/**
 * virtgpu_dma_stop - unmap everything
 * @vg: the device, unplugged and reset
 */
void virtgpu_dma_stop(struct virtgpu_device *vg)
{
	struct virtgpu_mapping *mapping, *next;

	mutex_lock(&vg->transport->dma.lock);
	list_for_each_entry_safe(mapping, next, &vg->transport->dma.mappings, node)
		virtgpu_dma_unmap(mapping);
	mutex_unlock(&vg->transport->dma.lock);
}

/* Nothing but bounce buffers limits the size of a mapping. */
static bool virtgpu_dma_has_limit(const struct virtgpu_device *vg)
{
	return dma_max_mapping_size(vg->drm.dev) != SIZE_MAX;
}

/**
 * virtgpu_dma_bounces - whether the device sees copies of memory, in bounce buffers
 * @vg: the device
 *
 * Returns: whether it may.
 */
bool virtgpu_dma_bounces(const struct virtgpu_device *vg)
{
	return vg->use_dma_addr && virtgpu_dma_has_limit(vg);
}

/**
 * virtgpu_dma_error - what to tell a program whose memory could not be mapped
 * @vg: the device
 * @size: bytes of it
 * @error: what the DMA API says
 *
 * Returns: the errno, which is -ENOMEM if there is no room for bounce buffers.
 */
int virtgpu_dma_error(struct virtgpu_device *vg, size_t size, int error)
{
	if (error != -EIO || !virtgpu_dma_has_limit(vg))
		return error;
	drm_err_ratelimited(&vg->drm, "no bounce buffers for %zu KiB: swiotlb= sets how many there are\n",
			    size / SZ_1K);
	return -ENOMEM;
}

/**
 * virtgpu_dma_needs_sync - whether the device and the CPU have to be shown what the other wrote
 * @vg: the device
 *
 * Returns: whether some of the memory that is mapped needs that.
 */
bool virtgpu_dma_needs_sync(const struct virtgpu_device *vg)
{
	return vg->use_dma_addr && dma_dev_need_sync(vg->drm.dev);
}

/**
 * struct virtgpu_dma_walk - a place in the list of an object's mapped pieces
 * @sg: a piece
 * @left: pieces from @sg on
 * @offset: bytes before @sg
 */
struct virtgpu_dma_walk {
	struct scatterlist *sg;
	unsigned int left;
	u64 offset;
};

static void virtgpu_dma_sync_piece(struct device *dev, dma_addr_t address, size_t size,
				   enum dma_data_direction dir)
{
	/* Exporters of foreign buffers may map them in their own way. */
	if (!dma_need_sync(dev, address))
		return;
	if (dir == DMA_TO_DEVICE)
		dma_sync_single_for_device(dev, address, size, dir);
	else
		dma_sync_single_for_cpu(dev, address, size, dir);
}

/* Syncs bytes, which are not before those of the last call with this @walk. */
static void virtgpu_dma_sync_bytes(struct device *dev, struct virtgpu_dma_walk *walk, u64 offset,
				   u64 size, enum dma_data_direction dir)
{
	u64 end = offset + size;

	while (walk->left && offset < end) {
		u64 behind = walk->offset + sg_dma_len(walk->sg);
		u64 stop = min(end, behind);

		if (offset < behind) {
			virtgpu_dma_sync_piece(dev, sg_dma_address(walk->sg) + offset -
					       walk->offset, stop - offset, dir);
			offset = stop;
		} else {
			walk->offset = behind;
			walk->sg = sg_next(walk->sg);
			walk->left--;
		}
	}
}

static void virtgpu_dma_sync(struct virtgpu_device *vg, const struct drm_gem_shmem_object *shmem,
			     const struct virtgpu_rows *rows, enum dma_data_direction dir)
{
	/* Rows without gaps are one long row. */
	bool is_dense = rows->length == rows->pitch;
	u64 length = is_dense ? rows->length * rows->count : rows->length;
	u32 count = is_dense ? 1 : rows->count;
	struct sg_table *sgt;
	u32 i;
	int idx;

	if (!virtgpu_dma_needs_sync(vg) || !drm_dev_enter(&vg->drm, &idx))
		return;
	sgt = READ_ONCE(shmem->sgt);
	if (sgt) {
		struct virtgpu_dma_walk walk = { .sg = sgt->sgl, .left = sgt->nents };

		for (i = 0; i < count; i++)
			virtgpu_dma_sync_bytes(vg->drm.dev, &walk,
					       rows->offset + mul_u32_u32(rows->pitch, i),
					       length, dir);
	}
	drm_dev_exit(idx);
}

/**
 * virtgpu_dma_sync_for_device - show the device what the CPU wrote
 * @vg: the device
 * @shmem: an object; nothing is done if it is not mapped
 * @rows: bytes of it
 *
 * Waits for nothing.
 */
void virtgpu_dma_sync_for_device(struct virtgpu_device *vg,
				 const struct drm_gem_shmem_object *shmem,
				 const struct virtgpu_rows *rows)
{
	virtgpu_dma_sync(vg, shmem, rows, DMA_TO_DEVICE);
}

/**
 * virtgpu_dma_sync_for_cpu - show the CPU what the device wrote
 * @vg: the device
 * @shmem: an object; nothing is done if it is not mapped
 * @rows: bytes of it
 *
 * Waits for nothing.
 */
void virtgpu_dma_sync_for_cpu(struct virtgpu_device *vg, const struct drm_gem_shmem_object *shmem,
			      const struct virtgpu_rows *rows)
{
	virtgpu_dma_sync(vg, shmem, rows, DMA_FROM_DEVICE);
}
