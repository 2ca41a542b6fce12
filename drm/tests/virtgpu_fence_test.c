// SPDX-License-Identifier: GPL-2.0
#include "../virtgpu_fence.c"
#include "virtgpu_kunit.h"

#include "../virtgpu_queue.h"

/* A fence that was emitted with a command, and is still referenced when it is signalled. */
static struct virtgpu_fence *emit(struct kunit *test, struct virtgpu_device *vg,
				  struct virtgpu_context *ctx, int ring)
{
	struct virtgpu_fence *fence = virtgpu_fence_alloc();
	struct virtgpu_cmd *cmd = kunit_kzalloc(test, sizeof(*cmd), GFP_KERNEL);
	struct virtio_gpu_ctrl_hdr *hdr;

	KUNIT_ASSERT_NOT_NULL(test, fence);
	KUNIT_ASSERT_NOT_NULL(test, cmd);
	mutex_lock(&vg->fences.emit);
	virtgpu_fence_emit(vg, fence, cmd, ctx, ring);
	mutex_unlock(&vg->fences.emit);

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
	KUNIT_EXPECT_TRUE(test, list_empty(&vg->fences.pending));
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

/* What the host wrote is not there before that was done. */
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

/* The host did not answer it, so that its end says nothing about the others. */
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

/* The host answers an error at once, and still works on what came before. */
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

/* A fence of a ring keeps its context: the host forgets the fence together with it. */
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

/* A late fence leads to one reset, and the next look for late fences comes as soon as usual. */
static void late_fence_does_not_slow_the_watch(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_fence *fence = emit(test, vg, NULL, VIRTGPU_NO_RING);

	virtgpu_reset_init(vg);
	/* The reset is due later, so that it does not run now. */
	vg->reset_at = jiffies;
	fence->since = jiffies - virtgpu_fence_patience();
	cancel_delayed_work_sync(&vg->fences.watch);
	virtgpu_fence_watch(&vg->fences.watch.work);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&vg->reset_work));
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&vg->fences.watch));
	KUNIT_EXPECT_TRUE(test, time_before_eq(vg->fences.watch.timer.expires,
					       jiffies + VIRTGPU_FENCE_WATCH));

	cancel_delayed_work_sync(&vg->reset_work);
	cancel_delayed_work_sync(&vg->fences.watch);
	virtgpu_fence_watch(&vg->fences.watch.work);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&vg->reset_work));
	virtgpu_reset_disable(vg);
	virtgpu_fence_done(vg, fence, -EIO, false);
	end(vg, NULL, &fence, 1);
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
	{}
};

struct kunit_suite virtgpu_fence_suite = {
	.name = "virtgpu_fence",
	.test_cases = virtgpu_fence_cases,
};
