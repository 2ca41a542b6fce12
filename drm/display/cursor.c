// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Cursor planes
 *
 * The image of a cursor is uploaded on the control queue. An *order* to show or to move it is sent
 * on the cursor queue, and the host keeps no order between the two queues. So the order is sent
 * when the upload has been answered, by the function that runs then, and no commit waits for the
 * host.
 *
 * Each head has at most one order that is not answered, and orders that only move the cursor are
 * spaced in time. Changes in between are sent with the next order, because programs move cursors
 * faster than anybody sees, and the ring has few entries.
 */
#include <linux/jiffies.h>

#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_blend.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_gem_atomic_helper.h>
#include <drm/drm_managed.h>
#include <drm/drm_modes.h>

#include "display/cursor.h"
#include "display/display.h"
#include "display/fb.h"
#include "display/kms.h"
#include "memory/gem.h"
#include "memory/resource.h"
#include "transport/encode.h"

/**
 * virtgpu_cursor_init - initialize a head's cursor, which is invisible
 * @cursor: the cursor
 */
void virtgpu_cursor_init(struct virtgpu_cursor *cursor)
{
	mutex_init(&cursor->lock);
	cursor->order_time = jiffies - HZ;
}

/**
 * virtgpu_cursor_set_mode - adapt the interval between moves to a mode
 * @cursor: the cursor
 * @mode: the head's mode
 *
 * Two moves are at least half a frame apart, so that each frame can have a new position.
 */
void virtgpu_cursor_set_mode(struct virtgpu_cursor *cursor, const struct drm_display_mode *mode)
{
	mutex_lock(&cursor->lock);
	cursor->interval = max(msecs_to_jiffies(500 / drm_mode_vrefresh(mode)), 1);
	mutex_unlock(&cursor->lock);
}

/**
 * virtgpu_cursor_forget - note that the device was reset and shows no cursor
 * @cursor: the cursor
 */
void virtgpu_cursor_forget(struct virtgpu_cursor *cursor)
{
	mutex_lock(&cursor->lock);
	memset(&cursor->wire, 0, sizeof(cursor->wire));
	cursor->image_due = false;
	cursor->position_due = false;
	mutex_unlock(&cursor->lock);
}

/**
 * virtgpu_cursor_mend - note that the device may have lost orders for a cursor
 * @cursor: the cursor
 *
 * The next commit sends everything again. Late answers do no harm.
 */
void virtgpu_cursor_mend(struct virtgpu_cursor *cursor)
{
	virtgpu_cursor_forget(cursor);
	mutex_lock(&cursor->lock);
	cursor->ordered = false;
	cursor->uploads = 0;
	mutex_unlock(&cursor->lock);
}

/* Returns the order that is to be sent now, or NULL. */
static struct virtgpu_cmd *virtgpu_cursor_next(struct virtgpu_output *output)
{
	struct virtgpu_cursor *cursor = &output->cursor;
	unsigned long due = cursor->order_time + cursor->interval;
	struct virtgpu_cmd *cmd;

	lockdep_assert_held(&cursor->lock);
	if (cursor->uploads || cursor->ordered || !(cursor->image_due || cursor->position_due))
		return NULL;
	if (!cursor->image_due && time_before(jiffies, due)) {
		queue_delayed_work(output->vg->wq, &output->vg->display->cursor_work,
				   due - jiffies);
		return NULL;
	}

	cmd = virtgpu_cmd_cursor(output->vg, cursor->image_due ? VIRTIO_GPU_CMD_UPDATE_CURSOR :
				 VIRTIO_GPU_CMD_MOVE_CURSOR, &cursor->wire);
	cmd->done = VIRTGPU_DONE_CURSOR_ORDERED;
	cmd->data.output = output;
	cursor->ordered = true;
	cursor->order_time = jiffies;
	cursor->image_due = false;
	cursor->position_due = false;
	return cmd;
}

/* Without the cursor's lock, because an order that cannot be queued ends at once, and takes it. */
static void virtgpu_cursor_order(struct virtgpu_output *output, struct virtgpu_cmd *cmd)
{
	struct virtgpu_queue *queue = &output->vg->transport->cursor;

	if (!cmd)
		return;
	virtgpu_queue_submit(queue, cmd);
	virtgpu_queue_kick(queue);
}

/**
 * virtgpu_cursor_ordered - %VIRTGPU_DONE_CURSOR_ORDERED: the cursor may move again
 * @vg: the device
 * @cmd: the order
 */
