// SPDX-License-Identifier: GPL-2.0
/*
 * Fences: a command that carries one is answered when the host has done what it asks for. A ring of
 * a context is a timeline of its own; what belongs to no ring is on the device's.
 */
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/virtio_gpu.h>

#include <drm/drm_file.h>

#include "virtgpu_context.h"
#include "virtgpu_drv.h"
#include "virtgpu_fence.h"
#include "virtgpu_pm.h"

static unsigned int fence_timeout = 60;
module_param(fence_timeout, uint, 0644);
MODULE_PARM_DESC(fence_timeout,
		 "Seconds that rendering may take before the device is reset (default 60)");

/* How often late fences are looked for: the parameter may have changed meanwhile. */
#define VIRTGPU_FENCE_WATCH	HZ

static unsigned long virtgpu_fence_patience(void)
{
	return max(fence_timeout, 1U) * HZ;
}

static const char *virtgpu_fence_driver_name(struct dma_fence *fence)
{
	return VIRTGPU_DRIVER_NAME;
}

static const char *virtgpu_fence_timeline_name(struct dma_fence *fence)
{
	return "virtgpu";
}

static const struct dma_fence_ops virtgpu_fence_ops = {
	.get_driver_name = virtgpu_fence_driver_name,
	.get_timeline_name = virtgpu_fence_timeline_name,
};

/* Nobody waits for ever: fences of a host that has stopped answering end with a reset. */
static void virtgpu_fence_watch(struct work_struct *work)
{
	struct virtgpu_device *vg = container_of(to_delayed_work(work), struct virtgpu_device,
						 fences.watch);
	struct virtgpu_fences *fences = &vg->fences;
	unsigned long patience = virtgpu_fence_patience();
	struct virtgpu_fence *oldest;
	bool pending, late;

	spin_lock_bh(&fences->lock);
	oldest = list_first_entry_or_null(&fences->pending, struct virtgpu_fence, node);
	pending = oldest;
	late = pending && !oldest->is_late && time_after_eq(jiffies, oldest->since + patience);
	if (late)
		oldest->is_late = true;
	spin_unlock_bh(&fences->lock);

	if (late) {
		virtgpu_queue_stall(&vg->ctrl, "a fenced command", patience);
		virtgpu_reset_schedule(vg, "the host does not finish its work");
	}
	if (pending)
		queue_delayed_work(system_freezable_wq, &fences->watch, VIRTGPU_FENCE_WATCH);
}

/**
 * virtgpu_fences_init - set up a device's fences
 * @vg: the device
 */
void virtgpu_fences_init(struct virtgpu_device *vg)
{
	struct virtgpu_fences *fences = &vg->fences;

	mutex_init(&fences->emit);
	spin_lock_init(&fences->lock);
	INIT_LIST_HEAD(&fences->pending);
	fences->context = dma_fence_context_alloc(1);
	INIT_DELAYED_WORK(&fences->watch, virtgpu_fence_watch);
}

/**
 * virtgpu_fences_stop - stop looking for late fences, before the device goes
 * @vg: the device
 */
void virtgpu_fences_stop(struct virtgpu_device *vg)
{
	disable_delayed_work_sync(&vg->fences.watch);
}

/**
 * virtgpu_fence_alloc - a fence that is still to be emitted
 *
 * Returns: the fence or NULL.
 */
struct virtgpu_fence *virtgpu_fence_alloc(void)
{
	return kzalloc_obj(struct virtgpu_fence);
}

/**
 * virtgpu_fence_put - drop a fence, emitted or not
 * @vg: the device
 * @fence: the fence or NULL
 */
void virtgpu_fence_put(struct virtgpu_device *vg, struct virtgpu_fence *fence)
{
	if (!fence)
		return;
	if (fence->base.seqno) {
		dma_fence_put(&fence->base);
		return;
	}
	if (fence->event)
		drm_event_cancel_free(&vg->drm, fence->event);
	kfree(fence);
}

