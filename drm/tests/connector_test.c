// SPDX-License-Identifier: GPL-2.0
#include "display/connector.c"
#include "tests/kunit.h"

static struct virtgpu_output *head(struct kunit *test)
{
	return &virtgpu_kunit_device(test)->display->outputs[0];
}

/* An EDID whose first and last bytes the caller chooses. */
static const struct drm_edid *make_edid_with(u8 first, u8 extensions, u8 last)
{
	u8 *bytes = kzalloc(EDID_LENGTH * (1 + extensions), GFP_KERNEL);
	const struct drm_edid *edid;

	if (!bytes)
		return NULL;
	bytes[0] = first;
	bytes[offsetof(struct edid, extensions)] = extensions;
	bytes[EDID_LENGTH * (1 + extensions) - 1] = last;
	edid = drm_edid_alloc(bytes, EDID_LENGTH * (1 + extensions));
	kfree(bytes);
	return edid;
}

static const struct drm_edid *make_edid(u8 first, u8 extensions)
{
	return make_edid_with(first, extensions, 0);
}

/* Sizes of windows. At the last ones, 32 bits cannot count the pixels of a second. */
static const struct {
	u32 width;
	u32 height;
} windows[] = {
	{ 32, 32 }, { 33, 35 }, { 853, 481 }, { 1024, 768 }, { 1366, 768 }, { 3840, 2160 },
	{ 8192, 32 }, { 8191, 8191 }, { 8192, 8192 }, { 16384, 16384 },
};

static void window_mode_has_the_size(struct kunit *test)
{
	struct drm_device *dev = &virtgpu_kunit_device(test)->drm;
	int i;

	for (i = 0; i < ARRAY_SIZE(windows); i++) {
		u32 width = windows[i].width, height = windows[i].height;
		struct drm_display_mode *mode = virtgpu_window_mode(dev, width, height);

		KUNIT_ASSERT_NOT_NULL(test, mode);
		KUNIT_EXPECT_EQ(test, mode->hdisplay, width);
		KUNIT_EXPECT_EQ(test, mode->vdisplay, height);
		KUNIT_EXPECT_GT(test, mode->hsync_start, width);
		KUNIT_EXPECT_GT(test, mode->hsync_end, mode->hsync_start);
		KUNIT_EXPECT_GT(test, mode->htotal, mode->hsync_end);
		KUNIT_EXPECT_GT(test, mode->vsync_start, height);
		KUNIT_EXPECT_GT(test, mode->vsync_end, mode->vsync_start);
		KUNIT_EXPECT_GT(test, mode->vtotal, mode->vsync_end);
		drm_mode_destroy(dev, mode);
	}
}

static void window_mode_has_60_frames(struct kunit *test)
{
	struct drm_device *dev = &virtgpu_kunit_device(test)->drm;
	int i;

	for (i = 0; i < ARRAY_SIZE(windows); i++) {
		u32 width = windows[i].width, height = windows[i].height;
		struct drm_display_mode *mode = virtgpu_window_mode(dev, width, height);

		KUNIT_ASSERT_NOT_NULL(test, mode);
		KUNIT_EXPECT_GT_MSG(test, mode->clock, 0, "%ux%u", width, height);
		KUNIT_EXPECT_EQ_MSG(test, drm_mode_vrefresh(mode), 60, "%ux%u", width, height);
		drm_mode_destroy(dev, mode);
	}
}

static void window_mode_is_accepted(struct kunit *test)
{
	struct virtgpu_output *output = head(test);
	struct drm_device *dev = &output->vg->drm;
	const typeof(*output->crtc.helper_private) *funcs = output->crtc.helper_private;
	int i;

	for (i = 0; i < ARRAY_SIZE(windows); i++) {
		u32 width = windows[i].width, height = windows[i].height;
		struct drm_display_mode *mode = virtgpu_window_mode(dev, width, height);

		KUNIT_ASSERT_NOT_NULL(test, mode);
		KUNIT_EXPECT_EQ_MSG(test, funcs->mode_valid(&output->crtc, mode), MODE_OK,
				    "%ux%u", width, height);
		drm_mode_destroy(dev, mode);
	}
}

static void add_mode(struct kunit *test, struct drm_connector *connector, u32 width, u32 height,
		     u32 type)
{
	struct drm_display_mode *mode = virtgpu_window_mode(connector->dev, width, height);

	KUNIT_ASSERT_NOT_NULL(test, mode);
	mode->type = type;
	drm_mode_probed_add(connector, mode);
}

