/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_VRAM_H
#define VIRTGPU_VRAM_H

#include <linux/mutex.h>
#include <linux/types.h>

#include <drm/drm_mm.h>

struct virtgpu_blob;
struct virtgpu_bo;
struct virtgpu_device;
struct virtio_dma_buf_ops;

/**
 * struct virtgpu_vram - the window for memory of the host
 * @lock: protects @mm
 * @mm: allocator of places in the window
 * @start: physical address of the window
 */
struct virtgpu_vram {
	struct mutex lock;
	struct drm_mm mm;
	resource_size_t start;
};

int virtgpu_vram_init(struct virtgpu_device *vg);
struct virtgpu_bo *virtgpu_vram_create(struct virtgpu_device *vg, const struct virtgpu_blob *blob,
				       bool deferred);
extern const struct virtio_dma_buf_ops virtgpu_vram_prime_ops;

#endif
