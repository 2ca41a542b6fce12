// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Heads
 *
 * A head has a CRTC and an encoder. The driver remembers what the host shows on the head, so that a
 * commit that changes nothing sends no SET_SCANOUT. It counts the frames that the host has not
 * drawn yet: a guest that draws faster than its host waits for the frame before the last, instead
 * of filling the ring.
 */
#include <linux/jiffies.h>

#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_framebuffer.h>
#include <drm/drm_managed.h>
#include <drm/drm_modeset_helper_vtables.h>
#include <drm/drm_vblank.h>
#include <drm/drm_vblank_helper.h>

#include "display/display.h"
#include "display/kms.h"
#include "memory/format.h"
#include "memory/gem.h"
#include "memory/resource.h"
#include "transport/encode.h"

/* Frames that the host has not drawn before a commit waits. */
#define VIRTGPU_MAX_FRAMES	2

/* How long a flip waits for the host's answer. */
#define VIRTGPU_FLIP_LIMIT	HZ

/* Frames a second: faster than any monitor, slow enough for the vblank timer. */
#define VIRTGPU_MAX_REFRESH	1000

/**
 * virtgpu_output_shown - %VIRTGPU_DONE_SCANOUT: the host may have refused to show a blob
 * @vg: the device
 * @cmd: the command
 *
 * A host that cannot show the guest's pages gets a copy of them, from the next frame on.
 */
void virtgpu_output_shown(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	/* Only an answer says what the host can do. */
	if (!cmd->status || cmd->end != VIRTGPU_CMD_ANSWERED || vg->has_3d)
		return;
	virtgpu_zero_copy_stop(vg);
	virtgpu_display_redraw(vg);
}

/* A blob has no shape, so the command includes the shape of the framebuffer. */
static void virtgpu_output_show_blob(struct virtgpu_output *output,
				     const struct drm_framebuffer *fb, u32 id,
				     const struct drm_rect *rect)
{
	struct virtio_gpu_set_scanout_blob scanout = {
		.scanout_id = cpu_to_le32(output->index),
		.resource_id = cpu_to_le32(id),
		.width = cpu_to_le32(fb->width),
		.height = cpu_to_le32(fb->height),
		.format = cpu_to_le32(virtgpu_format_from_fourcc(fb->format->format)),
		.strides[0] = cpu_to_le32(fb->pitches[0]),
		.offsets[0] = cpu_to_le32(fb->offsets[0]),
	};

	virtgpu_cmd_set_scanout_blob(output->vg, &scanout, rect);
}

/**
 * virtgpu_output_show - have the host show a part of a framebuffer, unless it does so already
 * @output: the head
 * @fb: the framebuffer
 * @res: the resource that shows it
 * @rect: the pixels to show
 *
 * The caller kicks the queue.
 */
void virtgpu_output_show(struct virtgpu_output *output, const struct drm_framebuffer *fb,
			 const struct virtgpu_resource *res, const struct drm_rect *rect)
{
	u32 fb_id = res->blob.size ? fb->base.id : 0;

	if (output->shown_resource == res->id && output->shown_fb == fb_id &&
	    drm_rect_equals(&output->shown_rect, rect))
		return;

	/* Before the command is queued, so that a reset after that discards these values. */
	output->shown_resource = res->id;
	output->shown_fb = fb_id;
	output->shown_rect = *rect;
	if (fb_id)
		virtgpu_output_show_blob(output, fb, res->id, rect);
	else
		virtgpu_cmd_set_scanout(output->vg, output->index, res->id, rect);
}

/**
 * virtgpu_output_hide - have the host show nothing
 * @output: the head
 */
void virtgpu_output_hide(struct virtgpu_output *output)
{
	static const struct drm_rect nothing;

	/* While the head is off, the swapchain may be given up. */
	output->last_frame = NULL;
	if (!output->shown_resource)
		return;
	output->shown_resource = 0;
	output->shown_fb = 0;
	output->shown_rect = nothing;
	virtgpu_cmd_set_scanout(output->vg, output->index, 0, &nothing);
	virtgpu_queue_kick(&output->vg->transport->ctrl);
}

/**
 * virtgpu_output_forget - note that the device was reset and shows nothing
 * @output: the head
 */
void virtgpu_output_forget(struct virtgpu_output *output)
{
	output->shown_resource = 0;
	output->shown_fb = 0;
	output->shown_rect = (struct drm_rect){};
	output->last_frame = NULL;
	virtgpu_cursor_forget(&output->cursor);
}

/**
 * virtgpu_output_mend - note that the device may have lost commands for a head
 * @output: the head
 *
 * The next commit sends everything again. Late answers do no harm.
 */
