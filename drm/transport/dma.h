/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_DMA_H
#define VIRTGPU_DMA_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>

struct drm_gem_shmem_object;
struct sg_table;
struct virtgpu_device;

/**
 * struct virtgpu_dma - memory that is mapped for the device
 * @lock: protects @mappings; no reservation is taken under it, because the holder of a reservation
 *	may wait for a fence, and other programs need the lock meanwhile
 * @mappings: of objects whose pages are mapped for the device
 * @unmapped: woken when an object has left @mappings
 */
struct virtgpu_dma {
	struct mutex lock;
	struct list_head mappings;
	wait_queue_head_t unmapped;
};

/**
 * struct virtgpu_mapping - an object that may be mapped for the device
 * @node: entry of &virtgpu_dma.mappings while there is a table of its pages
 * @shmem: the object
 * @is_ending: the object is being unmapped, and must not be freed before; protected by
 *	&virtgpu_dma.lock
 */
struct virtgpu_mapping {
	struct list_head node;
	struct drm_gem_shmem_object *shmem;
	bool is_ending;
};

/**
 * struct virtgpu_rows - rows of bytes in a buffer object, at equal distances
 * @offset: bytes before the first row
 * @length: bytes of each row
 * @pitch: bytes from the start of a row to that of the next
 * @count: how many rows
 *
 * Rows may end after the end of the object; these bytes are ignored.
 */
struct virtgpu_rows {
	u64 offset;
	u64 length;
	u32 pitch;
	u32 count;
};

int virtgpu_dma_init(struct virtgpu_device *vg);
void virtgpu_dma_stop(struct virtgpu_device *vg);
void virtgpu_mapping_init(struct virtgpu_mapping *mapping, struct drm_gem_shmem_object *shmem);
void virtgpu_dma_add(struct virtgpu_device *vg, struct virtgpu_mapping *mapping);
struct sg_table *virtgpu_dma_table(struct virtgpu_device *vg, struct virtgpu_mapping *mapping);
void virtgpu_dma_remove(struct virtgpu_device *vg, struct virtgpu_mapping *mapping);
int virtgpu_dma_error(struct virtgpu_device *vg, size_t size, int error);
bool virtgpu_dma_bounces(const struct virtgpu_device *vg);
bool virtgpu_dma_needs_sync(const struct virtgpu_device *vg);
void virtgpu_dma_sync_for_device(struct virtgpu_device *vg,
				 const struct drm_gem_shmem_object *shmem,
				 const struct virtgpu_rows *rows);
void virtgpu_dma_sync_for_cpu(struct virtgpu_device *vg, const struct drm_gem_shmem_object *shmem,
			      const struct virtgpu_rows *rows);

#endif
