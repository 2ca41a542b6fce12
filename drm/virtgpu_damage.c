// SPDX-License-Identifier: GPL-2.0
/* Damage: the few rectangles worth uploading out of what a commit declares as changed. */
#include <drm/drm_damage_helper.h>
#include <drm/drm_plane.h>

#include "virtgpu_damage.h"

static u64 virtgpu_rect_area(const struct drm_rect *rect)
{
	return (u64)drm_rect_width(rect) * drm_rect_height(rect);
}

static struct drm_rect virtgpu_rect_join(const struct drm_rect *a, const struct drm_rect *b)
{
	return (struct drm_rect){
		.x1 = min(a->x1, b->x1),
		.y1 = min(a->y1, b->y1),
		.x2 = max(a->x2, b->x2),
		.y2 = max(a->y2, b->y2),
	};
}

/*
 * Joins a rectangle with those it shares so much with that uploading both apart would move more
 * pixels. A join may reach further rectangles, so start over after each.
 */
static void virtgpu_damage_add(struct virtgpu_damage *damage, struct drm_rect rect)
{
	unsigned int i;

	for (i = 0; i < damage->count;) {
		struct drm_rect joined = virtgpu_rect_join(&rect, &damage->rects[i]);

		if (virtgpu_rect_area(&joined) >
		    virtgpu_rect_area(&rect) + virtgpu_rect_area(&damage->rects[i])) {
			i++;
			continue;
		}
		rect = joined;
		damage->rects[i] = damage->rects[--damage->count];
		i = 0;
	}

	if (damage->count == VIRTGPU_DAMAGE_MAX) {
		struct drm_rect bounds;

		virtgpu_damage_bounds(damage, &bounds);
		rect = virtgpu_rect_join(&rect, &bounds);
		damage->count = 0;
	}
	damage->rects[damage->count++] = rect;
}

/**
 * virtgpu_damage_collect - find out what a commit has to upload
 * @damage: filled; empty when nothing has
 * @old: plane state the host's picture stands for
 * @new: plane state to show
 *
 * Host copies are per buffer: after a flip the clips say nothing about the new buffer's copy,
 * and all of it is uploaded.
 */
void virtgpu_damage_collect(struct virtgpu_damage *damage, const struct drm_plane_state *old,
			    const struct drm_plane_state *new)
{
	struct drm_atomic_helper_damage_iter iter;
	struct drm_rect clip;

	damage->count = 0;
	if (old->fb != new->fb) {
		drm_rect_fp_to_int(&clip, &new->src);
		virtgpu_damage_add(damage, clip);
		return;
	}

	drm_atomic_helper_damage_iter_init(&iter, old, new);
	drm_atomic_for_each_plane_damage(&iter, &clip)
		virtgpu_damage_add(damage, clip);
}

/**
 * virtgpu_damage_bounds - the smallest rectangle around all damage
 * @damage: at least one rectangle
 * @bounds: filled
 */
void virtgpu_damage_bounds(const struct virtgpu_damage *damage, struct drm_rect *bounds)
{
	unsigned int i;

	*bounds = damage->rects[0];
	for (i = 1; i < damage->count; i++)
		*bounds = virtgpu_rect_join(bounds, &damage->rects[i]);
}
