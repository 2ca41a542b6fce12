// SPDX-License-Identifier: GPL-2.0
#include "transport/encode.c"
#include "tests/kunit.h"

static void expect_rect(struct kunit *test, const struct virtio_gpu_rect *rect, u32 x, u32 y,
			u32 width, u32 height)
{
	KUNIT_EXPECT_EQ(test, le32_to_cpu(rect->x), x);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(rect->y), y);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(rect->width), width);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(rect->height), height);
}

static u32 type_of(const struct virtgpu_cmd *cmd)
{
	const struct virtio_gpu_ctrl_hdr *hdr = (const void *)cmd->req;

	return le32_to_cpu(hdr->type);
}

static u32 context_of(const struct virtgpu_cmd *cmd)
{
	const struct virtio_gpu_ctrl_hdr *hdr = (const void *)cmd->req;

	return le32_to_cpu(hdr->ctx_id);
}

static void transfer_has_its_rect_and_offset(struct kunit *test)
{
	const struct drm_rect rect = DRM_RECT_INIT(3, 5, 70, 90);
	struct virtio_gpu_transfer_to_host_2d req = {};

	virtgpu_fill_transfer(&req, 42, &rect, 0x123456789aULL);
	expect_rect(test, &req.r, 3, 5, 70, 90);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(req.offset), 0x123456789aULL);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req.resource_id), 42);
}

static void flush_has_its_rect(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	const struct drm_rect rect = DRM_RECT_INIT(1, 2, 3, 4);
	struct virtgpu_cmd *cmd = virtgpu_cmd_flush(vg, 7, &rect);
	const struct virtio_gpu_resource_flush *req = (void *)cmd->req;

	KUNIT_EXPECT_EQ(test, type_of(cmd), VIRTIO_GPU_CMD_RESOURCE_FLUSH);
	KUNIT_EXPECT_EQ(test, cmd->size, sizeof(*req));
	expect_rect(test, &req->r, 1, 2, 3, 4);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->resource_id), 7);
	virtgpu_cmd_put(vg, cmd);
}

static void creation_names_format_and_size(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_cmd *cmd = virtgpu_cmd_resource_create_2d(vg, 9, 2, 853, 481);
	const struct virtio_gpu_resource_create_2d *req = (void *)cmd->req;

	KUNIT_EXPECT_EQ(test, type_of(cmd), VIRTIO_GPU_CMD_RESOURCE_CREATE_2D);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->resource_id), 9);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->format), 2);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->width), 853);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->height), 481);
	KUNIT_EXPECT_FALSE(test, cmd->is_quiet);
	virtgpu_cmd_put(vg, cmd);
}

static void backing_carries_its_entries(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtio_gpu_mem_entry *entries = kvcalloc(3, sizeof(*entries), GFP_KERNEL);
	const struct virtio_gpu_resource_attach_backing *req;
	struct virtgpu_cmd *cmd;

	KUNIT_ASSERT_NOT_NULL(test, entries);
	cmd = virtgpu_cmd_attach_backing(vg, 9, entries, 3);
	req = (void *)cmd->req;
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->resource_id), 9);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->nr_entries), 3);
	KUNIT_EXPECT_PTR_EQ(test, cmd->payload, (void *)entries);
	KUNIT_EXPECT_EQ(test, cmd->payload_size, 3 * 16);
	/* Frees the entries. */
	virtgpu_cmd_put(vg, cmd);
}

static void transfer_3d_gets_its_own_header(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	const struct virtio_gpu_transfer_host_3d transfer = {
		.hdr.type = cpu_to_le32(U32_MAX), .box.w = cpu_to_le32(17),
		.offset = cpu_to_le64(0x123456789aULL), .resource_id = cpu_to_le32(5),
	};
	const u32 type = VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D;
	struct virtgpu_cmd *cmd = virtgpu_cmd_transfer_3d(vg, type, 8, &transfer);
	const struct virtio_gpu_transfer_host_3d *req = (void *)cmd->req;

	KUNIT_EXPECT_EQ(test, type_of(cmd), type);
	KUNIT_EXPECT_EQ(test, context_of(cmd), 8);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->box.w), 17);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(req->offset), 0x123456789aULL);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->resource_id), 5);
	/* Mistakes of user space are not error messages. */
	KUNIT_EXPECT_TRUE(test, cmd->is_quiet);
	virtgpu_cmd_put(vg, cmd);
}

