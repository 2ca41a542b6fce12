// SPDX-License-Identifier: GPL-2.0
/*
 * Connectors: the host's window of a head is a monitor, whose preferred mode is the window's size.
 */
#include <linux/virtio_gpu.h>

#include <drm/drm_atomic_helper.h>
#include <drm/drm_atomic_state_helper.h>
#include <drm/drm_edid.h>
#include <drm/drm_managed.h>
#include <drm/drm_modes.h>
#include <drm/drm_modeset_helper_vtables.h>
#include <drm/drm_print.h>
#include <drm/drm_probe_helper.h>

#include "display/display.h"
#include "display/kms.h"

#define VIRTGPU_DEFAULT_WIDTH	1024
#define VIRTGPU_DEFAULT_HEIGHT	768
#define VIRTGPU_DEFAULT_REFRESH	60

/* Blanking of our own modes in pixels and lines. Windows need none, but a timing must have some. */
#define VIRTGPU_BLANKING	32

static enum drm_connector_status virtgpu_connector_detect(struct drm_connector *connector,
							  bool force)
{
	struct virtgpu_output *output = connector_to_virtgpu_output(connector);

	return output->enabled ? connector_status_connected : connector_status_disconnected;
}

/* Creates a mode of the exact size of the host's window. CVT and GTF would round the width. */
static struct drm_display_mode *virtgpu_window_mode(struct drm_device *dev, u32 width, u32 height)
{
	struct drm_display_mode *mode = drm_mode_create(dev);

	if (!mode)
		return NULL;

	mode->type = DRM_MODE_TYPE_DRIVER | DRM_MODE_TYPE_PREFERRED;
	mode->hdisplay = width;
	mode->hsync_start = width + VIRTGPU_BLANKING / 4;
	mode->hsync_end = width + VIRTGPU_BLANKING / 2;
	mode->htotal = width + VIRTGPU_BLANKING;
	mode->vdisplay = height;
	mode->vsync_start = height + VIRTGPU_BLANKING / 4;
	mode->vsync_end = height + VIRTGPU_BLANKING / 2;
	mode->vtotal = height + VIRTGPU_BLANKING;
	/* 16384 x 16384 pixels 60 times a second do not fit into 32 bits. */
	mode->clock = DIV_ROUND_CLOSEST_ULL((u64)mode->htotal * mode->vtotal *
					    VIRTGPU_DEFAULT_REFRESH, 1000);
	drm_mode_set_name(mode);
	return mode;
}

/* Makes the window's size the only preferred mode, whatever the EDID prefers. */
static int virtgpu_prefer_window(struct drm_connector *connector, u32 width, u32 height)
{
	struct drm_display_mode *mode;
	bool found = false;

	list_for_each_entry(mode, &connector->probed_modes, head) {
		mode->type &= ~DRM_MODE_TYPE_PREFERRED;
		if (!found && mode->hdisplay == width && mode->vdisplay == height) {
			mode->type |= DRM_MODE_TYPE_PREFERRED;
			found = true;
		}
	}
	if (found)
		return 0;

	mode = virtgpu_window_mode(connector->dev, width, height);
	if (!mode)
		return 0;
	drm_mode_probed_add(connector, mode);
	return 1;
}

static bool virtgpu_edid_equal(const struct drm_edid *a, const struct drm_edid *b)
{
	const struct edid *raw_a = drm_edid_raw(a), *raw_b = drm_edid_raw(b);

	if (!raw_a || !raw_b)
		return raw_a == raw_b;
	return raw_a->extensions == raw_b->extensions &&
	       !memcmp(raw_a, raw_b, EDID_LENGTH * (1 + raw_a->extensions));
}

/*
 * Reads a block of the host's EDID, which is valid and therefore has all the blocks that it claims.
 */
static int virtgpu_edid_block(void *data, u8 *buf, unsigned int block, size_t len)
{
	const struct virtgpu_output *output = data;
	const struct edid *raw = drm_edid_raw(output->edid);

	if (!raw || block > raw->extensions)
		return -EIO;
	memcpy(buf, (const u8 *)raw + block * EDID_LENGTH, len);
	return 0;
}

/*
 * Adds the modes of the administrator's EDID (drm.edid_firmware=, edid_override in debugfs) or, if
 * there is none, of the host's. An administrator's EDID also decides which mode is preferred.
 */
static int virtgpu_edid_add_modes(struct virtgpu_output *output, bool *is_override)
{
	struct drm_connector *connector = &output->connector;
	const struct drm_edid *edid = drm_edid_read_custom(connector, virtgpu_edid_block, output);
	int count;

	drm_edid_connector_update(connector, edid);
	count = drm_edid_connector_add_modes(connector);
	*is_override = count && !virtgpu_edid_equal(edid, output->edid);
	drm_edid_free(edid);
	return count;
}

