// SPDX-License-Identifier: GPL-2.0
#include "transport/queue.c"
#include "reset.h"
#include "tests/kunit.h"

/* A command that was answered by @len bytes, of type @type. */
static struct virtgpu_cmd *answered(struct virtgpu_device *vg, u32 type, u32 len)
{
	struct virtgpu_cmd *cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_RESOURCE_FLUSH,
						    sizeof(struct virtio_gpu_resource_flush));

	cmd->resp_hdr.type = cpu_to_le32(type);
	cmd->resp_len = len;
	return cmd;
}

static int check(struct virtgpu_device *vg, u32 type, u32 len)
{
	struct virtgpu_cmd *cmd = answered(vg, type, len);
	int ret = virtgpu_cmd_check(vg, cmd);

	virtgpu_cmd_put(vg, cmd);
	return ret;
}

#define HDR	sizeof(struct virtio_gpu_ctrl_hdr)

static void right_answer_is_taken(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	KUNIT_EXPECT_EQ(test, check(vg, VIRTIO_GPU_RESP_OK_NODATA, HDR), 0);
}

static void answer_without_a_header_is_none(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	KUNIT_EXPECT_EQ(test, check(vg, VIRTIO_GPU_RESP_OK_NODATA, 0), -EIO);
	KUNIT_EXPECT_EQ(test, check(vg, VIRTIO_GPU_RESP_OK_NODATA, HDR - 1), -EIO);
	/* The device did not write the whole type, so the type is invalid. */
	KUNIT_EXPECT_EQ(test, check(vg, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY, HDR - 1), -EIO);
}

static void short_answer_is_rejected(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_cmd *cmd = answered(vg, VIRTIO_GPU_RESP_OK_NODATA, 0);
	struct virtio_gpu_ctrl_hdr *hdr;

	KUNIT_ASSERT_EQ(test, virtgpu_cmd_alloc_resp(cmd, VIRTIO_GPU_RESP_OK_EDID, 100), 0);
	hdr = cmd->resp;
	hdr->type = cpu_to_le32(VIRTIO_GPU_RESP_OK_EDID);
	cmd->resp_len = 99;
	KUNIT_EXPECT_EQ(test, virtgpu_cmd_check(vg, cmd), -EIO);
	cmd->resp_len = 100;
	KUNIT_EXPECT_EQ(test, virtgpu_cmd_check(vg, cmd), 0);
	virtgpu_cmd_put(vg, cmd);
}

static const struct {
	u32 type;
	int error;
} virtgpu_answers[] = {
	{ VIRTIO_GPU_RESP_ERR_UNSPEC, -EIO },
	{ VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY, -ENOMEM },
	{ VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID, -EINVAL },
	{ VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID, -EINVAL },
	{ VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID, -EINVAL },
	{ VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER, -EINVAL },
	/* Another success, a request, and numbers that the protocol does not have. */
	{ VIRTIO_GPU_RESP_OK_EDID, -EIO },
	{ VIRTIO_GPU_CMD_RESOURCE_FLUSH, -EIO },
	{ VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER + 1, -EIO },
	{ 0, -EIO },
	{ U32_MAX, -EIO },
};

static void errors_become_errnos(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(virtgpu_answers); i++)
		KUNIT_EXPECT_EQ_MSG(test, check(vg, virtgpu_answers[i].type, HDR),
				    virtgpu_answers[i].error, "answer 0x%x",
				    virtgpu_answers[i].type);
}

static void quiet_commands_have_the_same_errnos(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(virtgpu_answers); i++) {
		struct virtgpu_cmd *cmd = answered(vg, virtgpu_answers[i].type, HDR);

		cmd->is_quiet = true;
		KUNIT_EXPECT_EQ(test, virtgpu_cmd_check(vg, cmd), virtgpu_answers[i].error);
		virtgpu_cmd_put(vg, cmd);
	}
}

