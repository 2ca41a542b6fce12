// SPDX-License-Identifier: GPL-2.0
/*
 * Failing allocations in the rendering half: contexts, streams, fences, textures, blobs and transfers;
 * each allocation fails once, see lib/nomem.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "lib/harness.h"
#include "lib/kms.h"
#include "lib/module.h"
#include "lib/nomem.h"
#include "lib/render.h"

/* A stream that is too long for a command, so it is split into pages. */
#define LONG_STREAM	(64 << 10)

static char path[32];
static uint32_t texture, syncobj;

static int result(int ret)
{
	return ret ? -errno : 0;
}

static int try(unsigned long request, void *args)
{
	return result(drmIoctl(render_fd, request, args));
}

static void start(void)
{
	nomem_arm();
	render_start();
	snprintf(path, sizeof(path), "%s", kms_path());
	texture = render_texture().bo_handle;
	check(!drmSyncobjCreate(render_fd, 0, &syncobj), "syncobj: %s", strerror(errno));
	close(render_fence_fd(0, 0));
}

/* Checks that streams are carried out, also those of a new file. */
static void finish(void)
{
	int file = render_fd;

	render_wait_fd(render_fence_fd(0, 0));
	render_wait(texture);
	render_fd = render_open();
	render_wait_fd(render_fence_fd(0, 0));
	close(render_fd);
	render_fd = file;
}

static int context_with(const struct drm_virtgpu_context_set_param *params, int count)
{
	struct drm_virtgpu_context_init init = { .num_params = count,
						 .ctx_set_params = (uintptr_t)params };
	int file = render_fd, ret;

	render_fd = open(path, O_RDWR | O_CLOEXEC);
	ret = result(render_fd < 0);
	if (!ret)
		ret = try(DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init);
	if (render_fd >= 0)
		close(render_fd);
	render_fd = file;
	return ret;
}

static int op_context(void)
{
	static const char name[] = "a name of some length";
	struct drm_virtgpu_context_set_param params[] = {
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, VIRTGPU_DRM_CAPSET_VIRGL2 },
		{ VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 8 },
		{ VIRTGPU_CONTEXT_PARAM_DEBUG_NAME, (uintptr_t)name },
	};

	return context_with(params, 3);
}

