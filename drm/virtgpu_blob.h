/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_BLOB_H
#define VIRTGPU_BLOB_H

struct drm_device;
struct drm_file;

int virtgpu_ioctl_resource_create_blob(struct drm_device *dev, void *data, struct drm_file *file);

#endif