void virtgpu_cursor_ordered(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	struct virtgpu_output *output = cmd->data.output;
	struct virtgpu_cmd *next = NULL;

	mutex_lock(&output->cursor.lock);
	output->cursor.ordered = false;
	/* If the device is away, what is due is sent with the next change, or discarded. */
	if (!cmd->status)
		next = virtgpu_cursor_next(output);
	mutex_unlock(&output->cursor.lock);
	virtgpu_cursor_order(output, next);
}

static void virtgpu_cursor_work(struct work_struct *work)
{
	struct virtgpu_display *display = container_of(to_delayed_work(work),
						       struct virtgpu_display, cursor_work);
	struct virtgpu_device *vg = display->vg;
	u32 i;

	for (i = 0; i < vg->num_scanouts; i++) {
		struct virtgpu_output *output = &vg->display->outputs[i];
		struct virtgpu_cmd *cmd;

		mutex_lock(&output->cursor.lock);
		cmd = virtgpu_cursor_next(output);
		mutex_unlock(&output->cursor.lock);
		virtgpu_cursor_order(output, cmd);
	}
}

/**
 * virtgpu_cursors_init - initialize the work that moves cursors
 * @vg: the device
 */
void virtgpu_cursors_init(struct virtgpu_device *vg)
{
	INIT_DELAYED_WORK(&vg->display->cursor_work, virtgpu_cursor_work);
}

/**
 * virtgpu_cursors_disable - stop the work that moves cursors
 * @vg: the device
 */
void virtgpu_cursors_disable(struct virtgpu_device *vg)
{
	disable_delayed_work_sync(&vg->display->cursor_work);
}

/*
 * Detects an order that is not answered. Nobody waits for orders, so the next one checks the last.
 */
static void virtgpu_cursor_watch(struct virtgpu_output *output)
{
	struct virtgpu_device *vg = output->vg;

	lockdep_assert_held(&output->cursor.lock);
	if (!output->cursor.ordered ||
	    time_before(jiffies, output->cursor.order_time + virtgpu_queue_patience()))
		return;
	virtgpu_queue_stall(&vg->transport->cursor, "a cursor", virtgpu_queue_patience());
}

/**
 * virtgpu_cursor_hide - have the host show no cursor
 * @output: the head
 */
void virtgpu_cursor_hide(struct virtgpu_output *output)
{
	struct virtgpu_cursor *cursor = &output->cursor;
	struct virtgpu_cmd *cmd = NULL;

	mutex_lock(&cursor->lock);
	if (cursor->wire.resource_id) {
		cursor->wire.resource_id = 0;
		cursor->image_due = true;
		cmd = virtgpu_cursor_next(output);
	}
	mutex_unlock(&cursor->lock);
	virtgpu_cursor_order(output, cmd);
}

/**
 * virtgpu_cursors_drop - &drm_driver.master_drop: hide the cursors of a former master
 * @drm: the DRM device
 * @file: the file of the former master
 *
 * The planes keep their state, which belongs to the core. If the next master does not support
 * hotspots, the core hides the cursor planes from it, and the old cursor would stay over its
 * picture. A master that comes back shows its cursor again when it moves or sets it.
 */
void virtgpu_cursors_drop(struct drm_device *drm, struct drm_file *file)
{
	struct virtgpu_device *vg = to_virtgpu_device(drm);
	u32 i;

	for (i = 0; i < vg->num_scanouts; i++)
		virtgpu_cursor_hide(&vg->display->outputs[i]);
}

/**
 * virtgpu_cursor_uploaded - %VIRTGPU_DONE_CURSOR_UPLOADED: the host has the cursor's image
 * @vg: the device
 * @cmd: the transfer
 */
void virtgpu_cursor_uploaded(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	struct virtgpu_output *output = cmd->data.output;
	struct virtgpu_cmd *next;

	mutex_lock(&output->cursor.lock);
	/* The count may have been cleared, see virtgpu_cursor_mend(). */
	if (output->cursor.uploads)
		output->cursor.uploads--;
	next = virtgpu_cursor_next(output);
	mutex_unlock(&output->cursor.lock);
	virtgpu_cursor_order(output, next);
}

static const struct drm_rect virtgpu_cursor_all = {
	.x2 = VIRTGPU_CURSOR_SIZE,
	.y2 = VIRTGPU_CURSOR_SIZE,
};

/*
 * Without the cursor's lock, because waiting for room in the ring may need
 * virtgpu_cursor_uploaded(), which takes it.
 */
