/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_PANIC_H
#define VIRTGPU_PANIC_H

#include <linux/virtio_gpu.h>

#include "transport/queue.h"

struct drm_plane;
struct drm_scanout_buffer;

/**
 * struct virtgpu_panic - commands that are reserved for the panic screen
 * @transfer: one per head
 * @flush: one per head
 * @busy: two bits per head, for its transfer and its flush: the device still holds the command of
 *	an earlier (test) panic
 */
struct virtgpu_panic {
	struct virtgpu_cmd transfer[VIRTIO_GPU_MAX_SCANOUTS];
	struct virtgpu_cmd flush[VIRTIO_GPU_MAX_SCANOUTS];
	unsigned long busy;
};

int virtgpu_panic_get_scanout_buffer(struct drm_plane *plane, struct drm_scanout_buffer *sb);
void virtgpu_panic_flush(struct drm_plane *plane);
void virtgpu_panic_returned(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);

#endif
