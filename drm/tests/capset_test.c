// SPDX-License-Identifier: GPL-2.0
#include "render/capset.c"
#include "tests/kunit.h"

static void add(struct virtgpu_device *vg, u32 id, u32 max_version, u32 max_size)
{
	const struct virtio_gpu_resp_capset_info info = {
		.capset_id = cpu_to_le32(id),
		.capset_max_version = cpu_to_le32(max_version),
		.capset_max_size = cpu_to_le32(max_size),
	};

	virtgpu_capset_add(vg, &info);
}

static void capset_is_kept(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	add(vg, 4, 2, 160);
	KUNIT_ASSERT_EQ(test, vg->render->num_capsets, 1);
	KUNIT_EXPECT_EQ(test, vg->render->capsets[0].id, 4);
	KUNIT_EXPECT_EQ(test, vg->render->capsets[0].max_version, 2);
	KUNIT_EXPECT_EQ(test, vg->render->capsets[0].max_size, 160);
}

static void capset_without_id_is_left_out(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	add(vg, 0, 1, 160);
	add(vg, 1, 1, 160);
	KUNIT_ASSERT_EQ(test, vg->render->num_capsets, 1);
	KUNIT_EXPECT_EQ(test, vg->render->capsets[0].id, 1);
}

static void large_capset_is_left_out(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	add(vg, 1, 1, VIRTGPU_MAX_CAPSET_SIZE);
	add(vg, 2, 1, VIRTGPU_MAX_CAPSET_SIZE + 1);
	add(vg, 3, 1, U32_MAX);
	KUNIT_ASSERT_EQ(test, vg->render->num_capsets, 1);
	KUNIT_EXPECT_EQ(test, vg->render->capsets[0].id, 1);
}

static void mask_has_a_bit_for_each(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	KUNIT_EXPECT_EQ(test, virtgpu_capset_mask(vg), 0);
	add(vg, 1, 1, 160);
	add(vg, 5, 1, 160);
	add(vg, 63, 1, 160);
	add(vg, 64, 1, 160);
	add(vg, U32_MAX, 1, 160);
	KUNIT_EXPECT_EQ(test, virtgpu_capset_mask(vg), BIT_ULL(1) | BIT_ULL(5) | BIT_ULL(63));
}

static void only_capsets_of_the_host_are_known(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	add(vg, 1, 1, 160);
	add(vg, 64, 1, 160);
	KUNIT_EXPECT_TRUE(test, virtgpu_capset_known(vg, 1));
	KUNIT_EXPECT_FALSE(test, virtgpu_capset_known(vg, 0));
	KUNIT_EXPECT_FALSE(test, virtgpu_capset_known(vg, 2));
	/* No context can be created for it, and the mask has no bit for it. */
	KUNIT_EXPECT_FALSE(test, virtgpu_capset_known(vg, 64));
	KUNIT_EXPECT_FALSE(test, virtgpu_capset_known(vg, 65));
	KUNIT_EXPECT_FALSE(test, virtgpu_capset_known(vg, (1ULL << 32) + 1));
}

static void versions_up_to_the_greatest_are_found(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	add(vg, 1, 2, 160);
	KUNIT_EXPECT_NOT_NULL(test, virtgpu_capset_find(vg, 1, 0));
	KUNIT_EXPECT_NOT_NULL(test, virtgpu_capset_find(vg, 1, 2));
	KUNIT_EXPECT_NULL(test, virtgpu_capset_find(vg, 1, 3));
	KUNIT_EXPECT_NULL(test, virtgpu_capset_find(vg, 2, 0));
}

static int get_caps(struct virtgpu_device *vg, u32 id, u32 version, u32 size)
{
	struct drm_virtgpu_get_caps args = {
		.cap_set_id = id, .cap_set_ver = version, .size = size,
	};

	return virtgpu_ioctl_get_caps(&vg->drm, &args, NULL);
}

static void get_caps_has_mainlines_errors(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	mutex_init(&vg->render->capset_lock);
	INIT_LIST_HEAD(&vg->render->capset_copies);
	KUNIT_EXPECT_EQ(test, get_caps(vg, 1, 0, 160), -ENOSYS);
	add(vg, 1, 2, 160);
	KUNIT_EXPECT_EQ(test, get_caps(vg, 1, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, get_caps(vg, 2, 0, 160), -EINVAL);
	KUNIT_EXPECT_EQ(test, get_caps(vg, 1, 3, 160), -EINVAL);
	/* The queue is stopped, and the failure is not stored. */
	KUNIT_EXPECT_EQ(test, get_caps(vg, 1, 2, 160), -ENODEV);
	KUNIT_EXPECT_TRUE(test, list_empty(&vg->render->capset_copies));
}

static struct kunit_case virtgpu_capset_cases[] = {
	KUNIT_CASE(capset_is_kept),
	KUNIT_CASE(capset_without_id_is_left_out),
	KUNIT_CASE(large_capset_is_left_out),
	KUNIT_CASE(mask_has_a_bit_for_each),
	KUNIT_CASE(only_capsets_of_the_host_are_known),
	KUNIT_CASE(versions_up_to_the_greatest_are_found),
	KUNIT_CASE(get_caps_has_mainlines_errors),
	{}
};

struct kunit_suite virtgpu_capset_suite = {
	.name = "virtgpu_capset",
	.test_cases = virtgpu_capset_cases,
};
