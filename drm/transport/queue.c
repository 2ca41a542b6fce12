// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Queues
 *
 * The control queue and the cursor queue carry commands to the device. A command is added to the
 * ring by virtgpu_queue_submit(). virtgpu_queue_kick() tells the device of all commands that were
 * added since the last kick. A work takes answered commands off the ring and ends them, see
 * command.h. Nothing in this file depends on what a command means.
 *
 * Waits have a time limit. When a wait times out, the queue is *stalled*: later waits are short,
 * and the device is asked whether it is alive.
 */
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include <drm/drm_print.h>

#include "transport/trace.h"
#include "transport/transport.h"

/* Descriptors of most commands: the request, a payload, the response. */
#define VIRTGPU_CMD_DESCRIPTORS	3

/* A kick may get lost, for example in a host that is not ready yet, so it is repeated. */
#define VIRTGPU_KICK_AGAIN	((unsigned long)HZ)

static unsigned int command_timeout = 10;
module_param(command_timeout, uint, 0644);
MODULE_PARM_DESC(command_timeout,
		 "Seconds to wait for the host's answer to a command (default 10)");

/* Returns how an answered command has ended, given the result of virtgpu_cmd_check(). */
static enum virtgpu_cmd_end virtgpu_cmd_answered(int status)
{
	return status == -ENODEV ? VIRTGPU_CMD_LOST : VIRTGPU_CMD_ANSWERED;
}

static const struct virtgpu_done_row *virtgpu_cmd_row(struct virtgpu_device *vg,
						      const struct virtgpu_cmd *cmd)
{
	return &vg->transport->ops->done[cmd->done];
}

static void virtgpu_cmd_finish(struct virtgpu_device *vg, struct virtgpu_cmd *cmd,
			       enum virtgpu_cmd_end end, int status)
{
	cmd->end = end;
	cmd->status = status;
	if (cmd->done)
		virtgpu_cmd_row(vg, cmd)->fn(vg, cmd);
	if (cmd->fence)
		vg->transport->ops->fence_ended(vg, cmd->fence, status,
					    end == VIRTGPU_CMD_ANSWERED);
	/* A waiter holds a reference, so the command stays valid. */
	if (kref_read(&cmd->refs) > 1)
		complete_all(&cmd->completion);
	virtgpu_cmd_put(vg, cmd);
}

/**
 * virtgpu_cmd_cancel - drop a command that was never submitted
 * @vg: the device
 * @cmd: the command
 */
void virtgpu_cmd_cancel(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	virtgpu_cmd_finish(vg, cmd, VIRTGPU_CMD_UNSENT, -ECANCELED);
}

static void virtgpu_queue_schedule(struct virtgpu_queue *queue)
{
	queue_work(queue->dequeue_wq, &queue->dequeue_work);
}

/*
 * Enables or disables the virtqueue's callbacks after a change of the state. If the device has
 * finished commands meanwhile, it may not interrupt for them, so they are taken off.
 */
static void virtgpu_queue_follow_irq(struct virtgpu_queue *queue, bool was_wanted)
{
	bool is_wanted = virtgpu_irq_is_wanted(&queue->irq);

	lockdep_assert_held(&queue->lock);
	if (is_wanted == was_wanted)
		return;
	if (!is_wanted)
		virtqueue_disable_cb(queue->vq);
	else if (!virtqueue_enable_cb(queue->vq))
		virtgpu_queue_schedule(queue);
}

static void virtgpu_queue_update_irq(struct virtgpu_queue *queue)
{
	bool was_wanted = virtgpu_irq_is_wanted(&queue->irq);

	virtgpu_irq_settle(&queue->irq);
	virtgpu_queue_follow_irq(queue, was_wanted);
}

/* Takes a finished command off the ring. Returns false if there is none. */
static bool virtgpu_queue_collect(struct virtgpu_queue *queue, struct list_head *finished)
{
	struct virtgpu_cmd *cmd;
	unsigned int len;

	lockdep_assert_held(&queue->lock);
	cmd = virtqueue_get_buf(queue->vq, &len);
	if (!cmd)
		return false;
	cmd->resp_len = min(len, cmd->resp_size);
	list_add_tail(&cmd->node, finished);
	queue->answers++;
	queue->heard = jiffies;
	queue->in_flight--;
	if (!cmd->fence)
		queue->unfenced--;
	if (!cmd->fence && queue->older && (s32)(cmd->seqno - queue->asked) < 0)
		queue->older--;
	virtgpu_irq_removed(&queue->irq, cmd->is_lazy);
	return true;
}

