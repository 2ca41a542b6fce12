// SPDX-License-Identifier: GPL-2.0
/* Damage: joins the damage clips of a commit into a few rectangles to upload. */
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

/* Returns the pixels that would be copied unnecessarily if two rectangles were joined. */
static s64 virtgpu_rect_waste(const struct drm_rect *a, const struct drm_rect *b)
{
	struct drm_rect joined = virtgpu_rect_join(a, b);

	return virtgpu_rect_area(&joined) - virtgpu_rect_area(a) - virtgpu_rect_area(b);
}

/* Returns the index of the rectangle that can be joined with another one at the least waste. */
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
 * Adds a rectangle. Each rectangle costs a command, so it is joined with another one if the wasted
 * pixels cost less. The joined rectangle may be near to further ones.
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
 * virtgpu_damage_collect - collect the rectangles that a commit has to upload
 * @damage: filled; empty if nothing has to be uploaded
 * @old: the last plane state
 * @new: the plane state to show
 * @is_current: the host has the frame of @old; otherwise everything visible is damaged
 *
 * If there are many clips, adjacent ones in the list are joined without looking at the waste:
 * programs sort clips, and searching for better neighbours takes longer than copying.
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
 * virtgpu_damage_bounds - compute the smallest rectangle around all damage
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
