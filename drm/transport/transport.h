/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_TRANSPORT_H
#define VIRTGPU_TRANSPORT_H

#include "device.h"
#include "transport/dma.h"
#include "transport/queue.h"

/**
 * struct virtgpu_transport_ops - callbacks of the transport into the parts above it
 * @done: what happens when commands have ended, by &enum virtgpu_done
 * @fence_ended: the command of a fence has ended with this status; the host has answered it or not.
 *	Takes the command's reference to the fence. May run in softirq
 */
struct virtgpu_transport_ops {
	const struct virtgpu_done_row *done;
	void (*fence_ended)(struct virtgpu_device *vg, struct virtgpu_fence *fence, int status,
			    bool answered);
};

/**
 * struct virtgpu_transport - how commands and memory reach the device
 * @ops: callbacks
 * @ctrl: control queue
 * @cursor: cursor queue
 * @cmds: the pool of commands
 * @dma: memory that is mapped for the device
 */
struct virtgpu_transport {
	const struct virtgpu_transport_ops *ops;
	struct virtgpu_queue ctrl;
	struct virtgpu_queue cursor;
	struct virtgpu_cmd_pool cmds;
	struct virtgpu_dma dma;
};

int virtgpu_transport_init(struct virtgpu_device *vg, const struct virtgpu_transport_ops *ops);

#endif