static void virtgpu_cursor_upload(struct virtgpu_output *output, struct virtgpu_resource *res,
				  const struct drm_framebuffer *fb)
{
	struct virtgpu_device *vg = output->vg;
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_resource_transfer(res, &virtgpu_cursor_all, fb->offsets[0]);
	cmd->done = VIRTGPU_DONE_CURSOR_UPLOADED;
	cmd->data.output = output;
	virtgpu_queue_submit(&vg->transport->ctrl, cmd);
	virtgpu_queue_kick(&vg->transport->ctrl);
}

static void virtgpu_cursor_show(struct virtgpu_output *output, const struct drm_plane_state *state,
				bool new_image)
{
	struct virtgpu_cursor *cursor = &output->cursor;
	struct virtio_gpu_update_cursor *wire = &cursor->wire;
	struct drm_framebuffer *fb = state->fb;
	struct virtgpu_view view = fb ? virtgpu_fb_view_cursor(fb) : (struct virtgpu_view){};
	struct virtgpu_resource *res = view.res;
	__le32 id = cpu_to_le32(res ? res->id : 0);
	struct virtgpu_cmd *cmd;
	bool upload;

	if (res && new_image && virtgpu_resource_is_guests(res))
		virtgpu_bo_sync(fb, &virtgpu_cursor_all);
	mutex_lock(&cursor->lock);
	/* After a reset, and after the cursor was hidden, the host shows no image. */
	new_image |= wire->resource_id != id;
	upload = new_image && view.must_copy;
	cursor->position_due = true;
	wire->pos.scanout_id = cpu_to_le32(output->index);
	wire->pos.x = cpu_to_le32(state->crtc_x);
	wire->pos.y = cpu_to_le32(state->crtc_y);
	if (new_image) {
		wire->resource_id = id;
		wire->hot_x = cpu_to_le32(fb ? state->hotspot_x : 0);
		wire->hot_y = cpu_to_le32(fb ? state->hotspot_y : 0);
		cursor->image_due = true;
	}
	if (upload)
		cursor->uploads++;
	virtgpu_cursor_watch(output);
	cmd = virtgpu_cursor_next(output);
	mutex_unlock(&cursor->lock);

	virtgpu_cursor_order(output, cmd);
	if (upload)
		virtgpu_cursor_upload(output, res, fb);
	if (res)
		virtgpu_resource_put(res);
}

static bool virtgpu_cursor_is_new(const struct drm_plane_state *old,
				  const struct drm_plane_state *new)
{
	return old->fb != new->fb || old->crtc != new->crtc || new->fb_damage_clips ||
	       old->hotspot_x != new->hotspot_x || old->hotspot_y != new->hotspot_y;
}

static int virtgpu_cursor_prepare_fb(struct drm_plane *plane, struct drm_plane_state *state)
{
	int ret;

	if (!state->fb)
		return 0;

	ret = drm_gem_plane_helper_prepare_fb(plane, state);
	return ret ?: virtgpu_fb_prepare_cursor(state->fb);
}

/*
 * Whether hosts can show an image: it has the protocol's size, it is shown whole, and there are no
 * gaps between its rows. Hosts ignore other images without an error.
 */
static bool virtgpu_cursor_is_shown(const struct drm_plane_state *state)
{
	const struct drm_framebuffer *fb = state->fb;

	return fb->width == VIRTGPU_CURSOR_SIZE && fb->height == VIRTGPU_CURSOR_SIZE &&
	       state->src_w == VIRTGPU_CURSOR_SIZE << 16 &&
	       state->src_h == VIRTGPU_CURSOR_SIZE << 16 &&
	       (fb->pitches[0] == VIRTGPU_CURSOR_SIZE * fb->format->cpp[0] ||
		virtgpu_bo_is_renderers(to_virtgpu_bo(fb->obj[0])));
}

static int virtgpu_cursor_atomic_check(struct drm_plane *plane, struct drm_atomic_commit *state)
{
	struct drm_plane_state *new = drm_atomic_get_new_plane_state(state, plane);
	struct drm_crtc_state *crtc_state = NULL;

	if (new->crtc)
		crtc_state = drm_atomic_get_new_crtc_state(state, new->crtc);

	if (new->fb && !virtgpu_cursor_is_shown(new))
		return -EINVAL;

	return drm_atomic_helper_check_plane_state(new, crtc_state, DRM_PLANE_NO_SCALING,
						   DRM_PLANE_NO_SCALING, true, true);
}

