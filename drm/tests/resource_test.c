// SPDX-License-Identifier: GPL-2.0
#include <linux/scatterlist.h>

#include <drm/drm_fourcc.h>

#include "memory/resource.c"
#include "tests/kunit.h"

static struct virtgpu_bo *make_bo(struct kunit *test, struct virtgpu_device *vg)
{
	struct virtgpu_bo *bo = virtgpu_bo_create(&vg->drm, PAGE_SIZE, 0, 16, 16);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, bo);
	return bo;
}

static void objects_lie_one_behind_the_other(struct kunit *test)
{
	struct virtgpu_bo *bos = kunit_kcalloc(test, 3, sizeof(*bos), GFP_KERNEL);
	const struct virtgpu_resource res = {
		.backing = { { &bos[0], SZ_4G }, { &bos[1], 4096 }, { &bos[2], 8192 } },
		.num_backing = 3,
	};

	KUNIT_ASSERT_NOT_NULL(test, bos);
	KUNIT_EXPECT_EQ(test, virtgpu_resource_offset(&res, &bos[0]), 0);
	KUNIT_EXPECT_EQ(test, virtgpu_resource_offset(&res, &bos[1]), SZ_4G);
	KUNIT_EXPECT_EQ(test, virtgpu_resource_offset(&res, &bos[2]), SZ_4G + 4096);
}

static void pixels_lie_row_behind_row(struct kunit *test)
{
	const struct drm_rect first = DRM_RECT_INIT(0, 0, 1, 1), second = DRM_RECT_INIT(1, 0, 1, 1);
	const struct drm_rect below = DRM_RECT_INIT(7, 5, 1, 1);
	const struct drm_rect far = DRM_RECT_INIT(0, 40000, 1, 1);

	KUNIT_EXPECT_EQ(test, virtgpu_pixel_offset(131072, 4, &first), 0);
	KUNIT_EXPECT_EQ(test, virtgpu_pixel_offset(131072, 4, &second), 4);
	KUNIT_EXPECT_EQ(test, virtgpu_pixel_offset(131072, 4, &below), 5 * 131072 + 28);
	/* Does not fit into 32 bits. */
	KUNIT_EXPECT_EQ(test, virtgpu_pixel_offset(131072, 4, &far), 40000ULL * 131072);
}

/* A table whose addresses for the device differ from the physical ones, two of three joined. */
static void make_table(struct kunit *test, struct sg_table *sgt)
{
	struct scatterlist *sg;
	int i;

	KUNIT_ASSERT_EQ(test, sg_alloc_table(sgt, 3, GFP_KERNEL), 0);
	for_each_sgtable_sg(sgt, sg, i) {
		sg_set_page(sg, pfn_to_page(0x100 + i * 2), PAGE_SIZE, 0);
		sg_dma_address(sg) = 0x900000 + i * 0x10000;
		sg_dma_len(sg) = i ? PAGE_SIZE : 2 * PAGE_SIZE;
	}
	sgt->nents = 2;
}

static void entries_are_physical_pages(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtio_gpu_mem_entry entries[3];
	struct virtgpu_bo *bo = make_bo(test, vg);
	struct sg_table sgt;
	int i;

	make_table(test, &sgt);
	KUNIT_EXPECT_EQ(test, virtgpu_bo_entries(vg, bo, &sgt, NULL), 3);
	KUNIT_EXPECT_EQ(test, virtgpu_bo_entries(vg, bo, &sgt, entries), 3);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, le64_to_cpu(entries[i].addr),
				(0x100ULL + i * 2) << PAGE_SHIFT);
		KUNIT_EXPECT_EQ(test, le32_to_cpu(entries[i].length), PAGE_SIZE);
	}
	sg_free_table(&sgt);
	drm_gem_object_put(&bo->base.base);
}

static void entries_are_dma_addresses(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtio_gpu_mem_entry entries[2];
	struct virtgpu_bo *bo = make_bo(test, vg);
	struct sg_table sgt;

	vg->use_dma_addr = true;
	make_table(test, &sgt);
	KUNIT_EXPECT_EQ(test, virtgpu_bo_entries(vg, bo, &sgt, NULL), 2);
	KUNIT_EXPECT_EQ(test, virtgpu_bo_entries(vg, bo, &sgt, entries), 2);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(entries[0].addr), 0x900000);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(entries[0].length), 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(entries[1].addr), 0x910000);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(entries[1].length), PAGE_SIZE);
	sg_free_table(&sgt);
	drm_gem_object_put(&bo->base.base);
}

static void sizes_of_entries_are_64_bit(struct kunit *test)
{
	const struct virtio_gpu_mem_entry entries[] = {
		{ .length = cpu_to_le32(U32_MAX) }, { .length = cpu_to_le32(U32_MAX) },
		{ .length = cpu_to_le32(2) },
	};

	KUNIT_EXPECT_EQ(test, virtgpu_entries_size(entries, 0), 0);
	KUNIT_EXPECT_EQ(test, virtgpu_entries_size(entries, 3), 2ULL * SZ_4G);
}

static void framebuffer_fits_its_own_shape(struct kunit *test)
{
	const struct virtgpu_resource res = {
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, .width = 64, .height = 48,
	};
	const struct virtgpu_resource refused = {
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, .width = 64, .height = 48,
		.is_refused = true,
	};
	struct drm_framebuffer fb = {
		.format = drm_format_info(DRM_FORMAT_XRGB8888), .pitches = { 256 }, .width = 60,
		.height = 48,
	};

	/* The pitch matters, not the width. */
	KUNIT_EXPECT_TRUE(test, virtgpu_resource_fits(&res, &fb));
	KUNIT_EXPECT_FALSE(test, virtgpu_resource_fits(&refused, &fb));
	fb.pitches[0] = 260;
	KUNIT_EXPECT_FALSE(test, virtgpu_resource_fits(&res, &fb));
	fb.pitches[0] = 256;
	fb.height = 47;
	KUNIT_EXPECT_FALSE(test, virtgpu_resource_fits(&res, &fb));
	fb.height = 48;
	fb.format = drm_format_info(DRM_FORMAT_ARGB8888);
	KUNIT_EXPECT_FALSE(test, virtgpu_resource_fits(&res, &fb));
}

