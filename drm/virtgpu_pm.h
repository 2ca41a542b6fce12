/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_PM_H
#define VIRTGPU_PM_H

struct virtgpu_device;
struct virtio_device;

int virtgpu_freeze(struct virtio_device *vdev);
int virtgpu_restore(struct virtio_device *vdev);
int virtgpu_reset_prepare(struct virtio_device *vdev);
int virtgpu_reset_done(struct virtio_device *vdev);
int virtgpu_recovery_init(struct virtgpu_device *vg);
void virtgpu_recovery_fini(struct virtgpu_device *vg);
void virtgpu_mend(struct virtgpu_device *vg);
void virtgpu_reset_dead(struct virtgpu_device *vg);
void virtgpu_reset_schedule(struct virtgpu_device *vg, const char *why);

#endif
