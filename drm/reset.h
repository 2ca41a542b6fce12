/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_RESET_H
#define VIRTGPU_RESET_H

#include "device.h"

struct virtio_device;

const char *virtgpu_cause_text(enum virtgpu_cause cause);
bool virtgpu_cause_is_called_off(enum virtgpu_cause cause);

int virtgpu_recovery_init(struct virtgpu_device *vg);
void virtgpu_recovery_fini(struct virtgpu_device *vg);
void virtgpu_reset_decide(struct virtgpu_device *vg, enum virtgpu_cause cause);
int virtgpu_reset_prepare(struct virtio_device *vdev);
int virtgpu_reset_done(struct virtio_device *vdev);
int virtgpu_bring_up(struct virtgpu_device *vg);
void virtgpu_mend(struct virtgpu_device *vg);

#endif