/* Checks that one mode is preferred, and returns how many of that size there are. */
static int expect_preferred(struct kunit *test, struct drm_connector *connector, u32 width,
			    u32 height)
{
	struct drm_display_mode *mode;
	int preferred = 0, count = 0;

	list_for_each_entry(mode, &connector->probed_modes, head) {
		bool is_size = mode->hdisplay == width && mode->vdisplay == height;

		count += is_size;
		if (!(mode->type & DRM_MODE_TYPE_PREFERRED))
			continue;
		preferred++;
		KUNIT_EXPECT_TRUE_MSG(test, is_size, "%ux%u is preferred", mode->hdisplay,
				      mode->vdisplay);
	}
	KUNIT_EXPECT_EQ(test, preferred, 1);
	return count;
}

static void drop_modes(struct drm_connector *connector)
{
	struct drm_display_mode *mode, *next;

	list_for_each_entry_safe(mode, next, &connector->probed_modes, head) {
		list_del(&mode->head);
		drm_mode_destroy(connector->dev, mode);
	}
}

static void window_wins_over_the_edid(struct kunit *test)
{
	struct drm_connector *connector = &head(test)->connector;

	mutex_lock(&connector->dev->mode_config.mutex);
	add_mode(test, connector, 1280, 800, DRM_MODE_TYPE_DRIVER | DRM_MODE_TYPE_PREFERRED);
	KUNIT_EXPECT_EQ(test, virtgpu_prefer_window(connector, 853, 481), 1);
	KUNIT_EXPECT_EQ(test, expect_preferred(test, connector, 853, 481), 1);
	drop_modes(connector);
	mutex_unlock(&connector->dev->mode_config.mutex);
}

static void known_size_is_not_added(struct kunit *test)
{
	struct drm_connector *connector = &head(test)->connector;

	mutex_lock(&connector->dev->mode_config.mutex);
	add_mode(test, connector, 640, 480, DRM_MODE_TYPE_DRIVER | DRM_MODE_TYPE_PREFERRED);
	add_mode(test, connector, 1280, 800, DRM_MODE_TYPE_DRIVER);
	KUNIT_EXPECT_EQ(test, virtgpu_prefer_window(connector, 1280, 800), 0);
	KUNIT_EXPECT_EQ(test, expect_preferred(test, connector, 1280, 800), 1);
	drop_modes(connector);
	mutex_unlock(&connector->dev->mode_config.mutex);
}

static void one_of_two_equal_sizes_is_preferred(struct kunit *test)
{
	struct drm_connector *connector = &head(test)->connector;

	mutex_lock(&connector->dev->mode_config.mutex);
	add_mode(test, connector, 1280, 800, DRM_MODE_TYPE_DRIVER);
	add_mode(test, connector, 1280, 800, DRM_MODE_TYPE_DRIVER | DRM_MODE_TYPE_PREFERRED);
	KUNIT_EXPECT_EQ(test, virtgpu_prefer_window(connector, 1280, 800), 0);
	KUNIT_EXPECT_EQ(test, expect_preferred(test, connector, 1280, 800), 2);
	drop_modes(connector);
	mutex_unlock(&connector->dev->mode_config.mutex);
}

static void expect_window(struct kunit *test, struct virtgpu_output *output, u32 width, u32 height,
			  u32 preferred_width, u32 preferred_height)
{
	struct drm_connector *connector = &output->connector;

	mutex_lock(&connector->dev->mode_config.mutex);
	output->width = width;
	output->height = height;
	KUNIT_EXPECT_GT(test, virtgpu_connector_get_modes(connector), 0);
	expect_preferred(test, connector, preferred_width, preferred_height);
	drop_modes(connector);
	mutex_unlock(&connector->dev->mode_config.mutex);
}

static void window_within_limits_is_preferred(struct kunit *test)
{
	struct virtgpu_output *output = head(test);
	const struct drm_mode_config *config = &output->vg->drm.mode_config;

	expect_window(test, output, 853, 481, 853, 481);
	expect_window(test, output, config->min_width, config->min_height, config->min_width,
		      config->min_height);
	expect_window(test, output, config->max_width, config->max_height, config->max_width,
		      config->max_height);
}

static void window_beyond_limits_is_ignored(struct kunit *test)
{
	struct virtgpu_output *output = head(test);
	const struct drm_mode_config *config = &output->vg->drm.mode_config;

	expect_window(test, output, 0, 0, 1024, 768);
	expect_window(test, output, config->min_width - 1, 600, 1024, 768);
	expect_window(test, output, 800, config->min_height - 1, 1024, 768);
	expect_window(test, output, config->max_width + 1, 600, 1024, 768);
	expect_window(test, output, 800, config->max_height + 1, 1024, 768);
	expect_window(test, output, U32_MAX, U32_MAX, 1024, 768);
}