/* Only the error that the host does not know a resource is caused by the reset. */
static void early_command_is_lost_with_the_reset(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(virtgpu_answers); i++) {
		bool is_lost = virtgpu_answers[i].type == VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
		struct virtgpu_cmd *cmd = answered(vg, virtgpu_answers[i].type, HDR);
		int status;

		cmd->is_early = true;
		status = virtgpu_cmd_check(vg, cmd);
		KUNIT_EXPECT_EQ(test, status, is_lost ? -ENODEV : virtgpu_answers[i].error);
		KUNIT_EXPECT_EQ(test, virtgpu_cmd_answered(status),
				is_lost ? VIRTGPU_CMD_LOST : VIRTGPU_CMD_ANSWERED);
		virtgpu_cmd_put(vg, cmd);
	}
	KUNIT_EXPECT_EQ(test, virtgpu_cmd_answered(0), VIRTGPU_CMD_ANSWERED);
}

static void add(struct virtgpu_queue *queue, struct virtgpu_cmd *cmd)
{
	spin_lock_bh(&queue->lock);
	virtgpu_queue_added(queue, cmd);
	spin_unlock_bh(&queue->lock);
}

/* A queue that was never open has nothing to restore. */
static void commands_are_early_until_all_is_restored(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_queue *ctrl = &vg->transport->ctrl;
	struct virtgpu_cmd *cmd = answered(vg, VIRTIO_GPU_RESP_OK_NODATA, HDR);

	KUNIT_EXPECT_FALSE(test, ctrl->is_restoring);
	virtgpu_queue_close(ctrl);
	add(ctrl, cmd);
	KUNIT_EXPECT_TRUE(test, cmd->is_early);
	virtgpu_queue_restored(ctrl);
	add(ctrl, cmd);
	KUNIT_EXPECT_FALSE(test, cmd->is_early);
	virtgpu_cmd_put(vg, cmd);
}

static void command_without_answer_is_not_judged(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_cmd *cmd = answered(vg, VIRTIO_GPU_RESP_ERR_UNSPEC, 0);

	cmd->resp_type = 0;
	KUNIT_EXPECT_EQ(test, virtgpu_cmd_check(vg, cmd), 0);
	virtgpu_cmd_put(vg, cmd);
}

/* Each request that the driver sends has its own name. */
static void commands_have_names(struct kunit *test)
{
	static const u32 types[] = {
		VIRTIO_GPU_CMD_GET_DISPLAY_INFO, VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
		VIRTIO_GPU_CMD_RESOURCE_UNREF, VIRTIO_GPU_CMD_SET_SCANOUT,
		VIRTIO_GPU_CMD_RESOURCE_FLUSH, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
		VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING,
		VIRTIO_GPU_CMD_GET_CAPSET_INFO, VIRTIO_GPU_CMD_GET_CAPSET, VIRTIO_GPU_CMD_GET_EDID,
		VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
		VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, VIRTIO_GPU_CMD_CTX_CREATE,
		VIRTIO_GPU_CMD_CTX_DESTROY, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE,
		VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, VIRTIO_GPU_CMD_RESOURCE_CREATE_3D,
		VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D,
		VIRTIO_GPU_CMD_SUBMIT_3D, VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB,
		VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, VIRTIO_GPU_CMD_UPDATE_CURSOR,
		VIRTIO_GPU_CMD_MOVE_CURSOR,
	};
	int i, j;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		KUNIT_EXPECT_STRNEQ(test, virtgpu_cmd_name(types[i]), "unknown");
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_STRNEQ(test, virtgpu_cmd_name(types[i]),
					    virtgpu_cmd_name(types[j]));
	}
	KUNIT_EXPECT_STREQ(test, virtgpu_cmd_name(0), "unknown");
	KUNIT_EXPECT_STREQ(test, virtgpu_cmd_name(VIRTIO_GPU_RESP_OK_NODATA), "unknown");
}

