/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_PRIME_H
#define VIRTGPU_PRIME_H

#include <linux/uuid.h>

struct dma_buf;
struct drm_device;
struct drm_gem_object;
struct virtio_dma_buf_ops;

int virtgpu_prime_get_uuid(struct dma_buf *dma_buf, uuid_t *uuid);
struct dma_buf *virtgpu_prime_export_with(struct drm_gem_object *gem, int flags,
					  const struct virtio_dma_buf_ops *ops);
struct dma_buf *virtgpu_prime_export(struct drm_gem_object *gem, int flags);
struct drm_gem_object *virtgpu_prime_import(struct drm_device *dev, struct dma_buf *dma_buf);

#endif
