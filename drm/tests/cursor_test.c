// SPDX-License-Identifier: GPL-2.0
#include "display/cursor.c"
#include "tests/kunit.h"

static void new_pictures_are_noticed(struct kunit *test)
{
	static struct drm_framebuffer fbs[2];
	static struct drm_crtc crtcs[2];
	static struct drm_property_blob clips;
	const struct drm_plane_state old = {
		.fb = &fbs[0], .crtc = &crtcs[0], .hotspot_x = 1, .hotspot_y = 2, .crtc_x = 10,
	};
	struct drm_plane_state new = old;

	KUNIT_EXPECT_FALSE(test, virtgpu_cursor_is_new(&old, &new));
	/* A move does not change the image. */
	new.crtc_x = 11;
	new.crtc_y = -5;
	KUNIT_EXPECT_FALSE(test, virtgpu_cursor_is_new(&old, &new));
	new.fb = &fbs[1];
	KUNIT_EXPECT_TRUE(test, virtgpu_cursor_is_new(&old, &new));
	new = old;
	new.crtc = &crtcs[1];
	KUNIT_EXPECT_TRUE(test, virtgpu_cursor_is_new(&old, &new));
	new = old;
	new.fb_damage_clips = &clips;
	KUNIT_EXPECT_TRUE(test, virtgpu_cursor_is_new(&old, &new));
	new = old;
	new.hotspot_x++;
	KUNIT_EXPECT_TRUE(test, virtgpu_cursor_is_new(&old, &new));
	new = old;
	new.hotspot_y++;
	KUNIT_EXPECT_TRUE(test, virtgpu_cursor_is_new(&old, &new));
}

/* Returns the type of the order that is sent now, or 0. */
static u32 order_type(struct virtgpu_output *output)
{
	struct virtgpu_cmd *cmd;
	u32 type = 0;

	mutex_lock(&output->cursor.lock);
	cmd = virtgpu_cursor_next(output);
	mutex_unlock(&output->cursor.lock);
	if (cmd) {
		type = le32_to_cpu(((struct virtio_gpu_ctrl_hdr *)cmd->req)->type);
		virtgpu_cmd_put(output->vg, cmd);
	}
	return type;
}

/* A head whose cursor may move now. */
static struct virtgpu_output *head(struct kunit *test)
{
	struct virtgpu_output *output = &virtgpu_kunit_device(test)->display->outputs[0];

	output->cursor.interval = 2;
	output->cursor.order_time = jiffies - 3;
	return output;
}

static void nothing_is_ordered_without_need(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, order_type(head(test)), 0);
}

static void order_waits_for_the_upload(struct kunit *test)
{
	struct virtgpu_output *output = head(test);

	output->cursor.image_due = true;
	output->cursor.uploads = 1;
	KUNIT_EXPECT_EQ(test, order_type(output), 0);
	output->cursor.uploads = 0;
	KUNIT_EXPECT_EQ(test, order_type(output), VIRTIO_GPU_CMD_UPDATE_CURSOR);
}

static void host_holds_one_order(struct kunit *test)
{
	struct virtgpu_output *output = head(test);

	output->cursor.image_due = true;
	KUNIT_EXPECT_EQ(test, order_type(output), VIRTIO_GPU_CMD_UPDATE_CURSOR);
	output->cursor.image_due = true;
	KUNIT_EXPECT_EQ(test, order_type(output), 0);
	output->cursor.ordered = false;
	KUNIT_EXPECT_EQ(test, order_type(output), VIRTIO_GPU_CMD_UPDATE_CURSOR);
}

static void image_takes_the_position_along(struct kunit *test)
{
	struct virtgpu_output *output = head(test);

	output->cursor.image_due = true;
	output->cursor.position_due = true;
	KUNIT_EXPECT_EQ(test, order_type(output), VIRTIO_GPU_CMD_UPDATE_CURSOR);
	KUNIT_EXPECT_FALSE(test, output->cursor.image_due);
	KUNIT_EXPECT_FALSE(test, output->cursor.position_due);
}

static void moves_are_spaced(struct kunit *test)
{
	struct virtgpu_output *output = head(test);

	output->cursor.position_due = true;
	KUNIT_EXPECT_EQ(test, order_type(output), VIRTIO_GPU_CMD_MOVE_CURSOR);
	output->cursor.ordered = false;
	output->cursor.position_due = true;
	/* Far in the future, so the duration of the test does not matter. */
	output->cursor.order_time = jiffies + HZ;
	KUNIT_EXPECT_EQ(test, order_type(output), 0);
	KUNIT_EXPECT_TRUE(test, output->cursor.position_due);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&output->vg->display->cursor_work));
	virtgpu_cursors_disable(output->vg);
}

