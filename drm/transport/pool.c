// SPDX-License-Identifier: GPL-2.0
/* The pool of commands: where their memory comes from and goes to, and how it is initialized. */
#include <linux/mm.h>
#include <linux/slab.h>

#include <drm/drm_managed.h>

#include "transport/transport.h"

static void virtgpu_cmd_pool_fini(struct drm_device *dev, void *data)
{
	struct virtgpu_cmd_pool *pool = data;
	struct virtgpu_cmd *cmd, *next;

	llist_for_each_entry_safe(cmd, next, llist_del_all(&pool->idle), idle)
		kfree(cmd);
}

static void virtgpu_cmd_prepare(struct virtgpu_cmd *cmd)
{
	sg_init_table(&cmd->req_sg, 1);
	sg_init_table(&cmd->payload_sg, 1);
	sg_init_table(&cmd->resp_sg, 1);
}

/**
 * virtgpu_cmd_pool_init - set up the allocator of commands
 * @vg: the device; frees the pool with itself
 *
 * Returns: 0 or -ENOMEM.
 */
int virtgpu_cmd_pool_init(struct virtgpu_device *vg)
{
	struct virtgpu_cmd_pool *pool = &vg->transport->cmds;
	unsigned int i;
	int ret;

	spin_lock_init(&pool->lock);
	init_llist_head(&pool->idle);
	ret = drmm_add_action_or_reset(&vg->drm, virtgpu_cmd_pool_fini, pool);
	if (ret)
		return ret;

	for (i = 0; i < VIRTGPU_CMD_RESERVE; i++) {
		struct virtgpu_cmd *cmd = kmalloc_obj(*cmd);

		if (!cmd)
			return -ENOMEM;
		virtgpu_cmd_prepare(cmd);
		llist_add(&cmd->idle, &pool->idle);
	}
	return 0;
}

static void virtgpu_cmd_begin(struct virtgpu_cmd *cmd, u32 type, u32 size)
{
	struct virtio_gpu_ctrl_hdr *hdr = (void *)cmd->req;

	memset(&cmd->refs, 0, offsetof(struct virtgpu_cmd, req) + size -
			      offsetof(struct virtgpu_cmd, refs));
	kref_init(&cmd->refs);
	init_completion(&cmd->completion);
	cmd->size = size;
	cmd->resp = &cmd->resp_hdr;
	cmd->resp_size = sizeof(cmd->resp_hdr);
	cmd->resp_min = sizeof(cmd->resp_hdr);
	cmd->resp_type = VIRTIO_GPU_RESP_OK_NODATA;
	hdr->type = cpu_to_le32(type);
}

/**
 * virtgpu_cmd_init - initialize a command in memory of the caller
 * @cmd: the command; gets one reference
 * @type: request type
 * @size: bytes of the request, at most %VIRTGPU_CMD_INLINE
 *
 * The command expects %VIRTIO_GPU_RESP_OK_NODATA.
 */
void virtgpu_cmd_init(struct virtgpu_cmd *cmd, u32 type, u32 size)
{
	virtgpu_cmd_prepare(cmd);
	virtgpu_cmd_begin(cmd, type, size);
}

/**
 * virtgpu_cmd_alloc - allocate a command with a request of @size zeroed bytes
 * @vg: the device
 * @type: request type
 * @size: bytes of the request, at most %VIRTGPU_CMD_INLINE
 *
 * May sleep, never fails.
 *
 * Returns: the command, with one reference.
 */
struct virtgpu_cmd *virtgpu_cmd_alloc(struct virtgpu_device *vg, u32 type, u32 size)
{
	struct virtgpu_cmd_pool *pool = &vg->transport->cmds;
	struct llist_node *idle;
	struct virtgpu_cmd *cmd;

	spin_lock(&pool->lock);
	idle = llist_del_first(&pool->idle);
	spin_unlock(&pool->lock);
	if (idle) {
		cmd = llist_entry(idle, struct virtgpu_cmd, idle);
	} else {
		cmd = kmalloc_obj(*cmd, GFP_KERNEL | __GFP_NOFAIL);
		virtgpu_cmd_prepare(cmd);
	}

	virtgpu_cmd_begin(cmd, type, size);
	return cmd;
}

static void virtgpu_cmd_release(struct kref *refs)
{
	struct virtgpu_cmd *cmd = container_of(refs, struct virtgpu_cmd, refs);

	if (cmd->resp != &cmd->resp_hdr)
		kvfree(cmd->resp);
	kvfree(cmd->payload);
}

/**
 * virtgpu_cmd_put - drop a reference to a command
 * @vg: the device
 * @cmd: the command
 */
void virtgpu_cmd_put(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	if (kref_put(&cmd->refs, virtgpu_cmd_release))
		llist_add(&cmd->idle, &vg->transport->cmds.idle);
}
