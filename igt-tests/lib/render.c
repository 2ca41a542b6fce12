// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <xf86drm.h>

#include "harness.h"
#include "kms.h"
#include "render.h"

int render_fd;
const uint32_t render_nop[16];

int render_getparam(uint64_t param)
{
	int value = 0;
	struct drm_virtgpu_getparam args = { param, (uintptr_t)&value };

	expect(0, DRM_IOCTL_VIRTGPU_GETPARAM, &args);
	return value;
}

int render_open(void)
{
	int file = open(kms_path(), O_RDWR | O_CLOEXEC);

	check(file >= 0, "%s: %s", kms_path(), strerror(errno));
	return file;
}

void render_start(void)
{
	render_fd = kms_open();
	check(render_getparam(VIRTGPU_PARAM_3D_FEATURES),
	      "no renderer: start the guest with python3 -m qemu.interactive.vm --gpu venus");
}

void render_context(uint32_t rings, uint64_t polled)
{
	struct drm_virtgpu_context_set_param params[] = {
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, VIRTGPU_DRM_CAPSET_VIRGL2 },
		{ VIRTGPU_CONTEXT_PARAM_NUM_RINGS, rings },
		{ VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, polled },
	};
	struct drm_virtgpu_context_init init = { .num_params = 3,
						 .ctx_set_params = (uintptr_t)params };

	if (!render_getparam(VIRTGPU_PARAM_CONTEXT_INIT))
		skip("the device has no context types");
	expect(0, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init);
}

struct drm_virtgpu_resource_create render_texture(void)
{
	struct drm_virtgpu_resource_create create = {
		.target = 2, .format = 1, .bind = 2, .width = 64, .height = 64, .depth = 1,
		.array_size = 1, .size = 64 * 64 * 4,
	};

	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create);
	return create;
}

struct drm_virtgpu_execbuffer render_stream(void)
{
	return (struct drm_virtgpu_execbuffer){ .size = sizeof(render_nop),
						.command = (uintptr_t)render_nop };
}

void render_wait(uint32_t handle)
{
	struct drm_virtgpu_3d_wait wait = { .handle = handle };

	expect(0, DRM_IOCTL_VIRTGPU_WAIT, &wait);
}

void render_wait_fd(int fence)
{
	struct pollfd poller = { .fd = fence, .events = POLLIN };

	check(poll(&poller, 1, 10000) == 1, "the fence is not signalled");
}

int render_fence_fd(uint32_t flags, uint32_t ring)
{
	struct drm_virtgpu_execbuffer exec = render_stream();

	exec.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT | flags;
	exec.ring_idx = ring;
	expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	return exec.fence_fd;
}
