/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_DAMAGE_H
#define VIRTGPU_DAMAGE_H

#include <drm/drm_rect.h>

struct drm_plane_state;

/* Maximum number of clips that are uploaded one by one; more are joined into this many runs. */
#define VIRTGPU_DAMAGE_MAX	16
#define VIRTGPU_DAMAGE_RUNS	8

/* Pixels that cost as much to copy as another command, see docs/frame.md. */
#define VIRTGPU_DAMAGE_WASTE	4096

/**
 * struct virtgpu_damage - the pixels of a framebuffer that have to be uploaded
 * @count: number of rectangles
 * @rects: the rectangles
 */
struct virtgpu_damage {
	unsigned int count;
	struct drm_rect rects[VIRTGPU_DAMAGE_MAX];
};

void virtgpu_damage_collect(struct virtgpu_damage *damage, const struct drm_plane_state *old,
			    const struct drm_plane_state *new, bool is_current);
void virtgpu_damage_bounds(const struct virtgpu_damage *damage, struct drm_rect *bounds);

#endif
