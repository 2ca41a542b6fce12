// SPDX-License-Identifier: GPL-2.0
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

#include "memory/arrival.c"
#include "tests/kunit.h"

static const struct virtgpu_rows all = { .length = PAGE_SIZE, .count = 1 };

/* A device with bounce buffers. */
static struct virtgpu_device *make_device(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	vg->use_dma_addr = true;
	KUNIT_ASSERT_TRUE(test, virtgpu_dma_needs_sync(vg));
	return vg;
}

static struct virtgpu_bo *make_bo(struct kunit *test, struct virtgpu_device *vg)
{
	struct virtgpu_bo *bo = virtgpu_bo_create(&vg->drm, PAGE_SIZE, 0, 16, 16);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, bo);
	return bo;
}

static struct virtgpu_cmd *make_cmd(struct kunit *test, struct virtgpu_device *vg, u32 max)
{
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D,
				sizeof(struct virtio_gpu_transfer_host_3d));
	KUNIT_ASSERT_EQ(test, virtgpu_arrivals_init(vg, cmd, max), 0);
	return cmd;
}

static int add(struct virtgpu_device *vg, struct virtgpu_cmd *cmd, struct virtgpu_bo *bo)
{
	int ret;

	dma_resv_lock(bo->base.base.resv, NULL);
	ret = virtgpu_arrivals_add(vg, cmd, bo, &all);
	dma_resv_unlock(bo->base.base.resv);
	return ret;
}

static void objects_arrive_until_their_command_ends(struct kunit *test)
{
	struct virtgpu_device *vg = make_device(test);
	struct virtgpu_bo *bos[] = { make_bo(test, vg), make_bo(test, vg) };
	struct virtgpu_cmd *cmd = make_cmd(test, vg, ARRAY_SIZE(bos));
	int i;

	for (i = 0; i < ARRAY_SIZE(bos); i++) {
		KUNIT_EXPECT_EQ(test, add(vg, cmd, bos[i]), 0);
		KUNIT_EXPECT_TRUE(test, bos[i]->is_arriving);
		/* The host may write to it after the program has closed it. */
		KUNIT_EXPECT_EQ(test, kref_read(&bos[i]->refs), 2);
	}
	virtgpu_cmd_cancel(vg, cmd);
	for (i = 0; i < ARRAY_SIZE(bos); i++) {
		KUNIT_EXPECT_FALSE(test, bos[i]->is_arriving);
		KUNIT_EXPECT_EQ(test, kref_read(&bos[i]->refs), 1);
		drm_gem_object_put(&bos[i]->base.base);
	}
}

static void nothing_arrives_where_the_host_sees_the_memory(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_bo *bo = make_bo(test, vg);
	struct virtgpu_cmd *cmd = make_cmd(test, vg, 1);

	KUNIT_EXPECT_NULL(test, cmd->data.arrivals);
	KUNIT_EXPECT_EQ(test, add(vg, cmd, bo), 0);
	KUNIT_EXPECT_FALSE(test, bo->is_arriving);
	KUNIT_EXPECT_EQ(test, kref_read(&bo->refs), 1);
	virtgpu_cmd_cancel(vg, cmd);
	drm_gem_object_put(&bo->base.base);
}

struct ending {
	struct delayed_work work;
	struct virtgpu_device *vg;
	struct virtgpu_cmd *cmd;
};

static void end(struct work_struct *work)
{
	struct ending *ending = container_of(to_delayed_work(work), struct ending, work);

	virtgpu_cmd_cancel(ending->vg, ending->cmd);
}

static void second_command_waits_for_the_first(struct kunit *test)
{
	struct virtgpu_device *vg = make_device(test);
	struct virtgpu_bo *bo = make_bo(test, vg);
	struct ending first = { .vg = vg, .cmd = make_cmd(test, vg, 1) };
	struct virtgpu_cmd *second = make_cmd(test, vg, 1);

	KUNIT_EXPECT_EQ(test, add(vg, first.cmd, bo), 0);
	INIT_DELAYED_WORK_ONSTACK(&first.work, end);
	schedule_delayed_work(&first.work, HZ / 20);
	KUNIT_EXPECT_EQ(test, add(vg, second, bo), 0);
	/* The first command has ended, so the reference belongs to the second. */
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&first.work));
	KUNIT_EXPECT_TRUE(test, bo->is_arriving);
	flush_delayed_work(&first.work);
	KUNIT_EXPECT_EQ(test, kref_read(&bo->refs), 2);
	destroy_delayed_work_on_stack(&first.work);
	virtgpu_cmd_cancel(vg, second);
	drm_gem_object_put(&bo->base.base);
}

static void signal_ends_the_wait(struct kunit *test)
{
	struct virtgpu_device *vg = make_device(test);
	struct virtgpu_bo *bo = make_bo(test, vg);
	struct virtgpu_cmd *first = make_cmd(test, vg, 1), *second = make_cmd(test, vg, 1);
	int ret;

	KUNIT_EXPECT_EQ(test, add(vg, first, bo), 0);
	set_thread_flag(TIF_SIGPENDING);
	ret = add(vg, second, bo);
	clear_thread_flag(TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, ret, -ERESTARTSYS);
	KUNIT_EXPECT_EQ(test, kref_read(&bo->refs), 2);
	/* The second command has no arrival, but the first still has. */
	virtgpu_cmd_cancel(vg, second);
	KUNIT_EXPECT_TRUE(test, bo->is_arriving);
	virtgpu_cmd_cancel(vg, first);
	KUNIT_EXPECT_FALSE(test, bo->is_arriving);
	drm_gem_object_put(&bo->base.base);
}

static struct kunit_case virtgpu_arrival_cases[] = {
	KUNIT_CASE(objects_arrive_until_their_command_ends),
	KUNIT_CASE(nothing_arrives_where_the_host_sees_the_memory),
	KUNIT_CASE(second_command_waits_for_the_first),
	KUNIT_CASE(signal_ends_the_wait),
	{}
};

struct kunit_suite virtgpu_arrival_suite = {
	.name = "virtgpu_arrival",
	.test_cases = virtgpu_arrival_cases,
};
