/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_FENCE_H
#define VIRTGPU_FENCE_H

#include <linux/dma-fence.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct drm_pending_event;
struct virtgpu_cmd;
struct virtgpu_context;
struct virtgpu_device;

/* The ring of a fence on the device's timeline, which belongs to no ring of a context. */
#define VIRTGPU_NO_RING		(-1)

/**
 * struct virtgpu_fence - signals when the host has executed a command and all before it on its ring
 * @base: the DMA fence
 * @node: entry of &virtgpu_fences.pending
 * @is_pending: it is in that list: from its emission until it is about to be signalled
 * @has_ended: its command has ended, and the fence waits for those before it
 * @has_done: its command has a &virtgpu_cmd.done, which happens before the fence is signalled
 * @owner: &virtgpu_context.owner of the context of its command, or 0
 * @is_given_up: the host does not finish its command
 * @progress: when a fence of its timeline was last signalled, in jiffies, or NULL if it is never
 *	late
 * @event: event for a file that polls the ring, or NULL
 * @ctx: the context to which it holds a reference, or NULL
 * @since: when it was emitted, in jiffies
 */
struct virtgpu_fence {
	struct dma_fence base;
	struct list_head node;
	bool is_pending;
	bool has_ended;
	bool has_done;
	bool is_given_up;
	struct drm_pending_event *event;
	u64 owner;
	struct virtgpu_context *ctx;
	unsigned long *progress;
	unsigned long since;
};

/**
 * struct virtgpu_fences - a device's fences
 * @emit: held while a fence is numbered and its command is queued, so that both have the same order
 * @lock: protects @pending
 * @pending: fences that are emitted and not signalled, in order
 * @last: number of the last fence
 * @context: &dma_fence.context of fences on the device's timeline
 * @progress: when one of these was last signalled, in jiffies
 * @late: how many fences were late on a host that was alive
 * @watch: work that looks for late fences
 */
struct virtgpu_fences {
	struct mutex emit;
	spinlock_t lock;
	struct list_head pending;
	u64 last;
	u64 context;
	unsigned long progress;
	u32 late;
	struct delayed_work watch;
};

void virtgpu_fences_init(struct virtgpu_device *vg);
void virtgpu_fences_stop(struct virtgpu_device *vg);
void virtgpu_fences_lose_contexts(struct virtgpu_device *vg);
unsigned long virtgpu_fence_patience(void);

struct virtgpu_fence *virtgpu_fence_alloc(void);
void virtgpu_fence_put(struct virtgpu_device *vg, struct virtgpu_fence *fence);
void virtgpu_fence_emit(struct virtgpu_device *vg, struct virtgpu_fence *fence,
			struct virtgpu_cmd *cmd, struct virtgpu_context *ctx, int ring);
void virtgpu_fence_done(struct virtgpu_device *vg, struct virtgpu_fence *fence, int status,
			bool answered);
void virtgpu_fences_cancel(struct virtgpu_device *vg, const struct virtgpu_context *ctx);

#endif
