// SPDX-License-Identifier: GPL-2.0
/* Valid and invalid arguments of the driver's ioctls, on a device without 3D. */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/expect.h"
#include "lib/harness.h"
#include "lib/kms.h"
#include "../uapi/virtgpu_drm.h"

#define BAD_HANDLE 0xdeadbeef

static int fd;

#define expect(error, request, args) \
	expect_at(__FILE__, __LINE__, fd, error, #request, request, args)

/* Creates a buffer object of 64x64 pixels. */
static uint32_t create(void)
{
	struct drm_virtgpu_resource_create args = { .target = 2, .format = 2, .width = 64,
						    .height = 64, .depth = 1, .array_size = 1,
						    .size = 64 * 64 * 4 };

	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &args);
	check(args.bo_handle && args.res_handle, "no handles");
	return args.bo_handle;
}

static void map(void)
{
	struct drm_virtgpu_map args = { .handle = BAD_HANDLE };

	fd = kms_open();
	expect(ENOENT, DRM_IOCTL_VIRTGPU_MAP, &args);
	args.handle = 0;
	expect(ENOENT, DRM_IOCTL_VIRTGPU_MAP, &args);
	args.handle = create();
	expect(0, DRM_IOCTL_VIRTGPU_MAP, &args);
	check(args.offset, "no offset");
}

static void getparam(void)
{
	struct {
		uint64_t param;
		int error, value;
	} params[] = {
		{ VIRTGPU_PARAM_3D_FEATURES, 0, 0 },   { VIRTGPU_PARAM_CAPSET_QUERY_FIX, 0, 1 },
		{ VIRTGPU_PARAM_RESOURCE_BLOB, 0, 0 }, { VIRTGPU_PARAM_HOST_VISIBLE, 0, 0 },
		{ VIRTGPU_PARAM_CROSS_DEVICE, 0, 0 },  { VIRTGPU_PARAM_CONTEXT_INIT, 0, 0 },
		{ VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs, 0, 0 }, { 0, EINVAL, 0 },
		{ 12345, EINVAL, 0 },		       { UINT64_MAX, EINVAL, 0 },
	};
	size_t i;

	fd = kms_open();
	for (i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		int value = -1;
		struct drm_virtgpu_getparam args = { params[i].param, (uintptr_t)&value };

		expect(params[i].error, DRM_IOCTL_VIRTGPU_GETPARAM, &args);
		check(params[i].error || value == params[i].value, "parameter %llu is %d",
		      (unsigned long long)args.param, value);
	}

	struct drm_virtgpu_getparam args = { VIRTGPU_PARAM_3D_FEATURES, 0 };

	expect(EFAULT, DRM_IOCTL_VIRTGPU_GETPARAM, &args);
	args.value = 0xffff800000000000ull;
	expect(EFAULT, DRM_IOCTL_VIRTGPU_GETPARAM, &args);
}

static void resource_create(void)
{
	static const struct drm_virtgpu_resource_create good = {
		.target = 2, .format = 2, .width = 64, .height = 64, .depth = 1, .array_size = 1,
		.size = 64 * 64 * 4,
	};
	struct drm_virtgpu_resource_create args;

	fd = kms_open();
#define bad(field, wrong) do { \
		args = good; \
		args.field = wrong; \
		expect(EINVAL, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &args); \
	} while (0)
	bad(target, 0);
	bad(target, 3);
	bad(depth, 2);
	bad(nr_samples, 2);
	bad(last_level, 2);
	bad(array_size, 2);
#undef bad
	args = good;
	args.size = 0;
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &args);
}

static void resource_info(void)
{
	struct drm_virtgpu_resource_info args = { .bo_handle = BAD_HANDLE };
	struct buffer *buffer;

	fd = kms_open();
	expect(ENOENT, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &args);
	args.bo_handle = create();
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &args);
	check(args.size == 64 * 64 * 4 && args.res_handle, "size %u, resource %u", args.size,
	      args.res_handle);
	buffer = kms_buffer(fd, 100, 50, DRM_FORMAT_XRGB8888);
	/* Buffers that are no blobs have blob_mem 0, whatever the argument contained. */
	args = (struct drm_virtgpu_resource_info){ .bo_handle = buffer->handle, .blob_mem = 77 };
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &args);
	check(args.size == buffer->size && args.res_handle && !args.blob_mem,
	      "size %u, resource %u, memory %u", args.size, args.res_handle, args.blob_mem);
}

static void transfer_to_host(void)
{
	struct drm_virtgpu_3d_transfer_to_host good = { .box = { .w = 64, .h = 64, .d = 1 } }, args;

	fd = kms_open();
	args = good;
	args.bo_handle = BAD_HANDLE;
	expect(ENOENT, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &args);
	good.bo_handle = create();
	args = good;
	expect(0, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &args);
}

static void transfer_out_of_range(void)
{
	struct drm_virtgpu_3d_transfer_to_host good = { .box = { .w = 64, .h = 64, .d = 1 } }, args;

	fd = kms_open();
	good.bo_handle = create();
#define bad(field, wrong) do { \
		args = good; \
		args.field = wrong; \
		expect(EINVAL, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &args); \
	} while (0)
	bad(box.x, 1);
	bad(box.y, 64);
	bad(box.w, 65);
	bad(box.h, UINT32_MAX);
	bad(box.x, UINT32_MAX);
	bad(box.w, 0);
	bad(offset, 64 * 64 * 4);
