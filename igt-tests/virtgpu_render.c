// SPDX-License-Identifier: GPL-2.0
/* Contexts, command streams, fences and blobs, valid and invalid, on a device with a renderer. */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/render.h"

#define BAD_HANDLE	0xdeadbeef
#define MANY		64
/* Smaller than any capset of virglrenderer. */
#define LEAST_CAPSET	256

static void submit(void)
{
	struct drm_virtgpu_execbuffer exec;
	struct drm_virtgpu_resource_create create;
	uint32_t handles[2];
	int fence, next;

	render_start();
	create = render_texture();
	exec = render_stream();
	expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	exec.size = 0;
	expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);

	handles[0] = handles[1] = create.bo_handle;
	exec = render_stream();
	exec.bo_handles = (uintptr_t)handles;
	exec.num_bo_handles = 2;
	expect(EALREADY, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	exec.num_bo_handles = 1;
	expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	render_wait(create.bo_handle);

	fence = render_fence_fd(0, 0);
	exec = render_stream();
	exec.flags = VIRTGPU_EXECBUF_FENCE_FD_IN | VIRTGPU_EXECBUF_FENCE_FD_OUT;
	exec.fence_fd = fence;
	expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	next = exec.fence_fd;
	render_wait_fd(next);
	render_wait_fd(fence);
	close(fence);
	close(next);
}

static void bad_submit(void)
{
	struct drm_virtgpu_execbuffer exec;
	uint32_t handles[] = { BAD_HANDLE };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), before, after;

	render_start();
	before = open("/dev/null", O_RDONLY);
	close(before);
#define bad(error, ...) do { \
		exec = render_stream(); \
		__VA_ARGS__; \
		expect(error, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec); \
	} while (0)
	bad(EINVAL, exec.flags = 0x80);
	bad(EINVAL, exec.flags = VIRTGPU_EXECBUF_RING_IDX);
	bad(EINVAL, exec.flags = VIRTGPU_EXECBUF_RING_IDX, exec.ring_idx = UINT32_MAX);
	bad(EFAULT, exec.command = 0);
	bad(EFAULT, exec.command = 0xffff800000000000ull);
	bad(ENOMEM, exec.size = UINT32_MAX);
	bad(ENOMEM, exec.size = 64 << 20);
	bad(ENOENT, exec.num_bo_handles = 1, exec.bo_handles = (uintptr_t)handles);
	bad(EFAULT, exec.num_bo_handles = 1);
	bad(ENOMEM, exec.num_bo_handles = UINT32_MAX, exec.bo_handles = (uintptr_t)handles);
	bad(EINVAL, exec.flags = VIRTGPU_EXECBUF_FENCE_FD_IN, exec.fence_fd = -1);
	bad(EINVAL, exec.flags = VIRTGPU_EXECBUF_FENCE_FD_IN, exec.fence_fd = null);
	bad(EINVAL, exec.flags = VIRTGPU_EXECBUF_FENCE_FD_IN | VIRTGPU_EXECBUF_FENCE_FD_OUT,
	    exec.fence_fd = null);
	bad(ENOMEM, exec.num_in_syncobjs = UINT32_MAX);
	bad(ENOMEM, exec.num_out_syncobjs = UINT32_MAX);
	bad(EFAULT, exec.num_in_syncobjs = 1, exec.syncobj_stride = 16);
	bad(EFAULT, exec.num_out_syncobjs = 1, exec.syncobj_stride = 16);
#undef bad
	after = open("/dev/null", O_RDONLY);
	close(after);
	check(before == after, "a file was left open: %d, %d before", after, before);
	close(null);
	render_wait_fd(render_fence_fd(0, 0));
}

static uint32_t syncobj(void)
{
	uint32_t handle;

	check(!drmSyncobjCreate(render_fd, 0, &handle), "syncobj: %s", strerror(errno));
	return handle;
}