/* EDID 1.4 of a monitor that prefers 1000x500 pixels. */
static const struct drm_edid *make_monitor(void)
{
	static const u8 timing[] = {
		0xe4, 0x0c, 0xe8, 80, 0x30, 0xf4, 10, 0x10, 8, 32, 0x34, 0, 0, 0, 0, 0, 0, 0x1e,
	};
	u8 bytes[EDID_LENGTH] = {}, sum = 0;
	int i;

	memset(bytes + 1, 0xff, 6);
	bytes[offsetof(struct edid, version)] = 1;
	bytes[offsetof(struct edid, revision)] = 4;
	bytes[offsetof(struct edid, features)] = DRM_EDID_FEATURE_PREFERRED_TIMING;
	memcpy(bytes + offsetof(struct edid, detailed_timings), timing, sizeof(timing));
	for (i = 0; i < EDID_LENGTH - 1; i++)
		sum += bytes[i];
	bytes[EDID_LENGTH - 1] = -sum;
	return drm_edid_alloc(bytes, sizeof(bytes));
}

static void override_wins_over_the_window(struct kunit *test)
{
	struct virtgpu_output *output = head(test);
	struct drm_connector *connector = &output->connector;

	expect_window(test, output, 853, 481, 853, 481);
	connector->edid_override = make_monitor();
	KUNIT_ASSERT_NOT_NULL(test, connector->edid_override);
	expect_window(test, output, 853, 481, 1000, 500);

	/* The host's EDID is no override. */
	drm_edid_free(connector->edid_override);
	connector->edid_override = NULL;
	output->edid = make_monitor();
	expect_window(test, output, 853, 481, 853, 481);
}

static void head_is_connected_while_enabled(struct kunit *test)
{
	struct virtgpu_output *output = head(test);

	KUNIT_EXPECT_EQ(test, virtgpu_connector_detect(&output->connector, false),
			connector_status_disconnected);
	output->enabled = true;
	KUNIT_EXPECT_EQ(test, virtgpu_connector_detect(&output->connector, false),
			connector_status_connected);
}

static void edids_are_compared_whole(struct kunit *test)
{
	const struct drm_edid *a = make_edid(1, 1), *same = make_edid(1, 1);
	const struct drm_edid *other = make_edid(2, 1), *shorter = make_edid(1, 0);
	const struct drm_edid *other_end = make_edid_with(1, 1, 3);

	KUNIT_EXPECT_TRUE(test, virtgpu_edid_equal(NULL, NULL));
	KUNIT_EXPECT_FALSE(test, virtgpu_edid_equal(a, NULL));
	KUNIT_EXPECT_FALSE(test, virtgpu_edid_equal(NULL, a));
	KUNIT_EXPECT_TRUE(test, virtgpu_edid_equal(a, same));
	KUNIT_EXPECT_FALSE(test, virtgpu_edid_equal(a, other));
	KUNIT_EXPECT_FALSE(test, virtgpu_edid_equal(a, other_end));
	KUNIT_EXPECT_FALSE(test, virtgpu_edid_equal(a, shorter));
	KUNIT_EXPECT_FALSE(test, virtgpu_edid_equal(shorter, a));
	drm_edid_free(a);
	drm_edid_free(same);
	drm_edid_free(other);
	drm_edid_free(other_end);
	drm_edid_free(shorter);
}

static struct virtio_gpu_display_one display(bool enabled, u32 width, u32 height)
{
	return (struct virtio_gpu_display_one){
		.r.width = cpu_to_le32(width), .r.height = cpu_to_le32(height),
		.enabled = cpu_to_le32(enabled),
	};
}

static bool update_info(struct virtgpu_output *output, const struct virtio_gpu_display_one *info,
			const struct drm_edid *edid)
{
	struct mutex *lock = &output->vg->drm.mode_config.mutex;
	bool changed;

	mutex_lock(lock);
	changed = virtgpu_connector_update(output, info, edid);
	mutex_unlock(lock);
	return changed;
}

static bool update(struct virtgpu_output *output, bool enabled, u32 width, u32 height,
		   const struct drm_edid *edid)
{
	struct virtio_gpu_display_one info = display(enabled, width, height);

	return update_info(output, &info, edid);
}

