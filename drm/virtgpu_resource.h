/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_RESOURCE_H
#define VIRTGPU_RESOURCE_H

#include <linux/kref.h>
#include <linux/types.h>

struct drm_rect;
struct virtgpu_bo;
struct virtgpu_cmd;
struct virtgpu_device;

/**
 * struct virtgpu_resource - an image on the host, backed by a buffer object of ours
 * @refs: users; the host's image goes with the last one
 * @vg: the device
 * @bo: the buffer object whose pages back it
 * @is_own: it is @bo's own resource and goes with it; else it holds a reference to @bo
 * @on_host: the host has an image to destroy
 * @id: its number in the protocol
 * @format: pixel format, in the protocol's numbers
 * @width: pixels
 * @height: pixels
 */
struct virtgpu_resource {
	struct kref refs;
	struct virtgpu_device *vg;
	struct virtgpu_bo *bo;
	bool is_own;
	bool on_host;
	u32 id;
	u32 format;
	u32 width;
	u32 height;
};

struct virtgpu_resource *virtgpu_resource_create(struct virtgpu_bo *bo, bool is_own, u32 format,
						 u32 width, u32 height);
void virtgpu_resource_get(struct virtgpu_resource *res);
void virtgpu_resource_put(struct virtgpu_resource *res);
struct virtgpu_cmd *virtgpu_resource_transfer(struct virtgpu_resource *res,
					      const struct drm_rect *rect, u64 offset);
void virtgpu_resources_restore(struct virtgpu_device *vg);

#endif
