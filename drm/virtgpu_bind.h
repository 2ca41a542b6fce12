/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_BIND_H
#define VIRTGPU_BIND_H

struct virtgpu_device;
struct virtio_device;

int virtgpu_bind(struct virtgpu_device *vg);
void virtgpu_bound_notify(struct virtio_device *vdev);
struct virtgpu_device *virtgpu_bound_get(struct virtio_device *vdev);
void virtgpu_bound_put(struct virtgpu_device *vg);
void virtgpu_bound_wait(struct virtgpu_device *vg);
void virtgpu_bind_flush(void);

#endif
