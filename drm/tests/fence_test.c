// SPDX-License-Identifier: GPL-2.0
#include "render/fence.c"
#include "life.h"
#include "tests/kunit.h"

/* A fence that was emitted with a command, and is still referenced when it is signalled. */
static struct virtgpu_fence *emit(struct kunit *test, struct virtgpu_device *vg,
				  struct virtgpu_context *ctx, int ring)
{
	struct virtgpu_fence *fence = virtgpu_fence_alloc();
	struct virtgpu_cmd *cmd = kunit_kzalloc(test, sizeof(*cmd), GFP_KERNEL);
	struct virtio_gpu_ctrl_hdr *hdr;

	KUNIT_ASSERT_NOT_NULL(test, fence);
	KUNIT_ASSERT_NOT_NULL(test, cmd);
	mutex_lock(&vg->render->fences.emit);
	virtgpu_fence_emit(vg, fence, cmd, ctx, ring);
	mutex_unlock(&vg->render->fences.emit);

	KUNIT_EXPECT_PTR_EQ(test, cmd->fence, fence);
	hdr = (void *)cmd->req;
	KUNIT_EXPECT_EQ(test, le64_to_cpu(hdr->fence_id), fence->base.seqno);
	KUNIT_EXPECT_TRUE(test, le32_to_cpu(hdr->flags) & VIRTIO_GPU_FLAG_FENCE);
	KUNIT_EXPECT_EQ(test, !!(le32_to_cpu(hdr->flags) & VIRTIO_GPU_FLAG_INFO_RING_IDX),
			ring != VIRTGPU_NO_RING);
	KUNIT_EXPECT_EQ(test, hdr->ring_idx, ring == VIRTGPU_NO_RING ? 0 : ring);
	return fence;
}

static void emit_all(struct kunit *test, struct virtgpu_device *vg, struct virtgpu_fence **fences,
		     int count)
{
	int i;

	for (i = 0; i < count; i++)
		fences[i] = emit(test, vg, NULL, VIRTGPU_NO_RING);
}

static bool signaled(const struct virtgpu_fence *fence)
{
	return test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->base.flags);
}

static struct virtgpu_context *make_context(struct kunit *test, struct virtgpu_device *vg)
{
	struct drm_file *file = kunit_kzalloc(test, sizeof(*file), GFP_KERNEL);
	struct virtgpu_context *ctx;

	KUNIT_ASSERT_NOT_NULL(test, file);
	vg->has_3d = true;
	KUNIT_ASSERT_EQ(test, virtgpu_context_open(&vg->drm, file), 0);
	ctx = file->driver_priv;
	ctx->num_rings = 2;
	ctx->fence_context = dma_fence_context_alloc(2);
	return ctx;
}

static void end(struct virtgpu_device *vg, struct virtgpu_context *ctx,
		struct virtgpu_fence **fences, int count)
{
	int i;

	for (i = 0; i < count; i++)
		virtgpu_fence_put(vg, fences[i]);
	if (ctx)
		virtgpu_context_put(ctx);
	virtgpu_fences_stop(vg);
	flush_workqueue(vg->wq);
}

static void fences_are_numbered_in_order(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_fence *fences[3];
	int i;

	emit_all(test, vg, fences, 3);
	/* 0 means that a fence has not been emitted. */
	KUNIT_EXPECT_GT(test, fences[0]->base.seqno, 0);
	KUNIT_EXPECT_GT(test, fences[1]->base.seqno, fences[0]->base.seqno);
	KUNIT_EXPECT_GT(test, fences[2]->base.seqno, fences[1]->base.seqno);
	for (i = 0; i < 3; i++)
		virtgpu_fence_done(vg, fences[i], 0, true);
	KUNIT_EXPECT_TRUE(test, list_empty(&vg->render->fences.pending));
	end(vg, NULL, fences, 3);
}