static void virtgpu_queue_finish(struct virtgpu_queue *queue, struct list_head *finished,
				 bool may_sleep)
{
	struct virtgpu_device *vg = queue->vg;
	struct virtgpu_cmd *cmd, *next;
	LIST_HEAD(later);

	list_for_each_entry_safe(cmd, next, finished, node) {
		int status = virtgpu_cmd_check(vg, cmd);

		trace_virtgpu_cmd_response(queue->name, cmd->seqno, virtgpu_cmd_type(cmd), status);
		if (status) {
			spin_lock_bh(&queue->lock);
			queue->stats.errors++;
			spin_unlock_bh(&queue->lock);
		}
		if (!status && virtgpu_cmd_row(vg, cmd)->on_error)
			cmd->done = VIRTGPU_DONE_NOTHING;
		if (cmd->done && !may_sleep) {
			cmd->status = status;
			list_move_tail(&cmd->node, &later);
		} else {
			list_del(&cmd->node);
			virtgpu_cmd_finish(vg, cmd, virtgpu_cmd_answered(status), status);
		}
	}
	if (list_empty(&later))
		return;

	spin_lock_bh(&queue->lock);
	list_splice_tail(&later, &queue->finished);
	spin_unlock_bh(&queue->lock);
	queue_work(vg->wq, &queue->finish_work);
}

/* A work has ended the commands that it took. */
static void virtgpu_queue_ended(struct virtgpu_queue *queue)
{
	spin_lock_bh(&queue->lock);
	queue->ending--;
	spin_unlock_bh(&queue->lock);
}

static void virtgpu_queue_finish_rest(struct virtgpu_queue *queue)
{
	struct virtgpu_cmd *cmd, *next;
	LIST_HEAD(finished);

	spin_lock_bh(&queue->lock);
	list_splice_init(&queue->finished, &finished);
	queue->ending++;
	spin_unlock_bh(&queue->lock);
	list_for_each_entry_safe(cmd, next, &finished, node)
		virtgpu_cmd_finish(queue->vg, cmd, virtgpu_cmd_answered(cmd->status), cmd->status);
	virtgpu_queue_ended(queue);
}

static void virtgpu_queue_finish_work(struct work_struct *work)
{
	virtgpu_queue_finish_rest(container_of(work, struct virtgpu_queue, finish_work));
}

static void virtgpu_queue_dequeue(struct virtgpu_queue *queue, bool may_sleep)
{
	struct virtgpu_device *vg = queue->vg;
	bool broken;
	LIST_HEAD(finished);

	spin_lock_bh(&queue->lock);
	if (!queue->vq) {
		spin_unlock_bh(&queue->lock);
		return;
	}
	queue->stats.interrupts++;
	queue->ending++;
	do {
		virtqueue_disable_cb(queue->vq);
		/*
		 * Until the ring is empty, because virtio notices only then that the device has
		 * answered a command that it was not sent.
		 */
		while (virtgpu_queue_collect(queue, &finished))
			;
		virtgpu_irq_settle(&queue->irq);
	} while (virtgpu_irq_is_wanted(&queue->irq) && !virtqueue_enable_cb(queue->vq));

	if (!list_empty(&finished))
		virtgpu_irq_answered(&queue->irq);
	broken = virtqueue_is_broken(queue->vq);
	spin_unlock_bh(&queue->lock);
	if (wq_has_sleeper(&queue->space))
		wake_up_all(&queue->space);

	if (broken)
		vg->trouble->reset(vg, VIRTGPU_CAUSE_BROKEN);
	virtgpu_queue_finish(queue, &finished, may_sleep);
	virtgpu_queue_ended(queue);
}

static void virtgpu_queue_dequeue_work(struct work_struct *work)
{
	virtgpu_queue_dequeue(container_of(work, struct virtgpu_queue, dequeue_work), true);
}