/* A command that is used again has no values of its last use. */
static void used_command_comes_back_clean(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_cmd *cmd;
	const void *last;
	int i;

	cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_SUBMIT_3D, VIRTGPU_CMD_INLINE);
	last = cmd;
	memset(cmd->req, 0xff, VIRTGPU_CMD_INLINE);
	cmd->is_quiet = true;
	cmd->is_lazy = true;
	cmd->done = VIRTGPU_DONE_FRAME;
	cmd->resp_type = 0;
	cmd->status = -EIO;
	virtgpu_cmd_put(vg, cmd);

	cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_RESOURCE_FLUSH, 48);
	KUNIT_EXPECT_PTR_EQ(test, (const void *)cmd, last);
	KUNIT_EXPECT_EQ(test, virtgpu_cmd_type(cmd), VIRTIO_GPU_CMD_RESOURCE_FLUSH);
	for (i = 4; i < 48; i++)
		KUNIT_EXPECT_EQ(test, cmd->req[i], 0);
	KUNIT_EXPECT_EQ(test, cmd->size, 48);
	KUNIT_EXPECT_EQ(test, cmd->resp_type, VIRTIO_GPU_RESP_OK_NODATA);
	KUNIT_EXPECT_EQ(test, cmd->resp_min, HDR);
	KUNIT_EXPECT_FALSE(test, cmd->is_quiet || cmd->is_lazy);
	KUNIT_EXPECT_EQ(test, cmd->done, VIRTGPU_DONE_NOTHING);
	KUNIT_EXPECT_EQ(test, cmd->status, 0);
	virtgpu_cmd_put(vg, cmd);
}

static void pool_makes_commands_beyond_its_reserve(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_cmd *cmds[VIRTGPU_CMD_RESERVE + 4];
	int i;

	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		cmds[i] = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_RESOURCE_FLUSH, 48);
		KUNIT_EXPECT_NOT_NULL(test, cmds[i]);
	}
	KUNIT_EXPECT_TRUE(test, llist_empty(&vg->transport->cmds.idle));
	for (i = 0; i < ARRAY_SIZE(cmds); i++)
		virtgpu_cmd_put(vg, cmds[i]);
}

static void note_status(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	*(int *)cmd->data.number = cmd->status;
}

static const struct virtgpu_done_row noting_rows[VIRTGPU_DONE_COUNT] = {
	[VIRTGPU_DONE_FRAME] = { note_status },
	[VIRTGPU_DONE_RESOURCE_CREATED] = { note_status, .on_error = true },
	[VIRTGPU_DONE_RESOURCE_UNREF] = { note_status, .gives_back = true },
};

/* A command whose end sets @status. */
static struct virtgpu_cmd *noted(struct virtgpu_device *vg, enum virtgpu_done done, int *status)
{
	static const struct virtgpu_transport_ops ops = { .done = noting_rows };
	struct virtgpu_cmd *cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_RESOURCE_FLUSH, 48);

	vg->transport->ops = &ops;
	*status = 1;
	cmd->done = done;
	cmd->data.number = (unsigned long)status;
	return cmd;
}

static void answer(struct virtgpu_device *vg, struct virtgpu_cmd *cmd, u32 type)
{
	LIST_HEAD(finished);

	cmd->resp_hdr.type = cpu_to_le32(type);
	cmd->resp_len = HDR;
	list_add(&cmd->node, &finished);
	virtgpu_queue_finish(&vg->transport->ctrl, &finished, true);
}

