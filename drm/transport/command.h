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

struct virtgpu_arrivals;
struct virtgpu_bo;
struct virtgpu_cmd;
struct virtgpu_context;
struct virtgpu_device;
struct virtgpu_fence;
struct virtgpu_output;
struct virtgpu_resource;

/* Bytes of a request: enough for a short stream behind its request; others are shorter. */
#define VIRTGPU_CMD_INLINE	160

/* Commands that are allocated in advance: more than one commit on every head needs. */
#define VIRTGPU_CMD_RESERVE	64

/**
 * DOC: How a command ends
 *
 * Every command that was allocated ends exactly once, in one of three ways (&enum
 * virtgpu_cmd_end). What happens then is a row of one table, which is in parts.c, because the
 * functions belong to the parts above the transport. &virtgpu_cmd.done selects the row.
 *
 * All functions run in process context, and may take mutexes, but none of the locks that are held
 * while a command waits for room in the ring. Where a function runs depends on how its command
 * ends:
 *
 * answered
 *	In a work on the driver's workqueue. A lazy command may also end in virtgpu_queue_reap(), in
 *	the commit or the ioctl that sends the next one. Commands without a function may end in
 *	softirq.
 * unsent
 *	In the caller of virtgpu_queue_submit() or virtgpu_cmd_cancel(), before that returns. A
 *	command that gives something back never ends like this.
 * lost
 *	In virtgpu_queues_stop(): in a reset, a suspend or a removal. In the caller of
 *	virtgpu_queue_submit() if the device is reset meanwhile. As for *answered* if the device was
 *	reset and did not have the resource again yet.
 */

/**
 * enum virtgpu_done - what happens when a command has ended
 * @VIRTGPU_DONE_NOTHING: nothing
 * @VIRTGPU_DONE_RESOURCE_CREATED: if it failed: the resource may not exist on the host
 * @VIRTGPU_DONE_RESOURCE_RESTORED: the same after a reset: another resource has to take its place
 * @VIRTGPU_DONE_RESOURCE_ATTACHED: if it failed: the host does not know the backing
 * @VIRTGPU_DONE_RESOURCE_DETACHED: the host no longer uses the pages of a buffer object
 * @VIRTGPU_DONE_RESOURCE_UNREF: the host no longer uses the backing: the resource is freed
 * @VIRTGPU_DONE_ARRIVALS: what the host wrote to bounce buffers is copied to the CPU
 * @VIRTGPU_DONE_FRAME: the host has drawn a frame; lazy, so it often ends in the next commit
 * @VIRTGPU_DONE_SCANOUT: the host may have refused to show a blob
 * @VIRTGPU_DONE_CURSOR_UPLOADED: the host has a cursor's image
 * @VIRTGPU_DONE_CURSOR_ORDERED: the cursor may move again
 * @VIRTGPU_DONE_PANIC: a command of the panic screen may be used again
 * @VIRTGPU_DONE_CONTEXT_CREATED: the host has a context, or the context is lost
 * @VIRTGPU_DONE_CONTEXT_DESTROYED: the number of a context is free
 * @VIRTGPU_DONE_LOST_CONTEXT_DESTROYED: the host has destroyed a context that was lost
 * @VIRTGPU_DONE_QUESTION: the device has answered whether it is alive
 * @VIRTGPU_DONE_COUNT: number of rows
 */
enum virtgpu_done {
	VIRTGPU_DONE_NOTHING,
	VIRTGPU_DONE_RESOURCE_CREATED,
	VIRTGPU_DONE_RESOURCE_RESTORED,
	VIRTGPU_DONE_RESOURCE_ATTACHED,
	VIRTGPU_DONE_RESOURCE_DETACHED,
	VIRTGPU_DONE_RESOURCE_UNREF,
	VIRTGPU_DONE_ARRIVALS,
	VIRTGPU_DONE_FRAME,
	VIRTGPU_DONE_SCANOUT,
	VIRTGPU_DONE_CURSOR_UPLOADED,
	VIRTGPU_DONE_CURSOR_ORDERED,
	VIRTGPU_DONE_PANIC,
	VIRTGPU_DONE_CONTEXT_CREATED,
	VIRTGPU_DONE_CONTEXT_DESTROYED,
	VIRTGPU_DONE_LOST_CONTEXT_DESTROYED,
	VIRTGPU_DONE_QUESTION,
	VIRTGPU_DONE_COUNT,
};

