/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_PM_H
#define VIRTGPU_PM_H

struct virtio_device;

int virtgpu_freeze(struct virtio_device *vdev);
int virtgpu_restore(struct virtio_device *vdev);

#endif
