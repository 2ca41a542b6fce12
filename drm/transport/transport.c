// SPDX-License-Identifier: GPL-2.0
/*
 * The transport: queues, commands and memory that the device sees. It knows what a command looks
 * like, and not what it is for.
 */
#include <drm/drm_managed.h>

#include "transport/transport.h"

/**
 * virtgpu_transport_init - set up the transport, with stopped queues
 * @vg: the device, with its workqueue
 * @ops: whom to tell
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_transport_init(struct virtgpu_device *vg, const struct virtgpu_transport_ops *ops)
{
	struct virtgpu_transport *transport;
	int ret;

	transport = drmm_kzalloc(&vg->drm, sizeof(*transport), GFP_KERNEL);
	if (!transport)
		return -ENOMEM;
	transport->ops = ops;
	vg->transport = transport;

	ret = virtgpu_dma_init(vg);
	if (ret)
		return ret;
	ret = virtgpu_cmd_pool_init(vg);
	if (ret)
		return ret;

	/* A fence needs no thread to be woken first; after a cursor there is something to do. */
	virtgpu_queue_init(vg, &transport->ctrl, "control", true);
	virtgpu_queue_init(vg, &transport->cursor, "cursor", false);
	return 0;
}
