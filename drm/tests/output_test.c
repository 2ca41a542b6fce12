// SPDX-License-Identifier: GPL-2.0
#include "display/output.c"
#include "tests/kunit.h"

static struct virtgpu_output *head(struct kunit *test)
{
	return &virtgpu_kunit_device(test)->display->outputs[0];
}

/* 1000 x 1000 pixels including blanking, at @clock kHz, are @clock / 1000 frames a second. */
static enum drm_mode_status status_of(int clock)
{
	const struct drm_display_mode mode = { .htotal = 1000, .vtotal = 1000, .clock = clock };

	return virtgpu_crtc_mode_valid(NULL, &mode);
}

static void refresh_has_limits(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, status_of(0), MODE_CLOCK_LOW);
	KUNIT_EXPECT_EQ(test, status_of(-60000), MODE_CLOCK_LOW);
	KUNIT_EXPECT_EQ(test, status_of(999), MODE_CLOCK_LOW);
	KUNIT_EXPECT_EQ(test, status_of(1000), MODE_OK);
	KUNIT_EXPECT_EQ(test, status_of(60000), MODE_OK);
	KUNIT_EXPECT_EQ(test, status_of(1000000), MODE_OK);
	KUNIT_EXPECT_EQ(test, status_of(1000001), MODE_CLOCK_HIGH);
	KUNIT_EXPECT_EQ(test, status_of(INT_MAX), MODE_CLOCK_HIGH);
}

static void mode_without_pixels_is_rejected(struct kunit *test)
{
	const struct drm_display_mode mode = { .htotal = 1000, .clock = 60000 };

	KUNIT_EXPECT_EQ(test, virtgpu_crtc_mode_valid(NULL, &mode), MODE_CLOCK_LOW);
}

/* Products that do not fit into 32 bits. */
static void huge_mode_is_accepted(struct kunit *test)
{
	const struct drm_display_mode mode = {
		.htotal = 65535, .vtotal = 65535, .clock = 4294836 * 60,
	};

	KUNIT_EXPECT_EQ(test, virtgpu_crtc_mode_valid(NULL, &mode), MODE_OK);
}

static void mode_has_plain_lines(struct kunit *test)
{
	struct drm_display_mode mode = { .htotal = 1000, .vtotal = 1000, .clock = 60000 };

	mode.flags = DRM_MODE_FLAG_INTERLACE;
	KUNIT_EXPECT_NE(test, virtgpu_crtc_mode_valid(NULL, &mode), MODE_OK);
	mode.flags = DRM_MODE_FLAG_DBLSCAN;
	KUNIT_EXPECT_NE(test, virtgpu_crtc_mode_valid(NULL, &mode), MODE_OK);
	mode.flags = DRM_MODE_FLAG_PHSYNC;
	mode.vscan = 1;
	KUNIT_EXPECT_EQ(test, virtgpu_crtc_mode_valid(NULL, &mode), MODE_OK);
	mode.vscan = 2;
	KUNIT_EXPECT_NE(test, virtgpu_crtc_mode_valid(NULL, &mode), MODE_OK);
}

static void two_frames_are_on_their_way(struct kunit *test)
{
	struct virtgpu_output *output = head(test);

	KUNIT_EXPECT_TRUE(test, virtgpu_output_has_room(output));
	atomic_set(&output->frames, 1);
	KUNIT_EXPECT_TRUE(test, virtgpu_output_has_room(output));
	atomic_set(&output->frames, 2);
	KUNIT_EXPECT_FALSE(test, virtgpu_output_has_room(output));
	atomic_set(&output->frames, 0);
}

/* A frame that cannot be sent does not count as in flight. */
static void lost_frame_makes_room(struct kunit *test)
{
	struct virtgpu_output *output = head(test);
	const struct drm_rect all = DRM_RECT_INIT(0, 0, 10, 10);

	virtgpu_output_frame_end(output, virtgpu_cmd_flush(output->vg, 1, &all), false);
	KUNIT_EXPECT_EQ(test, atomic_read(&output->frames), 0);
}

/* Returns the number of commands that the stopped queue has dropped. */
static u64 commands(const struct virtgpu_output *output)
{
	return output->vg->transport->ctrl.stats.dropped;
}

