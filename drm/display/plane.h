/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_PLANE_H
#define VIRTGPU_PLANE_H

#include <linux/types.h>

struct drm_plane;
struct virtgpu_device;

struct drm_plane *virtgpu_primary_create(struct virtgpu_device *vg, u32 index);
struct drm_plane *virtgpu_cursor_create(struct virtgpu_device *vg, u32 index);

#endif
