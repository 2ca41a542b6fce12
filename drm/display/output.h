/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_OUTPUT_H
#define VIRTGPU_OUTPUT_H

#include <linux/wait.h>

#include <drm/drm_connector.h>
#include <drm/drm_crtc.h>
#include <drm/drm_encoder.h>
#include <drm/drm_rect.h>

#include "display/cursor.h"
#include "display/swapchain.h"

struct drm_edid;
struct drm_pending_vblank_event;
struct virtgpu_cmd;
struct virtgpu_device;
struct virtgpu_resource;
struct virtio_gpu_display_one;

/**
 * struct virtgpu_output - one head of the device, from planes to connector
 * @vg: the device
 * @index: the head's number in the protocol
 * @crtc: CRTC
 * @encoder: encoder
 * @connector: connector
 * @enabled: the host has a window for this head; this and the next five members are protected by
 *	the mode config's mutex
 * @x: position of the host's window, pixels
 * @y: position of the host's window, pixels
 * @width: width of the host's window, pixels
 * @height: height of the host's window, pixels
 * @edid: EDID from the host, or NULL
 * @shown_resource: number of the resource that the host shows on the head, 0 for none
 * @shown_fb: if that resource is a blob, the ID of the framebuffer that has its shape
 * @shown_rect: the pixels of the resource that are shown
 * @swapchains: resources that show framebuffers whose pixels have to be copied
 * @last_frame: the swapchain whose resource holds the last frame, NULL if none is known to
 * @frames: number of flushes that the host has not answered
 * @frame_done: woken when the host answers a flush
 * @is_awaited: the flip of the frame that is being sent has to wait for the host's answer
 * @event: event of a flip that waits for the host's answer, or NULL; protected by the device's
 *	event lock, like @event_limit
 * @event_limit: when @event is sent without the answer, in jiffies
 * @is_blanked: the resource of the current state was given up for a commit that has not come yet
 * @in_vblank: the callback of the vblank timer may wait for a vblank lock
 * @cursor: the state of the cursor
 */
struct virtgpu_output {
	struct virtgpu_device *vg;
	u32 index;

	struct drm_crtc crtc;
	struct drm_encoder encoder;
	struct drm_connector connector;

	bool enabled;
	u32 x;
	u32 y;
	u32 width;
	u32 height;
	const struct drm_edid *edid;

	u32 shown_resource;
	u32 shown_fb;
	struct drm_rect shown_rect;

	struct virtgpu_swapchains swapchains;
	struct virtgpu_swapchain *last_frame;

	atomic_t frames;
	wait_queue_head_t frame_done;
	bool is_awaited;
	struct drm_pending_vblank_event *event;
	unsigned long event_limit;
	bool is_blanked;
	bool in_vblank;

	struct virtgpu_cursor cursor;
};

#define crtc_to_virtgpu_output(c)	container_of(c, struct virtgpu_output, crtc)
#define connector_to_virtgpu_output(c)	container_of(c, struct virtgpu_output, connector)

int virtgpu_output_init(struct virtgpu_device *vg, u32 index);
int virtgpu_connector_init(struct virtgpu_output *output);
bool virtgpu_connector_update(struct virtgpu_output *output,
			      const struct virtio_gpu_display_one *info,
			      const struct drm_edid *edid);
void virtgpu_output_show(struct virtgpu_output *output, const struct drm_framebuffer *fb,
			 const struct virtgpu_resource *res, const struct drm_rect *rect);
void virtgpu_output_hide(struct virtgpu_output *output);
void virtgpu_output_forget(struct virtgpu_output *output);
void virtgpu_output_mend(struct virtgpu_output *output);
bool virtgpu_output_has_room(struct virtgpu_output *output);
void virtgpu_output_frame_begin(struct virtgpu_output *output);
void virtgpu_output_frame_end(struct virtgpu_output *output, struct virtgpu_cmd *flush,
			      bool is_awaited);
void virtgpu_output_flushed(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);
void virtgpu_output_shown(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);
void virtgpu_output_vblank(struct virtgpu_output *output);
int virtgpu_vblank_enable(struct drm_crtc *crtc);
bool virtgpu_vblank_timeout(struct drm_crtc *crtc);
bool virtgpu_vblank_time(struct drm_crtc *crtc, int *max_error, ktime_t *vblank_time,
			 bool in_vblank_irq);

#endif