static void cursor_expects_no_answer(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	const struct virtio_gpu_update_cursor cursor = {
		.pos = { .scanout_id = cpu_to_le32(1), .x = cpu_to_le32(-5), .y = cpu_to_le32(6) },
		.resource_id = cpu_to_le32(7), .hot_x = cpu_to_le32(8), .hot_y = cpu_to_le32(9),
	};
	struct virtgpu_cmd *cmd = virtgpu_cmd_cursor(vg, VIRTIO_GPU_CMD_UPDATE_CURSOR, &cursor);
	const struct virtio_gpu_update_cursor *req = (void *)cmd->req;

	KUNIT_EXPECT_EQ(test, cmd->resp_type, 0);
	KUNIT_EXPECT_EQ(test, type_of(cmd), VIRTIO_GPU_CMD_UPDATE_CURSOR);
	KUNIT_EXPECT_MEMEQ(test, &req->pos, &cursor.pos, sizeof(*req) - sizeof(req->hdr));
	virtgpu_cmd_put(vg, cmd);
}

static void mapping_names_blob_and_place(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_cmd *cmd = virtgpu_cmd_map_blob(vg, 9, 0x123456000);
	const struct virtio_gpu_resource_map_blob *req;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, cmd);
	req = (void *)cmd->req;
	KUNIT_EXPECT_EQ(test, type_of(cmd), VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->resource_id), 9);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(req->offset), 0x123456000);
	KUNIT_EXPECT_EQ(test, cmd->resp_type, VIRTIO_GPU_RESP_OK_MAP_INFO);
	virtgpu_cmd_put(vg, cmd);
}

/*
 * A refused or unsent command has no effect. After a time-out or an invalid answer this is not
 * known.
 */
static void effect_of_failures_is_known(struct kunit *test)
{
	struct virtio_gpu_ctrl_hdr resp = {};
	struct virtgpu_cmd cmd = { .resp = &resp, .resp_len = sizeof(resp) };

	cmd.end = VIRTGPU_CMD_UNSENT;
	KUNIT_EXPECT_TRUE(test, virtgpu_cmd_had_no_effect(&cmd, -ENOMEM));
	cmd.end = VIRTGPU_CMD_LOST;
	KUNIT_EXPECT_TRUE(test, virtgpu_cmd_had_no_effect(&cmd, -ENODEV));
	cmd.end = VIRTGPU_CMD_ANSWERED;
	KUNIT_EXPECT_FALSE(test, virtgpu_cmd_had_no_effect(&cmd, -EIO));
	resp.type = cpu_to_le32(VIRTIO_GPU_RESP_ERR_UNSPEC);
	KUNIT_EXPECT_TRUE(test, virtgpu_cmd_had_no_effect(&cmd, -EIO));
	KUNIT_EXPECT_FALSE(test, virtgpu_cmd_had_no_effect(&cmd, -ETIMEDOUT));
	KUNIT_EXPECT_FALSE(test, virtgpu_cmd_had_no_effect(&cmd, 0));
	cmd.resp_len = 5;
	KUNIT_EXPECT_FALSE(test, virtgpu_cmd_had_no_effect(&cmd, -EIO));
}

static void queries_fail_without_a_device(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtio_gpu_resp_capset_info info;
	u8 data[16];
	uuid_t uuid;

	KUNIT_EXPECT_EQ(test, virtgpu_cmd_get_capset_info(vg, 0, &info), -ENODEV);
	KUNIT_EXPECT_EQ(test, virtgpu_cmd_get_capset(vg, 1, 0, data, sizeof(data)), -ENODEV);
	KUNIT_EXPECT_EQ(test, virtgpu_cmd_assign_uuid(vg, 1, &uuid), -ENODEV);
}

static struct kunit_case virtgpu_encode_cases[] = {
	KUNIT_CASE(transfer_has_its_rect_and_offset),
	KUNIT_CASE(flush_has_its_rect),
	KUNIT_CASE(creation_names_format_and_size),
	KUNIT_CASE(backing_carries_its_entries),
	KUNIT_CASE(transfer_3d_gets_its_own_header),
	KUNIT_CASE(cursor_expects_no_answer),
	KUNIT_CASE(mapping_names_blob_and_place),
	KUNIT_CASE(effect_of_failures_is_known),
	KUNIT_CASE(queries_fail_without_a_device),
	{}
};

struct kunit_suite virtgpu_encode_suite = {
	.name = "virtgpu_encode",
	.test_cases = virtgpu_encode_cases,
};
