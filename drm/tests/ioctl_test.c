// SPDX-License-Identifier: GPL-2.0
#include "render/ioctl.c"
#include "tests/kunit.h"

static const struct virtgpu_resource res = { .width = 640, .height = 480 };

static bool fits(u32 x, u32 y, u32 w, u32 h)
{
	const struct drm_virtgpu_3d_box box = { .x = x, .y = y, .w = w, .h = h, .d = 1 };

	return virtgpu_box_fits(&box, &res);
}

static void box_fits_up_to_the_edges(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, fits(0, 0, 640, 480));
	KUNIT_EXPECT_TRUE(test, fits(639, 479, 1, 1));
	KUNIT_EXPECT_FALSE(test, fits(0, 0, 641, 480));
	KUNIT_EXPECT_FALSE(test, fits(0, 0, 640, 481));
	KUNIT_EXPECT_FALSE(test, fits(639, 0, 2, 1));
	KUNIT_EXPECT_FALSE(test, fits(0, 479, 1, 2));
	KUNIT_EXPECT_FALSE(test, fits(640, 0, 1, 1));
	KUNIT_EXPECT_FALSE(test, fits(0, 480, 1, 1));
}

static void empty_box_does_not_fit(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, fits(0, 0, 0, 480));
	KUNIT_EXPECT_FALSE(test, fits(0, 0, 640, 0));
}

/* A sum that wraps around would seem to be within the limits. */
static void box_does_not_wrap_around(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, fits(1, 0, U32_MAX, 1));
	KUNIT_EXPECT_FALSE(test, fits(0, 1, 1, U32_MAX));
	KUNIT_EXPECT_FALSE(test, fits(U32_MAX, 0, 1, 1));
	KUNIT_EXPECT_FALSE(test, fits(0, U32_MAX, 1, 1));
	KUNIT_EXPECT_FALSE(test, fits(U32_MAX, U32_MAX, U32_MAX, U32_MAX));
}

static u64 length(const struct virtgpu_resource *of, u32 level, u32 w, u32 h, u32 d)
{
	const struct drm_virtgpu_3d_transfer_to_host args = {
		.offset = 100, .level = level, .box = { .w = w, .h = h, .d = d },
	};
	const struct virtgpu_rows rows = virtgpu_transfer_rows(&args, of, SZ_1G);

	return rows.offset == 100 && rows.count == 1 ? rows.length : 0;
}

static void transfers_are_of_so_many_bytes(struct kunit *test)
{
	static const struct virtgpu_resource texture = {
		.width = 640, .height = 480, .is_3d = true, .texture.target = VIRTGPU_TARGET_2D,
	};
	static const struct virtgpu_resource buffer = { .width = 4096, .height = 1, .is_3d = true };

	/* The rows are as long as the texture with the largest pixels. */
	KUNIT_EXPECT_EQ(test, length(&texture, 0, 10, 3, 1), 3 * 640 * 32);
	KUNIT_EXPECT_EQ(test, length(&texture, 2, 10, 3, 1), 3 * 160 * 32);
	KUNIT_EXPECT_EQ(test, length(&texture, U32_MAX, 1, 1, 1), 32);
	/* The start of the next layer is unknown. */
	KUNIT_EXPECT_EQ(test, length(&texture, 0, 10, 3, 2), SZ_1G);
	KUNIT_EXPECT_EQ(test, length(&texture, 0, U32_MAX, U32_MAX, 1), SZ_1G);
	KUNIT_EXPECT_EQ(test, length(&buffer, 0, 77, 1, 1), 77);
}

static int getparam(struct virtgpu_device *vg, u64 param)
{
	struct drm_virtgpu_getparam args = { .param = param };

	return virtgpu_ioctl_getparam(&vg->drm, &args, NULL);
}

