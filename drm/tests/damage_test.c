// SPDX-License-Identifier: GPL-2.0
#include <linux/prandom.h>

#include <drm/drm_crtc.h>
#include <drm/drm_device.h>
#include <drm/drm_framebuffer.h>
#include <drm/drm_plane.h>
#include <drm/drm_property.h>

#include "display/damage.c"
#include "tests/kunit.h"

#define GRID		1024
#define ROUNDS		2000
/* At this distance small rectangles are not joined. */
#define DISTANCE	1900

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

static void expect_covered(struct kunit *test, const struct virtgpu_damage *damage,
			   const struct drm_rect *rect)
{
	int x, y;

	for (y = rect->y1; y < rect->y2; y++)
		for (x = rect->x1; x < rect->x2; x++)
			KUNIT_ASSERT_TRUE_MSG(test, is_covered(damage, x, y),
					      "%d,%d is damaged and not uploaded", x, y);
}

static void expect_rect(struct kunit *test, const struct drm_rect *rect, int x1, int y1, int x2,
			int y2)
{
	KUNIT_EXPECT_EQ(test, rect->x1, x1);
	KUNIT_EXPECT_EQ(test, rect->y1, y1);
	KUNIT_EXPECT_EQ(test, rect->x2, x2);
	KUNIT_EXPECT_EQ(test, rect->y2, y2);
}

/* Collects the damage of @count clips of a source of @size x @size pixels. */
static void collect_from(struct virtgpu_damage *damage, const struct drm_rect *rects, int count,
			 int size, bool visible, bool is_current)
{
	static struct drm_framebuffer fb;
	static struct drm_crtc crtc;
	/* The core reads clips only if the plane has the property. */
	static struct drm_property prop;
	static struct drm_object_properties props = { .count = 1, .properties = { &prop } };
	static struct drm_device dev = { .mode_config.prop_fb_damage_clips = &prop };
	static struct drm_plane plane = { .dev = &dev, .base.properties = &props };
	struct drm_property_blob clips = {
		.data = (void *)rects, .length = count * sizeof(*rects),
	};
	struct drm_plane_state state = {
		.plane = &plane, .fb = &fb, .crtc = &crtc, .visible = visible,
		.fb_damage_clips = &clips,
		.src = DRM_RECT_INIT(0, 0, size << 16, size << 16),
		.src_w = size << 16, .src_h = size << 16,
	};

	virtgpu_damage_collect(damage, &state, &state, is_current);
}

static void collect(struct virtgpu_damage *damage, const struct drm_rect *rects, int count)
{
	collect_from(damage, rects, count, 32767, true, true);
}

static void near_rects_are_joined(struct kunit *test)
{
	/* 64 x 64 pixels between them cost as much as a command. */
	const struct drm_rect rects[] = { DRM_RECT_INIT(0, 0, 1, 64), DRM_RECT_INIT(65, 0, 1, 64) };
	struct virtgpu_damage damage;

	collect(&damage, rects, ARRAY_SIZE(rects));
	KUNIT_ASSERT_EQ(test, damage.count, 1);
	expect_rect(test, &damage.rects[0], 0, 0, 66, 64);
}

static void far_rects_stay_apart(struct kunit *test)
{
	/* One column more than in near_rects_are_joined(). */
	const struct drm_rect rects[] = { DRM_RECT_INIT(0, 0, 1, 64), DRM_RECT_INIT(66, 0, 1, 64) };
	struct virtgpu_damage damage;

	collect(&damage, rects, ARRAY_SIZE(rects));
	KUNIT_EXPECT_EQ(test, damage.count, 2);
}

static void inner_rect_adds_nothing(struct kunit *test)
{
	const struct drm_rect rects[] = {
		DRM_RECT_INIT(100, 100, 500, 500), DRM_RECT_INIT(200, 200, 10, 10),
	};
	struct virtgpu_damage damage;

	collect(&damage, rects, ARRAY_SIZE(rects));
	KUNIT_ASSERT_EQ(test, damage.count, 1);
	expect_rect(test, &damage.rects[0], 100, 100, 600, 600);
}