static void virtgpu_queue_dequeue_softirq(struct work_struct *work)
{
	virtgpu_queue_dequeue(container_of(work, struct virtgpu_queue, dequeue_work), false);
}

/**
 * virtgpu_queue_flush - take all commands that the device has finished so far off the ring
 * @queue: the queue
 *
 * Waits for the work that does so. Commands may still be left to &virtgpu_queue.finish_work.
 */
void virtgpu_queue_flush(struct virtgpu_queue *queue)
{
	virtgpu_queue_schedule(queue);
	flush_work(&queue->dequeue_work);
}

/* If not, the works end the commands in the ring, after those that they have taken off before. */
static bool virtgpu_queue_may_reap(const struct virtgpu_queue *queue)
{
	lockdep_assert_held(&queue->lock);
	return queue->vq && !virtgpu_irq_is_wanted(&queue->irq) && list_empty(&queue->finished) &&
	       !queue->ending;
}

/**
 * virtgpu_queue_reap - end lazy commands that the device has finished
 * @queue: the queue
 *
 * Called before the next lazy commands are sent. So no interrupt is needed while frames follow each
 * other.
 */
void virtgpu_queue_reap(struct virtgpu_queue *queue)
{
	LIST_HEAD(finished);

	spin_lock_bh(&queue->lock);
	if (virtgpu_queue_may_reap(queue))
		while (queue->in_flight && virtgpu_queue_collect(queue, &finished))
			;
	spin_unlock_bh(&queue->lock);
	virtgpu_queue_finish(queue, &finished, true);
}

/**
 * virtgpu_queue_irq_get - let the device interrupt also for lazy commands
 * @queue: the queue
 *
 * Lasts until virtgpu_queue_irq_put().
 */
void virtgpu_queue_irq_get(struct virtgpu_queue *queue)
{
	spin_lock_bh(&queue->lock);
	virtgpu_irq_get(&queue->irq);
	if (queue->vq)
		virtgpu_queue_update_irq(queue);
	spin_unlock_bh(&queue->lock);
}

/**
 * virtgpu_queue_irq_put - the opposite of virtgpu_queue_irq_get()
 * @queue: the queue
 */
void virtgpu_queue_irq_put(struct virtgpu_queue *queue)
{
	spin_lock_bh(&queue->lock);
	virtgpu_irq_put(&queue->irq);
	spin_unlock_bh(&queue->lock);
}

/**
 * virtgpu_queue_init - set up a queue, stopped
 * @vg: the device
 * @queue: the queue
 * @name: for messages
 * @in_softirq: take finished commands off in softirq, which pays if most only wake up a waiter
 */
void virtgpu_queue_init(struct virtgpu_device *vg, struct virtgpu_queue *queue, const char *name,
			bool in_softirq)
{
	queue->vg = vg;
	queue->name = name;
	spin_lock_init(&queue->lock);
	init_waitqueue_head(&queue->space);
	queue->dequeue_wq = in_softirq ? system_bh_wq : vg->wq;
	/* Two calls, because lockdep keeps a class for each place of initialization. */
	if (in_softirq)
		INIT_WORK(&queue->dequeue_work, virtgpu_queue_dequeue_softirq);
	else
		INIT_WORK(&queue->dequeue_work, virtgpu_queue_dequeue_work);
	INIT_LIST_HEAD(&queue->finished);
	INIT_WORK(&queue->finish_work, virtgpu_queue_finish_work);
	INIT_LIST_HEAD(&queue->kept);
	queue->is_clean = true;
}

static void virtgpu_ctrl_interrupt(struct virtqueue *vq)
{
	struct virtgpu_device *vg = vq->vdev->priv;

	virtgpu_queue_schedule(&vg->transport->ctrl);
}

static void virtgpu_cursor_interrupt(struct virtqueue *vq)
{
	struct virtgpu_device *vg = vq->vdev->priv;

	virtgpu_queue_schedule(&vg->transport->cursor);
}