/* The first stream of a file creates its context. */
static int op_first_stream(void)
{
	struct drm_virtgpu_execbuffer exec = render_stream();
	int file = render_fd, ret;

	render_fd = open(path, O_RDWR | O_CLOEXEC);
	ret = result(render_fd < 0);
	if (!ret)
		ret = try(DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	if (render_fd >= 0)
		close(render_fd);
	render_fd = file;
	return ret;
}

/* A stream with an object, a fence fd out and a fence fd in. */
static int op_stream(void)
{
	struct drm_virtgpu_execbuffer exec = render_stream();
	int ret, fence;

	exec.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT;
	exec.num_bo_handles = 1;
	exec.bo_handles = (uintptr_t)&texture;
	ret = try(DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	if (ret)
		return ret;
	fence = exec.fence_fd;
	exec.flags |= VIRTGPU_EXECBUF_FENCE_FD_IN;
	ret = try(DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	close(fence);
	if (!ret)
		close(exec.fence_fd);
	return ret;
}

static int op_long_stream(void)
{
	static uint32_t stream[LONG_STREAM / 4];
	struct drm_virtgpu_execbuffer exec = { .size = sizeof(stream),
					       .command = (uintptr_t)stream };

	return try(DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
}

static int op_syncobjs(void)
{
	struct drm_virtgpu_execbuffer_syncobj out = { .handle = syncobj };
	struct drm_virtgpu_execbuffer_syncobj in = { .handle = syncobj,
						     .flags = VIRTGPU_EXECBUF_SYNCOBJ_RESET };
	struct drm_virtgpu_execbuffer exec = render_stream();
	int ret;

	exec.syncobj_stride = sizeof(out);
	exec.out_syncobjs = (uintptr_t)&out;
	exec.num_out_syncobjs = 1;
	ret = try(DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	if (ret)
		return ret;
	exec = render_stream();
	exec.syncobj_stride = sizeof(in);
	exec.in_syncobjs = (uintptr_t)&in;
	exec.num_in_syncobjs = 1;
	return try(DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
}

static int op_texture(void)
{
	struct drm_virtgpu_resource_create create = {
		.target = 2, .format = 1, .bind = 2, .width = 64, .height = 64, .depth = 1,
		.array_size = 1, .size = 64 * 64 * 4,
	};
	int ret = try(DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create);

	if (!ret)
		check(!drmCloseBufferHandle(render_fd, create.bo_handle), "close");
	return ret;
}

static int op_transfers(void)
{
	struct drm_virtgpu_3d_transfer_to_host to = { .bo_handle = texture,
						      .box = { .w = 64, .h = 64, .d = 1 } };
	struct drm_virtgpu_3d_transfer_from_host from = { .bo_handle = texture, .box = to.box };
	struct drm_virtgpu_3d_wait wait = { .handle = texture };
	int ret = try(DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &to);

	if (!ret)
		ret = try(DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &from);
	return ret ? ret : try(DRM_IOCTL_VIRTGPU_WAIT, &wait);
}

static int op_blob(void)
{
	struct drm_virtgpu_resource_create_blob blob = {
		.blob_mem = VIRTGPU_BLOB_MEM_GUEST, .blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE,
		.size = 1 << 16,
	};
	struct drm_virtgpu_map map = { };
	int ret = try(DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
	uint8_t *bytes;

	if (ret)
		return ret;
	map.handle = blob.bo_handle;
	ret = try(DRM_IOCTL_VIRTGPU_MAP, &map);
	if (!ret) {
		bytes = mmap(NULL, blob.size, PROT_READ | PROT_WRITE, MAP_SHARED, render_fd,
			     map.offset);
		ret = result(bytes == MAP_FAILED);
		if (!ret)
			munmap(bytes, blob.size);
	}
	check(!drmCloseBufferHandle(render_fd, blob.bo_handle), "close");
	return ret;
}

static int op_event(void)
{
	struct drm_virtgpu_context_set_param params[] = {
		{ VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 1 },
		{ VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, 1 },
	};
	struct drm_virtgpu_context_init init = { .num_params = 2,
						 .ctx_set_params = (uintptr_t)params };
	struct drm_virtgpu_execbuffer exec = render_stream();
	int file = render_fd, ret;

	render_fd = open(path, O_RDWR | O_CLOEXEC);
	ret = result(render_fd < 0);
	if (!ret)
		ret = try(DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init);
	exec.flags = VIRTGPU_EXECBUF_RING_IDX;
	if (!ret)
		ret = try(DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	if (render_fd >= 0)
		close(render_fd);
	render_fd = file;
	return ret;
}

static void contexts(void)
{
	start();
	nomem_run(&(struct nomem_op){ "context", op_context, 0, 0 });
	nomem_run(&(struct nomem_op){ "first stream", op_first_stream, 0, 0 });
	nomem_run(&(struct nomem_op){ "event", op_event, 0, 0 });
	finish();
}

static void streams(void)
{
	start();
	nomem_run(&(struct nomem_op){ "stream", op_stream, 0, 0 });
	nomem_run(&(struct nomem_op){ "long stream", op_long_stream, 0, 0 });
	nomem_run(&(struct nomem_op){ "syncobjs", op_syncobjs, 0, 0 });
	finish();
}

static void objects(void)
{
	start();
	nomem_run(&(struct nomem_op){ "texture", op_texture, 0, 0 });
	nomem_run(&(struct nomem_op){ "transfers", op_transfers, 0, 0 });
	if (render_getparam(VIRTGPU_PARAM_RESOURCE_BLOB))
		nomem_run(&(struct nomem_op){ "blob", op_blob, 0, 0 });
	finish();
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "contexts", "contexts of new files", contexts },
		{ "streams", "streams with fences, objects and syncobjs", streams },
		{ "objects", "textures, blobs, transfers", objects },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
