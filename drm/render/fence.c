// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Fences
 *
 * The host answers a command with a fence when it has executed the command. Each ring of a context
 * is a timeline; other commands are on the timeline of the device. An answer signals the fence and
 * all fences before it on the timeline. If the command was lost with a reset, or could not be sent,
 * the fence ends with an error after the fences before it.
 *
 * A fence is *late* if its timeline has not moved for fence_timeout. Then the device is asked
 * whether it is alive. If it is, the context of the late fence is lost, and its fences end with
 * -EIO.
 */
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/virtio_gpu.h>

#include <drm/drm_file.h>

#include "render/context.h"
#include "render/render.h"

static unsigned int fence_timeout = 60;
module_param(fence_timeout, uint, 0644);
MODULE_PARM_DESC(fence_timeout,
		 "Seconds that rendering may take before its context is lost (default 60)");

/* How often to look for late fences. Often, because fence_timeout may be changed meanwhile. */
#define VIRTGPU_FENCE_WATCH	HZ

/**
 * virtgpu_fence_patience - how long rendering may take before a fence is late
 *
 * Returns: jiffies.
 */
unsigned long virtgpu_fence_patience(void)
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

/* Returns the first late fence, or NULL. */
static struct virtgpu_fence *virtgpu_fence_late(struct virtgpu_fences *fences, bool *has_pending)
{
	unsigned long since, patience = virtgpu_fence_patience();
	struct virtgpu_fence *fence;

	lockdep_assert_held(&fences->lock);
	*has_pending = false;
	list_for_each_entry(fence, &fences->pending, node) {
		if (!fence->progress || fence->is_given_up)
			continue;
		*has_pending = true;
		since = time_after(*fence->progress, fence->since) ? *fence->progress :
								     fence->since;
		if (time_after_eq(jiffies, since + patience))
			return fence;
	}
	return NULL;
}

/* If a fence is late, asks the device whether it is alive. */
static void virtgpu_fence_watch(struct work_struct *work)
{
	struct virtgpu_render *render = container_of(to_delayed_work(work), struct virtgpu_render,
						     fences.watch);
	struct virtgpu_fences *fences = &render->fences;
	struct virtgpu_device *vg = render->vg;
	bool has_pending, is_late;

	spin_lock_bh(&fences->lock);
	is_late = virtgpu_fence_late(fences, &has_pending);
	spin_unlock_bh(&fences->lock);

	if (is_late)
		vg->trouble->ask(vg);
	if (has_pending) {
		virtgpu_queue_kick_again(&vg->transport->ctrl);
		queue_delayed_work(system_freezable_wq, &fences->watch, VIRTGPU_FENCE_WATCH);
	}
}

/**
 * virtgpu_fences_init - initialize a device's fences
 * @vg: the device
 */
void virtgpu_fences_init(struct virtgpu_device *vg)
{
	struct virtgpu_fences *fences = &vg->render->fences;

	mutex_init(&fences->emit);
	spin_lock_init(&fences->lock);
	INIT_LIST_HEAD(&fences->pending);
	fences->context = dma_fence_context_alloc(1);
	fences->progress = jiffies;
	INIT_DELAYED_WORK(&fences->watch, virtgpu_fence_watch);
}

/**
 * virtgpu_fences_stop - stop looking for late fences, before the device is removed
 * @vg: the device
 */
void virtgpu_fences_stop(struct virtgpu_device *vg)
{
	disable_delayed_work_sync(&vg->render->fences.watch);
}

/**
 * virtgpu_fence_alloc - allocate a fence that is not emitted yet
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
 * virtgpu_fence_emit - number a fence and attach it to a command
 * @vg: the device
 * @fence: a new fence
 * @cmd: its command, which the caller queues before it releases &virtgpu_fences.emit
 * @ctx: the context of the command
 * @ring: the ring, or %VIRTGPU_NO_RING
 */
void virtgpu_fence_emit(struct virtgpu_device *vg, struct virtgpu_fence *fence,
			struct virtgpu_cmd *cmd, struct virtgpu_context *ctx, int ring)
{
	struct virtio_gpu_ctrl_hdr *hdr = (void *)cmd->req;
	struct virtgpu_fences *fences = &vg->render->fences;
	u32 flags = VIRTIO_GPU_FLAG_FENCE;
	u64 context = fences->context;

	lockdep_assert_held(&fences->emit);
	if (ring != VIRTGPU_NO_RING) {
		flags |= VIRTIO_GPU_FLAG_INFO_RING_IDX;
		hdr->ring_idx = ring;
		context = ctx->fence_context + ring;
	}
	fence->owner = ctx ? ctx->owner : 0;
	if (ring == VIRTGPU_NO_RING) {
		fence->progress = &fences->progress;
	} else if (!virtgpu_context_polls(ctx, ring)) {
		fence->progress = &ctx->progress[ring];
		virtgpu_context_get(ctx);
		fence->ctx = ctx;
	}
	/*
	 * A fence on a polled ring stands for an event that may happen in hours, and hosts signal
	 * it at the latest when the context is destroyed. So it is never late, and holds no
	 * reference.
	 */
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
	if (fence->progress)
		queue_delayed_work(system_freezable_wq, &fences->watch, VIRTGPU_FENCE_WATCH);
}

/*
 * Moves the fences that are to be signalled, because the command of @fence has ended, to @done.
 * @is_last says that the commands before it on its ring have ended, too.
 */