static void changes_of_a_head_are_noticed(struct kunit *test)
{
	struct virtgpu_output *output = head(test);

	KUNIT_EXPECT_TRUE(test, update(output, true, 800, 600, NULL));
	KUNIT_EXPECT_TRUE(test, output->enabled);
	KUNIT_EXPECT_EQ(test, output->width, 800);
	KUNIT_EXPECT_EQ(test, output->height, 600);
	KUNIT_EXPECT_TRUE(test, update(output, true, 801, 600, NULL));
	KUNIT_EXPECT_TRUE(test, update(output, true, 801, 601, NULL));
	KUNIT_EXPECT_TRUE(test, update(output, false, 801, 601, NULL));
	KUNIT_EXPECT_FALSE(test, output->enabled);
}

/* The value from drm_object_property_set_value(), or from the attachment. */
static u64 property_value(struct kunit *test, struct drm_connector *connector,
			  struct drm_property *property)
{
	u64 value = 0;

	KUNIT_EXPECT_EQ(test, drm_object_property_get_default_value(&connector->base, property,
								    &value), 0);
	return value;
}

static void expect_position(struct kunit *test, struct virtgpu_output *output, u32 x, u32 y)
{
	struct drm_connector *connector = &output->connector;
	struct drm_mode_config *config = &connector->dev->mode_config;

	mutex_lock(&config->mutex);
	virtgpu_connector_get_modes(connector);
	drop_modes(connector);
	mutex_unlock(&config->mutex);
	KUNIT_EXPECT_EQ(test, property_value(test, connector, config->suggested_x_property), x);
	KUNIT_EXPECT_EQ(test, property_value(test, connector, config->suggested_y_property), y);
}

static void position_is_suggested(struct kunit *test)
{
	struct virtio_gpu_display_one info = display(true, 800, 600);
	struct virtgpu_output *output = head(test);

	update_info(output, &info, NULL);
	expect_position(test, output, 0, 0);
	info.r.x = cpu_to_le32(1920);
	KUNIT_EXPECT_TRUE(test, update_info(output, &info, NULL));
	expect_position(test, output, 1920, 0);
	info.r.y = cpu_to_le32(U32_MAX);
	KUNIT_EXPECT_TRUE(test, update_info(output, &info, NULL));
	expect_position(test, output, 1920, U32_MAX);
}

static void size_is_to_be_followed(struct kunit *test)
{
	struct virtgpu_output *output = head(test);

	KUNIT_EXPECT_EQ(test, property_value(test, &output->connector,
					     output->vg->display->hotplug_mode_update), 1);
}

static void same_head_is_no_change(struct kunit *test)
{
	struct virtgpu_output *output = head(test);

	update(output, true, 800, 600, make_edid(1, 1));
	KUNIT_EXPECT_FALSE(test, update(output, true, 800, 600, make_edid(1, 1)));
}

static void other_edid_is_a_change(struct kunit *test)
{
	struct virtgpu_output *output = head(test);

	update(output, true, 800, 600, NULL);
	KUNIT_EXPECT_TRUE(test, update(output, true, 800, 600, make_edid(1, 0)));
	KUNIT_EXPECT_TRUE(test, update(output, true, 800, 600, make_edid(2, 0)));
	KUNIT_EXPECT_TRUE(test, update(output, true, 800, 600, NULL));
}

static struct kunit_case virtgpu_connector_cases[] = {
	KUNIT_CASE(window_mode_has_the_size),
	KUNIT_CASE(window_mode_has_60_frames),
	KUNIT_CASE(window_mode_is_accepted),
	KUNIT_CASE(window_wins_over_the_edid),
	KUNIT_CASE(known_size_is_not_added),
	KUNIT_CASE(one_of_two_equal_sizes_is_preferred),
	KUNIT_CASE(window_within_limits_is_preferred),
	KUNIT_CASE(window_beyond_limits_is_ignored),
	KUNIT_CASE(override_wins_over_the_window),
	KUNIT_CASE(head_is_connected_while_enabled),
	KUNIT_CASE(edids_are_compared_whole),
	KUNIT_CASE(changes_of_a_head_are_noticed),
	KUNIT_CASE(position_is_suggested),
	KUNIT_CASE(size_is_to_be_followed),
	KUNIT_CASE(same_head_is_no_change),
	KUNIT_CASE(other_edid_is_a_change),
	{}
};

struct kunit_suite virtgpu_connector_suite = {
	.name = "virtgpu_connector",
	.test_cases = virtgpu_connector_cases,
};