/* A function for errors is not called for a success. */
static void success_is_no_error(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	int status;

	answer(vg, noted(vg, VIRTGPU_DONE_RESOURCE_CREATED, &status), VIRTIO_GPU_RESP_OK_NODATA);
	KUNIT_EXPECT_EQ(test, status, 1);
	answer(vg, noted(vg, VIRTGPU_DONE_RESOURCE_CREATED, &status),
	       VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
	KUNIT_EXPECT_EQ(test, status, -ENOMEM);
	answer(vg, noted(vg, VIRTGPU_DONE_FRAME, &status), VIRTIO_GPU_RESP_OK_NODATA);
	KUNIT_EXPECT_EQ(test, status, 0);
}

/* Only VIRTGPU_DONE_NOTHING has no function. */
static void everything_done_has_a_function(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	const struct virtgpu_done_row *rows = vg->transport->ops->done;
	unsigned int i;

	KUNIT_EXPECT_NULL(test, rows[VIRTGPU_DONE_NOTHING].fn);
	for (i = VIRTGPU_DONE_NOTHING + 1; i < VIRTGPU_DONE_COUNT; i++)
		KUNIT_EXPECT_NOT_NULL(test, rows[i].fn);
}

static void stopped_queue_ends_commands(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_cmd *cmd;
	int status;

	cmd = noted(vg, VIRTGPU_DONE_FRAME, &status);
	virtgpu_cmd_get(cmd);
	virtgpu_queue_submit(&vg->transport->ctrl, cmd);
	KUNIT_EXPECT_EQ(test, status, -ENODEV);
	KUNIT_EXPECT_EQ(test, vg->transport->ctrl.stats.dropped, 1);
	KUNIT_EXPECT_EQ(test, vg->transport->ctrl.in_flight, 0);
	/* A waiter returns at once. */
	KUNIT_EXPECT_EQ(test, virtgpu_queue_wait(&vg->transport->ctrl, cmd), -ENODEV);
	virtgpu_cmd_put(vg, cmd);
}

/* The queue is closed, but its device is not yet reset and may still use the memory. */
static void what_a_host_may_use_is_kept_until_a_reset(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_cmd *cmd;
	int status;

	/* There is no device to reset. */
	virtgpu_recovery_fini(vg);
	vg->transport->ctrl.is_clean = false;
	cmd = noted(vg, VIRTGPU_DONE_RESOURCE_UNREF, &status);
	virtgpu_cmd_get(cmd);
	virtgpu_queue_submit(&vg->transport->ctrl, cmd);
	KUNIT_EXPECT_EQ(test, status, 1);

	virtgpu_queue_reclaim(&vg->transport->ctrl, NULL);
	KUNIT_EXPECT_EQ(test, status, -ENODEV);
	KUNIT_EXPECT_EQ(test, cmd->end, VIRTGPU_CMD_LOST);
	KUNIT_EXPECT_TRUE(test, list_empty(&vg->transport->ctrl.kept));
	virtgpu_cmd_put(vg, cmd);
}

/* Other commands end at once, or a program would wait for the reset. */
static void unsent_command_ends_before_the_reset(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_cmd *cmd;
	int status;

	vg->transport->ctrl.is_clean = false;
	cmd = noted(vg, VIRTGPU_DONE_FRAME, &status);
	virtgpu_cmd_get(cmd);
	virtgpu_queue_submit(&vg->transport->ctrl, cmd);
	KUNIT_EXPECT_EQ(test, status, -ENODEV);
	KUNIT_EXPECT_EQ(test, cmd->end, VIRTGPU_CMD_UNSENT);
	virtgpu_cmd_put(vg, cmd);
}

/* A queue that was stopped while it was silent has no virtqueue on which to allow interrupts. */
static void stopped_queue_may_be_wanted(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	virtgpu_irq_settle(&vg->transport->ctrl.irq);
	virtgpu_queue_irq_get(&vg->transport->ctrl);
	KUNIT_EXPECT_EQ(test, vg->transport->ctrl.irq.state, VIRTGPU_IRQ_SILENT);
	KUNIT_EXPECT_EQ(test, vg->transport->ctrl.irq.waiters, 1);
	virtgpu_queue_irq_put(&vg->transport->ctrl);
	KUNIT_EXPECT_EQ(test, vg->transport->ctrl.irq.waiters, 0);
}

/* Each event in each state, with and without a waiter. */
static void device_interrupts_while_somebody_waits(struct kunit *test)
{
	static const struct {
		void (*event)(struct virtgpu_irq *irq);
		u32 waiters;
		/* The state after the event in SILENT, LISTENING and STALLED. */
		enum virtgpu_irq_state next[3];
	} events[] = {
		{ virtgpu_irq_settle, 0,
		  { VIRTGPU_IRQ_SILENT, VIRTGPU_IRQ_SILENT, VIRTGPU_IRQ_STALLED } },
		{ virtgpu_irq_settle, 1,
		  { VIRTGPU_IRQ_LISTENING, VIRTGPU_IRQ_LISTENING, VIRTGPU_IRQ_STALLED } },
		{ virtgpu_irq_stall, 1,
		  { VIRTGPU_IRQ_STALLED, VIRTGPU_IRQ_STALLED, VIRTGPU_IRQ_STALLED } },
		{ virtgpu_irq_answered, 0,
		  { VIRTGPU_IRQ_SILENT, VIRTGPU_IRQ_LISTENING, VIRTGPU_IRQ_LISTENING } },
		{ virtgpu_irq_open, 0,
		  { VIRTGPU_IRQ_LISTENING, VIRTGPU_IRQ_LISTENING, VIRTGPU_IRQ_LISTENING } },
		{ virtgpu_irq_get, 0,
		  { VIRTGPU_IRQ_SILENT, VIRTGPU_IRQ_LISTENING, VIRTGPU_IRQ_STALLED } },
		{ virtgpu_irq_put, 1,
		  { VIRTGPU_IRQ_SILENT, VIRTGPU_IRQ_LISTENING, VIRTGPU_IRQ_STALLED } },
	};
	unsigned int i, from;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		for (from = VIRTGPU_IRQ_SILENT; from <= VIRTGPU_IRQ_STALLED; from++) {
			struct virtgpu_irq irq = { .state = from, .waiters = events[i].waiters };

			events[i].event(&irq);
			KUNIT_EXPECT_EQ_MSG(test, irq.state, events[i].next[from],
					    "event %u in state %u", i, from);
			KUNIT_EXPECT_EQ(test, virtgpu_irq_is_wanted(&irq),
					irq.state != VIRTGPU_IRQ_SILENT);
			KUNIT_EXPECT_EQ(test, virtgpu_irq_is_stalled(&irq),
					irq.state == VIRTGPU_IRQ_STALLED);
		}
	}
}