void virtgpu_output_mend(struct virtgpu_output *output)
{
	virtgpu_output_forget(output);
	virtgpu_cursor_mend(&output->cursor);
	atomic_set(&output->frames, 0);
	wake_up(&output->frame_done);
}

/**
 * virtgpu_output_has_room - whether a frame can be sent without waiting for the host
 * @output: the head
 *
 * Returns: true if it can, as far as is known.
 */
bool virtgpu_output_has_room(struct virtgpu_output *output)
{
	return atomic_read(&output->frames) < VIRTGPU_MAX_FRAMES;
}

/**
 * virtgpu_output_frame_begin - wait until the host has drawn the frame before the last
 * @output: the head
 *
 * Keeps a guest that draws faster than its host from filling the ring.
 */
void virtgpu_output_frame_begin(struct virtgpu_output *output)
{
	struct virtgpu_queue *ctrl = &output->vg->transport->ctrl;
	unsigned long left = virtgpu_queue_timeout(ctrl);

	virtgpu_queue_reap(ctrl);
	if (virtgpu_output_has_room(output))
		return;

	virtgpu_queue_irq_get(ctrl);
	while (!wait_event_timeout(output->frame_done, virtgpu_output_has_room(output),
				   virtgpu_queue_slice(left)) &&
	       virtgpu_queue_goes_on(ctrl, &left))
		;
	if (!left)
		virtgpu_queue_stall(ctrl, "a frame", virtgpu_queue_patience());
	virtgpu_queue_irq_put(ctrl);
}

/* Sends the event of a flip at the next vblank. */
static void virtgpu_output_send_event(struct virtgpu_output *output)
{
	lockdep_assert_held(&output->crtc.dev->event_lock);
	drm_crtc_arm_vblank_event(&output->crtc, output->event);
	output->event = NULL;
}

/**
 * virtgpu_output_flushed - %VIRTGPU_DONE_FRAME: the host has drawn a frame
 * @vg: the device
 * @cmd: the flush
 */
void virtgpu_output_flushed(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	struct virtgpu_output *output = cmd->data.output;

	/* The count may have been cleared, see virtgpu_output_mend(). */
	atomic_dec_if_positive(&output->frames);
	wake_up(&output->frame_done);

	spin_lock_irq(&vg->drm.event_lock);
	if (output->event && !atomic_read(&output->frames))
		virtgpu_output_send_event(output);
	spin_unlock_irq(&vg->drm.event_lock);
}

/**
 * virtgpu_output_frame_end - send the flush that ends a frame
 * @output: the head
 * @flush: the command
 * @is_awaited: the frame replaces pages of the guest, which the host reads until it answers
 *
 * The first CRTC's flush kicks the queue once for the frames of all heads.
 */
void virtgpu_output_frame_end(struct virtgpu_output *output, struct virtgpu_cmd *flush,
			      bool is_awaited)
{
	flush->done = VIRTGPU_DONE_FRAME;
	flush->data.output = output;
	flush->is_lazy = !is_awaited;
	output->is_awaited = is_awaited;
	atomic_inc(&output->frames);
	virtgpu_queue_submit(&output->vg->transport->ctrl, flush);
}

/**
 * virtgpu_output_vblank - send the event of a flip that has waited for the host for too long
 * @output: the head, which has a vblank
 */
void virtgpu_output_vblank(struct virtgpu_output *output)
{
	struct drm_device *dev = output->crtc.dev;
	unsigned long flags;

	if (!READ_ONCE(output->event))
		return;
	spin_lock_irqsave(&dev->event_lock, flags);
	if (output->event && time_after_eq(jiffies, output->event_limit))
		virtgpu_output_send_event(output);
	spin_unlock_irqrestore(&dev->event_lock, flags);
}

/*
 * Keeps the event of a flip until the host has answered, if the host still reads the buffer that
 * the event gives back to the program. Returns true if the event is kept.
 */
static bool virtgpu_output_keep_event(struct virtgpu_output *output, struct drm_crtc_state *state)
{
	struct drm_device *dev = output->crtc.dev;
	bool keep;

	spin_lock_irq(&dev->event_lock);
	keep = output->is_awaited && atomic_read(&output->frames) && state->event &&
	       !output->event && !drm_crtc_vblank_get(&output->crtc);
	if (keep) {
		output->event = state->event;
		output->event_limit = jiffies + VIRTGPU_FLIP_LIMIT;
		state->event = NULL;
	}
	output->is_awaited = false;
	spin_unlock_irq(&dev->event_lock);
	return keep;
}