/**
 * struct virtgpu_done_row - a row of the table of what happens when a command has ended
 * @fn: called once when the command has ended, or NULL
 * @on_error: @fn is called only for a command that failed, and costs others nothing
 * @gives_back: @fn gives back what the device may use. So a command that cannot be sent does not
 *	end, but is kept until there is room in the ring, or until a reset, after which it is lost
 */
struct virtgpu_done_row {
	void (*fn)(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);
	bool on_error;
	bool gives_back;
};

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
 * @req_sg: describes @req
 * @payload_sg: describes @payload, if it is in one piece
 * @resp_sg: describes @resp
 * @refs: one reference for the queue, one for a waiter
 * @done: what happens when the command has ended
 * @data: what @done is about
 * @data.arrivals: for %VIRTGPU_DONE_ARRIVALS
 * @data.bo: for %VIRTGPU_DONE_RESOURCE_DETACHED
 * @data.ctx: for contexts
 * @data.output: for frames and cursors
 * @data.res: for %VIRTGPU_DONE_RESOURCE_UNREF
 * @data.number: of a resource that may be freed before the command ends; or of a panic's command
 * @completion: completed after @done has happened
 * @status: 0, or why the command failed
 * @fence: signalled after @done has happened, or NULL
 * @is_quiet: an error answer is a debug message and not an error message
 * @is_lazy: nobody waits for it, so its answer may be taken off the ring later, see irq.h
 * @is_early: it was sent after a reset, before all resources were created again
 * @end: how it ended
 * @node: entry of a list of finished commands
 * @idle: entry of the list of idle commands
 * @seqno: number of the command in its queue
 * @resp_type: type of the response that means success, 0 if the device sends no response
 * @resp_len: bytes the device wrote
 * @resp_min: bytes of a whole response
 * @resp_size: bytes of the response buffer
 * @resp: response buffer: @resp_hdr, or memory that is freed with the command
 * @size: bytes of the request
 * @payload: kvmalloc()ed data that is sent after the request, or NULL
 * @payload_size: bytes of @payload
 * @resp_hdr: buffer for responses that are a bare header
 * @req: the request
 */
struct virtgpu_cmd {
	struct scatterlist req_sg, payload_sg, resp_sg;

	/* Initialized for each use. */
	struct kref refs;
	enum virtgpu_done done;
	union {
		struct virtgpu_arrivals *arrivals;
		struct virtgpu_bo *bo;
		struct virtgpu_context *ctx;
		struct virtgpu_output *output;
		struct virtgpu_resource *res;
		unsigned long number;
	} data;
	struct completion completion;
	int status;
	struct virtgpu_fence *fence;
	bool is_quiet;
	bool is_lazy;
	bool is_early;
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
 * @idle: free commands. Commands are never given back to the kernel before the device goes, but
 *	there are never more than fit into the rings
 * @lock: serializes taking commands from @idle
 */
struct virtgpu_cmd_pool {
	struct llist_head idle;
	spinlock_t lock;
};

const char *virtgpu_cmd_name(u32 type);
u32 virtgpu_cmd_type(const struct virtgpu_cmd *cmd);
int virtgpu_cmd_alloc_resp(struct virtgpu_cmd *cmd, u32 type, u32 size);
void virtgpu_cmd_get(struct virtgpu_cmd *cmd);
void virtgpu_cmd_cancel(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);

int virtgpu_cmd_pool_init(struct virtgpu_device *vg);
void virtgpu_cmd_init(struct virtgpu_cmd *cmd, u32 type, u32 size);
struct virtgpu_cmd *virtgpu_cmd_alloc(struct virtgpu_device *vg, u32 type, u32 size);
void virtgpu_cmd_put(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);

int virtgpu_cmd_check(struct virtgpu_device *vg, const struct virtgpu_cmd *cmd);
bool virtgpu_cmd_is_refused(const struct virtgpu_cmd *cmd);
bool virtgpu_cmd_had_no_effect(const struct virtgpu_cmd *cmd, int ret);

#endif
