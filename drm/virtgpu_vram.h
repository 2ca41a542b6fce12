/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_VRAM_H
#define VIRTGPU_VRAM_H

#include <linux/types.h>

struct device;
struct sg_table;
struct virtgpu_blob;
struct virtgpu_bo;
struct virtgpu_device;

int virtgpu_vram_init(struct virtgpu_device *vg);
struct virtgpu_bo *virtgpu_vram_create(struct virtgpu_device *vg, const struct virtgpu_blob *blob,
				       bool deferred);
void virtgpu_vram_free(struct virtgpu_bo *bo);
struct sg_table *virtgpu_vram_map_dma(struct virtgpu_bo *bo, struct device *dev, int dir);
void virtgpu_vram_unmap_dma(struct device *dev, struct sg_table *sgt, int dir);

#endif