static void virtgpu_queue_open(struct virtgpu_queue *queue, struct virtqueue *vq)
{
	spin_lock_bh(&queue->lock);
	virtgpu_irq_open(&queue->irq);
	queue->is_clean = false;
	queue->vq = vq;
	spin_unlock_bh(&queue->lock);
	wake_up_all(&queue->space);
}

/**
 * virtgpu_queues_start - find the virtqueues and let commands through
 * @vg: the device
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_queues_start(struct virtgpu_device *vg)
{
	struct virtqueue_info info[] = {
		{ "control", virtgpu_ctrl_interrupt },
		{ "cursor", virtgpu_cursor_interrupt },
	};
	struct virtqueue *vqs[ARRAY_SIZE(info)];
	int ret;

	ret = virtio_find_vqs(vg->vdev, ARRAY_SIZE(info), vqs, info, NULL);
	if (ret) {
		drm_err(&vg->drm, "cannot set up the queues: %d\n", ret);
		return ret;
	}

	if (!virtio_has_feature(vg->vdev, VIRTIO_RING_F_INDIRECT_DESC) &&
	    virtqueue_get_vring_size(vqs[0]) < VIRTGPU_CMD_DESCRIPTORS) {
		drm_err(&vg->drm, "the control queue has %u descriptors, but a command needs %u\n",
			virtqueue_get_vring_size(vqs[0]), VIRTGPU_CMD_DESCRIPTORS);
		vg->vdev->config->del_vqs(vg->vdev);
		return -EINVAL;
	}

	virtgpu_queue_open(&vg->transport->ctrl, vqs[0]);
	virtgpu_queue_open(&vg->transport->cursor, vqs[1]);
	virtio_device_ready(vg->vdev);
	return 0;
}

static struct virtqueue *virtgpu_queue_close(struct virtgpu_queue *queue)
{
	struct virtqueue *vq;

	spin_lock_bh(&queue->lock);
	vq = queue->vq;
	queue->vq = NULL;
	queue->is_restoring = true;
	/* Waits that begin from now on wait for the restarted device, and have their full time. */
	virtgpu_irq_answered(&queue->irq);
	spin_unlock_bh(&queue->lock);
	wake_up_all(&queue->space);
	return vq;
}

/* Stops the works, and ends the commands that were answered before. No more interrupts come. */
static void virtgpu_queue_cancel(struct virtgpu_queue *queue)
{
	cancel_work_sync(&queue->dequeue_work);
	cancel_work_sync(&queue->finish_work);
	virtgpu_queue_finish_rest(queue);
}

/* Ends the commands that the device held, and those that were kept, after a reset. */
static void virtgpu_queue_reclaim(struct virtgpu_queue *queue, struct virtqueue *vq)
{
	struct virtgpu_cmd *cmd, *next;
	unsigned int len;
	LIST_HEAD(kept);

	spin_lock_bh(&queue->lock);
	queue->is_clean = true;
	list_splice_init(&queue->kept, &kept);
	spin_unlock_bh(&queue->lock);

	while (vq && ((cmd = virtqueue_get_buf(vq, &len)) ||
		      (cmd = virtqueue_detach_unused_buf(vq)))) {
		if (!cmd->is_lazy)
			virtgpu_queue_irq_put(queue);
		virtgpu_cmd_finish(queue->vg, cmd, VIRTGPU_CMD_LOST, -ENODEV);
	}
	list_for_each_entry_safe(cmd, next, &kept, node)
		virtgpu_cmd_finish(queue->vg, cmd, VIRTGPU_CMD_LOST, -ENODEV);

	queue->in_flight = 0;
	queue->unfenced = 0;
	queue->older = 0;
	queue->has_dropped = false;
	virtgpu_irq_answered(&queue->irq);
}

/**
 * virtgpu_queues_stop - reset the device and take every command back
 * @vg: the device
 *
 * From here until virtgpu_queues_start() submitted commands fail with -ENODEV.
 * Safe to call on stopped queues.
 */
