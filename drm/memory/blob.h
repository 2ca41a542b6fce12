/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_BLOB_H
#define VIRTGPU_BLOB_H

#include <linux/types.h>

struct drm_virtgpu_resource_create_blob;
struct virtgpu_blob;
struct virtgpu_bo;
struct virtgpu_device;

int virtgpu_blob_check(struct virtgpu_device *vg,
		       const struct drm_virtgpu_resource_create_blob *args);
struct virtgpu_bo *virtgpu_blob_create(struct virtgpu_device *vg, const struct virtgpu_blob *blob,
				       bool deferred);

#endif