/* The device is kicked for every command. */
static void lazy_commands_have_no_waiter(struct kunit *test)
{
	struct virtgpu_irq irq = {};

	virtgpu_irq_added(&irq, true);
	KUNIT_EXPECT_EQ(test, irq.waiters, 0);
	KUNIT_EXPECT_TRUE(test, irq.is_kick_due);
	irq.is_kick_due = false;
	virtgpu_irq_added(&irq, false);
	KUNIT_EXPECT_EQ(test, irq.waiters, 1);
	KUNIT_EXPECT_TRUE(test, irq.is_kick_due);
	virtgpu_irq_removed(&irq, true);
	KUNIT_EXPECT_EQ(test, irq.waiters, 1);
	virtgpu_irq_removed(&irq, false);
	KUNIT_EXPECT_EQ(test, irq.waiters, 0);
}

static bool may_reap(struct virtgpu_queue *queue)
{
	bool may;

	spin_lock_bh(&queue->lock);
	may = virtgpu_queue_may_reap(queue);
	spin_unlock_bh(&queue->lock);
	return may;
}

/* Commands end in the order in which they are taken off the ring. */
static void frame_waits_for_the_works(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_queue *queue = &vg->transport->ctrl;
	struct virtqueue vq = {};
	LIST_HEAD(command);

	KUNIT_EXPECT_FALSE(test, may_reap(queue));
	queue->vq = &vq;
	virtgpu_irq_settle(&queue->irq);
	KUNIT_EXPECT_TRUE(test, may_reap(queue));
	queue->ending++;
	KUNIT_EXPECT_FALSE(test, may_reap(queue));
	virtgpu_queue_ended(queue);
	KUNIT_EXPECT_TRUE(test, may_reap(queue));
	list_add(&command, &queue->finished);
	KUNIT_EXPECT_FALSE(test, may_reap(queue));
	list_del(&command);
	virtgpu_irq_get(&queue->irq);
	virtgpu_irq_settle(&queue->irq);
	KUNIT_EXPECT_FALSE(test, may_reap(queue));
	virtgpu_irq_put(&queue->irq);
	queue->vq = NULL;
}

static void cancelled_command_ends(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	int status;

	virtgpu_cmd_cancel(vg, noted(vg, VIRTGPU_DONE_FRAME, &status));
	KUNIT_EXPECT_EQ(test, status, -ECANCELED);
}