void virtgpu_queues_stop(struct virtgpu_device *vg)
{
	struct virtqueue *ctrl = virtgpu_queue_close(&vg->transport->ctrl);
	struct virtqueue *cursor = virtgpu_queue_close(&vg->transport->cursor);

	if (!ctrl)
		return;

	virtio_reset_device(vg->vdev);
	virtgpu_queue_cancel(&vg->transport->ctrl);
	virtgpu_queue_cancel(&vg->transport->cursor);
	virtgpu_queue_reclaim(&vg->transport->ctrl, ctrl);
	virtgpu_queue_reclaim(&vg->transport->cursor, cursor);
	vg->trouble->forget(vg);
	vg->vdev->config->del_vqs(vg->vdev);
}

/**
 * virtgpu_queue_restored - note that all resources were created again after a reset
 * @queue: the queue
 */
void virtgpu_queue_restored(struct virtgpu_queue *queue)
{
	spin_lock_bh(&queue->lock);
	queue->is_restoring = false;
	spin_unlock_bh(&queue->lock);
}

/**
 * virtgpu_queue_patience - how long to wait for a host that is not known to be in trouble
 *
 * Returns: jiffies.
 */
unsigned long virtgpu_queue_patience(void)
{
	return max(command_timeout, 1U) * HZ;
}

/**
 * virtgpu_queue_timeout - how long to wait for the host
 * @queue: the queue
 *
 * Returns: jiffies; 1 while the queue is stalled, so that waiters do not add up their time.
 */
unsigned long virtgpu_queue_timeout(const struct virtgpu_queue *queue)
{
	if (virtgpu_irq_is_stalled(&queue->irq))
		return 1;
	return virtgpu_queue_patience();
}

/**
 * virtgpu_queue_stall - a wait has timed out: ask whether the host is alive
 * @queue: the queue
 * @what: what was waited for
 * @patience: for how long, in jiffies
 */
void virtgpu_queue_stall(struct virtgpu_queue *queue, const char *what, unsigned long patience)
{
	bool is_open, first, was_wanted;

	spin_lock_bh(&queue->lock);
	is_open = queue->vq;
	first = is_open && !virtgpu_irq_is_stalled(&queue->irq);
	was_wanted = virtgpu_irq_is_wanted(&queue->irq);
	virtgpu_irq_stall(&queue->irq);
	if (is_open)
		virtgpu_queue_follow_irq(queue, was_wanted);
	spin_unlock_bh(&queue->lock);

	if (is_open)
		queue->vg->trouble->ask(queue->vg);
	if (first)
		drm_err(&queue->vg->drm, "%s queue: no answer from the host to %s in %lu s\n",
			queue->name, what, patience / HZ);
}

/* Ends a command that could not be sent. */
static void virtgpu_queue_drop(struct virtgpu_queue *queue, struct virtgpu_cmd *cmd, int status)
{
	bool gives_back = virtgpu_cmd_row(queue->vg, cmd)->gives_back;
	bool lost, stopping;

	spin_lock_bh(&queue->lock);
	queue->stats.dropped++;
	stopping = !queue->vq;
	/* -ENODEV from a queue that is open now: the device was reset in between. */
	lost = queue->is_clean || (status == -ENODEV && !stopping);
	if (!lost && gives_back)
		list_add_tail(&cmd->node, &queue->kept);
	if (status == -ETIMEDOUT)
		queue->has_dropped = true;
	spin_unlock_bh(&queue->lock);

	if (lost)
		virtgpu_cmd_finish(queue->vg, cmd, VIRTGPU_CMD_LOST, status);
	else if (!gives_back)
		virtgpu_cmd_finish(queue->vg, cmd, VIRTGPU_CMD_UNSENT, status);
	else if (!stopping && status != -ETIMEDOUT)
		queue->vg->trouble->reset(queue->vg, VIRTGPU_CAUSE_KEPT_BACK);
}

/*
 * Returns how many descriptors have to be free before a command that found no room is tried again;
 * 0 if the ring is too small for it. With indirect descriptors a command takes one, unless there is
 * no memory for its table.
 */
static unsigned int virtgpu_queue_need(unsigned int num_free, unsigned int size, bool has_indirect,
				       unsigned int descs)
{
	if (has_indirect && !num_free)
		return 1;
	return descs <= size ? descs : 0;
}

static bool virtgpu_queue_has_space(struct virtgpu_queue *queue, unsigned int need)
{
	bool space;

	spin_lock_bh(&queue->lock);
	space = !queue->vq || queue->vq->num_free >= need;
	spin_unlock_bh(&queue->lock);
	return space;
}

