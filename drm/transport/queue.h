/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_QUEUE_H
#define VIRTGPU_QUEUE_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "transport/command.h"
#include "transport/irq.h"

struct virtqueue;

/**
 * struct virtgpu_queue_stats - counters of a queue, for debugfs
 * @commands: commands handed to the device
 * @kicks: notifications sent to the device
 * @interrupts: notifications received from the device
 * @errors: commands that failed
 * @dropped: commands that never reached the device
 */
struct virtgpu_queue_stats {
	u64 commands;
	u64 kicks;
	u64 interrupts;
	u64 errors;
	u64 dropped;
};

/**
 * struct virtgpu_queue - a virtqueue that carries commands
 * @vg: the device
 * @vq: the virtqueue, NULL while the queue is stopped
 * @name: for messages
 * @lock: protects everything below and the virtqueue
 * @space: woken when descriptors become free, and when the queue is stopped or started
 * @dequeue_work: takes finished commands off the virtqueue
 * @dequeue_wq: the workqueue that runs @dequeue_work
 * @finished: answered commands whose &virtgpu_cmd.done is left to @finish_work
 * @ending: how many works are ending commands
 * @finish_work: ends the commands in @finished, because @dequeue_work may run in softirq
 * @kept: commands that could not be sent, and that give something back when they end
 * @is_clean: the device was reset, and was sent nothing since
 * @is_restoring: the device was reset, and not all resources were created again yet
 * @seqno: number of commands that were added so far
 * @in_flight: number of commands that the device holds
 * @unfenced: number of those without a fence, which hosts answer in order
 * @asked: &virtgpu_cmd.seqno of the question whether the device is alive
 * @older: number of commands without a fence before the question that are not answered
 * @has_dropped: a command was not sent because the ring had no room for too long
 * @answers: number of commands that were answered so far
 * @heard: when the device last answered, or got a command while it had none, in jiffies
 * @irq: whether the device is to interrupt, and whether it is to be kicked
 * @stats: counters
 */
struct virtgpu_queue {
	struct virtgpu_device *vg;
	struct virtqueue *vq;
	const char *name;
	spinlock_t lock;
	wait_queue_head_t space;
	struct work_struct dequeue_work;
	struct workqueue_struct *dequeue_wq;
	struct list_head finished;
	unsigned int ending;
	struct work_struct finish_work;
	struct list_head kept;
	bool is_clean;
	bool is_restoring;
	u32 seqno;
	u32 in_flight;
	u32 unfenced;
	u32 asked;
	u32 older;
	bool has_dropped;
	u32 answers;
	unsigned long heard;
	struct virtgpu_irq irq;
	struct virtgpu_queue_stats stats;
};

void virtgpu_queue_init(struct virtgpu_device *vg, struct virtgpu_queue *queue, const char *name,
			bool in_softirq);
int virtgpu_queues_start(struct virtgpu_device *vg);
void virtgpu_queues_stop(struct virtgpu_device *vg);
void virtgpu_queue_restored(struct virtgpu_queue *queue);

int virtgpu_queue_submit(struct virtgpu_queue *queue, struct virtgpu_cmd *cmd);
bool virtgpu_queue_ask(struct virtgpu_queue *queue, struct virtgpu_cmd *cmd);
bool virtgpu_queue_has_lost(struct virtgpu_queue *queue);
void virtgpu_queue_send_kept(struct virtgpu_queue *queue);
void virtgpu_queue_flush(struct virtgpu_queue *queue);
void virtgpu_queue_kick(struct virtgpu_queue *queue);
void virtgpu_queue_kick_again(struct virtgpu_queue *queue);
void virtgpu_queue_reap(struct virtgpu_queue *queue);
void virtgpu_queue_irq_get(struct virtgpu_queue *queue);
void virtgpu_queue_irq_put(struct virtgpu_queue *queue);
unsigned int virtgpu_queue_try_submit(struct virtgpu_queue *queue, struct virtgpu_cmd **cmds,
				      unsigned int count);
int virtgpu_queue_wait(struct virtgpu_queue *queue, struct virtgpu_cmd *cmd);
void virtgpu_queue_stall(struct virtgpu_queue *queue, const char *what, unsigned long patience);
unsigned long virtgpu_queue_slice(unsigned long left);
bool virtgpu_queue_goes_on(struct virtgpu_queue *queue, unsigned long *left);
unsigned long virtgpu_queue_timeout(const struct virtgpu_queue *queue);
unsigned long virtgpu_queue_patience(void);

#endif