static void unknown_parameters_are_rejected(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	KUNIT_EXPECT_EQ(test, getparam(vg, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, getparam(vg, 1000), -EINVAL);
	/* The number has 64 bits. */
	KUNIT_EXPECT_EQ(test, getparam(vg, (1ULL << 32) + VIRTGPU_PARAM_3D_FEATURES), -EINVAL);
	/* A device without an alignment does not have the parameter. */
	KUNIT_EXPECT_EQ(test, getparam(vg, VIRTGPU_PARAM_BLOB_ALIGNMENT), -ENOENT);
	/* The address is invalid. */
	KUNIT_EXPECT_EQ(test, getparam(vg, VIRTGPU_PARAM_3D_FEATURES), -EFAULT);
}

static int create(struct virtgpu_device *vg, const struct drm_virtgpu_resource_create *what)
{
	struct drm_virtgpu_resource_create args = *what;

	return virtgpu_ioctl_resource_create(&vg->drm, &args, NULL);
}

static void textures_need_a_renderer(struct kunit *test)
{
	static const struct drm_virtgpu_resource_create good = {
		.target = VIRTGPU_TARGET_2D, .format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.width = 64, .height = 64, .depth = 1, .array_size = 1,
	};
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct drm_virtgpu_resource_create bad;

#define EXPECT_REJECTED(field, value) do {				\
		bad = good;						\
		bad.field = (value);					\
		KUNIT_EXPECT_EQ(test, create(vg, &bad), -EINVAL);	\
	} while (0)
	EXPECT_REJECTED(target, 0);
	EXPECT_REJECTED(target, VIRTGPU_TARGET_2D + 1);
	EXPECT_REJECTED(depth, 2);
	EXPECT_REJECTED(array_size, 2);
	EXPECT_REJECTED(last_level, 2);
	EXPECT_REJECTED(nr_samples, 2);
	EXPECT_REJECTED(format, 0);
	EXPECT_REJECTED(format, 5);
	EXPECT_REJECTED(width, 0);
	EXPECT_REJECTED(height, 0);
#undef EXPECT_REJECTED
	/* This one fails only because the queue is stopped. */
	KUNIT_EXPECT_EQ(test, create(vg, &good), -ENODEV);
}

static void renderers_ioctls_need_a_renderer(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct drm_virtgpu_3d_transfer_from_host transfer = {};
	struct drm_virtgpu_execbuffer exec = {};
	struct drm_virtgpu_context_init init = {};
	struct drm_file *file = kunit_kzalloc(test, sizeof(*file), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, file);
	KUNIT_EXPECT_EQ(test, virtgpu_ioctl_transfer_from_host(&vg->drm, &transfer, file), -ENOSYS);
	KUNIT_EXPECT_EQ(test, virtgpu_ioctl_execbuffer(&vg->drm, &exec, file), -ENOSYS);
	KUNIT_EXPECT_EQ(test, virtgpu_ioctl_context_init(&vg->drm, &init, file), -EINVAL);
}

/* The ioctls have the numbers of the uapi, and all are allowed on the render node. */
static void ioctls_are_where_they_are_called(struct kunit *test)
{
	int i;

	KUNIT_EXPECT_PTR_EQ(test, virtgpu_ioctls[DRM_VIRTGPU_EXECBUFFER].func,
			    &virtgpu_ioctl_execbuffer);
	KUNIT_EXPECT_PTR_EQ(test, virtgpu_ioctls[DRM_VIRTGPU_CONTEXT_INIT].func,
			    &virtgpu_ioctl_context_init);
	for (i = DRM_VIRTGPU_MAP; i < VIRTGPU_NUM_IOCTLS; i++) {
		KUNIT_EXPECT_EQ(test, DRM_IOCTL_NR(virtgpu_ioctls[i].cmd), DRM_COMMAND_BASE + i);
		KUNIT_EXPECT_TRUE(test, virtgpu_ioctls[i].flags & DRM_RENDER_ALLOW);
	}
}

static void long_blob_commands_are_rejected(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct drm_virtgpu_resource_create_blob args = {};
	struct virtgpu_context ctx = {};

	KUNIT_EXPECT_EQ(test, virtgpu_blob_tell(vg, &ctx, &args), 0);
	args.cmd_size = VIRTGPU_MAX_BLOB_CMD + 4;
	KUNIT_EXPECT_EQ(test, virtgpu_blob_tell(vg, &ctx, &args), -ENOMEM);
}

static struct kunit_case virtgpu_ioctl_cases[] = {
	KUNIT_CASE(box_fits_up_to_the_edges),
	KUNIT_CASE(empty_box_does_not_fit),
	KUNIT_CASE(box_does_not_wrap_around),
	KUNIT_CASE(transfers_are_of_so_many_bytes),
	KUNIT_CASE(unknown_parameters_are_rejected),
	KUNIT_CASE(textures_need_a_renderer),
	KUNIT_CASE(renderers_ioctls_need_a_renderer),
	KUNIT_CASE(ioctls_are_where_they_are_called),
	KUNIT_CASE(long_blob_commands_are_rejected),
	{}
};

struct kunit_suite virtgpu_ioctl_suite = {
	.name = "virtgpu_ioctl",
	.test_cases = virtgpu_ioctl_cases,
};
