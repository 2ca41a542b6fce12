// SPDX-License-Identifier: GPL-2.0
/* Primary planes: a frame uploads the damage, sets the scanout and flushes. */
#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_blend.h>
#include <drm/drm_damage_helper.h>
#include <drm/drm_gem_atomic_helper.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "display/damage.h"
#include "display/display.h"
#include "display/fb.h"
#include "display/kms.h"
#include "memory/format.h"
#include "memory/gem.h"
#include "memory/resource.h"
#include "transport/encode.h"

/*
 * The host has no memory for another resource beside the one that this commit replaces. So that one
 * is destroyed first, and the head is blank for a moment.
 */
static int virtgpu_primary_prepare_instead(struct drm_plane *plane, struct drm_plane_state *state,
					   struct virtgpu_output *output)
{
	struct drm_crtc_commit *last = state->crtc->state->commit;
	int ret;

	/* The core waits for the last commit in any case; after that it is known what is shown. */
	ret = last ? wait_for_completion_interruptible(&last->hw_done) : 0;
	if (ret)
		return ret;
	WRITE_ONCE(output->is_blanked, true);
	if (!virtgpu_swapchain_give_up_shown(output)) {
		WRITE_ONCE(output->is_blanked, false);
		return -ENOMEM;
	}
	return virtgpu_fb_prepare(state->fb, output);
}

/* After a commit that has blanked the head and then failed, shows the current state again. */
static void virtgpu_primary_unblank(struct virtgpu_output *output)
{
	if (xchg(&output->is_blanked, false))
		virtgpu_display_redraw(output->vg);
}

static int virtgpu_primary_prepare_fb(struct drm_plane *plane, struct drm_plane_state *state)
{
	struct virtgpu_output *output;
	int ret;

	if (!state->fb)
		return 0;

	output = crtc_to_virtgpu_output(state->crtc);
	ret = drm_gem_plane_helper_prepare_fb(plane, state);
	ret = ret ?: virtgpu_fb_prepare(state->fb, output);
	if (ret == -EDQUOT)
		ret = virtgpu_primary_prepare_instead(plane, state, output);
	if (ret)
		virtgpu_primary_unblank(output);
	return ret == -EDQUOT ? -ENOMEM : ret;
}

static void virtgpu_primary_cleanup_fb(struct drm_plane *plane, struct drm_plane_state *state)
{
	struct virtgpu_output *output;

	if (!state->fb)
		return;

	output = crtc_to_virtgpu_output(state->crtc);
	virtgpu_fb_cleanup(state->fb, output);
	virtgpu_primary_unblank(output);
}

static int virtgpu_primary_atomic_check(struct drm_plane *plane, struct drm_atomic_commit *state)
{
	struct drm_plane_state *new = drm_atomic_get_new_plane_state(state, plane);
	struct drm_crtc_state *crtc_state = NULL;

	if (new->crtc)
		crtc_state = drm_atomic_get_new_crtc_state(state, new->crtc);

	return drm_atomic_helper_check_plane_state(new, crtc_state, DRM_PLANE_NO_SCALING,
						   DRM_PLANE_NO_SCALING, false, true);
}

/* Copies the damage to the host if it has to be copied. Returns false if the frame is lost. */
static bool virtgpu_primary_upload(struct virtgpu_output *output, const struct virtgpu_view *view,
				   const struct drm_framebuffer *fb,
				   const struct virtgpu_damage *damage)
{
	unsigned int i;
	int ret;

	if (!view->must_copy) {
		/* No swapchain holds the last frame any more. */
		output->last_frame = NULL;
		if (virtgpu_resource_is_guests(view->res))
			for (i = 0; i < damage->count; i++)
				virtgpu_bo_sync(fb, &damage->rects[i]);
		return true;
	}

	ret = virtgpu_resource_upload(view->res, fb, damage->rects, damage->count);
	if (ret) {
		drm_err(fb->dev, "head %u: a frame is lost: %d\n", output->index, ret);
		output->last_frame = NULL;
		return false;
	}
	output->last_frame = view->swapchain;
	return true;
}

