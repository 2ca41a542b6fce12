// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Transport
 *
 * The transport is the lowest part. It has the commands (command.c) and their pool (pool.c), an
 * encoder for each command of the protocol (encode.c), the queues that carry commands (queue.c),
 * the checks of the device's answers (answer.c), and the list of memory that is mapped for the
 * device (dma.c). It knows how commands look, but not what they are used for.
 */
#include <drm/drm_managed.h>

#include "transport/transport.h"

/**
 * virtgpu_transport_init - set up the transport, with stopped queues
 * @vg: the device, with its workqueue
 * @ops: callbacks into the parts above
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

	/*
	 * Most answers on the control queue only signal a fence or wake up a waiter, which softirq
	 * can do. After a cursor's answer there may be another order to send, which may sleep.
	 */
	virtgpu_queue_init(vg, &transport->ctrl, "control", true);
	virtgpu_queue_init(vg, &transport->cursor, "cursor", false);
	return 0;
}
