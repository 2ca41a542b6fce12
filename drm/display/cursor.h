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

/* The width and the height of every cursor in the protocol. */
#define VIRTGPU_CURSOR_SIZE 64

/**
 * struct virtgpu_cursor - a head's cursor
 * @lock: protects the other members
 * @wire: the wanted image and position
 * @uploads: number of images that are being uploaded
 * @ordered: the host has not answered the last order
 * @order_time: when the last order was sent, in jiffies
 * @interval: minimum time between two orders that only move the cursor, in jiffies
 * @image_due: the image in @wire has not been sent yet
 * @position_due: the position in @wire has not been sent yet
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