static void moves_are_half_a_frame_apart(struct kunit *test)
{
	const struct drm_display_mode slow = {
		DRM_MODE("", 0, 100, 64, 64, 64, 100, 0, 64, 64, 64, 1000, 0, 0)
	};
	const struct drm_display_mode fast = {
		DRM_MODE("", 0, 100000, 64, 64, 64, 100, 0, 64, 64, 64, 1000, 0, 0)
	};
	struct virtgpu_output *output = head(test);

	virtgpu_cursor_set_mode(&output->cursor, &slow);
	KUNIT_EXPECT_EQ(test, output->cursor.interval, HZ / 2);
	virtgpu_cursor_set_mode(&output->cursor, &fast);
	KUNIT_EXPECT_EQ(test, output->cursor.interval, 1);
}

static void images_are_not_spaced(struct kunit *test)
{
	struct virtgpu_output *output = head(test);

	output->cursor.image_due = true;
	output->cursor.order_time = jiffies + HZ;
	KUNIT_EXPECT_EQ(test, order_type(output), VIRTIO_GPU_CMD_UPDATE_CURSOR);
}

static void position_may_be_off_screen(struct kunit *test)
{
	struct virtgpu_output *output = head(test);
	struct virtio_gpu_update_cursor *wire = &output->cursor.wire;
	const struct drm_plane_state state = { .crtc_x = -3, .crtc_y = 9000 };

	output->index = 5;
	virtgpu_cursor_show(output, &state, false);
	KUNIT_EXPECT_EQ(test, (s32)le32_to_cpu(wire->pos.x), -3);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(wire->pos.y), 9000);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(wire->pos.scanout_id), 5);
}

static void no_cursor_has_no_hotspot(struct kunit *test)
{
	struct virtgpu_output *output = head(test);
	struct virtio_gpu_update_cursor *wire = &output->cursor.wire;
	const struct drm_plane_state state = { .hotspot_x = 5, .hotspot_y = 6 };

	wire->resource_id = cpu_to_le32(3);
	wire->hot_x = cpu_to_le32(7);
	wire->hot_y = cpu_to_le32(8);
	virtgpu_cursor_show(output, &state, true);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(wire->resource_id), 0);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(wire->hot_x), 0);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(wire->hot_y), 0);
}

/* A move sends the image only if the host shows another one or none. */
static void image_is_shown_until_it_is_another(struct kunit *test)
{
	struct virtgpu_output *output = head(test);
	struct virtgpu_cursor *cursor = &output->cursor;
	struct virtgpu_resource *res = kunit_kzalloc(test, sizeof(*res), GFP_KERNEL);
	struct virtgpu_fb *vfb = kunit_kzalloc(test, sizeof(*vfb), GFP_KERNEL);
	const struct drm_plane_state state = { .fb = &vfb->base, .hotspot_x = 5 };

	KUNIT_ASSERT_NOT_NULL(test, res);
	KUNIT_ASSERT_NOT_NULL(test, vfb);
	kref_init(&res->refs);
	res->id = 3;
	res->is_3d = true;
	mutex_init(&vfb->lock);
	vfb->cursor = res;
	cursor->wire.resource_id = cpu_to_le32(3);
	cursor->wire.hot_x = cpu_to_le32(7);
	virtgpu_cursor_show(output, &state, false);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(cursor->wire.resource_id), 3);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(cursor->wire.hot_x), 7);
	cursor->wire.resource_id = cpu_to_le32(4);
	virtgpu_cursor_show(output, &state, false);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(cursor->wire.resource_id), 3);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(cursor->wire.hot_x), 5);
}

static void cursor_is_hidden_once(struct kunit *test)
{
	struct virtgpu_output *output = head(test);
	u64 before = output->vg->transport->cursor.stats.dropped;

	virtgpu_cursor_hide(output);
	KUNIT_EXPECT_EQ(test, output->vg->transport->cursor.stats.dropped, before);
	output->cursor.wire.resource_id = cpu_to_le32(3);
	virtgpu_cursor_hide(output);
	virtgpu_cursor_hide(output);
	KUNIT_EXPECT_EQ(test, output->cursor.wire.resource_id, 0);
	KUNIT_EXPECT_EQ(test, output->vg->transport->cursor.stats.dropped, before + 1);
}

static struct kunit_case virtgpu_cursor_cases[] = {
	KUNIT_CASE(new_pictures_are_noticed),
	KUNIT_CASE(nothing_is_ordered_without_need),
	KUNIT_CASE(order_waits_for_the_upload),
	KUNIT_CASE(host_holds_one_order),
	KUNIT_CASE(image_takes_the_position_along),
	KUNIT_CASE(moves_are_spaced),
	KUNIT_CASE(moves_are_half_a_frame_apart),
	KUNIT_CASE(images_are_not_spaced),
	KUNIT_CASE(position_may_be_off_screen),
	KUNIT_CASE(no_cursor_has_no_hotspot),
	KUNIT_CASE(image_is_shown_until_it_is_another),
	KUNIT_CASE(cursor_is_hidden_once),
	{}
};

struct kunit_suite virtgpu_cursor_suite = {
	.name = "virtgpu_cursor",
	.test_cases = virtgpu_cursor_cases,
};