#undef bad
}

static void waits(void)
{
	struct drm_virtgpu_3d_wait args = { .handle = BAD_HANDLE };

	fd = kms_open();
	expect(ENOENT, DRM_IOCTL_VIRTGPU_WAIT, &args);
	args.handle = create();
	expect(0, DRM_IOCTL_VIRTGPU_WAIT, &args);
	args.flags = VIRTGPU_WAIT_NOWAIT;
	expect(0, DRM_IOCTL_VIRTGPU_WAIT, &args);
}

static void needs_3d(void)
{
	struct drm_virtgpu_execbuffer execbuffer = {};
	struct drm_virtgpu_3d_transfer_from_host from = { .bo_handle = BAD_HANDLE };
	struct drm_virtgpu_get_caps caps = { .cap_set_id = 1, .size = 64 };
	struct drm_virtgpu_resource_create_blob blob = { .blob_mem = VIRTGPU_BLOB_MEM_HOST3D,
							 .size = 4096 };
	struct drm_virtgpu_context_init init = {};

	fd = kms_open();
	expect(ENOSYS, DRM_IOCTL_VIRTGPU_EXECBUFFER, &execbuffer);
	expect(ENOSYS, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &from);
	expect(ENOSYS, DRM_IOCTL_VIRTGPU_GET_CAPS, &caps);
	expect(EINVAL, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
	expect(EINVAL, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init);
}

static void dumb(void)
{
	static const struct {
		uint32_t width, height, bpp;
	} sizes[] = {
		{ 0, 64, 32 }, { 64, 0, 32 }, { 64, 64, 16 }, { 64, 64, 24 }, { 64, 64, 0 },
		{ 0xffffffff, 1, 32 }, { 0x10000, 0x10000, 32 }, { 0x40000000, 4, 32 },
	};
	size_t i;

	fd = kms_open();
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct drm_mode_create_dumb args = { .width = sizes[i].width,
						     .height = sizes[i].height,
						     .bpp = sizes[i].bpp };

		check(ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &args) &&
		      (errno == EINVAL || errno == ENOMEM), "%ux%u at %u bpp: %s", args.width,
		      args.height, args.bpp, strerror(errno));
	}
}

static void framebuffer(void)
{
	struct buffer *buffer;
	struct {
		uint32_t width, height, fourcc, pitch, offset;
		int error;
	} cases[] = {
		{ 64, 64, DRM_FORMAT_XRGB8888, 256, 0, 0 },
		{ 64, 65, DRM_FORMAT_XRGB8888, 256, 0, EINVAL },
		{ 64, 64, DRM_FORMAT_XRGB8888, 256, 4, EINVAL },
		{ 63, 64, DRM_FORMAT_XRGB8888, 254, 0, EINVAL },
		{ 64, 64, DRM_FORMAT_XRGB8888, 128, 0, EINVAL },
		{ 64, 32, DRM_FORMAT_XRGB8888, 256, 0xffffff00, ERANGE },
		{ 64, 64, DRM_FORMAT_RGB565, 256, 0, EINVAL },
		{ 64, 64, DRM_FORMAT_NV12, 256, 0, EINVAL },
		{ 8193, 1, DRM_FORMAT_XRGB8888, 8193 * 4, 0, EINVAL },
	};
	size_t i;

	fd = kms_open();
	buffer = kms_buffer(fd, 64, 64, DRM_FORMAT_XRGB8888);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t handles[4] = { buffer->handle }, pitches[4] = { cases[i].pitch }, id;
		uint32_t offsets[4] = { cases[i].offset };
		int got = -drmModeAddFB2(fd, cases[i].width, cases[i].height, cases[i].fourcc,
					 handles, pitches, offsets, &id, 0);

		check(got == cases[i].error, "case %zu: got %s, not %s", i, strerror(got),
		      strerror(cases[i].error));
		if (!got)
			drmModeRmFB(fd, id);
	}
}

/* A handle is valid only for its file. */
static void foreign_handle(void)
{
	struct drm_virtgpu_resource_info args = {};
	int other;

	fd = kms_open();
	args.bo_handle = create();
	other = open(kms_path(), O_RDWR | O_CLOEXEC);
	check(other >= 0, "open: %s", strerror(errno));
	check(ioctl(other, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &args) && errno == ENOENT,
	      "a handle is valid for another file");
	close(other);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "map", "MAP with valid and invalid handles", map },
		{ "getparam", "all parameters, unknown ones, invalid pointers", getparam },
		{ "resource-create", "invalid properties of a 2D resource", resource_create },
		{ "resource-info", "resources, dumb buffers and invalid handles", resource_info },
		{ "transfer-to-host", "valid and invalid handles", transfer_to_host },
		{ "transfer-out-of-range", "boxes and offsets out of range", transfer_out_of_range },
		{ "wait", "WAIT for idle buffers and invalid handles", waits },
		{ "needs-3d", "ioctls that need a renderer are refused", needs_3d },
		{ "dumb", "invalid sizes and depths", dumb },
		{ "framebuffer", "invalid sizes, pitches, offsets and formats", framebuffer },
		{ "foreign-handle", "handles of another file", foreign_handle },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