/* The protocol has no resource of number 0. */
static void numbers_start_at_one(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_bo *bo = make_bo(test, vg);
	struct virtgpu_resource *a = virtgpu_resource_new(bo, 1, 16, 16);
	struct virtgpu_resource *b = virtgpu_resource_new(bo, 1, 16, 16);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b);
	KUNIT_EXPECT_EQ(test, a->id, 1);
	KUNIT_EXPECT_EQ(test, b->id, 2);
	KUNIT_EXPECT_PTR_EQ(test, xa_load(&vg->memory->resources, 2), b);
	/* The host never had the resource, so it is freed at once. */
	virtgpu_resource_put(b);
	KUNIT_EXPECT_NULL(test, xa_load(&vg->memory->resources, 2));
	virtgpu_resource_put(a);
	KUNIT_EXPECT_EQ(test, kref_read(&bo->refs), 1);
	drm_gem_object_put(&bo->base.base);
}

static void free_number_is_not_the_next(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_bo *bo = make_bo(test, vg);
	struct virtgpu_resource *res = virtgpu_resource_new(bo, 1, 16, 16);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, res);
	virtgpu_resource_put(res);
	res = virtgpu_resource_new(bo, 1, 16, 16);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, res);
	KUNIT_EXPECT_EQ(test, res->id, 2);
	virtgpu_resource_put(res);

	/* After the last number the first one is used. */
	vg->memory->next_resource = INT_MAX;
	res = virtgpu_resource_new(bo, 1, 16, 16);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, res);
	KUNIT_EXPECT_EQ(test, res->id, INT_MAX);
	virtgpu_resource_put(res);
	res = virtgpu_resource_new(bo, 1, 16, 16);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, res);
	KUNIT_EXPECT_EQ(test, res->id, 1);
	virtgpu_resource_put(res);
	drm_gem_object_put(&bo->base.base);
}

static void full_resource_takes_no_more(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	struct virtgpu_bo *bo = make_bo(test, vg);
	struct virtgpu_resource *res = virtgpu_resource_new(bo, 1, 16, 16);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, res);
	res->num_backing = VIRTGPU_RESOURCE_MAX_BOS;
	KUNIT_EXPECT_EQ(test, virtgpu_resource_add(res, bo), -ENOSPC);
	res->num_backing = 1;
	virtgpu_resource_put(res);
	drm_gem_object_put(&bo->base.base);
}

static void texture_keeps_what_user_space_said(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	const struct virtgpu_resource res = {
		.vg = vg, .id = 1, .format = 2, .width = 3, .height = 4, .is_3d = true,
		.texture = { .target = 5, .bind = 6, .depth = 7, .array_size = 8, .last_level = 9,
			     .nr_samples = 10, .flags = 11 },
	};
	struct virtgpu_cmd *cmd = virtgpu_resource_create_cmd_3d(&res);
	const struct virtio_gpu_resource_create_3d *req = (void *)cmd->req;

	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->resource_id), 1);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->format), 2);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->width), 3);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->height), 4);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->target), 5);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->bind), 6);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->depth), 7);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->array_size), 8);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->last_level), 9);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->nr_samples), 10);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->flags), 11);
	virtgpu_cmd_put(vg, cmd);
}

static void blob_keeps_what_user_space_said(struct kunit *test)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);
	const struct virtgpu_resource res = {
		.vg = vg, .id = 1,
		.blob = { .mem = VIRTGPU_BLOB_MEM_HOST3D, .flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE,
			  .id = 0x100000002ULL, .ctx_id = 3, .size = 0x200000000ULL },
	};
	struct virtgpu_cmd *cmd = virtgpu_resource_create_cmd_blob(&res, NULL, 0);
	const struct virtio_gpu_resource_create_blob *req = (void *)cmd->req;

	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->hdr.ctx_id), 3);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->resource_id), 1);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->blob_mem), VIRTIO_GPU_BLOB_MEM_HOST3D);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->blob_flags), VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(req->nr_entries), 0);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(req->blob_id), 0x100000002ULL);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(req->size), 0x200000000ULL);
	KUNIT_EXPECT_EQ(test, cmd->payload_size, 0);
	virtgpu_cmd_put(vg, cmd);
}

static struct kunit_case virtgpu_resource_cases[] = {
	KUNIT_CASE(objects_lie_one_behind_the_other),
	KUNIT_CASE(pixels_lie_row_behind_row),
	KUNIT_CASE(entries_are_physical_pages),
	KUNIT_CASE(entries_are_dma_addresses),
	KUNIT_CASE(sizes_of_entries_are_64_bit),
	KUNIT_CASE(framebuffer_fits_its_own_shape),
	KUNIT_CASE(numbers_start_at_one),
	KUNIT_CASE(free_number_is_not_the_next),
	KUNIT_CASE(full_resource_takes_no_more),
	KUNIT_CASE(texture_keeps_what_user_space_said),
	KUNIT_CASE(blob_keeps_what_user_space_said),
	{}
};

struct kunit_suite virtgpu_resource_suite = {
	.name = "virtgpu_resource",
	.test_cases = virtgpu_resource_cases,
};