static void answer_signals_those_before(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_fence *fences[3];

	emit_all(test, vg, fences, 3);
	virtgpu_fence_done(vg, fences[1], 0, true);
	KUNIT_EXPECT_TRUE(test, signaled(fences[0]));
	KUNIT_EXPECT_TRUE(test, signaled(fences[1]));
	KUNIT_EXPECT_FALSE(test, signaled(fences[2]));
	/* The late answer to the first one changes nothing. */
	virtgpu_fence_done(vg, fences[0], 0, true);
	KUNIT_EXPECT_FALSE(test, signaled(fences[2]));
	virtgpu_fence_done(vg, fences[2], 0, true);
	KUNIT_EXPECT_TRUE(test, signaled(fences[2]));
	end(vg, NULL, fences, 3);
}

/* The fence signals only after &virtgpu_cmd.done has happened. */
static void answer_waits_for_what_is_to_be_done(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_fence *fences[3];

	emit_all(test, vg, fences, 3);
	fences[1]->has_done = true;
	virtgpu_fence_done(vg, fences[2], 0, true);
	KUNIT_EXPECT_TRUE(test, signaled(fences[0]));
	KUNIT_EXPECT_FALSE(test, signaled(fences[1]));
	KUNIT_EXPECT_FALSE(test, signaled(fences[2]));
	virtgpu_fence_done(vg, fences[1], 0, true);
	KUNIT_EXPECT_TRUE(test, signaled(fences[1]));
	KUNIT_EXPECT_TRUE(test, signaled(fences[2]));
	virtgpu_fence_done(vg, fences[0], 0, true);
	end(vg, NULL, fences, 3);
}

/* The host did not answer the command, so its end says nothing about the others. */
static void unanswered_end_waits_for_those_before(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_fence *fences[3];
	int i;

	emit_all(test, vg, fences, 3);
	virtgpu_fence_done(vg, fences[1], -ENOMEM, false);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_FALSE(test, signaled(fences[i]));
	virtgpu_fence_done(vg, fences[0], 0, true);
	KUNIT_EXPECT_TRUE(test, signaled(fences[0]));
	KUNIT_EXPECT_TRUE(test, signaled(fences[1]));
	KUNIT_EXPECT_FALSE(test, signaled(fences[2]));
	KUNIT_EXPECT_EQ(test, fences[0]->base.error, 0);
	KUNIT_EXPECT_EQ(test, fences[1]->base.error, -ENOMEM);
	virtgpu_fence_done(vg, fences[2], 0, true);
	end(vg, NULL, fences, 3);
}

/* The host answers an error at once, while it still executes earlier commands. */
static void error_answer_waits_for_those_before(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_fence *fences[2];

	emit_all(test, vg, fences, 2);
	virtgpu_fence_done(vg, fences[1], -EINVAL, true);
	KUNIT_EXPECT_FALSE(test, signaled(fences[0]));
	KUNIT_EXPECT_FALSE(test, signaled(fences[1]));
	virtgpu_fence_done(vg, fences[0], 0, true);
	KUNIT_EXPECT_TRUE(test, signaled(fences[1]));
	KUNIT_EXPECT_EQ(test, fences[0]->base.error, 0);
	KUNIT_EXPECT_EQ(test, fences[1]->base.error, -EINVAL);
	end(vg, NULL, fences, 2);
}

static void rings_are_timelines_of_their_own(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_context *ctx = make_context(test, vg);
	struct virtgpu_fence *fences[3];

	fences[0] = emit(test, vg, NULL, VIRTGPU_NO_RING);
	fences[1] = emit(test, vg, ctx, 0);
	fences[2] = emit(test, vg, ctx, 1);
	KUNIT_EXPECT_NE(test, fences[1]->base.context, fences[0]->base.context);
	KUNIT_EXPECT_EQ(test, fences[2]->base.context, fences[1]->base.context + 1);
	virtgpu_fence_done(vg, fences[2], 0, true);
	KUNIT_EXPECT_FALSE(test, signaled(fences[0]));
	KUNIT_EXPECT_FALSE(test, signaled(fences[1]));
	KUNIT_EXPECT_TRUE(test, signaled(fences[2]));
	virtgpu_fence_done(vg, fences[0], 0, true);
	KUNIT_EXPECT_FALSE(test, signaled(fences[1]));
	virtgpu_fence_done(vg, fences[1], 0, true);
	KUNIT_EXPECT_TRUE(test, signaled(fences[1]));
	end(vg, ctx, fences, 3);
}

