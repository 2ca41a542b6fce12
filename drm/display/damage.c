// SPDX-License-Identifier: GPL-2.0
/* Damage: the few rectangles worth uploading out of what a commit declares as changed. */
#include <drm/drm_damage_helper.h>
#include <drm/drm_plane.h>

#include "display/damage.h"

static s64 virtgpu_rect_area(const struct drm_rect *rect)
{
	return (s64)drm_rect_width(rect) * drm_rect_height(rect);
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

/* Pixels that would be copied in vain if two rectangles were one. */
static s64 virtgpu_rect_waste(const struct drm_rect *a, const struct drm_rect *b)
{
	struct drm_rect joined = virtgpu_rect_join(a, b);

	return virtgpu_rect_area(&joined) - virtgpu_rect_area(a) - virtgpu_rect_area(b);
}

/* The rectangle with which another would be joined at the least waste. */
static unsigned int virtgpu_damage_nearest(const struct virtgpu_damage *damage,
					   const struct drm_rect *rect, s64 *waste)
{
	unsigned int i, nearest = 0;

	*waste = S64_MAX;
	for (i = 0; i < damage->count; i++) {
		s64 other = virtgpu_rect_waste(rect, &damage->rects[i]);

		if (other >= *waste)
			continue;
		*waste = other;
		nearest = i;
	}
	return nearest;
}

/*
 * A rectangle costs a command: it is joined with another where the pixels copied in vain cost less.
 * The joined one may be near to further rectangles.
 */
static void virtgpu_damage_add(struct virtgpu_damage *damage, struct drm_rect rect)
{
	while (damage->count) {
		unsigned int i;
		s64 waste;

		i = virtgpu_damage_nearest(damage, &rect, &waste);
		if (waste > VIRTGPU_DAMAGE_WASTE)
			break;
		rect = virtgpu_rect_join(&rect, &damage->rects[i]);
		damage->rects[i] = damage->rects[--damage->count];
	}
	damage->rects[damage->count++] = rect;
}

/**
 * virtgpu_damage_collect - find out what a commit has to upload
 * @damage: filled; empty when nothing has
 * @old: plane state the host's picture stands for
 * @new: plane state to show
 * @is_current: what the host has is the last frame; else the clips say nothing about it, and
 *	everything visible is damaged
 *
 * Of many clips those that follow each other are joined, whatever that wastes: programs sort them,
 * and to look for better neighbours takes longer than to copy.
 */
void virtgpu_damage_collect(struct virtgpu_damage *damage, const struct drm_plane_state *old,
			    const struct drm_plane_state *new, bool is_current)
{
	struct drm_atomic_helper_damage_iter iter;
	unsigned int run, count = 0;
	struct drm_rect clip, joined;

	damage->count = 0;
	if (!is_current) {
		drm_rect_fp_to_int(&clip, &new->src);
		virtgpu_damage_add(damage, clip);
		return;
	}

	drm_atomic_helper_damage_iter_init(&iter, old, new);
	run = iter.num_clips > VIRTGPU_DAMAGE_MAX ?
	      DIV_ROUND_UP(iter.num_clips, VIRTGPU_DAMAGE_RUNS) : 1;
	drm_atomic_for_each_plane_damage(&iter, &clip) {
		if (count++ % run) {
			joined = virtgpu_rect_join(&joined, &clip);
			continue;
		}
		if (count > 1)
			virtgpu_damage_add(damage, joined);
		joined = clip;
	}
	if (count)
		virtgpu_damage_add(damage, joined);
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
