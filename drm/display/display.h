/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_DISPLAY_H
#define VIRTGPU_DISPLAY_H

#include "display/output.h"
#include "display/panic.h"
#include "memory/memory.h"

struct drm_file;
struct drm_property;

/**
 * struct virtgpu_display - heads, and what they show
 * @vg: the device
 * @hotplug_mode_update: property of connectors: the modes follow the size of a window
 * @outputs: the heads
 * @cursor_work: sends moves of cursors that came too soon after the last
 * @redraw_work: commits the current state once more
 * @is_stale: the host may have lost what it was told to show
 * @windows_stale: the device was reset since the display information was read
 * @panic: commands for the panic screen, allocated in advance
 */
struct virtgpu_display {
	struct virtgpu_device *vg;
	struct drm_property *hotplug_mode_update;
	struct virtgpu_output outputs[VIRTIO_GPU_MAX_SCANOUTS];
	struct delayed_work cursor_work;
	struct work_struct redraw_work;
	bool is_stale;
	bool windows_stale;
	struct virtgpu_panic panic;
};

int virtgpu_display_init(struct virtgpu_device *vg);
void virtgpu_display_fini(struct virtgpu_device *vg);

void virtgpu_display_redraw(struct virtgpu_device *vg);
void virtgpu_display_forget(struct virtgpu_device *vg);
void virtgpu_display_mend(struct virtgpu_device *vg);

int virtgpu_display_info_read(struct virtgpu_device *vg, bool *changed);
void virtgpu_hotplug_restored(struct virtgpu_device *vg);
void virtgpu_hotplug(struct virtgpu_device *vg);

#endif
