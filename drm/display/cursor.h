/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_CURSOR_H
#define VIRTGPU_CURSOR_H

#include <linux/mutex.h>
#include <linux/virtio_gpu.h>

struct drm_device;
struct drm_display_mode;
struct drm_file;
struct virtgpu_cmd;
struct virtgpu_device;
struct virtgpu_output;

/* The protocol's cursor is 64 x 64. */
#define VIRTGPU_CURSOR_SIZE 64

/**
 * struct virtgpu_cursor - a head's cursor
 * @lock: protects the rest
 * @wire: what the cursor should be
 * @uploads: images on their way to the host's copy
 * @ordered: the host holds an order
 * @order_time: when the last was given, in jiffies
 * @interval: between two orders to move, unless an image comes with them, in jiffies
 * @image_due: the host has yet to be told of the image in @wire
 * @position_due: the host has yet to be told of the position in @wire
 */
struct virtgpu_cursor {
	struct mutex lock;
	struct virtio_gpu_update_cursor wire;
	unsigned int uploads;
	bool ordered;
	unsigned long order_time;
	unsigned long interval;
	bool image_due;
	bool position_due;
};

void virtgpu_cursors_init(struct virtgpu_device *vg);
void virtgpu_cursors_disable(struct virtgpu_device *vg);
void virtgpu_cursor_init(struct virtgpu_cursor *cursor);
void virtgpu_cursor_set_mode(struct virtgpu_cursor *cursor, const struct drm_display_mode *mode);
void virtgpu_cursor_forget(struct virtgpu_cursor *cursor);
void virtgpu_cursor_mend(struct virtgpu_cursor *cursor);
void virtgpu_cursors_drop(struct drm_device *drm, struct drm_file *file);
void virtgpu_cursor_hide(struct virtgpu_output *output);
void virtgpu_cursor_ordered(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);
void virtgpu_cursor_uploaded(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);

#endif
