/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_RESET_H
#define VIRTGPU_RESET_H

#include <linux/types.h>

struct virtgpu_device;
struct virtio_device;

/**
 * enum virtgpu_cause - why a device has to be reset
 * @VIRTGPU_CAUSE_NONE: it has not
 * @VIRTGPU_CAUSE_DEAD: a question was asked command_timeout ago, and since then nothing was
 *	answered. If there are contexts, the host may render for fence_timeout without an answer
 * @VIRTGPU_CAUSE_FORGETFUL: the question was answered, but an older command was not, or could not
 *	be sent; and there is no context that a reset would cost
 * @VIRTGPU_CAUSE_BROKEN: the ring is in a state that the protocol does not have; counts at once
 * @VIRTGPU_CAUSE_ASKED: the device's status has NEEDS_RESET; counts at once
 * @VIRTGPU_CAUSE_KEPT_BACK: a command that gives memory back could not be sent, and not for lack of
 *	room in the ring; counts at once
 */
enum virtgpu_cause {
	VIRTGPU_CAUSE_NONE,
	VIRTGPU_CAUSE_DEAD,
	VIRTGPU_CAUSE_FORGETFUL,
	VIRTGPU_CAUSE_BROKEN,
	VIRTGPU_CAUSE_ASKED,
	VIRTGPU_CAUSE_KEPT_BACK,
};

const char *virtgpu_cause_text(enum virtgpu_cause cause);
bool virtgpu_cause_is_called_off(enum virtgpu_cause cause);

void virtgpu_reset_init(struct virtgpu_device *vg);
void virtgpu_reset_disable(struct virtgpu_device *vg);
void virtgpu_reset_decide(struct virtgpu_device *vg, enum virtgpu_cause cause);
int virtgpu_reset_prepare(struct virtio_device *vdev);
int virtgpu_reset_done(struct virtio_device *vdev);
int virtgpu_bring_up(struct virtgpu_device *vg);
void virtgpu_mend(struct virtgpu_device *vg);

#endif