/* A fence on a ring keeps its context, because the host drops a fence with its context. */
static void fence_keeps_its_context(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_context *ctx = make_context(test, vg);
	struct virtgpu_fence *fence;

	fence = emit(test, vg, ctx, 1);
	KUNIT_EXPECT_EQ(test, kref_read(&ctx->refs), 2);
	virtgpu_fence_done(vg, fence, 0, true);
	KUNIT_EXPECT_EQ(test, kref_read(&ctx->refs), 1);
	end(vg, ctx, &fence, 1);
}

static void lost_device_is_an_io_error(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_fence *fences[2];

	emit_all(test, vg, fences, 2);
	virtgpu_fence_done(vg, fences[0], -ENODEV, false);
	virtgpu_fence_done(vg, fences[1], -EINVAL, true);
	KUNIT_EXPECT_EQ(test, fences[0]->base.error, -EIO);
	KUNIT_EXPECT_EQ(test, fences[1]->base.error, -EINVAL);
	end(vg, NULL, fences, 2);
}

static void fence_timeout_is_at_least_a_second(struct kunit *test)
{
	unsigned int old = fence_timeout;

	KUNIT_EXPECT_EQ(test, virtgpu_fence_patience(), old * HZ);
	fence_timeout = 0;
	KUNIT_EXPECT_EQ(test, virtgpu_fence_patience(), HZ);
	fence_timeout = old;
}

/* Moves the start of a fence and of its timeline into the past. */
static void grow_old(struct virtgpu_fence *fence, unsigned long age)
{
	fence->since = jiffies - age;
	if (fence->progress)
		*fence->progress = fence->since;
}

static bool has_late(struct virtgpu_device *vg)
{
	bool has_pending, has_late;

	spin_lock_bh(&vg->render->fences.lock);
	has_late = virtgpu_fence_late(&vg->render->fences, &has_pending);
	spin_unlock_bh(&vg->render->fences.lock);
	return has_late;
}

/* For a late fence the device is asked, and the work runs again after the usual time. */
static void late_fence_does_not_slow_the_watch(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_fence *fence = emit(test, vg, NULL, VIRTGPU_NO_RING);

	/* Only a device that is up is asked. */
	vg->recovery->life.state = VIRTGPU_RUNNING;
	grow_old(fence, virtgpu_fence_patience());
	cancel_delayed_work_sync(&vg->render->fences.watch);
	virtgpu_fence_watch(&vg->render->fences.watch.work);
	KUNIT_EXPECT_TRUE(test, vg->recovery->life.is_asked);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&vg->render->fences.watch));
	KUNIT_EXPECT_TRUE(test, time_before_eq(vg->render->fences.watch.timer.expires,
					       jiffies + VIRTGPU_FENCE_WATCH));

	virtgpu_life_disable(vg);
	virtgpu_fence_done(vg, fence, -EIO, false);
	end(vg, NULL, &fence, 1);
}

static void fence_behind_others_has_its_time_from_their_end_on(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_fence *fences[2];

	emit_all(test, vg, fences, 2);
	grow_old(fences[0], virtgpu_fence_patience());
	grow_old(fences[1], virtgpu_fence_patience());
	KUNIT_EXPECT_TRUE(test, has_late(vg));
	virtgpu_fence_done(vg, fences[0], 0, true);
	KUNIT_EXPECT_FALSE(test, has_late(vg));
	virtgpu_fence_done(vg, fences[1], 0, true);
	end(vg, NULL, fences, 2);
}