/*
 * Describes the pages of a vmalloc()ed payload, with adjacent pages joined. Waits for memory, as
 * the allocation of a command does.
 */
static int virtgpu_payload_sgt(struct virtgpu_cmd *cmd, struct sg_table *sgt)
{
	unsigned int count = DIV_ROUND_UP(cmd->payload_size, PAGE_SIZE);
	struct page **pages;
	unsigned int i;
	int ret;

	pages = kvmalloc_array(count, sizeof(*pages), GFP_KERNEL | __GFP_NOFAIL);
	for (i = 0; i < count; i++)
		pages[i] = vmalloc_to_page(cmd->payload + i * PAGE_SIZE);

	ret = sg_alloc_table_from_pages(sgt, pages, count, 0, cmd->payload_size,
					GFP_KERNEL | __GFP_NOFAIL);
	kvfree(pages);
	return ret;
}

static void virtgpu_queue_added(struct virtgpu_queue *queue, struct virtgpu_cmd *cmd)
{
	lockdep_assert_held(&queue->lock);
	cmd->seqno = ++queue->seqno;
	cmd->is_early = queue->is_restoring;
	if (!queue->in_flight)
		queue->heard = jiffies;
	queue->in_flight++;
	if (!cmd->fence)
		queue->unfenced++;
	virtgpu_irq_added(&queue->irq, cmd->is_lazy);
	queue->stats.commands++;
	trace_virtgpu_cmd_queue(queue->name, cmd->seqno, virtgpu_cmd_type(cmd), queue->in_flight);
}

/*
 * Adds a command to the ring. Returns -ENOSPC if the ring has no room now, and sets @need to the
 * number of free descriptors that it takes; -E2BIG if the ring is too small, which is checked here
 * because virtio would warn.
 */
static int virtgpu_queue_add(struct virtgpu_queue *queue, struct virtgpu_cmd *cmd,
			     struct scatterlist **sgs, unsigned int out, unsigned int in,
			     unsigned int descs, unsigned int *need)
{
	int ret = -ENODEV;

	spin_lock_bh(&queue->lock);
	if (queue->vq) {
		unsigned int size = virtqueue_get_vring_size(queue->vq);
		bool has_indirect = virtio_has_feature(queue->vg->vdev,
						       VIRTIO_RING_F_INDIRECT_DESC);

		ret = -ENOSPC;
		if (has_indirect || descs <= size)
			ret = virtqueue_add_sgs(queue->vq, sgs, out, in, cmd, GFP_ATOMIC);
		*need = virtgpu_queue_need(queue->vq->num_free, size, has_indirect, descs);
		if (ret == -ENOSPC && !*need)
			ret = -E2BIG;
	}
	if (!ret)
		virtgpu_queue_added(queue, cmd);
	spin_unlock_bh(&queue->lock);
	return ret;
}

/**
 * virtgpu_queue_submit - hand a command to the device
 * @queue: the queue
 * @cmd: the command; the caller's reference goes with it
 *
 * Waits for room in the ring. The next virtgpu_queue_kick() tells the device. &virtgpu_cmd.done
 * happens in any case. If the command could not be queued, it happens before this function returns.
 * A command that gives something back is kept instead, until virtgpu_queue_send_kept() sends it or
 * the device is reset.
 *
 * Returns: 0, or why the command could not be queued: -ENODEV during a reset, -E2BIG for one that
 * is larger than the ring, -ENOMEM, -EIO, -ETIMEDOUT.
 */
