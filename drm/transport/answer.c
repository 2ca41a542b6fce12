// SPDX-License-Identifier: GPL-2.0
/* Checks of the device's answers. The device is not trusted. */
#include <drm/drm_print.h>

#include "transport/transport.h"

/**
 * virtgpu_cmd_check - check the length and the type of a response before anybody reads it
 * @vg: the device, which is not trusted
 * @cmd: a command that the device has finished
 *
 * Returns: 0 or the errno that the response stands for. -ENODEV for a command that named a resource
 * before the device had it again after a reset: it counts as lost with the reset.
 */
int virtgpu_cmd_check(struct virtgpu_device *vg, const struct virtgpu_cmd *cmd)
{
	const struct virtio_gpu_ctrl_hdr *resp = cmd->resp;
	const char *name;
	u32 type;

	if (!cmd->resp_type)
		return 0;

	type = le32_to_cpu(resp->type);
	if (type == cmd->resp_type && cmd->resp_len >= cmd->resp_min)
		return 0;

	name = virtgpu_cmd_name(virtgpu_cmd_type(cmd));
	if (cmd->resp_len < sizeof(*resp)) {
		drm_err_ratelimited(&vg->drm, "%s: the response has %u bytes, less than a header\n",
				    name, cmd->resp_len);
		return -EIO;
	}
	if (type == cmd->resp_type) {
		drm_err_ratelimited(&vg->drm, "%s: the response has %u bytes instead of %u\n",
				    name, cmd->resp_len, cmd->resp_min);
		return -EIO;
	}

	if (cmd->is_early && type == VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID)
		return -ENODEV;
	if (cmd->is_quiet)
		drm_dbg_driver(&vg->drm, "%s: host answered 0x%x\n", name, type);
	else
		drm_err_ratelimited(&vg->drm, "%s: host answered 0x%x, expected 0x%x\n",
				    name, type, cmd->resp_type);
	switch (type) {
	case VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY:
		return -ENOMEM;
	case VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID:
	case VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID:
	case VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID:
	case VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER:
		return -EINVAL;
	default:
		return -EIO;
	}
}

/**
 * virtgpu_cmd_is_refused - whether the host says that it did not carry out a command
 * @cmd: a command that has ended
 *
 * After any other wrong answer the host may have carried it out.
 *
 * Returns: true if the answer is an error of the protocol.
 */
bool virtgpu_cmd_is_refused(const struct virtgpu_cmd *cmd)
{
	const struct virtio_gpu_ctrl_hdr *resp = cmd->resp;
	u32 type = le32_to_cpu(resp->type);

	return cmd->resp_len >= sizeof(*resp) && type >= VIRTIO_GPU_RESP_ERR_UNSPEC &&
	       type <= VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
}

/**
 * virtgpu_cmd_had_no_effect - whether a command is known to have had no effect on the host
 * @cmd: the command
 * @ret: what virtgpu_queue_wait() returned for it
 *
 * A command that was not sent, was lost with a reset or was refused has no effect. After a time-out
 * or an invalid answer this is not known.
 *
 * Returns: true if it had no effect.
 */
bool virtgpu_cmd_had_no_effect(const struct virtgpu_cmd *cmd, int ret)
{
	return ret && ret != -ETIMEDOUT &&
	       (cmd->end != VIRTGPU_CMD_ANSWERED || virtgpu_cmd_is_refused(cmd));
}
