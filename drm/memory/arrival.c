// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Arrivals
 *
 * If the host writes into a buffer object, it may write into bounce buffers. An *arrival* copies
 * them back for the CPU, before the fence of the command is signalled.
 *
 * All bytes are copied back, also those that the host has not changed. So the bounce buffers have
 * to hold what the CPU wrote last when the command is sent. And an object has only one arrival at a
 * time: a second one would overwrite what the CPU writes after the first one's fence.
 */
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include <drm/drm_gem.h>

#include "memory/arrival.h"
#include "memory/gem.h"
#include "transport/transport.h"

/**
 * struct virtgpu_arrivals - the buffer objects that the host writes into for a command
 * @count: number of objects
 * @bos: the objects, with a reference until the command has ended
 */
struct virtgpu_arrivals {
	u32 count;
	struct virtgpu_bo *bos[];
};

/**
 * virtgpu_arrivals_done - %VIRTGPU_DONE_ARRIVALS: copy what the host has written to the CPU
 * @vg: the device
 * @cmd: the command
 */
void virtgpu_arrivals_done(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	struct virtgpu_arrivals *arrivals = cmd->data.arrivals;
	u32 i;

	for (i = 0; i < arrivals->count; i++) {
		struct virtgpu_bo *bo = arrivals->bos[i];

		/* A lost command fails, and the host may have written only a part. */
		if (cmd->end == VIRTGPU_CMD_ANSWERED)
			virtgpu_dma_sync_for_cpu(vg, &bo->base, &bo->arriving);
		/* Pairs with the acquire in virtgpu_arrival_is_over(). */
		store_release_wake_up(&bo->is_arriving, false);
		virtgpu_bo_put_later(bo);
	}
	kvfree(arrivals);
}

/**
 * virtgpu_arrivals_init - prepare a command for arrivals
 * @vg: the device
 * @cmd: the command, not submitted yet
 * @max: maximum number of objects that will be added
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
 * virtgpu_arrival_wait - wait until an object has no arrival
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
 * virtgpu_arrivals_add - add an object that the host writes into to a command
 * @vg: the device
 * @cmd: the command
 * @bo: the object, its reservation locked until the command is submitted
 * @rows: bytes of the object that the host may write
 *
 * Does nothing if there are no bounce buffers. The caller makes what the CPU wrote visible to the
 * device.
 *
 * Returns: 0, or -ERESTARTSYS if a signal came before an earlier command was done.
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