static void polled_ring_is_never_late(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_context *ctx = make_context(test, vg);
	struct virtgpu_fence *fence;

	ctx->poll_mask = BIT(1);
	fence = emit(test, vg, ctx, 1);
	KUNIT_EXPECT_EQ(test, kref_read(&ctx->refs), 1);
	grow_old(fence, 2 * virtgpu_fence_patience());
	KUNIT_EXPECT_FALSE(test, has_late(vg));
	/* The fence ends with its context. */
	virtgpu_fences_cancel(vg, ctx);
	KUNIT_EXPECT_TRUE(test, signaled(fence));
	KUNIT_EXPECT_EQ(test, fence->base.error, -ECANCELED);
	virtgpu_fence_done(vg, fence, 0, true);
	end(vg, ctx, &fence, 1);
}

/* Only the context whose work does not end is lost, with all its fences. */
static void guilty_context_is_lost_alone(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_context *guilty = make_context(test, vg), *other = make_context(test, vg);
	struct virtgpu_fence *fences[4];

	guilty->is_created = true;
	other->is_created = true;
	fences[0] = emit(test, vg, guilty, VIRTGPU_NO_RING);
	fences[1] = emit(test, vg, other, VIRTGPU_NO_RING);
	fences[2] = emit(test, vg, guilty, 1);
	fences[3] = emit(test, vg, guilty, VIRTGPU_NO_RING);
	grow_old(fences[0], virtgpu_fence_patience());
	fences[1]->since = fences[0]->since;
	virtgpu_fences_lose_contexts(vg);
	KUNIT_EXPECT_TRUE(test, guilty->is_lost);
	KUNIT_EXPECT_FALSE(test, other->is_lost);
	KUNIT_EXPECT_TRUE(test, signaled(fences[0]));
	KUNIT_EXPECT_EQ(test, fences[0]->base.error, -EIO);
	KUNIT_EXPECT_TRUE(test, signaled(fences[2]));
	KUNIT_EXPECT_FALSE(test, signaled(fences[1]));
	/* A timeline keeps its order. */
	KUNIT_EXPECT_FALSE(test, signaled(fences[3]));
	virtgpu_fence_done(vg, fences[1], 0, true);
	KUNIT_EXPECT_TRUE(test, signaled(fences[3]));
	KUNIT_EXPECT_EQ(test, fences[1]->base.error, 0);
	KUNIT_EXPECT_EQ(test, fences[3]->base.error, -EIO);
	virtgpu_fence_done(vg, fences[0], 0, true);
	virtgpu_fence_done(vg, fences[2], 0, true);
	virtgpu_fence_done(vg, fences[3], 0, true);
	virtgpu_context_put(other);
	end(vg, guilty, fences, 4);
}

static struct kunit_case virtgpu_fence_cases[] = {
	KUNIT_CASE(fences_are_numbered_in_order),
	KUNIT_CASE(answer_signals_those_before),
	KUNIT_CASE(answer_waits_for_what_is_to_be_done),
	KUNIT_CASE(unanswered_end_waits_for_those_before),
	KUNIT_CASE(error_answer_waits_for_those_before),
	KUNIT_CASE(rings_are_timelines_of_their_own),
	KUNIT_CASE(fence_keeps_its_context),
	KUNIT_CASE(lost_device_is_an_io_error),
	KUNIT_CASE(fence_timeout_is_at_least_a_second),
	KUNIT_CASE(late_fence_does_not_slow_the_watch),
	KUNIT_CASE(fence_behind_others_has_its_time_from_their_end_on),
	KUNIT_CASE(polled_ring_is_never_late),
	KUNIT_CASE(guilty_context_is_lost_alone),
	{}
};

struct kunit_suite virtgpu_fence_suite = {
	.name = "virtgpu_fence",
	.test_cases = virtgpu_fence_cases,
};
