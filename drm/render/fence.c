// SPDX-License-Identifier: GPL-2.0
/*
 * Fences: a command that carries one is answered when the host has done what it asks for. A ring of
 * a context is a timeline of its own; what belongs to no ring is on the device's.
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

/* How often late fences are looked for: the parameter may have changed meanwhile. */
#define VIRTGPU_FENCE_WATCH	HZ

/**
 * virtgpu_fence_patience - how long rendering may take
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

/* A fence whose timeline has not moved for too long, or NULL. */
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

/* Has the device asked whether it is alive when it does not finish its work in time. */
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
 * virtgpu_fences_init - set up a device's fences
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
 * virtgpu_fences_stop - stop looking for late fences, before the device goes
 * @vg: the device
 */
void virtgpu_fences_stop(struct virtgpu_device *vg)
{
	disable_delayed_work_sync(&vg->render->fences.watch);
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
 * @ctx: the context whose command it is
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
	 * A polled ring's fence stands for something that happens, perhaps in hours, and hosts
	 * signal it when the context goes at the latest: it is never late, nor keeps the context.
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
		/* A fence waits for those before it whose command still has a callback to run. */
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

/* Ends the fences of a context; of one that belongs to none, that one. */
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
		/* Others behind it get their time from here on. */
		if (fence->progress)
			*fence->progress = jiffies;
	}
}

/* Takes fences that were given up off the list, where nothing on their timelines is before them. */
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
 * virtgpu_fences_give_up - the host is alive, and does not finish some work: lose whose it is
 * @vg: the device
 */
void virtgpu_fences_give_up(struct virtgpu_device *vg)
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
		/* The context is lost first, because programs act when they hear of the fence. */
		virtgpu_context_lose(vg, owner);
		spin_lock_bh(&fences->lock);
		late = virtgpu_fence_late(fences, &has_pending);
		if (!late || late->owner != owner)
			continue;
		virtgpu_fences_end(vg, late);
	}
	virtgpu_fences_collect(fences, &done);
	spin_unlock_bh(&fences->lock);
	virtgpu_fences_signal(vg, &done);
}

/**
 * virtgpu_fences_cancel - the host has forgotten a context: signal the fences of its rings
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
	struct virtgpu_fences *fences = &vg->render->fences;
	struct virtgpu_context *ctx = fence->ctx;
	LIST_HEAD(done);

	spin_lock_bh(&fences->lock);
	/* Unless a later one on its ring was answered first. */
	if (fence->is_pending) {
		if (status)
			dma_fence_set_error(&fence->base, status == -ENODEV ? -EIO : status);
		fence->has_ended = true;
		/* Hosts answer an error at once, while they still work on what came before. */
		virtgpu_fence_collect(fences, fence, answered && !status, &done);
		if (fence->progress && !list_empty(&done))
			*fence->progress = jiffies;
	}
	spin_unlock_bh(&fences->lock);

	virtgpu_fences_signal(vg, &done);
	dma_fence_put(&fence->base);
	/* The host has answered: it may forget the context. */
	if (ctx)
		virtgpu_context_put(ctx);
}
