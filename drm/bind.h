/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_BIND_H
#define VIRTGPU_BIND_H

#include <linux/types.h>

struct virtgpu_device;
struct virtio_device;

bool virtgpu_bind_lock_parent(struct virtio_device *vdev);
void virtgpu_bind_unlock_parent(struct virtio_device *vdev);
int virtgpu_bind(struct virtgpu_device *vg);
void virtgpu_bound_leave(struct virtgpu_device *vg);
void virtgpu_bound_notify(struct virtio_device *vdev);
struct virtgpu_device *virtgpu_bound_get(struct virtio_device *vdev);
void virtgpu_bound_wait(struct virtgpu_device *vg);
void virtgpu_bound_put(struct virtgpu_device *vg);

#endif
