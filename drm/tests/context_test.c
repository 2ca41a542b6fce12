// SPDX-License-Identifier: GPL-2.0
#include "render/context.c"
#include "life.h"
#include "tests/kunit.h"

static struct virtgpu_device *make_device(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	vg->render->num_capsets = 1;
	vg->render->capsets[0].id = 4;
	return vg;
}

static int set(struct virtgpu_device *vg, struct virtgpu_context *ctx, u64 param, u64 value)
{
	const struct drm_virtgpu_context_set_param args = { .param = param, .value = value };

	return virtgpu_context_set(vg, ctx, &args);
}

static void capset_has_to_be_the_hosts(struct kunit *test)
{
	struct virtgpu_device *vg = make_device(test);
	struct virtgpu_context ctx = {};

	KUNIT_EXPECT_EQ(test, set(vg, &ctx, VIRTGPU_CONTEXT_PARAM_CAPSET_ID, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, set(vg, &ctx, VIRTGPU_CONTEXT_PARAM_CAPSET_ID, 5), -EINVAL);
	/* The value has 64 bits. */
	KUNIT_EXPECT_EQ(test, set(vg, &ctx, VIRTGPU_CONTEXT_PARAM_CAPSET_ID, (1ULL << 32) + 4),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, set(vg, &ctx, VIRTGPU_CONTEXT_PARAM_CAPSET_ID, 4), 0);
	KUNIT_EXPECT_EQ(test, ctx.capset, 4);
}

static void rings_have_a_timeline_each(struct kunit *test)
{
	struct virtgpu_device *vg = make_device(test);
	struct virtgpu_context ctx = {}, next = {};

	KUNIT_EXPECT_EQ(test, set(vg, &ctx, VIRTGPU_CONTEXT_PARAM_NUM_RINGS, VIRTGPU_MAX_RINGS), 0);
	KUNIT_EXPECT_EQ(test, ctx.num_rings, VIRTGPU_MAX_RINGS);
	KUNIT_EXPECT_EQ(test, set(vg, &next, VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 1), 0);
	KUNIT_EXPECT_GE(test, next.fence_context, ctx.fence_context + VIRTGPU_MAX_RINGS);
}

static void absurd_numbers_of_rings_are_rejected(struct kunit *test)
{
	struct virtgpu_device *vg = make_device(test);
	struct virtgpu_context ctx = {};

	KUNIT_EXPECT_EQ(test, set(vg, &ctx, VIRTGPU_CONTEXT_PARAM_NUM_RINGS, VIRTGPU_MAX_RINGS + 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, set(vg, &ctx, VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 1ULL << 32), -EINVAL);
	KUNIT_EXPECT_EQ(test, ctx.num_rings, 0);
}

/* The core warns about an allocation of 0 timelines. */
static void context_without_rings_has_a_timeline(struct kunit *test)
{
	struct virtgpu_device *vg = make_device(test);
	struct virtgpu_context ctx = {};

	KUNIT_EXPECT_EQ(test, set(vg, &ctx, VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 0), 0);
	KUNIT_EXPECT_EQ(test, ctx.num_rings, 0);
	KUNIT_EXPECT_NE(test, ctx.fence_context, dma_fence_context_alloc(1));
	KUNIT_EXPECT_EQ(test, set(vg, &ctx, VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 2), -EINVAL);
}

static void parameters_are_set_once(struct kunit *test)
{
	static const u64 params[] = {
		VIRTGPU_CONTEXT_PARAM_CAPSET_ID, VIRTGPU_CONTEXT_PARAM_NUM_RINGS,
		VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK,
	};
	struct virtgpu_device *vg = make_device(test);
	struct virtgpu_context ctx = {};
	int i;

	for (i = 0; i < ARRAY_SIZE(params); i++) {
		KUNIT_EXPECT_EQ(test, set(vg, &ctx, params[i], 4), 0);
		KUNIT_EXPECT_EQ(test, set(vg, &ctx, params[i], 4), -EINVAL);
	}
}

static void unknown_parameters_are_rejected(struct kunit *test)
{
	struct virtgpu_device *vg = make_device(test);
	struct virtgpu_context ctx = {};

	KUNIT_EXPECT_EQ(test, set(vg, &ctx, 0, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, set(vg, &ctx, VIRTGPU_CONTEXT_PARAM_DEBUG_NAME + 1, 1), -EINVAL);
}

static void only_own_rings_are_polled(struct kunit *test)
{
	struct virtgpu_context ctx = { .num_rings = 2, .poll_mask = 3 };

	KUNIT_EXPECT_TRUE(test, virtgpu_context_has_polled_rings(&ctx));
	ctx.poll_mask = 4;
	KUNIT_EXPECT_FALSE(test, virtgpu_context_has_polled_rings(&ctx));
	ctx.num_rings = 0;
	ctx.poll_mask = 1;
	KUNIT_EXPECT_FALSE(test, virtgpu_context_has_polled_rings(&ctx));
	ctx.poll_mask = 0;
	KUNIT_EXPECT_TRUE(test, virtgpu_context_has_polled_rings(&ctx));
	/* All bits are rings then, and a shift by as many is undefined. */
	ctx.num_rings = VIRTGPU_MAX_RINGS;
	ctx.poll_mask = U64_MAX;
	KUNIT_EXPECT_TRUE(test, virtgpu_context_has_polled_rings(&ctx));
}

static void failed_init_leaves_nothing(struct kunit *test)
{
	struct virtgpu_device *vg = make_device(test);
	struct virtgpu_context ctx = { .is_named = true, .name = "test" };

	set(vg, &ctx, VIRTGPU_CONTEXT_PARAM_CAPSET_ID, 4);
	set(vg, &ctx, VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 4);
	set(vg, &ctx, VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, 4);
	virtgpu_context_unset(&ctx);
	KUNIT_EXPECT_FALSE(test, ctx.is_named);
	KUNIT_EXPECT_STREQ(test, ctx.name, "");
	/* All parameters can be set again. */
	KUNIT_EXPECT_EQ(test, set(vg, &ctx, VIRTGPU_CONTEXT_PARAM_CAPSET_ID, 4), 0);
	KUNIT_EXPECT_EQ(test, set(vg, &ctx, VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 4), 0);
	KUNIT_EXPECT_EQ(test, set(vg, &ctx, VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, 4), 0);
}

static struct drm_file *open_file(struct kunit *test, struct virtgpu_device *vg)
{
	struct drm_file *file = kunit_kzalloc(test, sizeof(*file), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, file);
	KUNIT_ASSERT_EQ(test, virtgpu_context_open(&vg->drm, file), 0);
	return file;
}

static void lost_context_is_not_made_again(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct drm_file *file;
	struct virtgpu_context *ctx;

	vg->has_3d = true;
	file = open_file(test, vg);
	ctx = file->driver_priv;
	ctx->is_created = true;
	virtgpu_contexts_lose(vg);
	KUNIT_EXPECT_EQ(test, virtgpu_context_create(vg, file), -EIO);
	virtgpu_context_postclose(&vg->drm, file);
	flush_workqueue(vg->wq);
	KUNIT_EXPECT_TRUE(test, xa_empty(&vg->render->contexts));
}

/* A context that is created during a reset waits for the device, and is not lost. */
static void context_waits_for_the_device(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct drm_file *file;
	struct virtgpu_context *ctx;

	vg->has_3d = true;
	vg->recovery->life.state = VIRTGPU_RESETTING;
	/* The wait is short. */
	virtgpu_irq_stall(&vg->transport->ctrl.irq);
	file = open_file(test, vg);
	ctx = file->driver_priv;
	KUNIT_EXPECT_EQ(test, virtgpu_context_create(vg, file), -EIO);
	KUNIT_EXPECT_FALSE(test, ctx->is_created);
	KUNIT_EXPECT_FALSE(test, ctx->is_lost);
	virtgpu_context_postclose(&vg->drm, file);
	flush_workqueue(vg->wq);
}

static void reset_loses_only_what_the_host_had(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_context *had, *new;
	struct drm_file *files[2];

	vg->has_3d = true;
	files[0] = open_file(test, vg);
	files[1] = open_file(test, vg);
	had = files[0]->driver_priv;
	new = files[1]->driver_priv;
	KUNIT_EXPECT_NE(test, had->id, new->id);
	had->is_created = true;
	virtgpu_contexts_lose(vg);
	KUNIT_EXPECT_TRUE(test, had->is_lost);
	KUNIT_EXPECT_FALSE(test, new->is_lost);
	virtgpu_context_postclose(&vg->drm, files[0]);
	virtgpu_context_postclose(&vg->drm, files[1]);
	flush_workqueue(vg->wq);
}

/* The host has no context of number 0. */
static void contexts_are_counted_from_one(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_context *ctx;
	struct drm_file *file;

	vg->has_3d = true;
	file = open_file(test, vg);
	ctx = file->driver_priv;
	KUNIT_EXPECT_EQ(test, ctx->id, 1);
	virtgpu_context_postclose(&vg->drm, file);
	flush_workqueue(vg->wq);
}

static struct kunit_case virtgpu_context_cases[] = {
	KUNIT_CASE(capset_has_to_be_the_hosts),
	KUNIT_CASE(rings_have_a_timeline_each),
	KUNIT_CASE(absurd_numbers_of_rings_are_rejected),
	KUNIT_CASE(context_without_rings_has_a_timeline),
	KUNIT_CASE(parameters_are_set_once),
	KUNIT_CASE(unknown_parameters_are_rejected),
	KUNIT_CASE(only_own_rings_are_polled),
	KUNIT_CASE(failed_init_leaves_nothing),
	KUNIT_CASE(lost_context_is_not_made_again),
	KUNIT_CASE(context_waits_for_the_device),
	KUNIT_CASE(reset_loses_only_what_the_host_had),
	KUNIT_CASE(contexts_are_counted_from_one),
	{}
};

struct kunit_suite virtgpu_context_suite = {
	.name = "virtgpu_context",
	.test_cases = virtgpu_context_cases,
};
