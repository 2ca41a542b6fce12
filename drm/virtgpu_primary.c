// SPDX-License-Identifier: GPL-2.0
/* Primary planes: upload what is damaged, show it, flush it. */
#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_blend.h>
#include <drm/drm_damage_helper.h>
#include <drm/drm_gem_atomic_helper.h>
#include <drm/drm_managed.h>

#include "virtgpu_cmd.h"
#include "virtgpu_damage.h"
#include "virtgpu_drv.h"
#include "virtgpu_fb.h"
#include "virtgpu_format.h"
#include "virtgpu_panic.h"
#include "virtgpu_plane.h"
#include "virtgpu_resource.h"

/**
 * virtgpu_plane_prepare_fb - &drm_plane_helper_funcs.prepare_fb of both kinds of planes
 * @plane: the plane
 * @state: its state to be
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_plane_prepare_fb(struct drm_plane *plane, struct drm_plane_state *state)
{
	int ret;

	if (!state->fb)
		return 0;

	ret = drm_gem_plane_helper_prepare_fb(plane, state);
	return ret ?: virtgpu_fb_prepare(state->fb, plane->type == DRM_PLANE_TYPE_CURSOR);
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

static void virtgpu_upload(struct virtgpu_device *vg, const struct drm_framebuffer *fb,
			   struct virtgpu_resource *res, const struct virtgpu_damage *damage)
{
	unsigned int i;

	if (virtgpu_resource_is_shared(res))
		return;
	for (i = 0; i < damage->count; i++) {
		const struct drm_rect *rect = &damage->rects[i];
		u64 offset = fb->offsets[0] + (u64)rect->y1 * fb->pitches[0] + rect->x1 * 4;

		virtgpu_queue_submit(&vg->ctrl, virtgpu_resource_transfer(res, rect, offset));
	}
}

static void virtgpu_primary_atomic_update(struct drm_plane *plane,
					  struct drm_atomic_commit *state)
{
	struct drm_plane_state *old = drm_atomic_get_old_plane_state(state, plane);
	struct drm_plane_state *new = drm_atomic_get_new_plane_state(state, plane);
	struct virtgpu_output *output = crtc_to_virtgpu_output(new->crtc);
	struct virtgpu_device *vg = output->vg;
	struct virtgpu_damage damage;
	struct virtgpu_resource *res;
	struct drm_rect src, bounds;

	if (!new->visible) {
		virtgpu_output_hide(output);
		return;
	}

	virtgpu_damage_collect(&damage, old, new);
	if (!damage.count)
		return;

	res = virtgpu_fb_shown(new->fb);
	drm_rect_fp_to_int(&src, &new->src);
	virtgpu_damage_bounds(&damage, &bounds);

	virtgpu_output_frame_begin(output);
	virtgpu_upload(vg, new->fb, res, &damage);
	virtgpu_output_show(output, new->fb, res, &src);
	virtgpu_output_frame_end(output, virtgpu_cmd_flush(vg, res->id, &bounds));
}

static void virtgpu_primary_atomic_disable(struct drm_plane *plane,
					   struct drm_atomic_commit *state)
{
	struct drm_plane_state *old = drm_atomic_get_old_plane_state(state, plane);

	virtgpu_output_hide(crtc_to_virtgpu_output(old->crtc));
}

static const struct drm_plane_helper_funcs virtgpu_primary_helper_funcs = {
	.prepare_fb = virtgpu_plane_prepare_fb,
	.atomic_check = virtgpu_primary_atomic_check,
	.atomic_update = virtgpu_primary_atomic_update,
	.atomic_disable = virtgpu_primary_atomic_disable,
	.get_scanout_buffer = virtgpu_panic_get_scanout_buffer,
	.panic_flush = virtgpu_panic_flush,
};

static const struct drm_plane_funcs virtgpu_primary_funcs = {
	.reset = drm_atomic_helper_plane_reset,
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
	/* Over black, and nothing else is below, premultiplied pixels look as if opaque. */
	drm_plane_create_blend_mode_property(plane, BIT(DRM_MODE_BLEND_PREMULTI));
	drm_plane_enable_fb_damage_clips(plane);
	return plane;
}
