// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Memory that is mapped for the device
 *
 * The driver keeps a list of all objects whose pages are mapped for the device, because a program
 * may keep an object open after the device is gone, but the mapping must not outlive the device.
 * docs/upstream/drm-shmem-unmap-all.patch would make this list unnecessary.
 *
 * In a confidential guest, and wherever the device cannot reach all memory, the DMA API maps bounce
 * buffers. The driver has to copy what the CPU writes to them before the device reads it, and what
 * the device writes back from them. It copies only the rows that a command uses.
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
 * virtgpu_dma_init - initialize the list of mapped objects
 * @vg: the device
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_dma_init(struct virtgpu_device *vg)
{
	INIT_LIST_HEAD(&vg->transport->dma.mappings);
	init_waitqueue_head(&vg->transport->dma.unmapped);
	return drmm_mutex_init(&vg->drm, &vg->transport->dma.lock);
}

/**
 * virtgpu_mapping_init - initialize the entry of an object, which is not mapped yet
 * @mapping: the object's entry
 * @shmem: the object
 */
void virtgpu_mapping_init(struct virtgpu_mapping *mapping, struct drm_gem_shmem_object *shmem)
{
	INIT_LIST_HEAD(&mapping->node);
	mapping->shmem = shmem;
}

/* Unmaps an object. It keeps its pages, or its exporter's buffer. */
static void virtgpu_dma_unmap(struct drm_gem_shmem_object *shmem)
{
	struct drm_gem_object *gem = &shmem->base;

	dma_resv_lock(gem->resv, NULL);
	if (drm_gem_is_imported(gem)) {
		dma_buf_unmap_attachment(gem->import_attach, shmem->sgt, DMA_BIDIRECTIONAL);
		shmem->sgt = NULL;
	} else {
		__drm_gem_shmem_free_sgt_locked(shmem);
	}
	dma_resv_unlock(gem->resv);
}

/*
 * Unmaps an object in the list, without the lock. The object stays in the list meanwhile, so that
 * virtgpu_dma_stop() waits for the object, and virtgpu_dma_remove() for virtgpu_dma_stop().
 */
static void virtgpu_dma_end(struct virtgpu_dma *dma, struct virtgpu_mapping *mapping)
{
	lockdep_assert_held(&dma->lock);
	mapping->is_ending = true;
	mutex_unlock(&dma->lock);
	virtgpu_dma_unmap(mapping->shmem);
	mutex_lock(&dma->lock);
	mapping->is_ending = false;
	list_del_init(&mapping->node);
	wake_up_all(&dma->unmapped);
}

/* Waits with the lock, which is released meanwhile. */
#define virtgpu_dma_wait(dma, condition) do {						\
	struct virtgpu_dma *_dma = (dma);						\
											\
	wait_event_cmd(_dma->unmapped, condition, mutex_unlock(&_dma->lock),		\
		       mutex_lock(&_dma->lock));					\
} while (0)

/**
 * virtgpu_dma_add - add an object that was mapped to the list
 * @vg: the device
 * @mapping: the object's entry; it may be in the list already
 *
 * The caller maps and adds the object in one section of drm_dev_enter(). Otherwise
 * virtgpu_dma_stop() might miss it.
 */
void virtgpu_dma_add(struct virtgpu_device *vg, struct virtgpu_mapping *mapping)
{
	mutex_lock(&vg->transport->dma.lock);
	if (list_empty(&mapping->node))
		list_add(&mapping->node, &vg->transport->dma.mappings);
	mutex_unlock(&vg->transport->dma.lock);
}

/**
 * virtgpu_dma_table - the table of the pages of an object that is mapped
 * @vg: the device
 * @mapping: the object's entry
 *
 * drm_gem_shmem_get_pages_sgt() takes the object's reservation even if the object is mapped. The
 * caller is in a section of drm_dev_enter(), in which an object stays mapped.
 *
 * Returns: the table, or NULL if the object is not mapped.
 */
struct sg_table *virtgpu_dma_table(struct virtgpu_device *vg, struct virtgpu_mapping *mapping)
{
	struct sg_table *sgt = NULL;

	mutex_lock(&vg->transport->dma.lock);
	if (!list_empty(&mapping->node))
		sgt = mapping->shmem->sgt;
	mutex_unlock(&vg->transport->dma.lock);
	return sgt;
}