static void virtgpu_primary_atomic_update(struct drm_plane *plane,
					  struct drm_atomic_commit *state)
{
	struct drm_plane_state *old = drm_atomic_get_old_plane_state(state, plane);
	struct drm_plane_state *new = drm_atomic_get_new_plane_state(state, plane);
	struct virtgpu_output *output = crtc_to_virtgpu_output(new->crtc);
	struct virtgpu_damage damage;
	struct drm_rect src, bounds;
	struct virtgpu_view view;
	u32 shown_blob;

	if (!new->visible) {
		virtgpu_output_hide(output);
		return;
	}

	view = virtgpu_fb_view(new->fb, output, old->fb);
	virtgpu_damage_collect(&damage, old, new, view.is_current);
	if (!damage.count)
		return;

	virtgpu_output_frame_begin(output);
	if (!virtgpu_primary_upload(output, &view, new->fb, &damage))
		return;
	drm_rect_fp_to_int(&src, &new->src);
	virtgpu_damage_bounds(&damage, &bounds);
	shown_blob = output->shown_fb;
	virtgpu_output_show(output, new->fb, view.res, &src);
	WRITE_ONCE(output->is_blanked, false);
	virtgpu_output_frame_end(output, virtgpu_cmd_flush(output->vg, view.res->id, &bounds),
				 shown_blob && shown_blob != output->shown_fb);
}

static void virtgpu_primary_atomic_disable(struct drm_plane *plane,
					   struct drm_atomic_commit *state)
{
	struct drm_plane_state *old = drm_atomic_get_old_plane_state(state, plane);

	virtgpu_output_hide(crtc_to_virtgpu_output(old->crtc));
}

static const struct drm_plane_helper_funcs virtgpu_primary_helper_funcs = {
	.prepare_fb = virtgpu_primary_prepare_fb,
	.cleanup_fb = virtgpu_primary_cleanup_fb,
	.atomic_check = virtgpu_primary_atomic_check,
	.atomic_update = virtgpu_primary_atomic_update,
	.atomic_disable = virtgpu_primary_atomic_disable,
	.get_scanout_buffer = virtgpu_panic_get_scanout_buffer,
	.panic_flush = virtgpu_panic_flush,
};

static const struct drm_plane_funcs virtgpu_primary_funcs = {
	.reset = virtgpu_plane_reset,
	.update_plane = drm_atomic_helper_update_plane,
	.disable_plane = drm_atomic_helper_disable_plane,
	.atomic_duplicate_state = drm_atomic_helper_plane_duplicate_state,
	.atomic_destroy_state = drm_atomic_helper_plane_destroy_state,
};

/**
 * virtgpu_primary_create - make a head's primary plane
 * @vg: the device
 * @index: the head's number
 *
 * Returns: the plane, managed by the device, or an error pointer.
 */
struct drm_plane *virtgpu_primary_create(struct virtgpu_device *vg, u32 index)
{
	u32 fourccs[VIRTGPU_FORMAT_COUNT];
	struct drm_plane *plane;

	virtgpu_format_list(fourccs);
	plane = drmm_universal_plane_alloc(&vg->drm, struct drm_plane, dev, BIT(index),
					   &virtgpu_primary_funcs, fourccs, ARRAY_SIZE(fourccs),
					   NULL, DRM_PLANE_TYPE_PRIMARY, NULL);
	if (IS_ERR(plane))
		return plane;

	drm_plane_helper_add(plane, &virtgpu_primary_helper_funcs);
	/* Over a black background, premultiplied pixels look like opaque ones. */
	drm_plane_create_blend_mode_property(plane, BIT(DRM_MODE_BLEND_PREMULTI));
	drm_plane_enable_fb_damage_clips(plane);
	return plane;
}
