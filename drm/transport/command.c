// SPDX-License-Identifier: GPL-2.0
/* Commands: their types and names, their response buffers and their references. */
#include <linux/array_size.h>
#include <linux/slab.h>

#include "transport/command.h"
#include "transport/names.h"

#define virtgpu_name_table(first, ...)	{ first, __VA_ARGS__ }

static const struct {
	u32 type;
	const char *name;
} virtgpu_cmd_names[] = VIRTGPU_WITH_NAMES(virtgpu_name_table, { .name = "unknown" });

/**
 * virtgpu_cmd_name - the name of a request, for messages
 * @type: request type
 *
 * Returns: a constant string.
 */
const char *virtgpu_cmd_name(u32 type)
{
	unsigned int i;

	for (i = 1; i < ARRAY_SIZE(virtgpu_cmd_names); i++)
		if (virtgpu_cmd_names[i].type == type)
			return virtgpu_cmd_names[i].name;
	return virtgpu_cmd_names[0].name;
}

/**
 * virtgpu_cmd_type - the type of a command's request
 * @cmd: the command
 *
 * Returns: the type.
 */
u32 virtgpu_cmd_type(const struct virtgpu_cmd *cmd)
{
	const struct virtio_gpu_ctrl_hdr *hdr = (const void *)cmd->req;

	return le32_to_cpu(hdr->type);
}

/**
 * virtgpu_cmd_alloc_resp - expect a response that carries data
 * @cmd: the command
 * @type: response type that means success
 * @size: bytes of the response, header included
 *
 * Returns: 0 or -ENOMEM.
 */
int virtgpu_cmd_alloc_resp(struct virtgpu_cmd *cmd, u32 type, u32 size)
{
	void *resp = kzalloc(size, GFP_KERNEL);

	if (!resp)
		return -ENOMEM;

	cmd->resp = resp;
	cmd->resp_size = size;
	cmd->resp_min = size;
	cmd->resp_type = type;
	return 0;
}

/**
 * virtgpu_cmd_get - take a reference, so that the command stays valid after it has ended
 * @cmd: the command
 */
void virtgpu_cmd_get(struct virtgpu_cmd *cmd)
{
	kref_get(&cmd->refs);
}