/* The third one touches both others. */
static void joined_rect_joins_others(struct kunit *test)
{
	const struct drm_rect rects[] = {
		DRM_RECT_INIT(0, 0, 64, 64), DRM_RECT_INIT(164, 0, 64, 64),
		DRM_RECT_INIT(64, 0, 100, 64),
	};
	struct virtgpu_damage damage;

	collect(&damage, rects, 2);
	KUNIT_EXPECT_EQ(test, damage.count, 2);
	collect(&damage, rects, 3);
	KUNIT_ASSERT_EQ(test, damage.count, 1);
	expect_rect(test, &damage.rects[0], 0, 0, 228, 64);
}

static void nearest_rect_is_joined(struct kunit *test)
{
	const struct drm_rect rects[] = {
		DRM_RECT_INIT(0, 0, 64, 64), DRM_RECT_INIT(0, 1000, 64, 64),
		DRM_RECT_INIT(0, 940, 64, 60),
	};
	struct virtgpu_damage damage;
	unsigned int i;

	collect(&damage, rects, ARRAY_SIZE(rects));
	KUNIT_ASSERT_EQ(test, damage.count, 2);
	i = damage.rects[0].y1 ? 0 : 1;
	expect_rect(test, &damage.rects[i], 0, 940, 64, 1064);
	expect_rect(test, &damage.rects[1 - i], 0, 0, 64, 64);
}

/* The area of the joined rectangle does not fit into 32 bits. */
static void areas_are_64_bit(struct kunit *test)
{
	const struct drm_rect a = DRM_RECT_INIT(0, 0, 1, 1);
	const struct drm_rect b = DRM_RECT_INIT(65535, 65535, 1, 1);
	struct virtgpu_damage damage = {};

	virtgpu_damage_add(&damage, a);
	virtgpu_damage_add(&damage, b);
	KUNIT_EXPECT_EQ(test, damage.count, 2);
	KUNIT_EXPECT_EQ(test, virtgpu_rect_waste(&a, &b), 65536LL * 65536 - 2);
}

static void fill_far(struct drm_rect *rects, int count)
{
	int i;

	for (i = 0; i < count; i++)
		rects[i] = (struct drm_rect)DRM_RECT_INIT(i * DISTANCE, 0, 1, 10);
}

static void few_clips_are_kept(struct kunit *test)
{
	struct drm_rect rects[VIRTGPU_DAMAGE_MAX];
	struct virtgpu_damage damage;
	int i;

	fill_far(rects, ARRAY_SIZE(rects));
	collect(&damage, rects, ARRAY_SIZE(rects));
	KUNIT_ASSERT_EQ(test, damage.count, VIRTGPU_DAMAGE_MAX);
	for (i = 0; i < VIRTGPU_DAMAGE_MAX; i++)
		KUNIT_EXPECT_TRUE(test, drm_rect_equals(&damage.rects[i], &rects[i]));
}

/* 17 clips in at most 8 runs: runs of 3, the last one shorter. */
static void many_clips_are_joined_in_runs(struct kunit *test)
{
	struct drm_rect rects[VIRTGPU_DAMAGE_MAX + 1];
	struct virtgpu_damage damage;

	fill_far(rects, ARRAY_SIZE(rects));
	collect(&damage, rects, ARRAY_SIZE(rects));
	KUNIT_ASSERT_EQ(test, damage.count, 6);
	/* Clips 0, 1 and 2, and the last two. */
	expect_rect(test, &damage.rects[0], 0, 0, 2 * DISTANCE + 1, 10);
	expect_rect(test, &damage.rects[5], 15 * DISTANCE, 0, 16 * DISTANCE + 1, 10);
}

static void lost_picture_is_sent_whole(struct kunit *test)
{
	const struct drm_rect clip = DRM_RECT_INIT(1, 2, 3, 4);
	struct virtgpu_damage damage;

	collect_from(&damage, &clip, 1, 700, true, false);
	KUNIT_ASSERT_EQ(test, damage.count, 1);
	expect_rect(test, &damage.rects[0], 0, 0, 700, 700);
}

