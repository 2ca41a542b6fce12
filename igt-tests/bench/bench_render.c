// SPDX-License-Identifier: GPL-2.0
/* Costs of the driver for command streams, fences, transfers and blobs; see bench_kms.c. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "lib/harness.h"
#include "lib/kms.h"
#include "lib/render.h"
#include "lib/scenario.h"

#define STEPS		40
/* Streams per step, because the cost of one alone is hard to measure. */
#define BATCH		16
#define SMALL		16
#define LARGE		1024
#define BLOB_SIZE	(1 << 20)

static struct drm_virtgpu_resource_create target;

static void fence_step(int step)
{
	int fence = render_fence_fd(0, 0);

	(void)step;
	render_wait_fd(fence);
	close(fence);
}

static void execbuffer_step(int step)
{
	int i;

	for (i = 0; i < BATCH; i++) {
		struct drm_virtgpu_execbuffer exec = render_stream();

		expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	}
	/* The host's answers belong to the step. */
	fence_step(step);
}

static void transfer(uint32_t size)
{
	struct drm_virtgpu_3d_transfer_to_host args = {
		.bo_handle = target.bo_handle, .box = { .w = size, .h = size, .d = 1 },
	};

	expect(0, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &args);
	render_wait(target.bo_handle);
}

static void small_step(int step)
{
	(void)step;
	transfer(SMALL);
}

static void large_step(int step)
{
	(void)step;
	transfer(LARGE);
}

static void blob_step(int step)
{
	struct drm_virtgpu_resource_create_blob blob = {
		.blob_mem = VIRTGPU_BLOB_MEM_GUEST, .blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE,
		.size = BLOB_SIZE,
	};
	struct drm_virtgpu_map map = {};
	void *bytes;

	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
	map.handle = blob.bo_handle;
	expect(0, DRM_IOCTL_VIRTGPU_MAP, &map);
	bytes = mmap(NULL, BLOB_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, render_fd, map.offset);
	check(bytes != MAP_FAILED, "mmap: %s", strerror(errno));
	memset(bytes, step, BLOB_SIZE);
	munmap(bytes, BLOB_SIZE);
	drmCloseBufferHandle(render_fd, blob.bo_handle);
}

static void start(void)
{
	render_start();
	render_context(1, 0);
	target = (struct drm_virtgpu_resource_create){
		.target = 2, .format = 1, .bind = 2, .width = LARGE, .height = LARGE, .depth = 1,
		.array_size = 1, .size = LARGE * LARGE * 4,
	};
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &target);
}

static void execbuffer(void)
{
	start();
	scenario("execbuffer", execbuffer_step, STEPS);
}

static void fence(void)
{
	start();
	scenario("fence-wait", fence_step, STEPS);
}

static void small(void)
{
	start();
	scenario("transfer-small", small_step, STEPS);
}

static void large(void)
{
	start();
	scenario("transfer-large", large_step, STEPS);
}

static void blob(void)
{
	start();
	if (!render_getparam(VIRTGPU_PARAM_RESOURCE_BLOB))
		skip("the device does not support blobs");
	scenario("blob", blob_step, STEPS / 2);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "execbuffer", "16 small streams", execbuffer },
		{ "fence-wait", "a stream, and waiting for its fence", fence },
		{ "transfer-small", "16x16 pixels to the host", small },
		{ "transfer-large", "1024x1024 pixels to the host", large },
		{ "blob", "1 MiB of guest memory, mapped and written", blob },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