static void room_is_counted_in_descriptors(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	/* A stopped queue accepts every command, and ends it. */
	KUNIT_EXPECT_TRUE(test, virtgpu_queue_has_space(&vg->transport->ctrl, 1000));
	KUNIT_EXPECT_EQ(test, virtgpu_queue_need(3, 8, false, 4), 4);
	KUNIT_EXPECT_EQ(test, virtgpu_queue_need(0, 8, false, 8), 8);
	/* A command that is larger than the ring does not wait, however much is free. */
	KUNIT_EXPECT_EQ(test, virtgpu_queue_need(0, 8, false, 9), 0);
	KUNIT_EXPECT_EQ(test, virtgpu_queue_need(8, 8, false, 9), 0);
	/* With indirect descriptors each command needs one. */
	KUNIT_EXPECT_EQ(test, virtgpu_queue_need(0, 8, true, 4), 1);
	KUNIT_EXPECT_EQ(test, virtgpu_queue_need(0, 8, true, 1000), 1);
	/* If one descriptor was free, there was no memory for the indirect table. */
	KUNIT_EXPECT_EQ(test, virtgpu_queue_need(1, 8, true, 4), 4);
	KUNIT_EXPECT_EQ(test, virtgpu_queue_need(1, 8, true, 1000), 0);
}

static void silent_host_is_not_waited_for(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	KUNIT_EXPECT_EQ(test, virtgpu_queue_timeout(&vg->transport->ctrl),
			virtgpu_queue_patience());
	virtgpu_queue_stall(&vg->transport->ctrl, "a test", HZ);
	KUNIT_EXPECT_EQ(test, virtgpu_queue_timeout(&vg->transport->ctrl), 1);
	KUNIT_EXPECT_EQ(test, virtgpu_queue_timeout(&vg->transport->cursor),
			virtgpu_queue_patience());
}

static void command_timeout_is_at_least_a_second(struct kunit *test)
{
	unsigned int old = command_timeout;

	KUNIT_EXPECT_EQ(test, virtgpu_queue_patience(), old * HZ);
	command_timeout = 0;
	KUNIT_EXPECT_EQ(test, virtgpu_queue_patience(), HZ);
	command_timeout = old;
}

static struct kunit_case virtgpu_queue_cases[] = {
	KUNIT_CASE(right_answer_is_taken),
	KUNIT_CASE(answer_without_a_header_is_none),
	KUNIT_CASE(short_answer_is_rejected),
	KUNIT_CASE(errors_become_errnos),
	KUNIT_CASE(quiet_commands_have_the_same_errnos),
	KUNIT_CASE(early_command_is_lost_with_the_reset),
	KUNIT_CASE(commands_are_early_until_all_is_restored),
	KUNIT_CASE(command_without_answer_is_not_judged),
	KUNIT_CASE(commands_have_names),
	KUNIT_CASE(used_command_comes_back_clean),
	KUNIT_CASE(pool_makes_commands_beyond_its_reserve),
	KUNIT_CASE(success_is_no_error),
	KUNIT_CASE(everything_done_has_a_function),
	KUNIT_CASE(stopped_queue_ends_commands),
	KUNIT_CASE(what_a_host_may_use_is_kept_until_a_reset),
	KUNIT_CASE(unsent_command_ends_before_the_reset),
	KUNIT_CASE(stopped_queue_may_be_wanted),
	KUNIT_CASE(device_interrupts_while_somebody_waits),
	KUNIT_CASE(lazy_commands_have_no_waiter),
	KUNIT_CASE(frame_waits_for_the_works),
	KUNIT_CASE(cancelled_command_ends),
	KUNIT_CASE(room_is_counted_in_descriptors),
	KUNIT_CASE(silent_host_is_not_waited_for),
	KUNIT_CASE(command_timeout_is_at_least_a_second),
	{}
};

struct kunit_suite virtgpu_queue_suite = {
	.name = "virtgpu_queue",
	.test_cases = virtgpu_queue_cases,
};
