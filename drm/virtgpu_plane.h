/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_PLANE_H
#define VIRTGPU_PLANE_H

#include <linux/types.h>

struct drm_plane;
struct drm_plane_state;
struct virtgpu_device;

struct drm_plane *virtgpu_primary_create(struct virtgpu_device *vg, u32 index);
struct drm_plane *virtgpu_cursor_create(struct virtgpu_device *vg, u32 index);
int virtgpu_plane_prepare_fb(struct drm_plane *plane, struct drm_plane_state *state);

#endif
