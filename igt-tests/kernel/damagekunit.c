// SPDX-License-Identifier: GPL-2.0
/* The rule by which damaged rectangles are joined, on random ones; for kernels with KUnit. */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/prandom.h>

#include <drm/drm_crtc.h>
#include <drm/drm_device.h>
#include <drm/drm_framebuffer.h>
#include <drm/drm_plane.h>
#include <drm/drm_property.h>

#include "../../drm/virtgpu_damage.c"

#define GRID	1024
#define ROUNDS	2000

static struct drm_rect random_rect(struct rnd_state *state)
{
	u32 x = prandom_u32_state(state) % GRID, y = prandom_u32_state(state) % GRID;
	u32 width = prandom_u32_state(state) % 12 + 1, height = prandom_u32_state(state) % 12 + 1;

	return (struct drm_rect){
		.x1 = x, .y1 = y,
		.x2 = min_t(u32, x + width, GRID), .y2 = min_t(u32, y + height, GRID),
	};
}

static bool is_covered(const struct virtgpu_damage *damage, int x, int y)
{
	unsigned int i;

	for (i = 0; i < damage->count; i++) {
		const struct drm_rect *rect = &damage->rects[i];

		if (x >= rect->x1 && x < rect->x2 && y >= rect->y1 && y < rect->y2)
			return true;
	}
	return false;
}

static void check_covered(struct kunit *test, const struct virtgpu_damage *damage,
			  const struct drm_rect *rect)
{
	int x, y;

	for (y = rect->y1; y < rect->y2; y++)
		for (x = rect->x1; x < rect->x2; x++)
			KUNIT_ASSERT_TRUE_MSG(test, is_covered(damage, x, y),
					      "%d,%d is damaged and not uploaded", x, y);
}

/* What the driver makes of clips that a program gives. */
static void collect(struct virtgpu_damage *damage, const struct drm_rect *rects, int count)
{
	static struct drm_framebuffer fb;
	static struct drm_crtc crtc;
	/* A plane that has the property, which is looked at. */
	static struct drm_property prop;
	static struct drm_object_properties props = { .count = 1, .properties = { &prop } };
	static struct drm_device dev = { .mode_config.prop_fb_damage_clips = &prop };
	static struct drm_plane plane = { .dev = &dev, .base.properties = &props };
	struct drm_property_blob clips = {
		.data = (void *)rects, .length = count * sizeof(*rects),
	};
	struct drm_plane_state state = {
		.plane = &plane, .fb = &fb, .crtc = &crtc, .visible = true, .fb_damage_clips = &clips,
		.src = DRM_RECT_INIT(0, 0, GRID << 16, GRID << 16),
		.src_w = GRID << 16, .src_h = GRID << 16,
	};

	virtgpu_damage_collect(damage, &state, &state, true);
}

/* Whatever the number, every pixel is uploaded; few rectangles are joined only where it pays. */
static void damage_random(struct kunit *test)
{
	struct rnd_state state;
	int round, i, count;

	prandom_seed_state(&state, 1);
	for (round = 0; round < ROUNDS; round++) {
		struct virtgpu_damage damage;
		struct drm_rect rects[40];
		s64 asked = 0, cost = 0;

		count = prandom_u32_state(&state) % ARRAY_SIZE(rects) + 1;
		for (i = 0; i < count; i++) {
			rects[i] = random_rect(&state);
			asked += virtgpu_rect_area(&rects[i]);
		}
		collect(&damage, rects, count);
		KUNIT_ASSERT_LE(test, damage.count, VIRTGPU_DAMAGE_MAX);
		for (i = 0; i < count; i++)
			check_covered(test, &damage, &rects[i]);
		for (i = 0; i < damage.count; i++)
			cost += virtgpu_rect_area(&damage.rects[i]);
		if (count <= VIRTGPU_DAMAGE_MAX)
			KUNIT_ASSERT_LE(test, cost, asked + (count - 1) * VIRTGPU_DAMAGE_WASTE);
	}
}

static struct kunit_case damage_cases[] = { KUNIT_CASE(damage_random), {} };

static struct kunit_suite damage_suite = {
	.name = "virtgpu_damage",
	.test_cases = damage_cases,
};
kunit_test_suite(damage_suite);

MODULE_DESCRIPTION("Tests of the driver's damage rule");
MODULE_LICENSE("GPL");