static void virtgpu_fence_collect(struct virtgpu_fences *fences, struct virtgpu_fence *fence,
				  bool is_last, struct list_head *done)
{
	/* A host that has executed it has executed all commands before it on the ring. */
	bool before = is_last;
	struct virtgpu_fence *other, *next;

	lockdep_assert_held(&fences->lock);
	list_for_each_entry_safe(other, next, &fences->pending, node) {
		if (other->base.context != fence->base.context)
			continue;
		/*
		 * A fence waits for those before it whose &virtgpu_cmd.done has not happened yet.
		 */
		if (!other->has_ended && (!before || other->has_done))
			break;
		if (other == fence)
			before = false;
		other->is_pending = false;
		list_move_tail(&other->node, done);
	}
}

static void virtgpu_fences_signal(struct virtgpu_device *vg, struct list_head *done)
{
	struct virtgpu_fence *fence, *next;

	list_for_each_entry_safe(fence, next, done, node) {
		dma_fence_signal(&fence->base);
		if (fence->event)
			drm_send_event(&vg->drm, fence->event);
		fence->event = NULL;
		dma_fence_put(&fence->base);
	}
}

/* Ends the fences of a context with -EIO. A late fence without a context is ended alone. */
static void virtgpu_fences_end(struct virtgpu_device *vg, struct virtgpu_fence *late)
{
	struct virtgpu_fences *fences = &vg->render->fences;
	struct virtgpu_fence *fence;
	u64 owner = late->owner;

	lockdep_assert_held(&fences->lock);
	list_for_each_entry(fence, &fences->pending, node) {
		if (fence != late && (!owner || fence->owner != owner))
			continue;
		dma_fence_set_error(&fence->base, -EIO);
		fence->has_ended = true;
		fence->is_given_up = true;
		/* The time of the fences behind it starts now. */
		if (fence->progress)
			*fence->progress = jiffies;
	}
}

/* Moves fences that were given up, and are the first on their timelines, to @done. */
static void virtgpu_fences_collect(struct virtgpu_fences *fences, struct list_head *done)
{
	struct virtgpu_fence *fence, *other;

	lockdep_assert_held(&fences->lock);
again:
	list_for_each_entry(fence, &fences->pending, node) {
		if (!fence->is_given_up)
			continue;
		list_for_each_entry(other, &fences->pending, node)
			if (other->base.context == fence->base.context)
				break;
		if (other != fence)
			continue;
		virtgpu_fence_collect(fences, fence, false, done);
		goto again;
	}
}

/**
 * virtgpu_fences_lose_contexts - lose the contexts of late fences, because the host is alive
 * @vg: the device
 */
void virtgpu_fences_lose_contexts(struct virtgpu_device *vg)
{
	struct virtgpu_fences *fences = &vg->render->fences;
	struct virtgpu_fence *late;
	bool has_pending;
	LIST_HEAD(done);
	u64 owner;

	spin_lock_bh(&fences->lock);
	while ((late = virtgpu_fence_late(fences, &has_pending))) {
		owner = late->owner;
		spin_unlock_bh(&fences->lock);
		/* Lose the context first, because programs react when the fence is signalled. */
		virtgpu_context_lose(vg, owner);
		spin_lock_bh(&fences->lock);
		late = virtgpu_fence_late(fences, &has_pending);
		if (!late || late->owner != owner)
			continue;
		WRITE_ONCE(fences->late, fences->late + 1);
		virtgpu_fences_end(vg, late);
	}
	virtgpu_fences_collect(fences, &done);
	spin_unlock_bh(&fences->lock);
	virtgpu_fences_signal(vg, &done);
}

/**
 * virtgpu_fences_cancel - signal the fences of a context that the host has destroyed
 * @vg: the device
 * @ctx: the context
 */
void virtgpu_fences_cancel(struct virtgpu_device *vg, const struct virtgpu_context *ctx)
{
	struct virtgpu_fences *fences = &vg->render->fences;
	struct virtgpu_fence *fence, *next;
	LIST_HEAD(done);

	spin_lock_bh(&fences->lock);
	list_for_each_entry_safe(fence, next, &fences->pending, node) {
		if (fence->base.context - ctx->fence_context >= ctx->num_rings)
			continue;
		dma_fence_set_error(&fence->base, -ECANCELED);
		fence->is_pending = false;
		list_move_tail(&fence->node, &done);
	}
	spin_unlock_bh(&fences->lock);
	virtgpu_fences_signal(vg, &done);
}

/**
 * virtgpu_fence_done - signal the fence of a command that has ended, in the order of its ring
 * @vg: the device
 * @fence: the fence; the command's reference is dropped
 * @status: 0, or why the command failed
 * @answered: the host has answered the command. Without an answer, or with an error, the commands
 *	before it may not have ended, so the fence waits for theirs
 */
void virtgpu_fence_done(struct virtgpu_device *vg, struct virtgpu_fence *fence, int status,
			bool answered)
{
	struct virtgpu_fences *fences = &vg->render->fences;
	struct virtgpu_context *ctx = fence->ctx;
	LIST_HEAD(done);

	spin_lock_bh(&fences->lock);
	/* If a later command on its ring was answered first, it is signalled already. */
	if (fence->is_pending) {
		if (status)
			dma_fence_set_error(&fence->base, status == -ENODEV ? -EIO : status);
		fence->has_ended = true;
		/* Hosts answer an error at once, while they still execute earlier commands. */
		virtgpu_fence_collect(fences, fence, answered && !status, &done);
		if (fence->progress && !list_empty(&done))
			*fence->progress = jiffies;
	}
	spin_unlock_bh(&fences->lock);

	virtgpu_fences_signal(vg, &done);
	dma_fence_put(&fence->base);
	/* The host has answered, so it may destroy the context now. */
	if (ctx)
		virtgpu_context_put(ctx);
}