static void syncobjs(void)
{
	uint32_t binary, timeline, first = 0;
	struct drm_virtgpu_execbuffer_syncobj out[2], in[1];
	struct drm_virtgpu_execbuffer exec;
	uint64_t point = 0;

	render_start();
	binary = syncobj();
	timeline = syncobj();
	out[0] = (struct drm_virtgpu_execbuffer_syncobj){ .handle = binary };
	out[1] = (struct drm_virtgpu_execbuffer_syncobj){ .handle = timeline, .point = 7 };
	exec = render_stream();
	exec.syncobj_stride = sizeof(out[0]);
	exec.out_syncobjs = (uintptr_t)out;
	exec.num_out_syncobjs = 2;
	expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	check(!drmSyncobjWait(render_fd, &binary, 1, INT64_MAX, 0, &first), "wait: %s", strerror(errno));
	point = 7;
	check(!drmSyncobjTimelineWait(render_fd, &timeline, &point, 1, INT64_MAX, 0, &first),
	      "timeline: %s", strerror(errno));

	/* Wait for the syncobj and reset it. */
	in[0] = (struct drm_virtgpu_execbuffer_syncobj){
		.handle = binary, .flags = VIRTGPU_EXECBUF_SYNCOBJ_RESET };
	exec = render_stream();
	exec.syncobj_stride = sizeof(in[0]);
	exec.in_syncobjs = (uintptr_t)in;
	exec.num_in_syncobjs = 1;
	expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	expect(EINVAL, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);

	in[0] = (struct drm_virtgpu_execbuffer_syncobj){ .handle = timeline, .point = 7,
							 .flags = 2 };
	expect(EINVAL, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	in[0] = (struct drm_virtgpu_execbuffer_syncobj){ .handle = BAD_HANDLE };
	expect(ENOENT, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	exec = render_stream();
	exec.syncobj_stride = sizeof(in[0]);
	exec.out_syncobjs = (uintptr_t)in;
	exec.num_out_syncobjs = 1;
	expect(EINVAL, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	in[0] = (struct drm_virtgpu_execbuffer_syncobj){ .handle = timeline, .flags = 1 };
	expect(EINVAL, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
}

static void context_init(void)
{
	static const struct {
		int error, count;
		struct drm_virtgpu_context_set_param params[2];
	} cases[] = {
		{ EINVAL, 1, { { 99, 0 } } },
		{ EINVAL, 1, { { VIRTGPU_CONTEXT_PARAM_CAPSET_ID, 63 } } },
		{ EINVAL, 1, { { VIRTGPU_CONTEXT_PARAM_CAPSET_ID, UINT64_MAX } } },
		{ EINVAL, 1, { { VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 65 } } },
		{ EINVAL, 2, { { VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 1 },
			       { VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 1 } } },
		{ EINVAL, 2, { { VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 2 },
			       { VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, 4 } } },
		{ EFAULT, 1, { { VIRTGPU_CONTEXT_PARAM_DEBUG_NAME, 0 } } },
		{ 0, 2, { { VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 64 },
			  { VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, UINT64_MAX } } },
		{ EEXIST, 0, { } },
	};
	struct drm_virtgpu_context_init init = { .num_params = 5 };
	size_t i;

	render_start();
	if (!render_getparam(VIRTGPU_PARAM_CONTEXT_INIT))
		skip("the device has no context types");
	expect(EINVAL, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init);
	init.num_params = 1;
	expect(EFAULT, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		init.num_params = cases[i].count;
		init.ctx_set_params = (uintptr_t)cases[i].params;
		expect(cases[i].error, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init);
	}
	/* The first stream creates a context, too. */
	close(render_fd);
	render_fd = render_open();
	close(render_fence_fd(0, 0));
	expect(EEXIST, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init);
	close(render_fd);
}

static void rings(void)
{
	struct drm_virtgpu_execbuffer exec;
	int fences[MANY], i;

	render_start();
	render_context(MANY, 0);
	/* For this type of context the renderer supports only the first ring. */
	for (i = 0; i < MANY; i++)
		fences[i] = render_fence_fd(VIRTGPU_EXECBUF_RING_IDX, 0);
	for (i = MANY - 1; i >= 0; i--) {
		render_wait_fd(fences[i]);
		close(fences[i]);
	}
	exec = render_stream();
	exec.flags = VIRTGPU_EXECBUF_RING_IDX;
	exec.ring_idx = MANY;
	expect(EINVAL, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
}

static void events(void)
{
	struct drm_virtgpu_execbuffer exec = render_stream();
	struct pollfd poller = { .events = POLLIN };
	struct drm_event event[4];
	int i;

	render_start();
	render_context(1, 1);
	poller.fd = render_fd;
	/* The ring of the device itself is not polled. */
	expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	check(!poll(&poller, 1, 500), "an event of a ring that is not polled");
	exec.flags = VIRTGPU_EXECBUF_RING_IDX;
	for (i = 0; i < 3; i++) {
		expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
		check(poll(&poller, 1, 10000) == 1, "no event");
		check(read(render_fd, event, sizeof(event)) == sizeof(event[0]), "not one event");
		check(event[0].type == VIRTGPU_EVENT_FENCE_SIGNALED &&
		      event[0].length == sizeof(event[0]), "event 0x%x of %u bytes",
		      event[0].type, event[0].length);
	}
	/* A failed submission must not send an event, nor reduce the file's space for events. */
	exec.command = 0;
	for (i = 0; i < 1000; i++)
		expect(EFAULT, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	exec.command = (uintptr_t)render_nop;
	expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	check(poll(&poller, 1, 10000) == 1, "no event");
}

/* Files are closed while their events and fences are pending. */
static void closing(void)
{
	struct drm_virtgpu_execbuffer exec = render_stream();
	int i, j, keep = render_open();

	render_start();
	if (!render_getparam(VIRTGPU_PARAM_CONTEXT_INIT))
		skip("the device has no context types");
	judge(NULL, 0, "host-mark");
	exec.flags = VIRTGPU_EXECBUF_RING_IDX;
	for (i = 0; i < 200; i++) {
		render_fd = render_open();
		render_context(1, 1);
		render_texture();
		for (j = 0; j < 20; j++)
			expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
		close(render_fd);
	}
	render_fd = keep;
	judge(NULL, 0, "host-marked");
	close(keep);
}

static void many_contexts(void)
{
	int files[MANY], fences[MANY], i;

	render_start();
	judge(NULL, 0, "host-mark");
	for (i = 0; i < MANY; i++) {
		render_fd = files[i] = render_open();
		render_texture();
		fences[i] = render_fence_fd(0, 0);
	}
	for (i = 0; i < MANY; i++) {
		render_wait_fd(fences[i]);
		close(fences[i]);
		close(files[i]);
	}
	judge(NULL, 0, "host-marked");
}

/* A client that is killed while it submits must not affect others. */
static void killed(void)
{
	int i, status;
	pid_t pid;

	render_start();
	close(render_fence_fd(0, 0));
	judge(NULL, 0, "host-mark");
	for (i = 0; i < 20; i++) {
		pid = fork();
		check(pid >= 0, "fork");
		if (!pid) {
			render_fd = open(kms_path(), O_RDWR);
			for (;;) {
				struct drm_virtgpu_execbuffer exec = render_stream();
				struct drm_virtgpu_resource_create create = {
					.target = 2, .format = 1, .bind = 2, .width = 64, .height = 64,
					.depth = 1, .array_size = 1, .size = 64 * 64 * 4,
				};

				drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create);
				exec.num_bo_handles = 1;
				exec.bo_handles = (uintptr_t)&create.bo_handle;
				drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
				drmCloseBufferHandle(render_fd, create.bo_handle);
			}
		}
		usleep(20000 + i * 3000);
		kill(pid, SIGKILL);
		check(waitpid(pid, &status, 0) == pid, "waitpid");
	}
	render_wait_fd(render_fence_fd(0, 0));
	judge(NULL, 0, "host-marked");
}

/* Maps the pages of a texture with 64x64 pixels. */
static uint32_t *map_texture(uint32_t handle)
{
	struct drm_virtgpu_map map = { .handle = handle };
	uint32_t *pixels;

	expect(0, DRM_IOCTL_VIRTGPU_MAP, &map);
	pixels = mmap(NULL, 64 * 64 * 4, PROT_READ | PROT_WRITE, MAP_SHARED, render_fd, map.offset);
	check(pixels != MAP_FAILED, "mmap: %s", strerror(errno));
	return pixels;
}

static void send_pixels(uint32_t handle)
{
	struct drm_virtgpu_3d_transfer_to_host to = { .bo_handle = handle,
						      .box = { .w = 64, .h = 64, .d = 1 } };
	uint32_t *pixels = map_texture(handle);
	int i;

	for (i = 0; i < 64 * 64; i++)
		pixels[i] = i * 2654435761u;
	expect(0, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &to);
	render_wait(handle);
	memset(pixels, 0, 64 * 64 * 4);
	munmap(pixels, 64 * 64 * 4);
}

/* Fetches and checks the pixels that send_pixels() sent. */
static void fetch_pixels(uint32_t handle)
{
	struct drm_virtgpu_3d_transfer_from_host from = { .bo_handle = handle,
							  .box = { .w = 64, .h = 64, .d = 1 } };
	uint32_t *pixels = map_texture(handle);
	int i;

	expect(0, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &from);
	render_wait(handle);
	for (i = 0; i < 64 * 64; i++)
		check(pixels[i] == i * 2654435761u, "pixel %d is 0x%x, was 0x%x", i, pixels[i],
		      i * 2654435761u);
	munmap(pixels, 64 * 64 * 4);
}

static void transfers(void)
{
	struct drm_virtgpu_3d_transfer_to_host to = { .box = { .w = 64, .h = 64, .d = 1 } };
	struct drm_virtgpu_3d_transfer_from_host from = { .box = { .w = 64, .h = 64, .d = 1 } };
	struct drm_virtgpu_resource_create create;

	render_start();
	create = render_texture();
	to.bo_handle = from.bo_handle = create.bo_handle;
	send_pixels(create.bo_handle);
	fetch_pixels(create.bo_handle);

	to.stride = from.stride = 256;
	expect(EINVAL, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &to);
	expect(EINVAL, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &from);
	to.bo_handle = from.bo_handle = BAD_HANDLE;
	expect(ENOENT, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &to);
	expect(ENOENT, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &from);
	/* Outside of the texture: the host refuses this, and it must not harm the driver. */
	to = (struct drm_virtgpu_3d_transfer_to_host){
		.bo_handle = create.bo_handle, .offset = UINT32_MAX,
		.box = { .x = UINT32_MAX, .w = UINT32_MAX, .h = UINT32_MAX, .d = UINT32_MAX } };
	expect(0, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &to);
	render_wait(create.bo_handle);
}

static void capsets(void)
{
	static uint8_t data[4096], again[4096];
	size_t size = sizeof(data);
	struct drm_virtgpu_get_caps args = { .cap_set_id = 1, .cap_set_ver = 1,
					     .addr = (uintptr_t)data, .size = sizeof(data) };

	render_start();
	memset(data, 0x55, sizeof(data));
	memset(again, 0xaa, sizeof(again));
	expect(0, DRM_IOCTL_VIRTGPU_GET_CAPS, &args);
	args.addr = (uintptr_t)again;
	expect(0, DRM_IOCTL_VIRTGPU_GET_CAPS, &args);
	/* Bytes that were not written differ at the end; all before them is the capset. */
	while (size && data[size - 1] == 0x55 && again[size - 1] == 0xaa)
		size--;
	check(size >= LEAST_CAPSET, "a capset of %zu bytes", size);
	check(!memcmp(data, again, size), "the second read gives another capset");
	check(data[0] || memcmp(data, data + 1, size - 1), "the capset contains only zeros");
	args.size = 0;
	expect(EINVAL, DRM_IOCTL_VIRTGPU_GET_CAPS, &args);
	args.size = sizeof(data);
	args.cap_set_ver = UINT32_MAX;
	expect(EINVAL, DRM_IOCTL_VIRTGPU_GET_CAPS, &args);
	args.cap_set_ver = 1;
	args.cap_set_id = 0;
	expect(EINVAL, DRM_IOCTL_VIRTGPU_GET_CAPS, &args);
	args.cap_set_id = 1;
	args.addr = 0;
	expect(EFAULT, DRM_IOCTL_VIRTGPU_GET_CAPS, &args);
	if (render_getparam(VIRTGPU_PARAM_CONTEXT_INIT))
		check(render_getparam(VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs) & 1 << 1,
		      "capset 1 is not supported");
}

/* A blob that has no memory on the host cannot be mapped, not even at the second try. */
static void create_unmappable(struct drm_virtgpu_resource_create_blob args)
{
	struct drm_virtgpu_map map = { };
	int i;

	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &args);
	map.handle = args.bo_handle;
	expect(0, DRM_IOCTL_VIRTGPU_MAP, &map);
	for (i = 0; i < 2; i++)
		check(mmap(NULL, args.size, PROT_READ, MAP_SHARED, render_fd, map.offset) ==
		      MAP_FAILED && errno == EINVAL, "memory is mapped that does not exist");
	check(!drmCloseBufferHandle(render_fd, args.bo_handle), "close");
}

static void blobs(void)
{
	static const struct drm_virtgpu_resource_create_blob good = {
		.blob_mem = VIRTGPU_BLOB_MEM_GUEST, .blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE,
		.size = 1 << 16,
	};
	struct drm_virtgpu_resource_create_blob args;
	struct drm_virtgpu_resource_info info = { };
	struct drm_virtgpu_map map = { };
	uint8_t *bytes;

	render_start();
	if (!render_getparam(VIRTGPU_PARAM_RESOURCE_BLOB))
		skip("the device does not support blobs");
#define bad(...) do { \
		args = good; \
		__VA_ARGS__; \
		expect(EINVAL, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &args); \
	} while (0)
	bad(args.blob_mem = 0);
	bad(args.blob_mem = 4);
	bad(args.blob_flags = 8);
	bad(args.blob_id = 1);
	bad(args.cmd_size = 4);
	bad(args.blob_mem = VIRTGPU_BLOB_MEM_HOST3D, args.cmd_size = 3);
	bad(args.size = 0);
	bad(args.size = UINT64_MAX);
	if (!render_getparam(VIRTGPU_PARAM_CROSS_DEVICE))
		bad(args.blob_flags = VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE);
#undef bad
	args = good;
	args.blob_mem = VIRTGPU_BLOB_MEM_HOST3D;
	args.cmd_size = 4;
	expect(EFAULT, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &args);

	args = good;
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &args);
	info.bo_handle = map.handle = args.bo_handle;
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info);
	check(info.res_handle == args.res_handle && info.blob_mem == args.blob_mem &&
	      info.size == args.size, "resource %u, memory %u, %u bytes", info.res_handle,
	      info.blob_mem, info.size);
	expect(0, DRM_IOCTL_VIRTGPU_MAP, &map);
	bytes = mmap(NULL, args.size, PROT_READ | PROT_WRITE, MAP_SHARED, render_fd, map.offset);
	check(bytes != MAP_FAILED, "mmap: %s", strerror(errno));
	memset(bytes, 0x55, args.size);
	munmap(bytes, args.size);

	/* The renderer does not know this blob id: the blob exists, but cannot be mapped. */
	args = good;
	args.blob_mem = VIRTGPU_BLOB_MEM_HOST3D;
	args.blob_id = 12345;
	create_unmappable(args);
	/* The same if the driver asks the host only at mmap(). */
	args.blob_hints = DRM_VIRTGPU_BLOB_FLAG_HINT_DEFER_MAPPING;
	create_unmappable(args);
}

/* The context of one file uses an object of another file. */
static void shared(void)
{
	struct drm_virtgpu_resource_create create;
	struct drm_prime_handle prime = { .flags = DRM_CLOEXEC | DRM_RDWR };
	struct drm_virtgpu_execbuffer exec;
	int first, second;

	render_start();
	first = render_fd;
	create = render_texture();
	send_pixels(create.bo_handle);
	prime.handle = create.bo_handle;
	expect(0, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	render_fd = second = render_open();
	/* The file has the object before its context, so the driver must attach it later. */
	expect(0, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);
	fetch_pixels(prime.handle);
	exec = render_stream();
	exec.num_bo_handles = 1;
	exec.bo_handles = (uintptr_t)&prime.handle;
	expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	render_fd = first;
	render_wait(create.bo_handle);
	close(prime.fd);
	close(second);
}

/* A closed object must be detached from the file's context, although another file still has it. */
static void detached(void)
{
	struct drm_prime_handle prime = { .flags = DRM_CLOEXEC | DRM_RDWR };
	int second;

	render_start();
	prime.handle = render_texture().bo_handle;
	expect(0, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	render_fd = second = render_open();
	render_wait_fd(render_fence_fd(0, 0));
	judge(NULL, 0, "host-mark");
	expect(0, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);
	check(!drmCloseBufferHandle(render_fd, prime.handle), "close: %s", strerror(errno));
	/* The host may hear of it only with the next command. */
	render_wait_fd(render_fence_fd(0, 0));
	judge(NULL, 0, "host-marked");
	close(prime.fd);
	close(second);
}

/* An object with two handles stays attached to the context when one of them is closed. */
static void two_handles(void)
{
	struct drm_virtgpu_resource_create create;
	uint32_t handles[4] = {}, pitches[4] = { 64 * 4 }, offsets[4] = {}, fb;
	drmModeFB2 *again;

	render_start();
	create = render_texture();
	send_pixels(create.bo_handle);
	handles[0] = create.bo_handle;
	check(!drmModeAddFB2(render_fd, 64, 64, DRM_FORMAT_ARGB8888, handles, pitches, offsets, &fb, 0),
	      "framebuffer: %s", strerror(errno));
	again = drmModeGetFB2(render_fd, fb);
	check(again && again->handles[0] && again->handles[0] != create.bo_handle,
	      "no second handle");
	check(!drmCloseBufferHandle(render_fd, create.bo_handle), "close: %s", strerror(errno));
	fetch_pixels(again->handles[0]);
	drmModeFreeFB2(again);
	drmModeRmFB(render_fd, fb);
}

/* A client that waits for an answer that never comes can be killed. */
static void killed_waiting(void)
{
	struct drm_virtgpu_execbuffer exec = render_stream();
	struct drm_virtgpu_3d_wait wait = {};
	struct drm_virtgpu_resource_create create;
	double since;
	int status;
	pid_t pid;

	render_start();
	pid = fork();
	check(pid >= 0, "fork");
	if (!pid) {
		render_fd = render_open();
		render_context(2, 0);
		create = render_texture();
		exec.flags = VIRTGPU_EXECBUF_RING_IDX;
		exec.ring_idx = 1;
		exec.num_bo_handles = 1;
		exec.bo_handles = (uintptr_t)&create.bo_handle;
		drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
		wait.handle = create.bo_handle;
		drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_WAIT, &wait);
		_exit(1);
	}
	usleep(300000);
	since = now();
	kill(pid, SIGKILL);
	check(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status),
	      "the client was not killed while it waited");
	check(now() - since < 2, "the client took %.1f s to die", now() - since);

	/* The device may be reset meanwhile, because the fence is never answered. */
	render_fd = render_open();
	render_wait_fd(render_fence_fd(0, 0));
	close(render_fd);
}

/* The host never signals a fence: waiters must get an error, and others must go on. */
static void forgotten(void)
{
	struct pollfd poller = { .events = POLLIN };
	struct sync_file_info info = { };

	render_start();
	render_context(2, 0);
	/* QEMU forgets fences of rings that a renderer does not have. */
	poller.fd = render_fence_fd(VIRTGPU_EXECBUF_RING_IDX, 1);
	if (poll(&poller, 1, 1000))
		skip("this host signals the fence");
	check(poll(&poller, 1, 30000) == 1, "the fence is never signalled");
	check(!ioctl(poller.fd, SYNC_IOC_FILE_INFO, &info) && info.status < 0,
	      "the fence's status is %d", info.status);
	close(poller.fd);

	/* The context was lost with the reset; a new one works. */
	struct drm_virtgpu_execbuffer exec = render_stream();

	expect(EIO, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	render_fd = render_open();
	render_wait_fd(render_fence_fd(0, 0));
	close(render_fd);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "submit", "streams, objects, fences in and out", submit },
		{ "bad-submit", "invalid streams, objects and fences", bad_submit },
		{ "syncobjs", "binary and timeline syncobjs: wait, signal, reset", syncobjs },
		{ "context-init", "valid and invalid parameters of contexts", context_init },
		{ "rings", "64 fences on a ring, and an invalid ring", rings },
		{ "events", "events of a polled ring", events },
		{ "closing", "files are closed while events are pending", closing },
		{ "many-contexts", "64 contexts at once", many_contexts },
		{ "killed", "clients killed while they submit", killed },
		{ "transfers", "pixels to the host and back", transfers },
		{ "capsets", "reading capsets", capsets },
		{ "blobs", "blobs of the guest, and invalid ones", blobs },
		{ "shared", "a context uses an object of another file", shared },
		{ "detached", "one of two files closes an object", detached },
		{ "two-handles", "one of an object's two handles is closed", two_handles },
		{ "killed-waiting", "a client is killed while it waits", killed_waiting },
		{ "forgotten", "a fence that the host never signals", forgotten },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
