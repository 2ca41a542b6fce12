// SPDX-License-Identifier: GPL-2.0
#include <linux/sched/signal.h>

#include "render/submit.c"
#include "tests/kunit.h"

static const char *name(struct dma_fence *fence)
{
	return "test";
}

static const struct dma_fence_ops ops = { .get_driver_name = name, .get_timeline_name = name };

static struct virtgpu_bo *make_bo(struct kunit *test, struct virtgpu_device *vg)
{
	struct virtgpu_bo *bo = virtgpu_bo_create(&vg->drm, PAGE_SIZE, 0, 16, 16);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, bo);
	return bo;
}

static struct virtgpu_cmd *make_cmd(struct virtgpu_device *vg)
{
	return virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D,
				 sizeof(struct virtio_gpu_transfer_host_3d));
}

static void count_end(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	int *ended = (int *)cmd->data.number;

	(*ended)++;
}

static const struct virtgpu_done_row counting_rows[VIRTGPU_DONE_COUNT] = {
	[VIRTGPU_DONE_FRAME] = { count_end },
};

static void programs_hear_of_errors(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, virtgpu_submit_error(0), 0);
	KUNIT_EXPECT_EQ(test, virtgpu_submit_error(-ENODEV), -EIO);
	KUNIT_EXPECT_EQ(test, virtgpu_submit_error(-E2BIG), -ENOMEM);
	KUNIT_EXPECT_EQ(test, virtgpu_submit_error(-ETIMEDOUT), -ETIMEDOUT);
}

static void own_ring_is_not_waited_for(struct kunit *test)
{
	struct virtgpu_submit submit = { .fence_context = dma_fence_context_alloc(1) };
	struct dma_fence fence;
	spinlock_t lock;
	int ret;

	spin_lock_init(&lock);
	dma_fence_init(&fence, &ops, &lock, submit.fence_context, 1);
	KUNIT_EXPECT_EQ(test, virtgpu_submit_wait(&submit, &fence), 0);
	/* A fence on another ring is waited for, until a signal comes. */
	submit.fence_context++;
	set_thread_flag(TIF_SIGPENDING);
	ret = virtgpu_submit_wait(&submit, &fence);
	clear_thread_flag(TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, ret, -ERESTARTSYS);
	dma_fence_signal(&fence);
	KUNIT_EXPECT_EQ(test, virtgpu_submit_wait(&submit, &fence), 0);
}

static void lost_context_sends_nothing(struct kunit *test)
{
	static const struct virtgpu_transport_ops ops = { .done = counting_rows };
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_context ctx = { .vg = vg, .is_lost = true };
	const struct virtgpu_rows all = { .length = PAGE_SIZE, .count = 1 };
	struct virtgpu_bo *bo = make_bo(test, vg);
	struct virtgpu_cmd *cmd;
	int ended = 0, i;

	vg->transport->ops = &ops;
	for (i = 0; i < 2; i++) {
		cmd = make_cmd(vg);
		cmd->done = VIRTGPU_DONE_FRAME;
		cmd->data.number = (unsigned long)&ended;
		KUNIT_EXPECT_EQ(test, i ? virtgpu_submit_plain(&ctx, cmd) :
				virtgpu_submit_transfer(&ctx, cmd, &bo->base.base, &all, false),
				-EIO);
		KUNIT_EXPECT_EQ(test, ended, i + 1);
	}
	KUNIT_EXPECT_TRUE(test, list_empty(&vg->render->fences.pending));
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(bo->base.base.resv, DMA_RESV_USAGE_READ));
	KUNIT_EXPECT_EQ(test, vg->transport->ctrl.stats.dropped, 0);
	drm_gem_object_put(&bo->base.base);
}

static void transfer_that_is_not_sent_leaves_no_fence(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_context ctx = { .vg = vg };
	const struct virtgpu_rows all = { .length = PAGE_SIZE, .count = 1 };
	struct virtgpu_bo *bo = make_bo(test, vg);

	KUNIT_EXPECT_EQ(test, virtgpu_submit_transfer(&ctx, make_cmd(vg), &bo->base.base, &all,
						      false), -EIO);
	KUNIT_EXPECT_EQ(test, vg->transport->ctrl.stats.dropped, 1);
	KUNIT_EXPECT_TRUE(test, list_empty(&vg->render->fences.pending));
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(bo->base.base.resv, DMA_RESV_USAGE_READ));
	virtgpu_fences_stop(vg);
	drm_gem_object_put(&bo->base.base);
}

static void signal_ends_a_transfer(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_context ctx = { .vg = vg };
	const struct virtgpu_rows all = { .length = PAGE_SIZE, .count = 1 };
	struct virtgpu_bo *bo = make_bo(test, vg);
	int ret, from_host;

	/* The object has an arrival. */
	vg->use_dma_addr = true;
	bo->is_arriving = true;
	for (from_host = 0; from_host < 2; from_host++) {
		set_thread_flag(TIF_SIGPENDING);
		ret = virtgpu_submit_transfer(&ctx, make_cmd(vg), &bo->base.base, &all, from_host);
		clear_thread_flag(TIF_SIGPENDING);
		KUNIT_EXPECT_EQ(test, ret, -ERESTARTSYS);
		KUNIT_EXPECT_EQ(test, kref_read(&bo->refs), 1);
	}
	KUNIT_EXPECT_TRUE(test, list_empty(&vg->render->fences.pending));
	KUNIT_EXPECT_EQ(test, vg->transport->ctrl.stats.dropped, 0);
	bo->is_arriving = false;
	drm_gem_object_put(&bo->base.base);
}

static struct kunit_case virtgpu_submit_cases[] = {
	KUNIT_CASE(programs_hear_of_errors),
	KUNIT_CASE(own_ring_is_not_waited_for),
	KUNIT_CASE(lost_context_sends_nothing),
	KUNIT_CASE(transfer_that_is_not_sent_leaves_no_fence),
	KUNIT_CASE(signal_ends_a_transfer),
	{}
};

struct kunit_suite virtgpu_submit_suite = {
	.name = "virtgpu_submit",
	.test_cases = virtgpu_submit_cases,
};