/**
 * virtgpu_dma_remove - unmap an object that is about to be freed
 * @vg: the device
 * @mapping: the object's entry; it may not be mapped
 */
void virtgpu_dma_remove(struct virtgpu_device *vg, struct virtgpu_mapping *mapping)
{
	struct virtgpu_dma *dma = &vg->transport->dma;

	mutex_lock(&dma->lock);
	virtgpu_dma_wait(dma, !mapping->is_ending);
	if (!list_empty(&mapping->node))
		virtgpu_dma_end(dma, mapping);
	mutex_unlock(&dma->lock);
}

/* Returns a mapping that nobody ends, or NULL. */
static struct virtgpu_mapping *virtgpu_dma_first(struct virtgpu_dma *dma)
{
	struct virtgpu_mapping *mapping;

	lockdep_assert_held(&dma->lock);
	list_for_each_entry(mapping, &dma->mappings, node)
		if (!mapping->is_ending)
			return mapping;
	return NULL;
}

/**
 * virtgpu_dma_stop - unmap all objects
 * @vg: the device, unplugged and reset
 */
void virtgpu_dma_stop(struct virtgpu_device *vg)
{
	struct virtgpu_dma *dma = &vg->transport->dma;
	struct virtgpu_mapping *mapping;

	mutex_lock(&dma->lock);
	while ((mapping = virtgpu_dma_first(dma)))
		virtgpu_dma_end(dma, mapping);
	virtgpu_dma_wait(dma, list_empty(&dma->mappings));
	mutex_unlock(&dma->lock);
}

/* Only bounce buffers limit the size of a mapping. */
static bool virtgpu_dma_has_limit(const struct virtgpu_device *vg)
{
	return dma_max_mapping_size(vg->drm.dev) != SIZE_MAX;
}

/**
 * virtgpu_dma_bounces - whether the device may see copies of memory in bounce buffers
 * @vg: the device
 *
 * Returns: true if so.
 */
bool virtgpu_dma_bounces(const struct virtgpu_device *vg)
{
	return vg->use_dma_addr && virtgpu_dma_has_limit(vg);
}

/**
 * virtgpu_dma_error - the errno for a program whose memory could not be mapped
 * @vg: the device
 * @size: bytes of the memory
 * @error: the error of the DMA API
 *
 * Returns: -ENOMEM if there is no room for bounce buffers, otherwise @error.
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
 * virtgpu_dma_needs_sync - whether memory has to be synchronized between device and CPU
 * @vg: the device
 *
 * Returns: true if some of the mapped memory has to be.
 */
bool virtgpu_dma_needs_sync(const struct virtgpu_device *vg)
{
	return vg->use_dma_addr && dma_dev_need_sync(vg->drm.dev);
}

/**
 * struct virtgpu_dma_walk - a position in the list of an object's mapped pieces
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
	/* Exporters may map their buffers in another way. */
	if (!dma_need_sync(dev, address))
		return;
	if (dir == DMA_TO_DEVICE)
		dma_sync_single_for_device(dev, address, size, dir);
	else
		dma_sync_single_for_cpu(dev, address, size, dir);
}

/* Synchronizes bytes. They must not be before those of the last call with this @walk. */
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
 * virtgpu_dma_sync_for_device - make what the CPU wrote visible to the device
 * @vg: the device
 * @shmem: an object; nothing is done if it is not mapped
 * @rows: bytes of it
 *
 * Does not sleep.
 */
void virtgpu_dma_sync_for_device(struct virtgpu_device *vg,
				 const struct drm_gem_shmem_object *shmem,
				 const struct virtgpu_rows *rows)
{
	virtgpu_dma_sync(vg, shmem, rows, DMA_TO_DEVICE);
}

/**
 * virtgpu_dma_sync_for_cpu - make what the device wrote visible to the CPU
 * @vg: the device
 * @shmem: an object; nothing is done if it is not mapped
 * @rows: bytes of it
 *
 * Does not sleep.
 */
void virtgpu_dma_sync_for_cpu(struct virtgpu_device *vg, const struct drm_gem_shmem_object *shmem,
			      const struct virtgpu_rows *rows)
{
	virtgpu_dma_sync(vg, shmem, rows, DMA_FROM_DEVICE);
}