static enum drm_mode_status virtgpu_crtc_mode_valid(struct drm_crtc *crtc,
						    const struct drm_display_mode *mode)
{
	u64 pixels = (u64)mode->htotal * mode->vtotal;

	if (mode->flags & (DRM_MODE_FLAG_INTERLACE | DRM_MODE_FLAG_DBLSCAN))
		return MODE_NO_INTERLACE;
	if (mode->vscan > 1)
		return MODE_NO_VSCAN;
	/* Between one and VIRTGPU_MAX_REFRESH frames a second: the vblank timer's range. */
	if (!pixels || mode->clock <= 0 || mode->clock * 1000ull < pixels)
		return MODE_CLOCK_LOW;
	if (mode->clock * 1000ull > pixels * VIRTGPU_MAX_REFRESH)
		return MODE_CLOCK_HIGH;
	return MODE_OK;
}

static void virtgpu_crtc_atomic_enable(struct drm_crtc *crtc, struct drm_atomic_commit *state)
{
	struct drm_crtc_state *new = drm_atomic_get_new_crtc_state(state, crtc);

	virtgpu_cursor_set_mode(&crtc_to_virtgpu_output(crtc)->cursor, &new->adjusted_mode);
	drm_crtc_vblank_atomic_enable(crtc, state);
}

static void virtgpu_crtc_atomic_disable(struct drm_crtc *crtc, struct drm_atomic_commit *state)
{
	struct drm_crtc_state *new = drm_atomic_get_new_crtc_state(state, crtc);
	struct virtgpu_output *output = crtc_to_virtgpu_output(crtc);

	drm_crtc_vblank_atomic_disable(crtc, state);
	virtgpu_cursor_hide(output);
	virtgpu_output_hide(output);

	/* A CRTC that stays off is not flushed and has no vblanks, so the event is sent now. */
	if (new->active)
		return;
	spin_lock_irq(&crtc->dev->event_lock);
	if (new->event)
		drm_crtc_send_vblank_event(crtc, new->event);
	new->event = NULL;
	spin_unlock_irq(&crtc->dev->event_lock);
}

/* Called when the planes of all CRTCs have sent their frames: the first call kicks for all. */
static void virtgpu_crtc_atomic_flush(struct drm_crtc *crtc, struct drm_atomic_commit *state)
{
	struct drm_crtc_state *new = drm_atomic_get_new_crtc_state(state, crtc);
	struct virtgpu_output *output = crtc_to_virtgpu_output(crtc);

	virtgpu_queue_kick(&output->vg->transport->ctrl);
	if (!virtgpu_output_keep_event(output, new))
		drm_crtc_vblank_atomic_flush(crtc, state);
}

static const struct drm_crtc_helper_funcs virtgpu_crtc_helper_funcs = {
	.mode_valid = virtgpu_crtc_mode_valid,
	.atomic_enable = virtgpu_crtc_atomic_enable,
	.atomic_disable = virtgpu_crtc_atomic_disable,
	.atomic_flush = virtgpu_crtc_atomic_flush,
	.handle_vblank_timeout = virtgpu_vblank_timeout,
};

static const struct drm_crtc_funcs virtgpu_crtc_funcs = {
	.reset = virtgpu_crtc_reset,
	.set_config = drm_atomic_helper_set_config,
	.page_flip = drm_atomic_helper_page_flip,
	.atomic_duplicate_state = drm_atomic_helper_crtc_duplicate_state,
	.atomic_destroy_state = drm_atomic_helper_crtc_destroy_state,
	.enable_vblank = virtgpu_vblank_enable,
	.disable_vblank = drm_crtc_vblank_helper_disable_vblank_timer,
	.get_vblank_timestamp = virtgpu_vblank_time,
};

/**
 * virtgpu_output_init - initialize a head
 * @vg: the device
 * @index: the head's number
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_output_init(struct virtgpu_device *vg, u32 index)
{
	struct virtgpu_output *output = &vg->display->outputs[index];
	struct drm_plane *primary, *cursor;
	int ret;

	output->vg = vg;
	output->index = index;
	init_waitqueue_head(&output->frame_done);
	virtgpu_swapchains_init(&output->swapchains);
	virtgpu_cursor_init(&output->cursor);

	primary = virtgpu_primary_create(vg, index);
	if (IS_ERR(primary))
		return PTR_ERR(primary);

	cursor = virtgpu_cursor_create(vg, index);
	if (IS_ERR(cursor))
		return PTR_ERR(cursor);

	ret = drmm_crtc_init_with_planes(&vg->drm, &output->crtc, primary, cursor,
					 &virtgpu_crtc_funcs, NULL);
	if (ret)
		return ret;
	drm_crtc_helper_add(&output->crtc, &virtgpu_crtc_helper_funcs);

	ret = drmm_encoder_init(&vg->drm, &output->encoder, NULL, DRM_MODE_ENCODER_VIRTUAL, NULL);
	if (ret)
		return ret;
	output->encoder.possible_crtcs = drm_crtc_mask(&output->crtc);

	return virtgpu_connector_init(output);
}
