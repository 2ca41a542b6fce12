/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_COMMAND_H
#define VIRTGPU_COMMAND_H

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/virtio_gpu.h>

struct virtgpu_cmd;
struct virtgpu_device;
struct virtgpu_fence;

/* A short stream finds room behind its request; all other requests are shorter. */
#define VIRTGPU_CMD_INLINE	160

/* Commands made in advance: more than one commit on every head needs. */
#define VIRTGPU_CMD_RESERVE	64

typedef void (*virtgpu_cmd_done)(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);

/**
 * enum virtgpu_cmd_end - how a command ended
 * @VIRTGPU_CMD_UNSENT: it never reached the device, which may still use what it has
 * @VIRTGPU_CMD_ANSWERED: the device has finished it, well or badly
 * @VIRTGPU_CMD_LOST: the device was reset and uses nothing any more
 */
enum virtgpu_cmd_end {
	VIRTGPU_CMD_UNSENT,
	VIRTGPU_CMD_ANSWERED,
	VIRTGPU_CMD_LOST,
};

/**
 * struct virtgpu_cmd - a command on its way to the device and back
 * @req_sg: where the request is, prepared once
 * @payload_sg: where the payload is, if in one piece
 * @resp_sg: where the response goes to
 * @refs: one for the queue, one for a waiter
 * @done: called once, in process context, when the command ended, whatever the way; may be NULL.
 *	Commands without one may end in softirq
 * @data: for @done
 * @completion: completed after @done ran
 * @status: 0, or why the command failed
 * @fence: signalled when the command ended, after @done ran, or NULL
 * @done_on_error: @done is called only for a command that failed, and costs others nothing
 * @is_quiet: the host may refuse it, which is a debug message, not an error
 * @is_lazy: nobody waits for it: that it ended may be noticed with the next frame
 * @is_early: it was sent before the device that was reset had all resources again
 * @gives_back: @done gives back what the device may use, so it is not called for a command that
 *	ends unsent: such a command is kept until there is room again or the device was reset,
 *	which makes it a lost one
 * @end: how it ended
 * @node: entry of a list of finished commands
 * @idle: entry of the list of idle commands
 * @seqno: position in the queue's history, for the tracepoints
 * @resp_type: response that means success, 0 when the device sends none
 * @resp_len: bytes the device wrote
 * @resp_min: bytes of a whole response
 * @resp_size: bytes of the response buffer
 * @resp: response buffer, @resp_hdr or an allocation of its own
 * @size: bytes of the request
 * @payload: kvmalloc()ed bytes sent behind the request, or NULL
 * @payload_size: their number
 * @resp_hdr: buffer for responses that are a bare header
 * @req: the request
 */
struct virtgpu_cmd {
	struct scatterlist req_sg, payload_sg, resp_sg;

	/* What follows is written anew for each use. */
	struct kref refs;
	virtgpu_cmd_done done;
	void *data;
	struct completion completion;
	int status;
	struct virtgpu_fence *fence;
	bool done_on_error;
	bool is_quiet;
	bool is_lazy;
	bool is_early;
	bool gives_back;
	enum virtgpu_cmd_end end;
	union {
		struct list_head node;
		struct llist_node idle;
	};
	u32 seqno;

	u32 resp_type;
	u32 resp_len;
	u32 resp_min;
	u32 resp_size;
	void *resp;

	u32 size;
	void *payload;
	size_t payload_size;

	struct virtio_gpu_ctrl_hdr resp_hdr;
	u8 req[VIRTGPU_CMD_INLINE] __aligned(8);
};

/**
 * struct virtgpu_cmd_pool - allocator of commands
 * @idle: commands to be used again: as many as there once were at a time, which is what fits into
 *	the rings
 * @lock: protects taking from @idle
 */
struct virtgpu_cmd_pool {
	struct llist_head idle;
	spinlock_t lock;
};

int virtgpu_cmd_pool_init(struct virtgpu_device *vg);
void virtgpu_cmd_init(struct virtgpu_cmd *cmd, u32 type, u32 size);
struct virtgpu_cmd *virtgpu_cmd_alloc(struct virtgpu_device *vg, u32 type, u32 size);
int virtgpu_cmd_alloc_resp(struct virtgpu_cmd *cmd, u32 type, u32 size);
void virtgpu_cmd_get(struct virtgpu_cmd *cmd);
void virtgpu_cmd_cancel(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);
void virtgpu_cmd_put(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);

int virtgpu_cmd_check(struct virtgpu_device *vg, const struct virtgpu_cmd *cmd);
bool virtgpu_cmd_is_refused(const struct virtgpu_cmd *cmd);
bool virtgpu_cmd_had_no_effect(const struct virtgpu_cmd *cmd, int ret);

#endif
