// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Display
 *
 * A head of the device is a &struct virtgpu_output: a primary plane (primary.c), a cursor plane
 * (cursor.c), a CRTC and an encoder (output.c), and a connector (connector.c). The host shows a
 * part of a resource on a head, which is the head's *scanout*.
 *
 * A framebuffer (fb.c) is shown by the resource of its buffer object if the host sees the pixels
 * without a copy, otherwise by the resource of a swapchain (swapchain.c), to which the damage
 * (damage.c) of each frame is copied.
 *
 * commit.c has the order of a commit, redraw.c commits the current state again, hotplug.c follows
 * the windows of the host, and core.c has what DRM core lacks.
 */
#include <drm/drm_atomic_helper.h>
#include <drm/drm_connector.h>
#include <drm/drm_managed.h>
#include <drm/drm_mode_config.h>
#include <drm/drm_property.h>
#include <drm/drm_vblank.h>

#include "display/display.h"
#include "display/fb.h"
#include "display/kms.h"

#define VIRTGPU_MIN_SIZE	32
/* Large enough for one framebuffer of Xorg with three heads of 3840 pixels side by side. */
#define VIRTGPU_MAX_SIZE	16384

static const struct drm_mode_config_funcs virtgpu_mode_config_funcs = {
	.fb_create = virtgpu_fb_create,
	.atomic_check = drm_atomic_helper_check,
	.atomic_commit = virtgpu_atomic_commit,
};

static const struct drm_mode_config_helper_funcs virtgpu_mode_config_helper_funcs = {
	.atomic_commit_tail = virtgpu_atomic_commit_tail,
};

/* Whether all objects have a state. drm_mode_config_reset() does not report missing memory. */
static bool virtgpu_kms_has_states(struct drm_device *drm)
{
	struct drm_connector_list_iter iter;
	struct drm_connector *connector;
	struct drm_plane *plane;
	struct drm_crtc *crtc;
	bool found = true;

	drm_for_each_plane(plane, drm)
		found &= !!plane->state;
	drm_for_each_crtc(crtc, drm)
		found &= !!crtc->state;
	drm_connector_list_iter_begin(drm, &iter);
	drm_for_each_connector_iter(connector, &iter)
		found &= !!connector->state;
	drm_connector_list_iter_end(&iter);
	return found;
}

static int virtgpu_kms_create_properties(struct virtgpu_device *vg)
{
	struct drm_device *drm = &vg->drm;
	struct drm_property *follows;

	follows = drm_property_create_range(drm, DRM_MODE_PROP_IMMUTABLE, "hotplug_mode_update", 0,
					    1);
	if (!follows)
		return -ENOMEM;
	vg->display->hotplug_mode_update = follows;
	return drm_mode_create_suggested_offset_properties(drm);
}

static int virtgpu_kms_init(struct virtgpu_device *vg)
{
	struct drm_mode_config *config = &vg->drm.mode_config;
	int ret;
	u32 i;

	ret = drmm_mode_config_init(&vg->drm);
	if (ret)
		return ret;

	config->funcs = &virtgpu_mode_config_funcs;
	config->helper_private = &virtgpu_mode_config_helper_funcs;
	config->min_width = VIRTGPU_MIN_SIZE;
	config->min_height = VIRTGPU_MIN_SIZE;
	config->max_width = VIRTGPU_MAX_SIZE;
	config->max_height = VIRTGPU_MAX_SIZE;
	config->cursor_width = VIRTGPU_CURSOR_SIZE;
	config->cursor_height = VIRTGPU_CURSOR_SIZE;
	config->preferred_depth = 24;
	config->quirk_addfb_prefer_host_byte_order = true;
	config->fb_modifiers_not_supported = true;

	ret = virtgpu_kms_create_properties(vg);
	if (ret)
		return ret;

	for (i = 0; i < vg->num_scanouts; i++) {
		ret = virtgpu_output_init(vg, i);
		if (ret)
			return ret;
	}

	ret = drm_vblank_init(&vg->drm, vg->num_scanouts);
	if (ret)
		return ret;

	drm_mode_config_reset(&vg->drm);
	return virtgpu_kms_has_states(&vg->drm) ? 0 : -ENOMEM;
}

/**
 * virtgpu_display_init - initialize the display part, without asking the host
 * @vg: the device, its features known
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_display_init(struct virtgpu_device *vg)
{
	struct virtgpu_display *display;

	display = drmm_kzalloc(&vg->drm, sizeof(*display), GFP_KERNEL);
	if (!display)
		return -ENOMEM;
	display->vg = vg;
	vg->display = display;

	virtgpu_cursors_init(vg);
	INIT_WORK(&display->redraw_work, virtgpu_redraw_work);
	return vg->num_scanouts ? virtgpu_kms_init(vg) : 0;
}

/**
 * virtgpu_display_fini - stop the works of the display part
 * @vg: the device
 */
void virtgpu_display_fini(struct virtgpu_device *vg)
{
	virtgpu_cursors_disable(vg);
	disable_work_sync(&vg->display->redraw_work);
}
