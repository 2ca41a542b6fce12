// SPDX-License-Identifier: GPL-2.0
#include "display/hotplug.c"
#include "tests/kunit.h"

/* A valid block. Only the base block needs a header. */
static void fill_block(u8 *block, bool is_base, u8 extensions)
{
	static const u8 header[] = { 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00 };
	u8 sum = 0;
	int i;

	memset(block, 0, EDID_LENGTH);
	if (is_base) {
		memcpy(block, header, sizeof(header));
		block[offsetof(struct edid, version)] = 1;
		block[offsetof(struct edid, revision)] = 4;
		block[offsetof(struct edid, extensions)] = extensions;
	} else {
		block[0] = 0x02;
		block[1] = 3;
	}
	for (i = 0; i < EDID_LENGTH - 1; i++)
		sum += block[i];
	block[EDID_LENGTH - 1] = -sum;
}

static struct virtio_gpu_resp_edid *make_response(struct kunit *test, u32 size, u8 extensions)
{
	struct virtio_gpu_resp_edid *resp = kunit_kzalloc(test, sizeof(*resp), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, resp);
	resp->size = cpu_to_le32(size);
	for (i = 0; i < 8; i++)
		fill_block(resp->edid + i * EDID_LENGTH, !i, extensions);
	return resp;
}

/* Returns the number of blocks of the EDID in a response, 0 for none. */
static int blocks(struct kunit *test, struct virtgpu_device *vg, u32 size, u8 extensions)
{
	const struct drm_edid *edid = virtgpu_edid_parse(vg, 0, make_response(test, size,
									      extensions));
	const struct edid *raw = drm_edid_raw(edid);
	int count = raw ? 1 + raw->extensions : 0;

	drm_edid_free(edid);
	return count;
}

static void edid_of_one_block_is_read(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, blocks(test, virtgpu_kunit_device(test), EDID_LENGTH, 0), 1);
}

static void extensions_are_read(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	KUNIT_EXPECT_EQ(test, blocks(test, vg, 2 * EDID_LENGTH, 1), 2);
	KUNIT_EXPECT_EQ(test, blocks(test, vg, 8 * EDID_LENGTH, 7), 8);
}

/* QEMU always reports 1024 bytes. */
static void rest_of_the_buffer_is_ignored(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	KUNIT_EXPECT_EQ(test, blocks(test, vg, 1024, 0), 1);
	KUNIT_EXPECT_EQ(test, blocks(test, vg, 1024, 1), 2);
}

static void short_edid_is_rejected(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	KUNIT_EXPECT_EQ(test, blocks(test, vg, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, blocks(test, vg, EDID_LENGTH - 1, 0), 0);
}

static void edid_beyond_the_response_is_rejected(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	KUNIT_EXPECT_EQ(test, blocks(test, vg, 1025, 0), 0);
	KUNIT_EXPECT_EQ(test, blocks(test, vg, U32_MAX, 0), 0);
}

static void missing_extensions_are_rejected(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	KUNIT_EXPECT_EQ(test, blocks(test, vg, EDID_LENGTH, 1), 0);
	KUNIT_EXPECT_EQ(test, blocks(test, vg, 1024, 255), 0);
}

static void garbage_is_rejected(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtio_gpu_resp_edid *resp = make_response(test, EDID_LENGTH, 0);

	/* The checksum is wrong, and so is the header. */
	memset(resp->edid, 0x5a, EDID_LENGTH);
	KUNIT_EXPECT_NULL(test, virtgpu_edid_parse(vg, 0, resp));
}

static struct kunit_case virtgpu_hotplug_cases[] = {
	KUNIT_CASE(edid_of_one_block_is_read),
	KUNIT_CASE(extensions_are_read),
	KUNIT_CASE(rest_of_the_buffer_is_ignored),
	KUNIT_CASE(short_edid_is_rejected),
	KUNIT_CASE(edid_beyond_the_response_is_rejected),
	KUNIT_CASE(missing_extensions_are_rejected),
	KUNIT_CASE(garbage_is_rejected),
	{}
};

struct kunit_suite virtgpu_hotplug_suite = {
	.name = "virtgpu_hotplug",
	.test_cases = virtgpu_hotplug_cases,
};
