/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_DMA_H
#define VIRTGPU_DMA_H

#include <linux/list.h>
#include <linux/mutex.h>

struct virtgpu_bo;
struct virtgpu_device;

/**
 * struct virtgpu_dma - memory that the device may look at
 * @lock: protects @bos
 * @bos: buffer objects whose pages are mapped for the device
 */
struct virtgpu_dma {
	struct mutex lock;
	struct list_head bos;
};

int virtgpu_dma_init(struct virtgpu_device *vg);
void virtgpu_dma_stop(struct virtgpu_device *vg);
void virtgpu_dma_add(struct virtgpu_device *vg, struct virtgpu_bo *bo);
void virtgpu_dma_remove(struct virtgpu_device *vg, struct virtgpu_bo *bo);
void virtgpu_dma_sync(struct virtgpu_device *vg, struct virtgpu_bo *bo);

#endif