int virtgpu_queue_submit(struct virtgpu_queue *queue, struct virtgpu_cmd *cmd)
{
	struct scatterlist *sgs[3];
	struct sg_table sgt = {};
	unsigned int out = 0, in = 0, descs = 1, need;
	int ret;

	sg_set_buf(&cmd->req_sg, cmd->req, cmd->size);
	sgs[out++] = &cmd->req_sg;

	if (cmd->payload && is_vmalloc_addr(cmd->payload)) {
		ret = virtgpu_payload_sgt(cmd, &sgt);
		if (ret)
			goto drop;
		sgs[out++] = sgt.sgl;
		descs += sgt.nents;
	} else if (cmd->payload) {
		sg_set_buf(&cmd->payload_sg, cmd->payload, cmd->payload_size);
		sgs[out++] = &cmd->payload_sg;
		descs++;
	}

	if (cmd->resp_type) {
		sg_set_buf(&cmd->resp_sg, cmd->resp, cmd->resp_size);
		sgs[out + in++] = &cmd->resp_sg;
		descs++;
	}

	while ((ret = virtgpu_queue_add(queue, cmd, sgs, out, in, descs, &need)) == -ENOSPC) {
		unsigned long left;

		virtgpu_queue_kick(queue);
		virtgpu_queue_irq_get(queue);
		left = virtgpu_queue_timeout(queue);
		while (!wait_event_timeout(queue->space, virtgpu_queue_has_space(queue, need),
					   virtgpu_queue_slice(left)) &&
		       virtgpu_queue_goes_on(queue, &left))
			;
		if (!left)
			virtgpu_queue_stall(queue, "make room in the ring",
					    virtgpu_queue_patience());
		virtgpu_queue_irq_put(queue);
		if (!left) {
			ret = -ETIMEDOUT;
			break;
		}
	}
	if (sgt.sgl)
		sg_free_table(&sgt);
	if (!ret)
		return 0;

	if (ret == -EIO)
		queue->vg->trouble->reset(queue->vg, VIRTGPU_CAUSE_BROKEN);
	else if (ret == -E2BIG)
		drm_err_ratelimited(&queue->vg->drm,
				    "%s queue: the ring is too small for a command of %u descriptors\n",
				    queue->name, descs);
drop:
	virtgpu_queue_drop(queue, cmd, ret);
	return ret;
}

/**
 * virtgpu_queue_ask - send the question whether the device is alive, if the ring has room
 * @queue: the queue
 * @cmd: the command, without a payload; the caller's reference goes with it
 *
 * Does not wait. Older commands without a fence that are not answered before the question are lost,
 * because hosts answer in order; see virtgpu_queue_has_lost().
 *
 * Returns: true if the question was sent. Otherwise @cmd is freed, and &virtgpu_cmd.done does not
 * happen.
 */
bool virtgpu_queue_ask(struct virtgpu_queue *queue, struct virtgpu_cmd *cmd)
{
	struct scatterlist *sgs[] = { &cmd->req_sg, &cmd->resp_sg };
	int ret = -ENODEV;

	sg_set_buf(&cmd->req_sg, cmd->req, cmd->size);
	sg_set_buf(&cmd->resp_sg, cmd->resp, cmd->resp_size);
	spin_lock_bh(&queue->lock);
	if (queue->vq)
		ret = virtqueue_add_sgs(queue->vq, sgs, 1, 1, cmd, GFP_ATOMIC);
	if (!ret) {
		queue->older = queue->unfenced;
		virtgpu_queue_added(queue, cmd);
		queue->asked = cmd->seqno;
	}
	spin_unlock_bh(&queue->lock);
	if (ret)
		virtgpu_cmd_put(queue->vg, cmd);
	else
		virtgpu_queue_kick(queue);
	return !ret;
}

/**
 * virtgpu_queue_has_lost - whether a device that has answered the question has lost commands
 * @queue: the queue
 *
 * Returns: true if it has lost commands, or did not get some, since the last call.
 */
bool virtgpu_queue_has_lost(struct virtgpu_queue *queue)
{
	bool has_lost;

	spin_lock_bh(&queue->lock);
	has_lost = queue->older || queue->has_dropped || !list_empty(&queue->kept);
	queue->older = 0;
	queue->has_dropped = false;
	spin_unlock_bh(&queue->lock);
	return has_lost;
}

/**
 * virtgpu_queue_send_kept - send the commands that were kept because they could not be sent
 * @queue: the queue
 */
void virtgpu_queue_send_kept(struct virtgpu_queue *queue)
{
	struct virtgpu_cmd *cmd, *next;
	LIST_HEAD(kept);

	spin_lock_bh(&queue->lock);
	list_splice_init(&queue->kept, &kept);
	spin_unlock_bh(&queue->lock);
	list_for_each_entry_safe(cmd, next, &kept, node)
		virtgpu_queue_submit(queue, cmd);
	virtgpu_queue_kick(queue);
}

