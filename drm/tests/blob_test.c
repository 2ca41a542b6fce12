// SPDX-License-Identifier: GPL-2.0
#include "memory/blob.c"
#include "tests/kunit.h"

static const struct drm_virtgpu_resource_create_blob of_guest = {
	.blob_mem = VIRTGPU_BLOB_MEM_GUEST, .blob_flags = VIRTGPU_BLOB_FLAG_USE_SHAREABLE,
	.size = PAGE_SIZE,
};

static const struct drm_virtgpu_resource_create_blob of_host = {
	.blob_mem = VIRTGPU_BLOB_MEM_HOST3D, .blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE,
	.size = PAGE_SIZE, .blob_id = 1,
};

static struct virtgpu_device *make_device(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	vg->has_blob = true;
	vg->has_3d = true;
	return vg;
}

static void blobs_need_the_feature(struct kunit *test)
{
	struct virtgpu_device *vg = make_device(test);

	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &of_guest), 0);
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &of_host), 0);
	vg->has_blob = false;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &of_guest), -EINVAL);
}

static void memory_of_the_host_needs_a_renderer(struct kunit *test)
{
	struct virtgpu_device *vg = make_device(test);
	struct drm_virtgpu_resource_create_blob args = of_host;

	vg->has_3d = false;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), -EINVAL);
	args.blob_mem = VIRTGPU_BLOB_MEM_HOST3D_GUEST;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), -EINVAL);
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &of_guest), 0);
}

static void unknown_memory_is_rejected(struct kunit *test)
{
	struct virtgpu_device *vg = make_device(test);
	struct drm_virtgpu_resource_create_blob args = of_guest;

	args.blob_mem = 0;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), -EINVAL);
	args.blob_mem = VIRTGPU_BLOB_MEM_HOST3D_GUEST + 1;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), -EINVAL);
}

static void unknown_flags_are_rejected(struct kunit *test)
{
	struct virtgpu_device *vg = make_device(test);
	struct drm_virtgpu_resource_create_blob args = of_guest;

	args.blob_flags = 0;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), 0);
	args.blob_flags = 8;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), -EINVAL);
	/* Needs a UUID, by which other devices know the blob. */
	args.blob_flags = VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), -EINVAL);
	vg->has_uuid = true;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), 0);
}

/* The number and the command are for the renderer, and a blob of the guest has neither. */
static void blob_of_the_guest_has_no_id(struct kunit *test)
{
	struct virtgpu_device *vg = make_device(test);
	struct drm_virtgpu_resource_create_blob args = of_guest;

	args.blob_id = 1;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), -EINVAL);
	args.blob_id = 0;
	args.cmd_size = 4;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), -EINVAL);
	args = of_host;
	args.cmd_size = 4;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), 0);
	args.cmd_size = 6;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), -EINVAL);
}

static void absurd_sizes_are_rejected(struct kunit *test)
{
	struct virtgpu_device *vg = make_device(test);
	struct drm_virtgpu_resource_create_blob args = of_guest;

	args.size = 0;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), -EINVAL);
	/* Rounded up to pages, this size is 0. */
	args.size = U64_MAX;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), -EINVAL);
	args.size = 1;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), 0);
}

static void sizes_are_aligned_as_the_device_wants(struct kunit *test)
{
	struct virtgpu_device *vg = make_device(test);
	struct drm_virtgpu_resource_create_blob args = of_guest;

	vg->blob_alignment = 4 * PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), -EINVAL);
	args.size = 8 * PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), 0);
	args.size = 8 * PAGE_SIZE + 1;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_check(vg, &args), -EINVAL);
}

static struct kunit_case virtgpu_blob_cases[] = {
	KUNIT_CASE(blobs_need_the_feature),
	KUNIT_CASE(memory_of_the_host_needs_a_renderer),
	KUNIT_CASE(unknown_memory_is_rejected),
	KUNIT_CASE(unknown_flags_are_rejected),
	KUNIT_CASE(blob_of_the_guest_has_no_id),
	KUNIT_CASE(absurd_sizes_are_rejected),
	KUNIT_CASE(sizes_are_aligned_as_the_device_wants),
	{}
};

struct kunit_suite virtgpu_blob_suite = {
	.name = "virtgpu_blob",
	.test_cases = virtgpu_blob_cases,
};