static void virtgpu_cursor_atomic_update(struct drm_plane *plane, struct drm_atomic_commit *state)
{
	struct drm_plane_state *old = drm_atomic_get_old_plane_state(state, plane);
	struct drm_plane_state *new = drm_atomic_get_new_plane_state(state, plane);
	struct drm_crtc_state *crtc_state = drm_atomic_get_new_crtc_state(state, new->crtc);

	virtgpu_cursor_show(crtc_to_virtgpu_output(new->crtc), new,
			    virtgpu_cursor_is_new(old, new) ||
			    drm_atomic_crtc_needs_modeset(crtc_state));
}

static void virtgpu_cursor_atomic_disable(struct drm_plane *plane,
					  struct drm_atomic_commit *state)
{
	struct drm_plane_state *old = drm_atomic_get_old_plane_state(state, plane);
	struct drm_plane_state *new = drm_atomic_get_new_plane_state(state, plane);

	virtgpu_cursor_show(crtc_to_virtgpu_output(old->crtc), new, true);
}

/* Lets a legacy cursor update overtake a page flip that waits for its vblank. */
static int virtgpu_cursor_atomic_async_check(struct drm_plane *plane,
					     struct drm_atomic_commit *state, bool flip)
{
	struct drm_plane_state *old = drm_atomic_get_old_plane_state(state, plane);
	struct drm_plane_state *new = drm_atomic_get_new_plane_state(state, plane);

	if (flip || !old->fb || !new->fb)
		return -EINVAL;
	return 0;
}

static void virtgpu_cursor_atomic_async_update(struct drm_plane *plane,
					       struct drm_atomic_commit *state)
{
	struct drm_plane_state *new = drm_atomic_get_new_plane_state(state, plane);
	struct drm_plane_state *cur = plane->state;
	bool new_image = virtgpu_cursor_is_new(cur, new);

	swap(cur->fb, new->fb);
	cur->crtc_x = new->crtc_x;
	cur->crtc_y = new->crtc_y;
	cur->src_x = new->src_x;
	cur->src_y = new->src_y;
	cur->src = new->src;
	cur->dst = new->dst;
	cur->visible = new->visible;
	cur->hotspot_x = new->hotspot_x;
	cur->hotspot_y = new->hotspot_y;
	virtgpu_cursor_show(crtc_to_virtgpu_output(cur->crtc), cur, new_image);
}

static const struct drm_plane_helper_funcs virtgpu_cursor_helper_funcs = {
	.prepare_fb = virtgpu_cursor_prepare_fb,
	.atomic_check = virtgpu_cursor_atomic_check,
	.atomic_update = virtgpu_cursor_atomic_update,
	.atomic_disable = virtgpu_cursor_atomic_disable,
	.atomic_async_check = virtgpu_cursor_atomic_async_check,
	.atomic_async_update = virtgpu_cursor_atomic_async_update,
};

static const struct drm_plane_funcs virtgpu_cursor_funcs = {
	.reset = virtgpu_plane_reset,
	.update_plane = drm_atomic_helper_update_plane,
	.disable_plane = drm_atomic_helper_disable_plane,
	.atomic_duplicate_state = drm_atomic_helper_plane_duplicate_state,
	.atomic_destroy_state = drm_atomic_helper_plane_destroy_state,
};

/**
 * virtgpu_cursor_create - make a head's cursor plane
 * @vg: the device
 * @index: the head's number
 *
 * Returns: the plane, managed by the device, or an error pointer.
 */
struct drm_plane *virtgpu_cursor_create(struct virtgpu_device *vg, u32 index)
{
	static const u32 formats[] = { DRM_FORMAT_ARGB8888 };
	static const struct drm_plane_size_hint hint = {
		.width = VIRTGPU_CURSOR_SIZE,
		.height = VIRTGPU_CURSOR_SIZE,
	};
	struct drm_plane *plane;
	int ret;

	plane = drmm_universal_plane_alloc(&vg->drm, struct drm_plane, dev, BIT(index),
					   &virtgpu_cursor_funcs, formats, ARRAY_SIZE(formats),
					   NULL, DRM_PLANE_TYPE_CURSOR, NULL);
	if (IS_ERR(plane))
		return plane;

	drm_plane_helper_add(plane, &virtgpu_cursor_helper_funcs);
	drm_plane_create_blend_mode_property(plane, BIT(DRM_MODE_BLEND_PREMULTI));
	ret = drm_plane_add_size_hints_property(plane, &hint, 1);
	return ret ? ERR_PTR(ret) : plane;
}
