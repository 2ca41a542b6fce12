// SPDX-License-Identifier: GPL-2.0
/*
 * What the host writes into buffer objects. Where the host sees a copy of the memory, in bounce
 * buffers, that is brought to the CPU before the command's fence is signalled.
 *
 * The host may leave some of the bytes as they are, and what comes back is all of them. So the
 * bounce buffers have to hold what the CPU wrote last when the command is sent, and of one object
 * no two commands bring something back at the same time: the first would undo what the CPU does
 * after its fence.
 */
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include <drm/drm_gem.h>

#include "memory/arrival.h"
#include "memory/gem.h"
#include "transport/transport.h"

/**
 * struct virtgpu_arrivals - the buffer objects that a command's host writes into
 * @count: how many
 * @bos: the objects, each kept until the command has ended
 */
struct virtgpu_arrivals {
	u32 count;
	struct virtgpu_bo *bos[];
};

/**
 * virtgpu_arrivals_done - %VIRTGPU_DONE_ARRIVALS: bring to the CPU what the host has written
 * @vg: the device
 * @cmd: the command
 */
void virtgpu_arrivals_done(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	struct virtgpu_arrivals *arrivals = cmd->data.arrivals;
	u32 i;

	for (i = 0; i < arrivals->count; i++) {
		struct virtgpu_bo *bo = arrivals->bos[i];

		/* A command that was lost fails, and its host may have written anything. */
		if (cmd->end == VIRTGPU_CMD_ANSWERED)
			virtgpu_dma_sync_for_cpu(vg, &bo->base, &bo->arriving);
		/* Pairs with the acquire in virtgpu_arrival_is_over(). */
		store_release_wake_up(&bo->is_arriving, false);
		virtgpu_bo_put(bo);
	}
	kvfree(arrivals);
}

/**
 * virtgpu_arrivals_init - have a command bring to the CPU what its host writes
 * @vg: the device
 * @cmd: the command, still to be submitted
 * @max: how many objects will be added at most
 *
 * Returns: 0 or -ENOMEM.
 */
int virtgpu_arrivals_init(struct virtgpu_device *vg, struct virtgpu_cmd *cmd, u32 max)
{
	struct virtgpu_arrivals *arrivals;

	if (!virtgpu_dma_needs_sync(vg))
		return 0;
	arrivals = kvzalloc_flex(*arrivals, bos, max);
	if (!arrivals)
		return -ENOMEM;
	cmd->done = VIRTGPU_DONE_ARRIVALS;
	cmd->data.arrivals = arrivals;
	return 0;
}

static bool virtgpu_arrival_is_over(const struct virtgpu_bo *bo)
{
	/* Pairs with the release in virtgpu_arrivals_done(). */
	return !smp_load_acquire(&bo->is_arriving);
}

/**
 * virtgpu_arrival_wait - wait until the CPU has what the host wrote into an object before
 * @bo: the object, its reservation locked
 *
 * Returns: 0 or -ERESTARTSYS.
 */
int virtgpu_arrival_wait(struct virtgpu_bo *bo)
{
	dma_resv_assert_held(bo->base.base.resv);
	return wait_var_event_interruptible(&bo->is_arriving, virtgpu_arrival_is_over(bo));
}

/**
 * virtgpu_arrivals_add - say that a command has the host write into an object
 * @vg: the device
 * @cmd: the command
 * @bo: the object, its reservation locked until the command is submitted
 * @rows: what the host may write of it
 *
 * Does nothing if the host sees the memory itself. The caller shows the device what the CPU wrote.
 *
 * Returns: 0, or -ERESTARTSYS when a signal came before an earlier command was done.
 */
int virtgpu_arrivals_add(struct virtgpu_device *vg, struct virtgpu_cmd *cmd, struct virtgpu_bo *bo,
			 const struct virtgpu_rows *rows)
{
	struct virtgpu_arrivals *arrivals = cmd->data.arrivals;
	int ret;

	if (!arrivals)
		return 0;
	ret = virtgpu_arrival_wait(bo);
	if (ret)
		return ret;
	bo->arriving = *rows;
	bo->is_arriving = true;
	virtgpu_bo_get(bo);
	arrivals->bos[arrivals->count++] = bo;
	return 0;
}