/**
 * virtgpu_fence_emit - number a fence and tie it to a command
 * @vg: the device
 * @fence: a new fence
 * @cmd: what it waits for; to be queued before &virtgpu_fences.emit, held here, is released
 * @ctx: the context whose ring it belongs to
 * @ring: the ring, or %VIRTGPU_NO_RING
 */
void virtgpu_fence_emit(struct virtgpu_device *vg, struct virtgpu_fence *fence,
			struct virtgpu_cmd *cmd, struct virtgpu_context *ctx, int ring)
{
	struct virtio_gpu_ctrl_hdr *hdr = (void *)cmd->req;
	struct virtgpu_fences *fences = &vg->fences;
	u32 flags = VIRTIO_GPU_FLAG_FENCE;
	u64 context = fences->context;

	lockdep_assert_held(&fences->emit);
	if (ring != VIRTGPU_NO_RING) {
		flags |= VIRTIO_GPU_FLAG_INFO_RING_IDX;
		hdr->ring_idx = ring;
		context = ctx->fence_context + ring;
		virtgpu_context_get(ctx);
		fence->ctx = ctx;
	}
	dma_fence_init64(&fence->base, &virtgpu_fence_ops, NULL, context, ++fences->last);
	fence->since = jiffies;
	fence->has_done = cmd->done;
	cmd->fence = fence;
	dma_fence_get(&fence->base);

	hdr->flags = cpu_to_le32(flags);
	hdr->fence_id = cpu_to_le64(fence->base.seqno);

	/* The list's reference. */
	dma_fence_get(&fence->base);
	spin_lock_bh(&fences->lock);
	fence->is_pending = true;
	list_add_tail(&fence->node, &fences->pending);
	spin_unlock_bh(&fences->lock);
	queue_delayed_work(system_freezable_wq, &fences->watch, VIRTGPU_FENCE_WATCH);
}

/*
 * Takes the fences off the list that are to be signalled now that the command of @fence has ended.
 * @is_last says that the commands before it on its ring have ended, too.
 */
static void virtgpu_fence_collect(struct virtgpu_fences *fences, struct virtgpu_fence *fence,
				  bool is_last, struct list_head *done)
{
	/* A host that is done with it is done with all that it had before on that ring. */
	bool before = is_last;
	struct virtgpu_fence *other, *next;

	lockdep_assert_held(&fences->lock);
	list_for_each_entry_safe(other, next, &fences->pending, node) {
		if (other->base.context != fence->base.context)
			continue;
		/* Of a command that still has something to do those behind wait for it, too. */
		if (!other->has_ended && (!before || other->has_done))
			break;
		if (other == fence)
			before = false;
		other->is_pending = false;
		list_move_tail(&other->node, done);
	}
}

/**
 * virtgpu_fence_done - a command has ended: signal its fence, in the order of its ring
 * @vg: the device
 * @fence: the command's fence; its reference goes
 * @status: how the command ended
 * @answered: whether the host said so. A command that came back otherwise, or with an error, says
 *	nothing of those before it, and its fence waits for theirs
 */
void virtgpu_fence_done(struct virtgpu_device *vg, struct virtgpu_fence *fence, int status,
			bool answered)
{
	struct virtgpu_fences *fences = &vg->fences;
	struct virtgpu_context *ctx = fence->ctx;
	struct virtgpu_fence *other, *next;
	LIST_HEAD(done);

	spin_lock_bh(&fences->lock);
	/* Unless a later one on its ring was answered first. */
	if (fence->is_pending) {
		if (status)
			dma_fence_set_error(&fence->base, status == -ENODEV ? -EIO : status);
		fence->has_ended = true;
		/* Hosts answer an error at once, while they still work on what came before. */
		virtgpu_fence_collect(fences, fence, answered && !status, &done);
	}
	spin_unlock_bh(&fences->lock);

	list_for_each_entry_safe(other, next, &done, node) {
		dma_fence_signal(&other->base);
		if (other->event)
			drm_send_event(&vg->drm, other->event);
		other->event = NULL;
		dma_fence_put(&other->base);
	}
	dma_fence_put(&fence->base);
	/* The host has answered: it may forget the context. */
	if (ctx)
		virtgpu_context_put(ctx);
}