/**
 * virtgpu_queue_kick - tell the device about the commands submitted so far
 * @queue: the queue
 *
 * Does nothing if it has been told already.
 */
void virtgpu_queue_kick(struct virtgpu_queue *queue)
{
	spin_lock_bh(&queue->lock);
	if (!queue->vq || !queue->irq.is_kick_due)
		goto unlock;

	queue->irq.is_kick_due = false;
	virtgpu_queue_update_irq(queue);
	if (virtqueue_kick_prepare(queue->vq)) {
		/* Under the lock, because the queue could be deleted in between. */
		virtqueue_notify(queue->vq);
		queue->stats.kicks++;
	}
unlock:
	spin_unlock_bh(&queue->lock);
}

/**
 * virtgpu_queue_kick_again - repeat the last kick, which the device may have missed
 * @queue: the queue
 */
void virtgpu_queue_kick_again(struct virtgpu_queue *queue)
{
	spin_lock_bh(&queue->lock);
	if (queue->vq && queue->in_flight) {
		virtqueue_notify(queue->vq);
		queue->stats.kicks++;
	}
	spin_unlock_bh(&queue->lock);
}

/**
 * virtgpu_queue_slice - how long to wait before the next virtgpu_queue_kick_again()
 * @left: how long to wait in total, in jiffies
 *
 * Returns: jiffies.
 */
unsigned long virtgpu_queue_slice(unsigned long left)
{
	return min(left, VIRTGPU_KICK_AGAIN);
}

/**
 * virtgpu_queue_goes_on - kick the device again after a virtgpu_queue_slice() without an answer
 * @queue: the queue
 * @left: time that was left before the slice; reduced by the slice
 *
 * Returns: true if time is left.
 */
bool virtgpu_queue_goes_on(struct virtgpu_queue *queue, unsigned long *left)
{
	*left -= virtgpu_queue_slice(*left);
	if (*left)
		virtgpu_queue_kick_again(queue);
	return *left;
}

/**
 * virtgpu_queue_wait - wait for a submitted command
 * @queue: the queue it was submitted to
 * @cmd: the command, of which the caller holds a reference
 *
 * Returns: the command's status, or -ETIMEDOUT.
 */
int virtgpu_queue_wait(struct virtgpu_queue *queue, struct virtgpu_cmd *cmd)
{
	unsigned long left = virtgpu_queue_timeout(queue);

	do {
		if (wait_for_completion_timeout(&cmd->completion, virtgpu_queue_slice(left)))
			return cmd->status;
	} while (virtgpu_queue_goes_on(queue, &left));

	virtgpu_queue_stall(queue, virtgpu_cmd_name(virtgpu_cmd_type(cmd)),
			    virtgpu_queue_patience());
	return -ETIMEDOUT;
}

/**
 * virtgpu_queue_try_submit - hand commands to the device without waiting for anything
 * @queue: the queue
 * @cmds: commands without payload and response
 * @count: number of them
 *
 * For the panic screen, when no lock will be released any more, not even the allocator's. virtio
 * allocates nothing for a command of one descriptor. Kicks the device.
 *
 * Returns: how many commands were queued, the first ones.
 */
unsigned int virtgpu_queue_try_submit(struct virtgpu_queue *queue, struct virtgpu_cmd **cmds,
				      unsigned int count)
{
	unsigned int i;

	if (!spin_trylock(&queue->lock))
		return 0;

	for (i = 0; queue->vq && i < count; i++) {
		struct scatterlist *sg = &cmds[i]->req_sg;

		sg_set_buf(sg, cmds[i]->req, cmds[i]->size);
		if (virtqueue_add_sgs(queue->vq, &sg, 1, 0, cmds[i], 0))
			break;
		virtgpu_queue_added(queue, cmds[i]);
	}
	if (queue->vq && virtqueue_kick_prepare(queue->vq))
		virtqueue_notify(queue->vq);
	spin_unlock(&queue->lock);
	return i;
}
