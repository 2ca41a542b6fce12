/* SPDX-License-Identifier: GPL-2.0 */
/* Functions of the driver's own folder, for probe and for virtio core. */
#ifndef VIRTGPU_DRV_H
#define VIRTGPU_DRV_H

struct drm_minor;
struct virtgpu_device;
struct virtio_device;

int virtgpu_parts_init(struct virtgpu_device *vg);

int virtgpu_freeze(struct virtio_device *vdev);
int virtgpu_restore(struct virtio_device *vdev);
void virtgpu_suspend_forget(struct virtgpu_device *vg);

void virtgpu_debugfs_init(struct drm_minor *minor);

#endif