static void clips_end_where_the_source_ends(struct kunit *test)
{
	const struct drm_rect clip = DRM_RECT_INIT(690, 600, 5000, 5000);
	struct virtgpu_damage damage;

	collect_from(&damage, &clip, 1, 700, true, true);
	KUNIT_ASSERT_EQ(test, damage.count, 1);
	expect_rect(test, &damage.rects[0], 690, 600, 700, 700);
}

static void clips_outside_are_nothing(struct kunit *test)
{
	const struct drm_rect clip = DRM_RECT_INIT(700, 0, 10, 10);
	struct virtgpu_damage damage;

	collect_from(&damage, &clip, 1, 700, true, true);
	KUNIT_EXPECT_EQ(test, damage.count, 0);
}

static void invisible_plane_has_no_damage(struct kunit *test)
{
	const struct drm_rect clip = DRM_RECT_INIT(0, 0, 10, 10);
	struct virtgpu_damage damage;

	collect_from(&damage, &clip, 1, 700, false, true);
	KUNIT_EXPECT_EQ(test, damage.count, 0);
}

static void bounds_hold_everything(struct kunit *test)
{
	const struct virtgpu_damage damage = {
		.count = 3,
		.rects = { DRM_RECT_INIT(5, 60, 1, 1), DRM_RECT_INIT(70, 8, 1, 1),
			   DRM_RECT_INIT(9, 10, 100, 200) },
	};
	struct drm_rect bounds;

	virtgpu_damage_bounds(&damage, &bounds);
	expect_rect(test, &bounds, 5, 8, 109, 210);
}

static struct drm_rect random_rect(struct rnd_state *state)
{
	u32 x = prandom_u32_state(state) % GRID, y = prandom_u32_state(state) % GRID;
	u32 width = prandom_u32_state(state) % 12 + 1, height = prandom_u32_state(state) % 12 + 1;

	return (struct drm_rect){
		.x1 = x, .y1 = y,
		.x2 = min_t(u32, x + width, GRID), .y2 = min_t(u32, y + height, GRID),
	};
}

/* Every damaged pixel is uploaded. A few rectangles are joined only if that is cheaper. */
static void random_damage_is_covered(struct kunit *test)
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
		collect_from(&damage, rects, count, GRID, true, true);
		KUNIT_ASSERT_LE(test, damage.count, VIRTGPU_DAMAGE_MAX);
		for (i = 0; i < count; i++)
			expect_covered(test, &damage, &rects[i]);
		for (i = 0; i < damage.count; i++)
			cost += virtgpu_rect_area(&damage.rects[i]);
		if (count <= VIRTGPU_DAMAGE_MAX)
			KUNIT_ASSERT_LE(test, cost, asked + (count - 1) * VIRTGPU_DAMAGE_WASTE);
	}
}

static struct kunit_case virtgpu_damage_cases[] = {
	KUNIT_CASE(near_rects_are_joined),
	KUNIT_CASE(far_rects_stay_apart),
	KUNIT_CASE(inner_rect_adds_nothing),
	KUNIT_CASE(joined_rect_joins_others),
	KUNIT_CASE(nearest_rect_is_joined),
	KUNIT_CASE(areas_are_64_bit),
	KUNIT_CASE(few_clips_are_kept),
	KUNIT_CASE(many_clips_are_joined_in_runs),
	KUNIT_CASE(lost_picture_is_sent_whole),
	KUNIT_CASE(clips_end_where_the_source_ends),
	KUNIT_CASE(clips_outside_are_nothing),
	KUNIT_CASE(invisible_plane_has_no_damage),
	KUNIT_CASE(bounds_hold_everything),
	KUNIT_CASE_SLOW(random_damage_is_covered),
	{}
};

struct kunit_suite virtgpu_damage_suite = {
	.name = "virtgpu_damage",
	.test_cases = virtgpu_damage_cases,
};