static void same_scanout_is_set_once(struct kunit *test)
{
	struct virtgpu_output *output = head(test);
	const struct drm_rect all = DRM_RECT_INIT(0, 0, 10, 10), part = DRM_RECT_INIT(1, 0, 9, 10);
	const struct virtgpu_resource a = { .id = 1 }, b = { .id = 2 };
	const struct drm_framebuffer fb = { .base.id = 50 };

	virtgpu_output_show(output, &fb, &a, &all);
	KUNIT_EXPECT_EQ(test, commands(output), 1);
	virtgpu_output_show(output, &fb, &a, &all);
	KUNIT_EXPECT_EQ(test, commands(output), 1);
	virtgpu_output_show(output, &fb, &a, &part);
	KUNIT_EXPECT_EQ(test, commands(output), 2);
	virtgpu_output_show(output, &fb, &b, &part);
	KUNIT_EXPECT_EQ(test, commands(output), 3);
}

/* The host knows the shape of an image, not of a blob. */
static void framebuffer_counts_for_blobs_only(struct kunit *test)
{
	struct virtgpu_output *output = head(test);
	const struct drm_rect all = DRM_RECT_INIT(0, 0, 10, 10);
	const struct virtgpu_resource image = { .id = 1 }, blob = { .id = 2, .blob.size = 4096 };
	const struct drm_format_info *format = drm_format_info(DRM_FORMAT_XRGB8888);
	const struct drm_framebuffer fbs[] = {
		{ .base.id = 50, .format = format }, { .base.id = 51, .format = format },
	};

	virtgpu_output_show(output, &fbs[0], &image, &all);
	virtgpu_output_show(output, &fbs[1], &image, &all);
	KUNIT_EXPECT_EQ(test, commands(output), 1);
	virtgpu_output_show(output, &fbs[0], &blob, &all);
	virtgpu_output_show(output, &fbs[1], &blob, &all);
	KUNIT_EXPECT_EQ(test, commands(output), 3);
}

static void head_is_switched_off_once(struct kunit *test)
{
	struct virtgpu_output *output = head(test);
	const struct drm_rect all = DRM_RECT_INIT(0, 0, 10, 10);
	const struct virtgpu_resource res = { .id = 1 };
	const struct drm_framebuffer fb = {};

	virtgpu_output_hide(output);
	KUNIT_EXPECT_EQ(test, commands(output), 0);
	virtgpu_output_show(output, &fb, &res, &all);
	virtgpu_output_hide(output);
	virtgpu_output_hide(output);
	KUNIT_EXPECT_EQ(test, commands(output), 2);
	/* The resource is shown again when the head is switched on. */
	virtgpu_output_show(output, &fb, &res, &all);
	KUNIT_EXPECT_EQ(test, commands(output), 3);
}

static void reset_forgets_what_is_shown(struct kunit *test)
{
	struct virtgpu_output *output = head(test);
	const struct drm_rect all = DRM_RECT_INIT(0, 0, 10, 10);
	const struct virtgpu_resource res = { .id = 1 };
	const struct drm_framebuffer fb = {};

	virtgpu_output_show(output, &fb, &res, &all);
	virtgpu_output_forget(output);
	virtgpu_output_show(output, &fb, &res, &all);
	KUNIT_EXPECT_EQ(test, commands(output), 2);
}

/* Only an answer of the host says what it can do. */
static void lost_scanout_keeps_zero_copy(struct kunit *test)
{
	struct virtgpu_output *output = head(test);
	struct virtgpu_device *vg = output->vg;
	struct virtgpu_cmd cmd = { .status = -ETIMEDOUT };

	virtgpu_display_fini(vg);
	vg->memory->zero_copy = true;
	virtgpu_output_shown(vg, &cmd);
	cmd.status = -EIO;
	virtgpu_output_shown(vg, &cmd);
	KUNIT_EXPECT_TRUE(test, vg->memory->zero_copy);
	cmd.end = VIRTGPU_CMD_ANSWERED;
	virtgpu_output_shown(vg, &cmd);
	KUNIT_EXPECT_FALSE(test, vg->memory->zero_copy);
}

static struct kunit_case virtgpu_output_cases[] = {
	KUNIT_CASE(refresh_has_limits),
	KUNIT_CASE(mode_without_pixels_is_rejected),
	KUNIT_CASE(huge_mode_is_accepted),
	KUNIT_CASE(mode_has_plain_lines),
	KUNIT_CASE(two_frames_are_on_their_way),
	KUNIT_CASE(lost_frame_makes_room),
	KUNIT_CASE(same_scanout_is_set_once),
	KUNIT_CASE(framebuffer_counts_for_blobs_only),
	KUNIT_CASE(head_is_switched_off_once),
	KUNIT_CASE(reset_forgets_what_is_shown),
	KUNIT_CASE(lost_scanout_keeps_zero_copy),
	{}
};

struct kunit_suite virtgpu_output_suite = {
	.name = "virtgpu_output",
	.test_cases = virtgpu_output_cases,
};