/* Called when a program asks for modes, because programs do so before they read properties. */
static void virtgpu_suggest_position(struct virtgpu_output *output)
{
	struct drm_mode_object *object = &output->connector.base;
	struct drm_mode_config *config = &output->vg->drm.mode_config;

	drm_object_property_set_value(object, config->suggested_x_property, output->x);
	drm_object_property_set_value(object, config->suggested_y_property, output->y);
}

static int virtgpu_connector_get_modes(struct drm_connector *connector)
{
	struct virtgpu_output *output = connector_to_virtgpu_output(connector);
	struct drm_mode_config *config = &connector->dev->mode_config;
	u32 width = output->width, height = output->height;
	bool is_override;
	int count;

	virtgpu_suggest_position(output);
	count = virtgpu_edid_add_modes(output, &is_override);
	if (is_override)
		return count;
	if (!count)
		count = drm_add_modes_noedid(connector, config->max_width, config->max_height);

	if (width < config->min_width || width > config->max_width ||
	    height < config->min_height || height > config->max_height) {
		width = VIRTGPU_DEFAULT_WIDTH;
		height = VIRTGPU_DEFAULT_HEIGHT;
	}
	return count + virtgpu_prefer_window(connector, width, height);
}

static const struct drm_connector_helper_funcs virtgpu_connector_helper_funcs = {
	.get_modes = virtgpu_connector_get_modes,
};

static const struct drm_connector_funcs virtgpu_connector_funcs = {
	.reset = virtgpu_connector_reset,
	.detect = virtgpu_connector_detect,
	.fill_modes = drm_helper_probe_single_connector_modes,
	.atomic_duplicate_state = drm_atomic_helper_connector_duplicate_state,
	.atomic_destroy_state = drm_atomic_helper_connector_destroy_state,
};

static void virtgpu_edid_free(struct drm_device *dev, void *data)
{
	struct virtgpu_output *output = data;

	drm_edid_free(output->edid);
}

/* Attaches the properties that desktops need to follow the size and the position of a window. */
static void virtgpu_connector_attach_properties(struct virtgpu_output *output)
{
	struct drm_mode_object *object = &output->connector.base;
	struct drm_mode_config *config = &output->vg->drm.mode_config;

	drm_object_attach_property(object, output->vg->display->hotplug_mode_update, 1);
	drm_object_attach_property(object, config->suggested_x_property, 0);
	drm_object_attach_property(object, config->suggested_y_property, 0);
}

/**
 * virtgpu_connector_init - set up a head's connector
 * @output: the head, with its encoder
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_connector_init(struct virtgpu_output *output)
{
	struct drm_device *dev = &output->vg->drm;
	int ret;

	ret = drmm_add_action_or_reset(dev, virtgpu_edid_free, output);
	if (ret)
		return ret;

	ret = drmm_connector_init(dev, &output->connector, &virtgpu_connector_funcs,
				  DRM_MODE_CONNECTOR_VIRTUAL, NULL);
	if (ret)
		return ret;

	drm_connector_helper_add(&output->connector, &virtgpu_connector_helper_funcs);
	output->connector.polled = DRM_CONNECTOR_POLL_HPD;
	/* Also for hosts without EDIDs, because an administrator may set one. */
	drm_connector_attach_edid_property(&output->connector);
	virtgpu_connector_attach_properties(output);
	return drm_connector_attach_encoder(&output->connector, &output->encoder);
}

/**
 * virtgpu_connector_update - store what the host says about a head
 * @output: the head
 * @info: position, size and state of its window
 * @edid: its EDID or NULL; @output owns it from now on
 *
 * The caller holds the mode config's mutex.
 *
 * Returns: true if anything has changed.
 */
bool virtgpu_connector_update(struct virtgpu_output *output,
			      const struct virtio_gpu_display_one *info,
			      const struct drm_edid *edid)
{
	bool enabled = info->enabled;
	u32 x = le32_to_cpu(info->r.x), y = le32_to_cpu(info->r.y);
	u32 width = le32_to_cpu(info->r.width);
	u32 height = le32_to_cpu(info->r.height);
	bool changed = output->enabled != enabled || output->x != x || output->y != y ||
		       output->width != width || output->height != height ||
		       !virtgpu_edid_equal(output->edid, edid);

	lockdep_assert_held(&output->vg->drm.mode_config.mutex);
	if (changed)
		drm_dbg_kms(&output->vg->drm, "head %u: %s, %ux%u at %u,%u\n", output->index,
			    enabled ? "on" : "off", width, height, x, y);

	output->enabled = enabled;
	output->x = x;
	output->y = y;
	output->width = width;
	output->height = height;
	drm_edid_free(output->edid);
	output->edid = edid;
	return changed;
}
