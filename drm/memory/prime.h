/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_PRIME_H
#define VIRTGPU_PRIME_H

struct dma_buf;
struct drm_device;
struct drm_gem_object;

struct dma_buf *virtgpu_prime_export(struct drm_gem_object *gem, int flags);
struct drm_gem_object *virtgpu_prime_import(struct drm_device *dev, struct dma_buf *dma_buf);

#endif
